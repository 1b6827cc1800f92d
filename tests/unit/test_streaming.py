"""Scoring in bounded memory: any layout of rows, one result."""

import random
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from streams import RUN, expected, made, put, rewarder, scored, table

from herokit import Rewarder, hero
from herokit.errors import DataError
from herokit.files import blocks, external_sort, group_batches
from herokit.files.blocks import find_inputs
from herokit.files.writing import find_output
from herokit.pipeline.run import Job, score_job
from herokit.sources import ScoreColumn, VerdictColumn


@pytest.mark.parametrize("name", ["i.jsonl", "i.jsonl.gz", "i.ndjson.zst", "i.parquet"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_any_format_and_layout_gives_what_scoring_in_memory_gives(tmp_path, monkeypatch, name, shuffled):
    monkeypatch.setattr(blocks, "MAX_BLOCK_ROWS", 37)
    monkeypatch.setattr(external_sort, "MAX_BUFFER_BYTES", 5000)
    monkeypatch.setattr(group_batches, "PARTITION_BYTES", 20_000)
    rows = made(600)
    if shuffled:
        random.Random(1).shuffle(rows)  # noqa: S311
    found = table(scored(tmp_path, [str(put(tmp_path / name, rows))], batch_groups=7))
    assert [row["completion"] for row in found] == [row["completion"] for row in rows]
    got = np.array([[row["reward"], row["advantage"], row["weight"]] for row in found])
    np.testing.assert_array_equal(got, expected(rows, 7))


def test_groups_that_are_spread_over_files_are_whole(tmp_path):
    rows = made(300)
    random.Random(2).shuffle(rows)  # noqa: S311
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in (".hidden.jsonl", "_old.jsonl", "notes.md", "deep/x.part"):
        (folder / name).write_text("not read")
    put(folder / "a.jsonl", rows[:100])
    put(folder / "b.parquet", rows[100:200])
    put(folder / "deep" / "c.jsonl.gz", rows[200:])
    found = table(scored(tmp_path, [str(folder)]))
    assert [row["completion"] for row in found] == [row["completion"] for row in rows]
    np.testing.assert_array_equal([row["reward"] for row in found], expected(rows)[:, 0])
    again = table(scored(tmp_path, [f"{folder}/[ab].*", f"{folder}/**/*.gz"], "again.parquet"))
    assert again == found


def test_inputs_that_name_nothing_or_something_twice(tmp_path):
    path = put(tmp_path / "a.jsonl", made(4))
    for texts, message in (
        ([f"{tmp_path}/*.parquet"], r"\*.parquet: matches no file"),
        ([str(path), str(tmp_path)], "is listed twice among the inputs"),
        ([str(put(tmp_path / "a.parquet.gz", made(4)))], "unsupported file type '.parquet.gz'"),
    ):
        with pytest.raises(DataError, match=message):
            find_inputs(texts)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: the folder contains no rollout file"):
        find_inputs([str(tmp_path / "empty")])
    with pytest.raises(DataError, match="is one of the inputs; choose another output"):
        scored(tmp_path, [str(path)], "a.jsonl")


def test_bad_rows_late_in_a_stream_are_found_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr("herokit.rewarder.Rewarder.run_sources", None)
    rows = made(5000)
    first, second = put(tmp_path / "a.jsonl", rows[:100]), tmp_path / "b.parquet"
    for bad, message in (
        ({"completion": None}, "b.parquet: row 4891: completion must be text or chat messages, got None"),
        ({"group": float("nan")}, "b.parquet: row 4891: group must be text or a number, got nan"),
    ):
        table = [*rows[:4990], rows[4990] | bad, *rows[4991:]]
        with pytest.raises(DataError, match=message):
            scored(tmp_path, [str(first), str(put(second, table[100:]))])
    with second.open("wb") as file:
        file.write(b"PAR1")
    with pytest.raises(DataError, match="b.parquet: not a Parquet file"):
        scored(tmp_path, [str(first), str(second)])
    broken = put(tmp_path / "c.jsonl.gz", rows)
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"c.jsonl.gz: cannot be read past line \d+: Compressed file ended"):
        scored(tmp_path, [str(broken)])
    broken = put(tmp_path / "c.jsonl.zst", rows)
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(DataError, match=r"c.jsonl.zst: "):
        scored(tmp_path, [str(broken)])
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 30)
    with pytest.raises(DataError, match="a.jsonl: line 1 is longer than"):
        scored(tmp_path, [str(first)])
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 300)
    monkeypatch.setattr(group_batches, "MAX_GROUP_ROWS", 3)
    with pytest.raises(DataError, match="a group has 4 rollouts, but at most 3 fit in memory"):
        scored(tmp_path, [str(first)])
    assert {p.name for p in tmp_path.iterdir()} == {"a.jsonl", "b.parquet", "c.jsonl.gz", "c.jsonl.zst"}


def test_types_are_agreed_over_all_files(tmp_path):
    rows = made(8)
    one = [row | {"n": 2**60 + 1, "when": 1, "part": {"a": 1}} for row in rows[:4]]
    two = [row | {"n": 0.5, "when": 2.5, "part": {"b": "x"}} for row in rows[4:]]
    texts = [str(put(tmp_path / name, rows)) for name, rows in (("a.jsonl", one), ("b.jsonl", two))]
    found = table(scored(tmp_path, texts))
    assert [found[0]["n"], found[4]["n"]] == [str(2**60 + 1), "0.5"]  # no float holds the first
    assert [found[0]["when"], found[4]["when"]] == [1.0, 2.5]
    assert [found[0]["part"], found[4]["part"]] == [{"a": 1, "b": None}, {"a": None, "b": "x"}]


def test_parquet_columns_keep_their_types(tmp_path):
    rows = pa.Table.from_pylist(made(8))
    rows = rows.append_column("at", pa.array(range(8), pa.timestamp("us", "UTC"))).append_column(
        "blob", pa.array([b"\xff"] * 8, pa.large_binary())
    )
    pq.write_table(rows, tmp_path / "i.parquet")
    found = pq.read_table(scored(tmp_path, [str(tmp_path / "i.parquet")]))
    assert found.select(rows.schema.names).equals(rows)


def test_a_column_that_plays_a_part_may_begin_late(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "MAX_BLOCK_ROWS", 8)
    rows = made(20)
    late = [row if at < 10 else row | {"reference": "r"} for at, row in enumerate(rows)]
    folder = tmp_path / "runs"
    folder.mkdir()
    found = group_batches.index_input("x", [put(tmp_path / "i.jsonl", late)], {}, folder)
    assert found.columns["reference"] == "reference"
    seen = [
        sample.reference for piece in group_batches.read_batches(found, 2, folder=folder) for sample in piece.samples
    ]
    assert seen == [None] * 10 + ["r"] * 10


def test_results_in_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(group_batches, "PARTITION_BYTES", 1)  # parts of 256 rows, files of 4096
    rows = made(5000)
    path = put(tmp_path / "i.parquet", rows)
    out = scored(tmp_path, [str(path)], "out/")
    assert sorted(p.name for p in out.iterdir()) == ["part-00000.parquet", "part-00001.parquet"]
    assert pq.ParquetFile(out / "part-00000.parquet").metadata.num_row_groups == 16
    assert table(out) == table(scored(tmp_path, [str(path)]))
    with pytest.raises(DataError, match="is not an empty folder"):
        scored(tmp_path, [str(path)], "out/")


def test_an_input_that_changes_while_it_is_scored_is_noticed(tmp_path):
    path = put(tmp_path / "i.jsonl", made(40))

    class Grows(ScoreColumn):
        def score(self, samples, /):
            put(path, made(80))
            return super().score(samples)

    asked = Rewarder({"verifier": VerdictColumn("right"), "rm": Grows("given")}, hero())
    with pytest.raises(DataError, match="has 80 rows, had 40: the file changed while it was being scored"):
        scored(tmp_path, [str(path)], asked=asked)


def test_a_parquet_file_with_a_column_twice_is_refused(tmp_path):
    pq.write_table(pa.table([pa.array(["x"])] * 3, names=["prompt", "completion", "prompt"]), tmp_path / "i.parquet")
    with pytest.raises(DataError, match="column 'prompt' occurs twice; rename one of them"):
        scored(tmp_path, [str(tmp_path / "i.parquet")])


def test_sources_may_be_asked_elsewhere_and_ahead(tmp_path):
    path = str(put(tmp_path / "i.jsonl", made(200)))
    wanted = scored(tmp_path, [path], "wanted.parquet", batch_groups=4)

    def ask(one, coming, hear):
        with ThreadPoolExecutor(3) as pool:
            ahead = deque()
            for piece in coming:
                ahead.append((piece, pool.submit(one.run_sources, piece.samples)))
                if len(ahead) == 5:
                    first, answers = ahead.popleft()
                    yield first, answers.result()
            yield from ((piece, answers.result()) for piece, answers in ahead)

    job = Job(path, [Path(path)], {}, find_output(f"{tmp_path}/o.parquet"), RUN, batch_groups=4)
    score_job(job, rewarder(), run_sources=ask)
    assert (tmp_path / "o.parquet").read_bytes() == wanted.read_bytes()


def test_a_large_row_group_is_read_in_little_memory(tmp_path):
    rng = np.random.default_rng(0)
    texts = [rng.bytes(500).hex() for _ in range(20_000)]
    pq.write_table(pa.table({"prompt": ["p"] * len(texts), "completion": texts}), tmp_path / "i.parquet")
    assert pq.ParquetFile(tmp_path / "i.parquet").metadata.num_row_groups == 1
    del texts
    before = pa.total_allocated_bytes()
    held = max(pa.total_allocated_bytes() for _ in blocks.read_blocks(tmp_path / "i.parquet")) - before
    assert held < 6 << 20  # of 20 MB


def test_a_column_that_a_source_reads_must_be_there(tmp_path):
    path = str(put(tmp_path / "i.jsonl", made(8)))
    for column, message in (
        ("rihgt", "source 'verifier' reads a column 'rihgt'; did you mean 'right'?"),
        ("group", "source 'verifier' reads column 'group', which is used as the group; name the group with --column"),
    ):
        with pytest.raises(DataError, match=message):
            scored(
                tmp_path,
                [path],
                asked=Rewarder({"verifier": VerdictColumn(column), "rm": ScoreColumn("given")}, hero()),
            )
    assert [p.name for p in tmp_path.iterdir()] == ["i.jsonl"]
