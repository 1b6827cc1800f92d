"""Rollout files with messages: what becomes of them, what is checked, and that all stages work with them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from helpers.conversation_layouts import ANSWER, OPENAI, RESULT, SYSTEM, USER, VALUES
from helpers.rollout_files import make_rewarder, read_table, score_files, write_lines, write_rows
from herokit import Rewarder, Sample, Verdict, hero
from herokit.errors import DataError
from herokit.files.reading import read_rollouts
from herokit.report.results import read_results
from herokit.sources import Cache, ScoreColumn, SpotCheck
from herokit.verifiers import ExactMatch

PIECES = {"openai-chat", "tinker", "anthropic", "sharegpt", "nemo-rl", "inspect"}
"""Layouts whose conversation is a list, as a column has it."""


def rollout(**columns):
    return {"prompt": [SYSTEM, USER], "completion": OPENAI[2:], "answer": "42", **columns}


def read(tmp_path, *rows, name="r.jsonl", **columns):
    path = tmp_path / name
    return read_rollouts(write_rows(path, rows) if path.suffix == ".parquet" else write_lines(path, *rows), columns)


@pytest.mark.parametrize("name", ["r.jsonl", "r.parquet"])
def test_read_rollouts_keeps_messages(tmp_path, name):
    (sample,) = read(tmp_path, rollout(), name=name).samples
    assert sample.prompt == [SYSTEM, USER]
    assert [m["role"] for m in sample.completion] == ["assistant", "tool", "assistant"]
    assert (sample.final_text, sample.turns[0].thinking, sample.turns[0].calls[0].name) == (
        "It is 42.",
        "I multiply.",
        "multiply",
    )
    assert sample.group == "Use tools.\n6 * 7?"


@pytest.mark.parametrize("column", ["messages", "conversations", "conversation", "trajectory", "other"])
@pytest.mark.parametrize("layout", VALUES)
def test_read_rollouts_splits_a_column_that_holds_the_whole_conversation(tmp_path, layout, column):
    more = {"conversation": "other"} if column == "other" else {}
    data = read(tmp_path, {column: VALUES[layout], "answer": 42, "extra": "x"}, **more)
    (sample,) = data.samples
    assert data.columns == {"conversation": column, "reference": "answer"}
    assert (sample.final_text, sample.reference, sample.meta) == ("It is 42.", 42, {"extra": "x"})
    assert [m["role"] for m in sample.completion][-1] == "assistant"


@pytest.mark.parametrize("name", ["r.jsonl", "r.parquet"])
@pytest.mark.parametrize("layout", [layout for layout, value in VALUES.items() if isinstance(value, dict)])
def test_read_rollouts_reads_rows_of_every_layout(tmp_path, layout, name):
    if name == "r.parquet" and layout in {"skyrl", "inspect", "anthropic"}:
        pytest.skip("Arrow has no type for contents that are texts and lists, or for empty objects")
    row = VALUES[layout] | ({} if layout in {"verifiers", "inspect"} else {"answer": "42"})
    if layout == "openai-responses":
        row |= {"object": "response"}
    (sample,) = read(tmp_path, row, name=name).samples
    assert (sample.final_text, sample.reference) == ("It is 42.", "42")
    assert sample.messages[:2] == [SYSTEM, USER]
    assert [result.text for result in sample.turns[0].results] == ["42"]
    scored = [row | {"group": group, "right": 1.0, "given": 1.0} for group in "aba"]
    texts = [str(write_rows(tmp_path / name, scored))]
    assert len(read_table(score_files(tmp_path, texts, prefix="new_"))) == 3


def test_read_rollouts_names_a_row_that_holds_several_rollouts(tmp_path):
    choices = [{"message": ANSWER, "finish_reason": "stop"}] * 2
    with pytest.raises(DataError, match=r"row 1: holds 2 rollouts \(0, 1\)"):
        read(tmp_path, {"choices": choices})
    (sample,) = read(
        tmp_path, {"prompt": "q", "completion": "A", "choices": ["A", "B"]}
    ).samples  # options of a question
    assert sample.completion == "A"
    (sample,) = read(tmp_path, {"prompt": "q", "completion": "A", "steps": ["A", "B"]}).samples
    assert sample.completion == "A"
    (sample,) = read(
        tmp_path, {"question": "q", "answer": "A", "value": OPENAI, "nodes": 3}, conversation="value"
    ).samples
    assert sample.final_text == "It is 42."


def test_read_rollouts_takes_the_system_message_from_its_column(tmp_path):
    (sample,) = read(tmp_path, {"messages": OPENAI[1:], "system": "Use tools."}).samples
    assert sample.prompt == [SYSTEM, USER]
    (sample,) = read(tmp_path, {"messages": OPENAI, "system": "Another."}).samples
    assert sample.prompt == [SYSTEM, USER]
    (sample,) = read(tmp_path, {"prompt": "q", "completion": "4", "system": "x"}).samples
    assert sample.prompt == "q"


def test_read_rollouts_reads_messages_as_json_text(tmp_path):
    (sample,) = read(tmp_path, {"messages": json.dumps(OPENAI)}).samples
    assert sample.turns[0].thinking == "I multiply."


def test_read_rollouts_prefers_a_completion_to_a_conversation(tmp_path):
    (sample,) = read(tmp_path, {"prompt": "q", "response": "4", "messages": OPENAI}).samples
    assert (sample.prompt, sample.completion, sample.meta) == ("q", "4", {"messages": OPENAI})
    (sample,) = read(tmp_path, {"prompt": "q", "messages": OPENAI}).samples
    assert (sample.prompt, sample.meta) == ([SYSTEM, USER], {"prompt": "q"})
    with pytest.raises(
        DataError, match="a conversation holds prompt and completion; name the prompt or the conversation"
    ):
        read(tmp_path, {"prompt": "q", "messages": OPENAI}, prompt="prompt", conversation="messages")


@pytest.mark.parametrize("layout", sorted(PIECES))
def test_read_rollouts_reads_columns_of_other_layouts(tmp_path, layout):
    value = VALUES[layout]
    value = next((value[key] for key in ("messages", "conversations", "message_log") if key in value), value)
    (sample,) = read(tmp_path, {"prompt": value[:1], "completion": value[1:]}).samples
    assert sample.final_text == "It is 42."
    (again,) = read(tmp_path, {"prompt": "q", "response": VALUES["openai-responses"]}).samples
    assert (again.final_text, again.turns[0].thinking) == ("It is 42.", "I multiply.")


@pytest.mark.parametrize(
    ("value", "reference"),
    [(4, 4), (2.5, 2.5), ("4", "4"), (["4", "5"], ["4", "5"]), ({"target": 4}, {"target": 4}), (None, None), (float("nan"), None), (True, True), (0, 0), ([], [])],
)  # fmt: skip
@pytest.mark.parametrize("name", ["r.jsonl", "r.parquet"])
def test_read_rollouts_keeps_references_as_they_are(tmp_path, name, value, reference):
    (sample,) = read(tmp_path, {"prompt": "q", "completion": "4", "answer": value}, name=name).samples
    assert sample.reference == reference
    assert type(sample.reference) is type(reference)


@pytest.mark.parametrize(
    ("columns", "num_tokens", "truncated"),
    [
        ({"num_tokens": 7, "truncated": True}, 7, True),
        ({"num_tokens": 7.0}, 7, None),
        ({"num_tokens": float("nan"), "truncated": None}, None, None),
        ({"completion_tokens": 0, "finish_reason": "length"}, 0, True),
        ({"finish_reason": "stop"}, None, False),
        ({"stop_reason": "max_tokens"}, None, True),
        ({"is_truncated": 0}, None, False),
        ({}, None, None),
    ],
)
def test_read_rollouts_reads_lengths(tmp_path, columns, num_tokens, truncated):
    for row in (rollout(**columns), {"messages": OPENAI, **columns}):
        (sample,) = read(tmp_path, row).samples
        assert (sample.num_tokens, sample.truncated) == (num_tokens, truncated)
        assert {k: v for k, v in columns.items() if v is not None and v == v} == {  # noqa: PLR0124 - NaN
            k: v
            for k, v in sample.meta.items()
            if v == v  # noqa: PLR0124 - NaN
        }


def test_read_rollouts_takes_lengths_from_a_conversation(tmp_path):
    (sample,) = read(tmp_path, {"trajectory": VALUES["atif"]}).samples
    assert sample.num_tokens == 7
    (sample,) = read(tmp_path, {"trajectory": VALUES["atif"], "num_tokens": 9}).samples
    assert sample.num_tokens == 9


def test_read_rollouts_takes_images_as_part_of_the_prompt(tmp_path):
    rows = [{"prompt": "What is it?", "completion": "A cat.", "image": f"{name}.png"} for name in "aab"]
    first, second, other = read(tmp_path, *rows).samples
    assert first.prompt == [
        {
            "role": "user",
            "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "What is it?"}],
        }
    ]
    assert first.group == second.group != other.group
    assert first.prompt_text == "What is it?"
    assert first.meta == {"image": "a.png"}
    (without,) = read(tmp_path, {"prompt": "q", "completion": "4", "images": []}).samples
    assert without.prompt == "q"


@pytest.mark.parametrize("name", ["r.jsonl", "r.parquet"])
@pytest.mark.parametrize("change", ["text", "role", "image"])
def test_a_group_with_two_prompts_is_an_error_that_names_both_rows(tmp_path, name, change):
    other = {
        "text": [SYSTEM, {"role": "user", "content": "6 * 8?"}],
        "role": [{"role": "developer", "content": "Use tools."}, USER],
        "image": [SYSTEM, USER],
    }[change]
    images = {"images": ["a.png"]} if change == "image" else {"images": None}
    rows = [
        rollout(group="q", images=None),
        rollout(group="r", images=None),
        rollout(group="q", prompt=other, **images),
    ]
    with pytest.raises(DataError, match="rows 1 and 3 are in group 'q', but their prompts differ: "):
        score_files(tmp_path, [str(write_rows(tmp_path / name, [row | {"right": 1.0, "given": 0.0} for row in rows]))])
    with pytest.raises(DataError, match="rows 1 and 2 are in group 'q', but their prompts differ"):
        score_files(tmp_path, [str(write_rows(tmp_path / name, [rows[0], rows[2], rows[1]]))])


def test_messages_that_are_equal_but_written_in_another_order_are_one_prompt(tmp_path):
    turned = [{"content": m["content"], "role": m["role"]} for m in (SYSTEM, USER)]
    rows = [
        rollout(group="q", right=1.0, given=1.0),
        rollout(group="r", right=1.0, given=1.0),
        rollout(group="q", prompt=turned, right=0.0, given=0.0),
    ]
    assert len(read_table(score_files(tmp_path, [str(write_lines(tmp_path / "r.jsonl", *rows))]))) == 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "q", "completion": [{"content": "4"}]}, "row 1: completion: message 0 has no role; it has content"),
        ({"prompt": "q", "completion": [{"role": "assistant", "content": [{"type": "hologram"}]}]}, "row 1: completion: message 0: unknown part 'hologram'"),
        ({"prompt": "q", "completion": [RESULT, ANSWER]}, "row 1: message 0 is the result of a call 'c1', but no message"),
        ({"prompt": [{"text": "q"}], "completion": "4"}, "row 1: prompt: message 0 has no role; it has text"),
        ({"prompt": 4, "completion": "4"}, "row 1: prompt must be text or chat messages, got 4"),
        ({"messages": [USER]}, "row 1: messages: no message of the policy: the roles are user"),
        ({"messages": "hello"}, "row 1: messages: expected messages, got the text 'hello'"),
        ({"messages": VALUES["verifiers-trace"] | {"nodes": []}}, "row 1: messages: the 0 nodes have no leaf"),
        ({"prompt": "q", "completion": "4", "num_tokens": -1}, "row 1: num_tokens must be a number of tokens or null, got -1"),
        ({"prompt": "q", "completion": "4", "truncated": 3}, "row 1: truncated must be true, false, a reason"),
    ],
)  # fmt: skip
def test_read_rollouts_names_the_row_of_an_error_in_messages(tmp_path, row, message):
    with pytest.raises(DataError) as caught:
        read(tmp_path, row)
    assert message in str(caught.value)


def test_a_result_in_the_completion_may_answer_a_call_in_the_prompt(tmp_path):
    (sample,) = read(tmp_path, {"prompt": OPENAI[:3], "completion": OPENAI[3:]}).samples
    assert sample.final_text == "It is 42."


def make_chat_rows(count=40):
    """Return rows whose groups are scattered; correct answers have an even number."""
    return [
        {"prompt": [{"role": "user", "content": f"{i % 10}?"}], "completion": [{"role": "assistant", "content": str(i % 4)}],
         "answer": "0", "group": f"g{i % 10}", "right": float(i % 4 == 0), "given": float(i)}
        for i in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["r.jsonl", "r.parquet"])
def test_score_job_sorts_resumes_and_writes_messages(tmp_path, name):
    rows = make_chat_rows()
    texts = [str(write_rows(tmp_path / name, rows))]
    plain = [
        row | {"prompt": row["prompt"][0]["content"], "completion": row["completion"][0]["content"]} for row in rows
    ]
    expected = read_table(score_files(tmp_path, [str(write_rows(tmp_path / f"plain-{name}", plain))], "plain.parquet"))
    whole = score_files(tmp_path, texts, "whole.parquet")
    scored = read_table(whole)
    assert [row["reward"] for row in scored] == [row["reward"] for row in expected]
    assert [row["completion"] for row in scored] == [row["completion"] for row in rows]

    class Interrupted(ScoreColumn):
        calls = 0

        def score(self, samples):
            Interrupted.calls += 1
            if Interrupted.calls == 3:
                raise KeyboardInterrupt
            return super().score(samples)

    rewarder = make_rewarder()
    failing = Rewarder({"verifier": rewarder.sources["verifier"], "rm": Interrupted("given")}, hero())
    with pytest.raises(KeyboardInterrupt):
        score_files(tmp_path, texts, "again.parquet", rewarder=failing, batch_groups=2, checkpoint_every=0)
    once = score_files(tmp_path, texts, "once.parquet", batch_groups=2)
    again = score_files(tmp_path, texts, "again.parquet", batch_groups=2, checkpoint_every=0, resume=True)
    assert again.read_bytes() == once.read_bytes()


def test_read_results_shows_and_digests_messages(tmp_path):
    path = score_files(
        tmp_path,
        [
            str(
                write_rows(
                    tmp_path / "r.jsonl", [*make_chat_rows(), rollout(group="t", right=1.0, given=0.0, answer=[42])]
                )
            )
        ],
    )
    results = read_results(str(path))
    texts = results.texts([0, 40])
    assert (texts[0]["prompt"], texts[0]["completion"], texts[0]["reference"]) == (
        "0?",
        "0",
        '"0"',
    )  # a column of two types is JSON
    assert texts[40]["prompt"] == "Use tools.\n6 * 7?"
    assert texts[40]["completion"].startswith("I multiply.")
    assert len(results.digest()) == 16
    without = [{k: v for k, v in row.items() if k != "group"} for row in make_chat_rows()]
    other = read_results(str(score_files(tmp_path, [str(write_rows(tmp_path / "n.jsonl", without))], "n.parquet")))
    assert other.groups.num_groups == 10


def test_cache_and_spot_check_tell_messages_apart(tmp_path):
    class Counting:
        calls = 0

        def verify(self, samples):
            Counting.calls += len(samples)
            return [Verdict(float(s.final_text == str(s.reference))) for s in samples]

    samples = [
        Sample([USER], [{"role": "assistant", "content": "42"}], 0, 42),
        Sample([USER], [{"role": "assistant", "content": "41"}], 0, 42),
        Sample([USER], [{"role": "assistant", "content": "42"}], 0, ["42"]),
        Sample([USER], [{"role": "assistant", "content": "42"}], 0, 42, truncated=True),
    ]
    cached = Cache(Counting(), version="1")
    values = [v.value for v in cached.verify(samples)]
    assert [v.value for v in cached.verify(samples)] == values == [1.0, 0.0, 0.0, 1.0]
    assert Counting.calls == 4
    assert len(SpotCheck(ExactMatch(), ExactMatch(), fraction=0.5).verify(samples[:2])) == 2


def test_parquet_with_unused_columns_in_its_messages_reads_as_json_does(tmp_path):
    table = pa.table({"prompt": ["q"], "completion": [OPENAI[2:]]})
    pq.write_table(table, tmp_path / "r.parquet")
    from_parquet = read_rollouts(tmp_path / "r.parquet").samples
    assert from_parquet == read(tmp_path, {"prompt": "q", "completion": OPENAI[2:]}).samples


@pytest.mark.parametrize("value", [None, "x"])
def test_score_job_writes_lists_of_objects_with_an_empty_field(tmp_path, value):
    steps = [[{"advantage": None, "text": "a"}, {"advantage": None, "text": "b"}], [{"advantage": value, "text": "c"}]]
    files = []
    for number, step in enumerate(steps):
        row = {"prompt": "p", "completion": "c", "group": number, "right": 1.0, "given": 1.0, "trace": step}
        files.append(str(write_rows(tmp_path / f"{number}.parquet", [row] * 3)))
    scored = read_table(score_files(tmp_path, files))
    assert [row["trace"] for row in scored] == [step for step in steps for _ in range(3)]


@pytest.mark.parametrize(("holes", "images"), [(2, ["a.png"]), (1, ["a.png", "b.png"])])
def test_images_that_do_not_fit_their_parts_are_said(tmp_path, holes, images):
    """The parts without an image stayed empty, and the images without a part were left out."""
    content = [*[{"type": "image"}] * holes, {"type": "text", "text": "What is it?"}]
    row = {"prompt": [{"role": "user", "content": content}], "completion": "4", "images": images}
    with pytest.raises(
        DataError, match=f"row 1: the prompt has {holes} empty image parts, but the row has {len(images)}"
    ):
        read(tmp_path, row)
