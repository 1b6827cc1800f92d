"""Helpers: write rollout files, score them, and compute the expected results."""

import gzip
import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from herokit import Rewarder, Sample, hero
from herokit.files.inputs import find_inputs
from herokit.files.writing import find_output
from herokit.pipeline.run import Job, score_job
from herokit.sources import ScoreColumn, VerdictColumn

SCHEME = """
[sources.verifier]
use = "verdict-column"
[sources.rm]
use = "score-column"
[[steps]]
use = "hero"
"""


RUN = {"versions": {"herokit": "0.1"}, "scheme": {"alpha": 0.05}}


def make_rewarder():
    return Rewarder({"verifier": VerdictColumn("right"), "rm": ScoreColumn("given")}, hero())


def make_rows(count, each=4, seed=0):
    rng = random.Random(seed)  # noqa: S311
    return [
        {"prompt": f"p{row // each}", "completion": f"c{row}", "group": row // each, "right": rng.random() < 0.5,
         "given": rng.gauss(0, 1 + row / count)}
        for row in range(count)
    ]  # fmt: skip


def write_rows(path, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=50)
    elif path.suffix == ".gz":
        path.write_bytes(
            gzip.compress(text[:100], mtime=0) + gzip.compress(text[100:], mtime=0)
        )  # two members, as `cat` makes
    elif path.suffix == ".zst":
        with pa.output_stream(str(path), compression="zstd") as file:
            file.write(text)
    else:
        path.write_bytes(text)
    return path


def write_lines(path, *rows):
    """Write rows, or lines as they are."""
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


def score_files(folder, texts, name="o.parquet", *, rewarder=None, **settings):
    job = Job(" ".join(texts), find_inputs(texts), {}, find_output(f"{folder}/{name}"), RUN, **settings)
    score_job(job, rewarder or make_rewarder())
    return folder / name


def read_table(path):
    return pq.read_table(path).to_pylist()


def expected_results(rows, batch_groups=64):
    """Score in memory: groups in order of first appearance, results in the order of rows."""
    members = {}
    for at, row in enumerate(rows):
        members.setdefault(row["group"], []).append(at)
    groups, one = list(members.values()), make_rewarder()
    results = [None] * len(rows)
    for low in range(0, len(groups), batch_groups):
        order = [at for group in groups[low : low + batch_groups] for at in group]
        samples = [Sample("", "", rows[at]["group"], meta=rows[at]) for at in order]
        outcome = one(samples)
        for at, *values in zip(order, outcome.reward, outcome.advantage, outcome.weight, strict=True):
            results[at] = values
    return np.array(results)


def read_output(path):
    """Read a file, or all files of a folder."""
    return path.read_bytes() if path.is_file() else {p.name: p.read_bytes() for p in path.iterdir()}
