import json
import os
import random
import resource

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from herokit import Rewarder, Sample, Scores, Status, Verdict, hero, rm_only, verifier_only
from herokit.adapters.common.base import message_text
from herokit.errors import DataError
from herokit.files.blocks import find_inputs
from herokit.files.reading import read_rollouts
from herokit.files.writing import find_output
from herokit.pipeline.run import Job, result_columns, score_job
from herokit.pipeline.summary import Summary, summarize

ROW = {"prompt": "2+2?", "response": "4", "answer": "4", "prompt_id": "q1", "extra": [1, 2]}


def lines(path, *rows):
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


def test_the_usual_column_names_are_found(tmp_path):
    data = read_rollouts(lines(tmp_path / "r.jsonl", ROW, "\n", ROW | {"extra": None}))
    assert data.samples[0] == Sample("2+2?", "4", "q1", "4", {"extra": [1, 2]})
    assert data.samples[1].meta == {}  # what a row leaves empty is not there
    assert data.columns == {"prompt": "prompt", "completion": "response", "reference": "answer", "group": "prompt_id"}
    assert data.values["extra"] == [[1, 2], None]


def test_columns_can_be_named(tmp_path):
    row = {"q": "2+2?", "a": "four", "truth": 4, "response": "not this"}
    data = read_rollouts(lines(tmp_path / "r.jsonl", row), {"prompt": "q", "completion": "a", "reference": "truth"})
    assert data.samples == [Sample("2+2?", "four", "2+2?", "4", {"response": "not this"})]
    assert "group" not in data.columns


def test_chat_messages_are_read_as_text(tmp_path):
    row = {"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}],
           "completion": [{"role": "assistant", "content": "4"}]}  # fmt: skip
    assert read_rollouts(lines(tmp_path / "r.jsonl", row)).samples == [
        Sample("Be brief.\n2+2?", "4", "Be brief.\n2+2?", None)
    ]


def test_messages_without_text_and_of_parts_are_read_as_the_adapters_read_them(tmp_path):
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "add"}}]}
    parts = [{"type": "text", "text": "It is "}, {"type": "image_url", "image_url": "x"}, {"type": "text", "text": "4"}]
    chats = [
        [call, {"role": "tool", "content": "4"}, {"role": "assistant", "content": parts}],
        [{"role": "assistant", "content": "4"}, call],
        [call],
    ]
    rows = [{"prompt": [{"role": "user", "content": "2+2?"}, call], "completion": chat} for chat in chats]
    path = lines(tmp_path / "r.jsonl", *rows)
    assert [(s.prompt, s.completion) for s in read_rollouts(path).samples] == [
        (message_text(row["prompt"], ""), message_text(row["completion"], "", last=True)) for row in rows
    ]
    assert [s.completion for s in read_rollouts(path).samples] == ["It is 4", "4", ""]


def test_parquet_and_jsonl_give_the_same_samples(tmp_path):
    pq.write_table(pa.Table.from_pylist([ROW]), tmp_path / "r.parquet")
    assert read_rollouts(tmp_path / "r.parquet").samples == read_rollouts(lines(tmp_path / "r.jsonl", ROW)).samples


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("r.jsonl", [], "r.jsonl: the file contains no rows"),
        ("r.jsonl", [ROW, '{"prompt": \n'], "r.jsonl: line 2 is not valid JSON: Expecting value at character 12; fix or delete that line"),
        ("r.jsonl", ["[" * 100_000 + "\n"], "r.jsonl: line 1 is not valid JSON"),
        ("r.jsonl", ["[1]\n"], "r.jsonl: line 1 is a JSON list; expected one object"),
        ("r.jsonl", ["[\n", json.dumps(ROW), "]\n"], r"r.jsonl: contains one JSON value over many lines; expected one object per line. Convert a list with jq -c '\.\[\]'"),
        ("r.jsonl", [ROW | {"response": [{"role": "assistant", "content": 4}]}], "row 1: completion must be text or chat messages, got \\[{'role'"),
        ("r.jsonl", [ROW | {"response": [{"text": "4"}]}], "row 1: completion must be text or chat messages, got \\[{'text'"),
        ("r.jsonl", [ROW | {"response": [{"role": "assistant", "content": [{"type": "text", "text": 4}]}]}], "row 1: completion must be text or chat"),
        ("r.jsonl", [ROW | {"response": []}], "row 1: completion must be text or chat messages, got \\[\\]"),
        ("r.jsonl", [ROW | {"response": ["4"]}], "row 1: completion must be text or chat messages, got \\['4'\\]"),
        ("r.jsonl", [{"text": "x"}], "no column for the prompt: none of prompt, question.* among text; name it with --column prompt=COLUMN"),
        ("r.jsonl", [ROW, ROW | {"response": None}], "row 2: completion must be text or chat messages, got None"),
        ("r.jsonl", [ROW | {"prompt_id": None}], "row 1: group must be text or a number, got None"),
        ("r.jsonl", [ROW | {"answer": {"x": 1}}], "row 1: reference must be text or a number, got dict"),
        ("r.jsonl", [ROW, '{"prompt": "p", "response": "4", "response": "5"}\n'], "r.jsonl: line 2: duplicate key 'response'; keep one of them"),
        ("r.jsonl", ['{"prompt": "p", "response": "4", "extra": {"a": 1, "a": 2}}\n'], "r.jsonl: line 1: duplicate key 'a'"),
        ("r.csv", [], "unsupported file type '.csv'; expected .jsonl, .json, .ndjson, .parquet"),
        ("r.parquet", ["PAR?"], "r.parquet: not a Parquet file"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_says_where(tmp_path, name, rows, message):
    with pytest.raises(DataError, match=message):
        read_rollouts(lines(tmp_path / name, *rows))


def test_a_field_that_is_wrong_offers_the_nearest(tmp_path):
    path = lines(tmp_path / "r.jsonl", ROW)
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


def test_what_cannot_be_read_twice_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name in (str(tmp_path / "pipe.jsonl"), "-"):
        with pytest.raises(
            DataError, match="is a pipe or a device, but rows are read more than once; write them to a file first"
        ):
            find_inputs([name])
    with pytest.raises(DataError, match="is a pipe or a device"):
        read_rollouts(tmp_path / "pipe.jsonl")


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
    path = lines(folder / "r.jsonl", *rows)
    done = score_job(Job("r.jsonl", [path], {}, find_output(str(folder / name)), {}, **settings), rewarder)
    if name.endswith(".parquet"):
        return pq.read_table(folder / name).to_pylist(), done.summary
    return [json.loads(line) for line in (folder / name).read_text().splitlines()], done.summary


def test_groups_stay_whole_however_the_rows_lie(tmp_path):
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
    assert [*rows[0], *(c for c in result_columns(rewarder) if c != "rm_steps")] == list(found[0])


def test_step_scores_become_a_column_of_lists(tmp_path):
    class Stepwise:
        def score(self, part):
            steps = [[0.5, float("nan")] if s.completion == "two" else None for s in part]
            judged = (Status.JUDGED,) * len(part)
            return Scores(np.ones(len(part)), judged, ("",) * len(part), steps)

    rows = [row(text, group=key) for key in "ab" for text in ("two", "none")]
    for name in ("o.parquet", "o.jsonl"):
        found, _ = score_rows(tmp_path, Rewarder({"rm": Stepwise()}, rm_only()), rows, name=name, batch_groups=1)
        assert [r["rm_steps"] for r in found] == [[0.5, None], None] * 2


def test_the_summary_counts():
    texts = {"right": ["ok", "ok"], "wrong": ["a", "aa"], "mixed": ["ok", "no"], "flat": ["no", "mo"], "lone": ["ok"]}
    samples = [Sample("p", t, key, "ok") for key, group in texts.items() for t in group] + [Sample("p", "ok", "none")]
    rewarder = Rewarder({"verifier": Exact(), "rm": Length()}, hero())
    summary = summarize(rewarder(samples))
    assert (summary.rows, summary.groups, summary.invalid_rows) == (10, 6, 1)
    assert (summary.singleton_groups, summary.singleton_examples) == (2, ["lone", "none"])
    assert summary.composition == {"all correct": 2, "all incorrect": 2, "mixed": 1, "not judged": 1}
    assert summary.statuses["verifier"] == {"judged": 10}
    assert summary.zero_signal_groups_verifier == 5  # all but "mixed"
    assert summary.zero_signal_groups_scheme == 4  # "wrong" differs in length, so HERO ranks it
    assert {name: span.count for name, span in summary.strata.items()} == {"correct": 4, "incorrect": 5}
    assert [c.rows for c in summary.failures.values()] == [[9]]


@given(st.lists(st.sampled_from(["ok", "no", "nope", "nan", "?"]), min_size=2, max_size=12), st.data())
def test_summaries_of_batches_merge_to_the_summary_of_all(texts, data):
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
def test_results_keep_every_input_column(tmp_path, name):
    odd = [
        {"mixed": 1, "nested": {"a": 1}, "big": 10**30, "hollow": {}},
        {"mixed": "two", "nested": None, "half": "\ud800"},
    ]
    rewarder = Rewarder({"rm": Length()}, rm_only())
    path = lines(tmp_path / "r.jsonl", *(row("ok", **more) for more in odd))
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
def test_a_full_disk_leaves_the_earlier_file_and_no_half_one(tmp_path, name, most):
    path = tmp_path / name
    path.write_text("earlier")
    rows = [row(random.Random(i).randbytes(100).hex(), group=i // 4) for i in range(4000)]  # noqa: S311
    rewarder = Rewarder({"rm": Length()}, rm_only())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    lines(tmp_path / "r.jsonl", *rows)
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


def test_an_output_that_could_not_be_written_is_refused_first(tmp_path):
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


def test_several_verifiers_give_prefixed_columns():
    rewarder = Rewarder({"a": Exact(), "b": Exact(), "rm": Length()}, rm_only())
    names = result_columns(rewarder)
    assert {"a", "a_answer", "b", "rm", "reward", "advantage", "weight"} <= set(names)
    samples = [Sample("p", "ok", "g", "ok"), Sample("p", "no", "g", "ok")]
    assert set(summarize(rewarder(samples)).statuses) == {"a", "b", "rm"}
