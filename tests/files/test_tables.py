"""Rollouts that are no files: standard input, tables, data sets and mappings; each gives what a file gives."""

import gzip
import io
import json
import sys
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import herokit
from herokit import Rewarder, Select
from herokit.cli.app import app
from herokit.errors import ConfigError, DataError
from herokit.files.inputs import save_standard_input
from herokit.verifiers import Number

ROWS = [{"problem": "6 * 7?", "response": text, "answer": "42"} for text in ("It is 42.", "It is 41.")]
NESTED = [{"prompt": [{"role": "user", "content": "6 * 7?"}], "responses": ["42", "41"], "reward_model": {"ground_truth": "42"}}]  # fmt: skip
SCHEME = '[sources.verifier]\nuse = "number"\n[[steps]]\nuse = "verifier-only"\n'


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(SCHEME)


def to_bytes(write):
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def write_stream(sink):
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
CONTAINERS = {
    "JSON lines": LINES,
    "JSON lines after a byte order mark": b"\xef\xbb\xbf" + LINES,
    "JSON list": json.dumps(ROWS, indent=1).encode(),
    "gzip": gzip.compress(LINES, mtime=0),
    "zstd": pa.compress(LINES, "zstd", asbytes=True),
    "CSV": b"problem,response,answer\n6 * 7?,It is 42.,42\n6 * 7?,It is 41.,42\n",
    "Parquet": to_bytes(lambda sink: pq.write_table(pa.Table.from_pylist(ROWS), sink)),
    "Arrow stream": to_bytes(write_stream),
    "Arrow file": to_bytes(lambda sink: pd.DataFrame(ROWS).to_feather(sink)),
}


def run(*words, data=b""):
    done = CliRunner().invoke(app, [*words, "--scheme", "s.toml"], input=data)
    return done.exit_code, f"{done.output}{done.exception or ''}"


@pytest.mark.parametrize("container", CONTAINERS)
def test_score_reads_standard_input(container):
    code, output = run("score", "-", "-o", "o.jsonl", data=CONTAINERS[container])
    assert code == 0, output
    assert [json.loads(line)["verifier"] for line in Path("o.jsonl").read_text().splitlines()] == [1.0, 0.0]


def test_explain_reads_standard_input():
    code, output = run("explain", "-", data=LINES)
    assert code == 0, output
    assert "It is 41." in output


MISTAKES = [
    (["score", "-"], b"", "-: standard input is empty"),
    (["score", "-"], b"a,b\n1,2,3\n", "line 2: expected 2 values (a, b), got 3"),
    (["score", "-"], b'{"a": \n', "line 1 is not valid JSON"),
    (["score", "-", "--resume", "-o", "o.jsonl"], LINES, "--resume: standard input cannot be read again"),
]


@pytest.mark.parametrize(("words", "data", "message"), MISTAKES)
def test_wrong_standard_input_is_named_before_any_work(words, data, message):
    code, output = run(*words, data=data)
    assert code != 0
    assert message in " ".join(output.split())


def test_terminal_is_no_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    with pytest.raises(DataError, match="-: standard input is a terminal; pipe rows into the command"):
        save_standard_input()


def write_file(rows):
    Path("r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "r.jsonl"


TABLES = {
    "mappings": list,
    "generator": lambda rows: (row for row in rows),
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "Arrow": pa.Table.from_pylist,
    "record batch": pa.RecordBatch.from_pylist,
    "data set": datasets.Dataset.from_list,
    "streamed data set": lambda rows: datasets.Dataset.from_list(rows).to_iterable_dataset(),
    "data set of arrays": lambda rows: datasets.Dataset.from_list(rows).with_format("numpy"),
    "file": write_file,
    "files": lambda rows: [Path(write_file(rows))],
}


@pytest.mark.parametrize("rows", [ROWS, NESTED], ids=["texts", "nested"])
@pytest.mark.parametrize("table", TABLES)
def test_score_takes_tables(table, rows):
    output = herokit.score(TABLES[table](rows), Rewarder({"verifier": Number()}, Select("verifier")))
    assert output.reward.tolist() == [1.0, 0.0]
    assert len(set(output.group_keys)) == 1


def test_score_takes_schemes_by_file_and_value():
    for scheme in ("s.toml", herokit.load_scheme("s.toml")):
        assert herokit.score(ROWS, scheme).reward.tolist() == [1.0, 0.0]


def test_score_takes_columns_and_a_limit():
    rows = pd.DataFrame([{"q": "6 * 7?", "text": row["response"], "gold_value": 42} for row in ROWS * 3])
    columns = {"prompt": "q", "completion": "text", "reference": "gold_value"}
    output = herokit.score(rows, "s.toml", columns=columns, limit=3)
    assert output.reward.tolist() == [1.0, 0.0, 1.0]


def test_missing_values_of_data_frames_are_missing():
    rows = pd.DataFrame([ROWS[0], ROWS[1] | {"answer": np.nan}])
    output = herokit.score(rows, "s.toml")
    assert output.valid.tolist() == [True, False]


REFUSED = [
    (list, "list: there are no rows"),
    (pd.DataFrame, "DataFrame: there are no rows"),
    (lambda: datasets.DatasetDict({"train": datasets.Dataset.from_list(ROWS)}), "expected rows, got a DatasetDict of 'train'; pass one split"),
    (lambda: {"prompt": ["p"], "completion": ["c"]}, "expected rows, got a dict of 'prompt', 'completion'"),
    (lambda: 3, "expected a table, a data set, mappings or files, got int"),
    (lambda: [ROWS[0], ("p", "c")], "list: row 2 is a tuple; expected a mapping from column to value"),
    (lambda: [{"prompt": "p", "text": "c"}], "list: no column for the completion: none of completion, response"),
    (lambda: "nowhere.jsonl", "nowhere.jsonl: no such file"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), REFUSED)
def test_score_names_what_is_wrong(data, message):
    with pytest.raises(DataError) as caught:
        herokit.score(data(), "s.toml")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.Table.from_pylist], ids=["pandas", "polars", "arrow"])
def test_table_where_samples_go_is_refused_with_the_function_that_takes_it(make):
    rewarder = Rewarder({"verifier": Number()}, Select("verifier"))
    for call in (rewarder, Number().verify):
        with pytest.raises(DataError, match=r"expected a list of samples, got a .*; herokit.score takes tables"):
            call(make(ROWS))
    assert herokit.score(make(ROWS), rewarder).reward.tolist() == [1.0, 0.0]


def test_texts_that_are_no_files_are_refused_as_such():
    with pytest.raises(DataError, match="none of 2 texts such as '42' is a file; expected files or rows"):
        herokit.score(["42", "41"], "verifier-only")


@pytest.mark.parametrize("sources", ["math", ["math", "onnx"], Number()])
def test_rewarder_without_names_of_its_sources_says_what_to_write(sources):
    with pytest.raises(ConfigError, match='expected a mapping from name to source such as {"verifier": "math"'):
        Rewarder(sources, "hero")


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_rows_without_a_prompt_need_a_group(tmp_path, prompt):
    """They were one group, and rollouts of any prompts were compared."""
    rows = [{"prompt": prompt, "response": "42", "answer": "42"}] * 2
    message = r"row 1: the prompt is empty, and no column says which rollouts belong together; name one with --column"
    with pytest.raises(DataError, match=message):
        herokit.score(rows, "s.toml")
    Path("r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = CliRunner().invoke(app, ["score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl"])
    assert result.exit_code == 2
    assert "r.jsonl: row 1: the prompt is empty" in result.output
    assert herokit.score([row | {"group": "q"} for row in rows], "s.toml").reward.tolist() == [1.0, 1.0]


def test_answers_of_a_server_without_their_prompt_need_a_group():
    rows = [{"choices": [{"message": {"role": "assistant", "content": "42"}}], "answer": "42"}] * 2
    with pytest.raises(DataError, match="row 1: the prompt is empty"):
        herokit.score(rows, "s.toml")


def test_a_scheme_may_be_a_table_and_a_chain_is_told_what_it_needs():
    table = {"sources": {"verifier": {"use": "number"}}, "steps": {"use": "verifier-only"}}
    assert herokit.score(ROWS, table).reward.tolist() == [1.0, 0.0]
    with pytest.raises(ConfigError, match=r"got Chain; a chain needs sources: Rewarder\("):
        herokit.score(ROWS, herokit.verifier_only())
