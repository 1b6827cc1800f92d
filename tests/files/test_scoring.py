"""Scoring files: columns, summaries, outputs."""

import json
import random
import resource

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.rollout_files import write_lines
from herokit import Rewarder, Sample, Scores, Status, Verdict, hero, rm_only, verifier_only
from herokit.errors import DataError
from herokit.files.reading import read_rollouts
from herokit.files.writing import find_output
from herokit.pipeline.run import Job, result_columns, score_job
from herokit.pipeline.summary import Summary, summarize
from herokit.schemes import ngrpo


class Exact:
    def verify(self, samples):
        return [Verdict(None if s.reference is None else float(s.completion == s.reference)) for s in samples]


class Length:
    def score(self, samples):
        return [float(len(s.completion)) for s in samples]


def row(completion, *, group="q", reference="ok", **more):
    return {"prompt": "p", "completion": completion, "group": group, "reference": reference, **more}


def score_rows(folder, rewarder, rows, *, name="o.jsonl", **settings):
    """Score rows as the command does; return the results and the summary."""
    path = write_lines(folder / "r.jsonl", *rows)
    done = score_job(Job("r.jsonl", [path], {}, find_output(str(folder / name)), {}, **settings), rewarder)
    if name.endswith(".parquet"):
        return pq.read_table(folder / name).to_pylist(), done.summary
    return [json.loads(line) for line in (folder / name).read_text().splitlines()], done.summary


def test_score_job_keeps_groups_complete(tmp_path):
    keys = ["a", "b", "a", "c", "b", "a", "c"]
    rows = [row("x" * i, group=key, reference="xx") for i, key in enumerate(keys)]
    seen = []

    class Spy(Length):
        def score(self, part):
            seen.append([s.group for s in part])
            return super().score(part)

    rewarder = Rewarder({"verifier": Exact(), "rm": Spy()}, hero())
    found, _ = score_rows(tmp_path, rewarder, rows, batch_groups=2)
    assert seen == [["a", "a", "a", "b", "b"], ["c", "c"]]
    assert [r["rm"] for r in found] == [0, 1, 2, 3, 4, 5, 6]
    assert [r["completion"] for r in found] == [r["completion"] for r in rows]
    assert [*rows[0], *(c for c in result_columns(rewarder) if not c.endswith("_steps"))] == list(found[0])


def test_score_job_writes_step_scores_as_lists(tmp_path):
    class Stepwise:
        def score(self, part):
            steps = [[0.5, float("nan")] if s.completion == "two" else None for s in part]
            judged = (Status.JUDGED,) * len(part)
            return Scores(np.ones(len(part)), judged, ("",) * len(part), steps)

    rows = [row(text, group=key) for key in "ab" for text in ("two", "none")]
    for name in ("o.parquet", "o.jsonl"):
        found, _ = score_rows(tmp_path, Rewarder({"rm": Stepwise()}, rm_only()), rows, name=name, batch_groups=1)
        assert [r["rm_steps"] for r in found] == [[0.5, None], None] * 2


def test_summarize_counts():
    texts = {"right": ["ok", "ok"], "wrong": ["a", "aa"], "mixed": ["ok", "no"], "flat": ["no", "mo"], "lone": ["ok"]}
    samples = [Sample("p", t, key, "ok") for key, group in texts.items() for t in group] + [Sample("p", "ok", "none")]
    rewarder = Rewarder({"verifier": Exact(), "rm": Length()}, hero())
    summary = summarize(rewarder(samples))
    assert (summary.rows, summary.groups, summary.invalid_rows) == (10, 6, 1)
    assert (summary.singleton_groups, summary.singleton_examples) == (2, ["lone", "none"])
    assert summary.composition == {"all correct": 2, "all incorrect": 2, "mixed": 1, "not judged": 1}
    assert summary.statuses["verifier"] == {"judged": 9, "failed": 1}
    assert summary.zero_signal_groups_verifier == 5  # all but "mixed"
    assert summary.zero_signal_groups_scheme == 4  # "wrong" differs in length, so HERO ranks it
    assert {name: span.count for name, span in summary.strata.items()} == {"correct": 4, "incorrect": 5}
    assert [c.rows for c in summary.failures.values()] == [[9]]


def test_summarize_counts_equal_advantages_that_are_not_zero_as_a_signal():
    samples = [Sample("p", text, key, "ok") for key, text in (("right", "ok"), ("wrong", "no")) for _ in range(2)]
    summary = summarize(Rewarder({"verifier": Exact()}, ngrpo())(samples))  # it punishes a group that is all incorrect
    assert (summary.zero_signal_groups_verifier, summary.zero_signal_groups_scheme) == (2, 1)


@given(st.lists(st.sampled_from(["ok", "no", "nope", "nan", "?"]), min_size=2, max_size=12), st.data())
def test_summary_merge_equals_summary_of_all(texts, data):
    class Odd(Length):
        def score(self, part):
            return [float("nan") if s.completion == "nan" else float(len(s.completion)) for s in part]

    samples = [Sample("p", t, row // 2, None if t == "?" else "ok") for row, t in enumerate(texts)]
    cut = 2 * data.draw(st.integers(0, len(texts) // 2))
    rewarder = Rewarder({"verifier": Exact(), "rm": Odd()}, verifier_only())
    parts = [summarize(rewarder(samples[a:b]), range(a, b)) for a, b in ((0, cut), (cut, len(texts)))]
    both, whole = parts[0].merge(parts[1]), summarize(rewarder(samples))
    plain = json.loads(json.dumps(both.as_dict()))
    assert Summary.from_dict(plain) == both
    for name in whole.as_dict().keys() - {"seconds", "strata", "weights"}:
        assert getattr(both, name) == getattr(whole, name), name
    for name, span in whole.strata.items():
        found = both.strata[name]
        assert (found.count, found.min, found.max) == (span.count, span.min, span.max)
        assert found.mean == pytest.approx(span.mean)


@pytest.mark.parametrize("name", ["o.parquet", "o.jsonl", "o.jsonl.gz", "o.jsonl.zst"])
def test_score_job_keeps_every_input_column(tmp_path, name):
    odd = [
        {"mixed": 1, "nested": {"a": 1}, "big": 10**30, "hollow": {}},
        {"mixed": "two", "nested": None, "half": "\ud800"},
    ]
    rewarder = Rewarder({"rm": Length()}, rm_only())
    path = write_lines(tmp_path / "r.jsonl", *(row("ok", **more) for more in odd))
    score_job(Job("r.jsonl", [path], {}, find_output(str(tmp_path / name)), {}), rewarder)
    assert {p.name for p in tmp_path.iterdir()} == {"r.jsonl", name}
    if name == "o.parquet":
        found = pq.read_table(tmp_path / name).to_pylist()
        assert [r["mixed"] for r in found] == ["1", '"two"']
        assert [found[0]["big"], found[0]["hollow"]] == [str(10**30), "{}"]
    else:
        values = read_rollouts(tmp_path / name).values
        found = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        assert [r["mixed"] for r in found] == [1, "two"]
        assert [found[0]["big"], found[0]["hollow"]] == [10**30, {}]
    assert [r["nested"] for r in found] == [{"a": 1}, None]
    assert found[1]["half"] == "\ufffd"
    assert [r["reward"] for r in found] == [2.0, 2.0]


@pytest.mark.parametrize("name", ["o.parquet", "o.jsonl"])
@pytest.mark.parametrize("most", [10_000, 150_000])  # while the input is looked over, and when results are written
def test_score_job_keeps_the_earlier_file_on_a_full_disk(tmp_path, name, most):
    path = tmp_path / name
    path.write_text("earlier")
    rows = [row(random.Random(i).randbytes(100).hex(), group=i // 4) for i in range(4000)]  # noqa: S311
    rewarder = Rewarder({"rm": Length()}, rm_only())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    write_lines(tmp_path / "r.jsonl", *rows)
    job = Job("r.jsonl", [tmp_path / "r.jsonl"], {}, find_output(str(path)), {}, resume=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))  # a longer file fails as on a full disk
    try:
        with pytest.raises(DataError, match=f"{name}.* cannot be written: "):
            score_job(job, rewarder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "earlier"
    left = {p.name for p in tmp_path.iterdir()} - {"r.jsonl", name}
    assert left <= {f"{name}.part"}  # what is scored is kept
    score_job(job, rewarder)
    assert path.read_text(errors="replace") != "earlier"
    assert {p.name for p in tmp_path.iterdir()} == {"r.jsonl", name}


def test_find_output_rejects_unusable_outputs(tmp_path):
    with pytest.raises(
        DataError,
        match=r"unsupported output '.csv'; expected a file that ends in .parquet, .jsonl, .jsonl.gz or .jsonl.zst, or a folder .*o.csv/",
    ):
        find_output(str(tmp_path / "o.csv"))
    with pytest.raises(DataError, match="no such folder"):
        find_output(str(tmp_path / "no" / "o.jsonl"))
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        find_output(str(tmp_path / "d.jsonl"))
    with pytest.raises(DataError, match="is not an empty folder"):
        find_output(str(tmp_path))
    assert find_output(f"{tmp_path}/new/").is_folder


def test_result_columns_of_several_verifiers():
    rewarder = Rewarder({"a": Exact(), "b": Exact(), "rm": Length()}, rm_only())
    names = result_columns(rewarder)
    assert {"a", "a_answer", "b", "rm", "reward", "advantage", "weight"} <= set(names)
    samples = [Sample("p", "ok", "g", "ok"), Sample("p", "no", "g", "ok")]
    assert set(summarize(rewarder(samples)).statuses) == {"a", "b", "rm"}
