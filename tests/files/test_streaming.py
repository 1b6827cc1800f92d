"""Scoring in bounded memory: the layout of the rows does not matter."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.rollout_files import RUN, expected_results, make_rewarder, make_rows, read_table, score_files, write_rows
from herokit import Rewarder, hero
from herokit.errors import DataError
from herokit.files import blocks, external_sort, group_batches
from herokit.files.inputs import find_inputs
from herokit.files.writing import find_output
from herokit.pipeline.run import Job, prefetch, score_job
from herokit.sources import ScoreColumn, VerdictColumn


@pytest.mark.parametrize("name", ["i.jsonl", "i.jsonl.gz", "i.ndjson.zst", "i.parquet"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_score_job_equals_scoring_in_memory(tmp_path, monkeypatch, name, shuffled):
    monkeypatch.setattr(blocks, "MAX_BLOCK_ROWS", 37)
    monkeypatch.setattr(external_sort, "MAX_BUFFER_BYTES", 5000)
    monkeypatch.setattr(group_batches, "PARTITION_BYTES", 20_000)
    rows = make_rows(600)
    if shuffled:
        random.Random(1).shuffle(rows)  # noqa: S311
    found = read_table(score_files(tmp_path, [str(write_rows(tmp_path / name, rows))], batch_groups=7))
    assert [row["completion"] for row in found] == [row["completion"] for row in rows]
    got = np.array([[row["reward"], row["advantage"], row["weight"]] for row in found])
    np.testing.assert_array_equal(got, expected_results(rows, 7))


def test_score_job_joins_groups_across_files(tmp_path):
    rows = make_rows(300)
    random.Random(2).shuffle(rows)  # noqa: S311
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in (".hidden.jsonl", "_old.jsonl", "notes.md", "deep/x.part"):
        (folder / name).write_text("not read")
    write_rows(folder / "a.jsonl", rows[:100])
    write_rows(folder / "b.parquet", rows[100:200])
    write_rows(folder / "deep" / "c.jsonl.gz", rows[200:])
    found = read_table(score_files(tmp_path, [str(folder)]))
    assert [row["completion"] for row in found] == [row["completion"] for row in rows]
    np.testing.assert_array_equal([row["reward"] for row in found], expected_results(rows)[:, 0])
    again = read_table(score_files(tmp_path, [f"{folder}/[ab].*", f"{folder}/**/*.gz"], "again.parquet"))
    assert again == found


def test_find_inputs_rejects_missing_and_duplicate_files(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", make_rows(4))
    for texts, message in (
        ([f"{tmp_path}/*.parquet"], r"\*.parquet: matches no file"),
        ([str(path), str(tmp_path)], "is listed twice among the inputs"),
        ([str(write_rows(tmp_path / "a.parquet.gz", make_rows(4)))], "unsupported file type '.parquet.gz'"),
    ):
        with pytest.raises(DataError, match=message):
            find_inputs(texts)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: the folder contains no rollout file"):
        find_inputs([str(tmp_path / "empty")])
    with pytest.raises(DataError, match="is one of the inputs; choose another output"):
        score_files(tmp_path, [str(path)], "a.jsonl")


def test_score_job_checks_all_rows_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("herokit.rewarder.Rewarder.run_sources", None)
    rows = make_rows(5000)
    first, second = write_rows(tmp_path / "a.jsonl", rows[:100]), tmp_path / "b.parquet"
    for bad, message in (
        ({"completion": None}, "b.parquet: row 4891: completion must be text or chat messages, got None"),
        ({"group": float("nan")}, "b.parquet: row 4891: group must be text or a number, got nan"),
    ):
        table = [*rows[:4990], rows[4990] | bad, *rows[4991:]]
        with pytest.raises(DataError, match=message):
            score_files(tmp_path, [str(first), str(write_rows(second, table[100:]))])
    with second.open("wb") as file:
        file.write(b"PAR1")
    with pytest.raises(DataError, match="b.parquet: not a Parquet file"):
        score_files(tmp_path, [str(first), str(second)])
    broken = write_rows(tmp_path / "c.jsonl.gz", rows)
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"c.jsonl.gz: cannot be read past line \d+: Compressed file ended"):
        score_files(tmp_path, [str(broken)])
    broken = write_rows(tmp_path / "c.jsonl.zst", rows)
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(DataError, match=r"c.jsonl.zst: "):
        score_files(tmp_path, [str(broken)])
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 30)
    with pytest.raises(DataError, match="a.jsonl: line 1 is longer than"):
        score_files(tmp_path, [str(first)])
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 300)
    monkeypatch.setattr(group_batches, "MAX_GROUP_ROWS", 3)
    with pytest.raises(DataError, match="a group has 4 rollouts, but at most 3 fit in memory"):
        score_files(tmp_path, [str(first)])
    assert {p.name for p in tmp_path.iterdir()} == {"a.jsonl", "b.parquet", "c.jsonl.gz", "c.jsonl.zst"}


def test_column_types_are_common_to_all_files(tmp_path):
    rows = make_rows(8)
    one = [row | {"n": 2**60 + 1, "when": 1, "part": {"a": 1}} for row in rows[:4]]
    two = [row | {"n": 0.5, "when": 2.5, "part": {"b": "x"}} for row in rows[4:]]
    texts = [str(write_rows(tmp_path / name, rows)) for name, rows in (("a.jsonl", one), ("b.jsonl", two))]
    found = read_table(score_files(tmp_path, texts))
    assert [found[0]["n"], found[4]["n"]] == [str(2**60 + 1), "0.5"]  # no float holds the first
    assert [found[0]["when"], found[4]["when"]] == [1.0, 2.5]
    assert [found[0]["part"], found[4]["part"]] == [{"a": 1, "b": None}, {"a": None, "b": "x"}]


def test_score_job_keeps_parquet_types(tmp_path):
    rows = pa.Table.from_pylist(make_rows(8))
    rows = rows.append_column("at", pa.array(range(8), pa.timestamp("us", "UTC"))).append_column(
        "blob", pa.array([b"\xff"] * 8, pa.large_binary())
    )
    pq.write_table(rows, tmp_path / "i.parquet")
    found = pq.read_table(score_files(tmp_path, [str(tmp_path / "i.parquet")]))
    assert found.select(rows.schema.names).equals(rows)


def test_index_input_finds_columns_that_begin_late(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "MAX_BLOCK_ROWS", 8)
    rows = make_rows(20)
    late = [row if at < 10 else row | {"reference": "r"} for at, row in enumerate(rows)]
    folder = tmp_path / "runs"
    folder.mkdir()
    found = group_batches.index_input("x", [write_rows(tmp_path / "i.jsonl", late)], {}, folder)
    assert found.columns["reference"] == "reference"
    seen = [
        sample.reference for piece in group_batches.read_batches(found, 2, folder=folder) for sample in piece.samples
    ]
    assert seen == [None] * 10 + ["r"] * 10


def test_score_job_writes_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(group_batches, "PARTITION_BYTES", 1)  # parts of 256 rows, files of 4096
    rows = make_rows(5000)
    path = write_rows(tmp_path / "i.parquet", rows)
    out = score_files(tmp_path, [str(path)], "out/")
    assert sorted(p.name for p in out.iterdir()) == ["part-00000.parquet", "part-00001.parquet"]
    assert pq.ParquetFile(out / "part-00000.parquet").metadata.num_row_groups == 16
    assert read_table(out) == read_table(score_files(tmp_path, [str(path)]))
    with pytest.raises(DataError, match="is not an empty folder"):
        score_files(tmp_path, [str(path)], "out/")


def test_score_job_detects_a_changed_input(tmp_path):
    path = write_rows(tmp_path / "i.jsonl", make_rows(40))

    class Grows(ScoreColumn):
        def score(self, samples, /):
            write_rows(path, make_rows(80))
            return super().score(samples)

    asked = Rewarder({"verifier": VerdictColumn("right"), "rm": Grows("given")}, hero())
    with pytest.raises(DataError, match="has 80 rows, had 40: the file changed while it was being scored"):
        score_files(tmp_path, [str(path)], rewarder=asked)


def test_read_blocks_rejects_duplicate_columns(tmp_path):
    pq.write_table(pa.table([pa.array(["x"])] * 3, names=["prompt", "completion", "prompt"]), tmp_path / "i.parquet")
    with pytest.raises(DataError, match="column 'prompt' occurs twice; rename one of them"):
        score_files(tmp_path, [str(tmp_path / "i.parquet")])


def test_prefetch_gives_the_same_bytes(tmp_path):
    path = str(write_rows(tmp_path / "i.jsonl", make_rows(200)))
    wanted = score_files(tmp_path, [path], "wanted.parquet", batch_groups=4)
    job = Job(path, [Path(path)], {}, find_output(f"{tmp_path}/o.parquet"), RUN, batch_groups=4)
    score_job(job, make_rewarder(), run_sources=prefetch(5))
    assert (tmp_path / "o.parquet").read_bytes() == wanted.read_bytes()


def test_read_blocks_bounds_memory(tmp_path):
    rng = np.random.default_rng(0)
    texts = [rng.bytes(500).hex() for _ in range(20_000)]
    pq.write_table(pa.table({"prompt": ["p"] * len(texts), "completion": texts}), tmp_path / "i.parquet")
    assert pq.ParquetFile(tmp_path / "i.parquet").metadata.num_row_groups == 1
    del texts
    before = pa.total_allocated_bytes()
    held = max(pa.total_allocated_bytes() for _ in blocks.read_blocks(tmp_path / "i.parquet")) - before
    assert held < 6 << 20  # of 20 MB


def test_score_job_rejects_missing_source_columns(tmp_path):
    path = str(write_rows(tmp_path / "i.jsonl", make_rows(8)))
    for column, message in (
        ("rihgt", "source 'verifier' reads a column 'rihgt'; did you mean 'right'?"),
        ("group", "source 'verifier' reads column 'group', which is used as the group; name the group with --column"),
    ):
        with pytest.raises(DataError, match=message):
            score_files(
                tmp_path,
                [path],
                rewarder=Rewarder({"verifier": VerdictColumn(column), "rm": ScoreColumn("given")}, hero()),
            )
    assert [p.name for p in tmp_path.iterdir()] == ["i.jsonl"]
