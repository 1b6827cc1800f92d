"""Reading rollout files: columns, messages, encodings, errors."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.rollout_files import write_lines
from herokit import Sample
from herokit.errors import DataError
from herokit.files.inputs import find_inputs
from herokit.files.reading import read_rollouts
from herokit.files.writing import find_output

ROW = {"prompt": "2+2?", "response": "4", "answer": "4", "prompt_id": "q1", "extra": [1, 2]}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_read_rollouts_rejects_utf16_and_skips_the_utf8_mark(tmp_path, encoding):
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(ROW) + "\n", encoding=encoding)
    with pytest.raises(
        DataError, match="r.jsonl: is encoded in UTF-16; expected UTF-8. Convert it with iconv -f UTF-16 -t UTF-8"
    ):
        read_rollouts(path)
    path.write_text(json.dumps(ROW) + "\n", encoding="utf-8-sig")
    assert read_rollouts(path).samples == [Sample("2+2?", "4", "q1", "4", {"extra": [1, 2]})]


def test_read_rollouts_treats_nan_references_as_missing(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (ROW, ROW | {"answer": float("nan")})))
    pq.write_table(
        pa.table({"prompt": ["p"] * 2, "response": ["4"] * 2, "answer": [4.0, float("nan")]}), tmp_path / "r.parquet"
    )
    for file, first in ((path, "4"), (tmp_path / "r.parquet", 4.0)):
        assert [s.reference for s in read_rollouts(file).samples] == [first, None]


@pytest.mark.parametrize("use", [lambda name: find_inputs([name]), find_output])
def test_names_that_are_too_long_are_rejected(tmp_path, use):
    with pytest.raises(DataError, match="xxx.jsonl: (cannot be read|the name cannot be used): File name too long"):
        use(f"{tmp_path}/{'x' * 300}.jsonl")


def test_find_inputs_rejects_unreadable_folders(tmp_path, monkeypatch):
    for name in ("a", "closed", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "r.jsonl").write_text(json.dumps(ROW) + "\n")
    scan = os.scandir

    def refuse(path):
        if Path(path).name in {"closed", ".hidden"}:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"/closed: cannot be read: Permission denied"):
        find_inputs([str(tmp_path)])
    (tmp_path / "closed").rename(tmp_path / "_closed")
    assert find_inputs([str(tmp_path)]) == [tmp_path / "a" / "r.jsonl"]


def test_read_rollouts_finds_usual_column_names(tmp_path):
    data = read_rollouts(write_lines(tmp_path / "r.jsonl", ROW, "\n", ROW | {"extra": None}))
    assert data.samples[0] == Sample("2+2?", "4", "q1", "4", {"extra": [1, 2]})
    assert data.samples[1].meta == {}  # what a row leaves empty is not there
    assert data.columns == {"prompt": "prompt", "completion": "response", "reference": "answer", "group": "prompt_id"}
    assert data.values["extra"] == [[1, 2], None]


def test_read_rollouts_does_not_take_a_worked_solution_for_the_completion(tmp_path):
    path = write_lines(tmp_path / "r.jsonl", {"problem": "1 + 1?", "solution": "It is 2.", "answer": "2"})
    with pytest.raises(DataError, match="completion"):
        read_rollouts(path)


def test_read_rollouts_accepts_column_names(tmp_path):
    row = {"q": "2+2?", "a": "four", "truth": 4, "response": "not this"}
    data = read_rollouts(
        write_lines(tmp_path / "r.jsonl", row), {"prompt": "q", "completion": "a", "reference": "truth"}
    )
    assert data.samples == [Sample("2+2?", "four", "2+2?", 4, {"response": "not this"})]
    assert "group" not in data.columns


def test_read_rollouts_gives_equal_samples_from_parquet_and_json(tmp_path):
    pq.write_table(pa.Table.from_pylist([ROW]), tmp_path / "r.parquet")
    assert (
        read_rollouts(tmp_path / "r.parquet").samples == read_rollouts(write_lines(tmp_path / "r.jsonl", ROW)).samples
    )


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("r.jsonl", [], "r.jsonl: the file contains no rows"),
        ("r.jsonl", [ROW, '{"prompt": \n'], "r.jsonl: line 2 is not valid JSON: Expecting value at character 12; fix or delete that line"),
        ("r.jsonl", ["[" * 100_000 + "\n"], "r.jsonl: line 1 is not valid JSON: it is nested too deeply"),
        ("r.jsonl", ["[1]\n"], "r.jsonl: line 1 is a JSON list; expected one object"),
        ("r.jsonl", ["[\n", json.dumps(ROW), "]\n"], r"r.jsonl: contains one JSON value over many lines; expected one object per line. Convert a list with jq -c '\.\[\]'"),
        ("r.jsonl", [ROW | {"response": [{"role": "assistant", "content": 4}]}], "row 1: completion: message 0: content must be text, a list of parts or null, got 4"),
        ("r.jsonl", [ROW | {"response": [{"text": "4"}]}], "row 1: completion: message 0 has no role; it has text"),
        ("r.jsonl", [ROW | {"response": [{"role": "assistant", "content": [{"type": "text", "text": 4}]}]}], "row 1: completion: message 0: a part 'text' has no text: {'type': 'text', 'text': 4}"),
        ("r.jsonl", [ROW | {"response": []}], "row 1: completion must be text or chat messages, got \\[\\]"),
        ("r.jsonl", [ROW, ROW | {"response": ["4"]}], "row 2: response holds a list of completions, the first row only one"),
        ("r.jsonl", [{"text": "x"}], "no column for the prompt: none of prompt, question.* among text; name it with --column prompt=COLUMN"),
        ("r.jsonl", [ROW, ROW | {"response": None}], "row 2: completion must be text or chat messages, got None"),
        ("r.jsonl", [ROW | {"prompt_id": None}], "row 1: group must be text or a number, got None; give all rollouts of a prompt the same one"),
        ("r.jsonl", ['{"prompt": "x\n'], "line 1 is not valid JSON: Invalid control character at character 13; fix"),
        ("r.jsonl", [f'{{"prompt": {"1" * 5000}}}\n'], "not valid JSON: an integer has too many digits, write it as text; fix"),
        ("r.jsonl", ["{\n", '"samples": []}\n'], r"Convert an object with jq -c \., the list in its key KEY with jq -c '\.KEY\[\]'"),
        ("r.jsonl", [{}], "among no columns at all; name it with"),
        ("r.csv", ["prompt;response\n", "1;2\n"], "separate the values of a CSV file with commas"),
        ("r.jsonl", [ROW, '{"prompt": "p", "response": "4", "response": "5"}\n'], "r.jsonl: line 2: duplicate key 'response'; keep one of them"),
        ("r.jsonl", ['{"prompt": "p", "response": "4", "extra": {"a": 1, "a": 2}}\n'], "r.jsonl: line 1: duplicate key 'a'"),
        ("r.tsv", [], "unsupported file type '.tsv'; expected .jsonl, .json, .ndjson, .parquet"),
        ("r.parquet", ["PAR?"], "r.parquet: not a Parquet file"),
    ],
)  # fmt: skip
def test_read_rollouts_names_the_place_of_an_error(tmp_path, name, rows, message):
    with pytest.raises(DataError, match=message):
        read_rollouts(write_lines(tmp_path / name, *rows))


def test_read_rollouts_suggests_similar_columns(tmp_path):
    path = write_lines(tmp_path / "r.jsonl", ROW)
    with pytest.raises(DataError, match="unknown role 'promt'; did you mean 'prompt'"):
        read_rollouts(path, {"promt": "prompt"})
    with pytest.raises(DataError, match="no column 'respons' for the completion; did you mean 'response'"):
        read_rollouts(path, {"completion": "respons"})
    with pytest.raises(
        DataError, match="no column for the prompt.*: 'prompt' is the completion; name it with --column"
    ):
        read_rollouts(path, {"completion": "prompt"})
    with pytest.raises(DataError, match="is a folder"):
        read_rollouts(tmp_path)


def test_find_inputs_rejects_pipes(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(
        DataError, match="is a pipe or a device, but rows are read more than once; write them to a file first"
    ):
        find_inputs([str(tmp_path / "pipe.jsonl")])
    with pytest.raises(DataError, match="is a pipe or a device"):
        read_rollouts(tmp_path / "pipe.jsonl")
