"""Containers of rows (JSON lists, CSV, Arrow), the first rows alone, and mistakes that are named before any work."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from herokit.cli.app import app
from herokit.errors import DataError
from herokit.files import blocks
from herokit.files.blocks import read_blocks

SCHEME = '[sources.verifier]\nuse = "number"\n[[steps]]\nuse = "verifier-only"\n'
ROWS = [{"prompt": "6 * 7?", "completion": text, "answer": "42", "id": i} for i, text in enumerate(("It is 42.", "41"))]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(SCHEME)


def score(*words):
    done = CliRunner().invoke(app, ["score", *words, "--scheme", "s.toml"])
    if done.exception and isinstance(done.exception, DataError):
        return 2, str(done.exception)
    return done.exit_code, done.output


def write_csv(*lines):
    Path("r.csv").write_text("".join(line + "\n" for line in lines))


def write_lines(*rows):
    Path("r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_json_list(path):
    Path(path).write_text(json.dumps(ROWS, indent=1))


def write_arrow_file(path):
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def write_arrow_stream(path):
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def write_csv_rows(path):
    Path(path).write_text('\ufeffprompt,completion,answer,id\n6 * 7?,"It\nis, of course, 42.",42,0\n\n6 * 7?,41,42,\n')


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("r.json", write_json_list),
        ("r.arrow", write_arrow_file),
        ("r.feather", write_arrow_file),
        ("r.arrow", write_arrow_stream),
        ("r.csv", write_csv_rows),
    ],
)
def test_every_container_is_scored_without_a_flag(name, write):
    write(name)
    code, output = score(name, "-o", "o.jsonl")
    assert code == 0, output
    rows = [json.loads(line) for line in Path("o.jsonl").read_text().splitlines()]
    assert [row["verifier"] for row in rows] == [1.0, 0.0]


@pytest.mark.parametrize("write", [write_arrow_file, write_arrow_stream, write_json_list, write_csv_rows])
@pytest.mark.parametrize("start", [0, 1, 2])
def test_containers_are_read_from_any_row_on(write, start, monkeypatch):
    monkeypatch.setattr(blocks, "MAX_BLOCK_ROWS", 1)
    name = {"json_list": "r.json", "csv_rows": "r.csv"}.get(write.__name__.removeprefix("write_"), "r.arrow")
    write(name)
    parts = list(read_blocks(Path(name), start))
    assert [part.first_row for part in parts] == list(range(start, 2))
    assert [value for part in parts for value in part.values("prompt")] == ["6 * 7?"] * (2 - start)


def test_limit_scores_the_first_rows_and_reads_no_further():
    Path("r.jsonl").write_text("".join(json.dumps(ROWS[i % 2]) + "\n" for i in range(4000)) + "not JSON\n")
    code, output = score("r.jsonl", "--limit", "6", "-o", "o.jsonl")
    assert code == 0, output
    assert "6 rollouts of 1 prompt\n" in output
    assert len(Path("o.jsonl").read_text().splitlines()) == 6


def test_limit_counts_completions_and_files(monkeypatch):
    monkeypatch.setattr(blocks, "MAX_BLOCK_ROWS", 2)
    for name in ("a", "b"):
        rows = [{"prompt": f"{name}{i}", "responses": ["42", "41", "40"], "answer": "42"} for i in range(2)]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, output = score("a.jsonl", "b.jsonl", "--limit", "8", "-o", "o.jsonl")
    assert code == 0, output
    rows = [json.loads(line) for line in Path("o.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in rows] == ["a0"] * 3 + ["a1"] * 3 + ["b0"] * 2
    assert [row["responses"] for row in rows][-2:] == ["42", "41"]


def no_reference():
    write_lines({"prompt": "p", "completion": "4", "answr": "4"}, {"prompt": "p", "completion": "5", "answr": "4"})


def empty_references():
    write_lines({"prompt": "p", "completion": "4", "answer": None}, {"prompt": "p", "completion": "5", "answer": None})


def two_prompts():
    write_lines(*({"prompt": p, "completion": "4", "answer": "4", "group": 1} for p in ("p", "q")))


MISTAKES = {
    "no reference": (
        no_reference,
        ["r.jsonl"],
        "needs references, but there is no column for them; the columns are prompt, completion, answr. Name one with --column",
    ),
    "empty references": (
        empty_references,
        ["r.jsonl"],
        "r.jsonl: verifier 'verifier' needs references, but column 'answer' is empty in every row",
    ),
    "wrong column": (
        lambda: write_lines(*ROWS),
        ["r.jsonl", "--column", "reference=answr"],
        "r.jsonl: no column 'answr' for the reference; did you mean 'answer'",
    ),
    "wrong path": (
        lambda: write_lines(*ROWS),
        ["r.jsonl", "--column", "reference=answer.text"],
        "r.jsonl: no column 'answer.text' for the reference",
    ),
    "list against text": (
        lambda: write_lines(ROWS[0], ROWS[1] | {"completion": ["41"]}),
        ["r.jsonl"],
        "r.jsonl: row 2: completion holds a list of completions, the first row only one; write either a list in every row",
    ),
    "two prompts in a group": (
        two_prompts,
        ["r.jsonl"],
        "r.jsonl: rows 1 and 2 are in group 1, but their prompts differ: 'p' and 'q'",
    ),
    "CSV with a bad row": (
        lambda: write_csv("prompt,completion,answer", "p,4,4", "p,so, 4,4"),
        ["r.csv"],
        "r.csv: line 3: expected 3 values (prompt, completion, answer), got 4; put texts with commas or line breaks in quotes",
    ),
    "CSV with an open quote": (
        lambda: write_csv("prompt,completion,answer", 'p,"4,4'),
        ["r.csv"],
        "r.csv: line 2: not valid CSV: unexpected end of data",
    ),
    "CSV with a column twice": (
        lambda: write_csv("prompt,completion,prompt", "p,4,4"),
        ["r.csv"],
        "r.csv: column 'prompt' occurs twice; rename one of them",
    ),
    "JSON list of texts": (
        lambda: Path("r.json").write_text('[{"prompt": "p", "completion": "4", "answer": "4"}, "4"]'),
        ["r.json"],
        "r.json: item 2 of the list is a str; expected an object {...}",
    ),
    "cut off JSON list": (
        lambda: Path("r.json").write_text('[{"prompt": "p",\n "completion": '),
        ["r.json"],
        "r.json: is not valid JSON: Expecting value in line 2",
    ),
    "no Arrow file": (
        lambda: Path("r.arrow").write_text("prompt,completion"),
        ["r.arrow"],
        "r.arrow: not an Arrow file",
    ),
    "no completion": (
        lambda: write_lines({"prompt": "p", "answer": "4"}),
        ["r.jsonl"],
        "r.jsonl: no column for the completion: none of completion, response",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_before_any_work(mistake):
    write, words, message = MISTAKES[mistake]
    write()
    code, output = score(*words, "-o", "o.jsonl")
    assert code == 2
    assert message in " ".join(output.split())
    assert not Path("o.jsonl").exists()
    assert not Path("o.jsonl.part").exists()


def test_a_verifier_that_needs_no_reference_runs_without_one():
    Path("s.toml").write_text('[sources.verifier]\nuse = "json-block"\n[[steps]]\nuse = "verifier-only"\n')
    no_reference()
    code, output = score("r.jsonl")
    assert code == 0, output
