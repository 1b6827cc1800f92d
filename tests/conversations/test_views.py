"""The views of a sample: what sources read of a conversation."""

import pickle
from dataclasses import replace
from time import thread_time

import pytest

from herokit import Sample
from herokit.conversations import tool_calls
from herokit.conversations.messages import check_messages, has_images
from herokit.conversations.views import read_final, remove_thinking
from herokit.errors import DataError

CALL = {"id": "a", "type": "function", "function": {"name": "add", "arguments": '{"x": 1}'}}
TOOL_TURNS = [
    {"role": "assistant", "reasoning_content": "I add.", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "a", "content": "2", "is_error": False},
    {"role": "assistant", "content": "<think>so</think>It is 2."},
]


def test_sample_of_texts_has_one_turn_and_two_messages():
    sample = Sample("1 + 1?", "It is 2.", group=0)
    assert sample.final_text == sample.completion_text == sample.completion
    assert sample.messages == [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "It is 2."}]
    assert [turn.text for turn in sample.turns] == ["It is 2."]
    assert sample.prompt_text == "1 + 1?"


@pytest.mark.parametrize(
    "completion",
    ["It is 2.", "2 < 3 [6]", "a", " 2\n", "1 <2", "Assistants say 2", " analysis", "assistantfinal 2", "\u25c1 2", "<answer>2", "[THINK]2", "<think>2</think>3", "2</s>", "", " \n"],
)  # fmt: skip
def test_plain_text_is_the_final_text_of_a_text_without_markers(completion):
    sample = Sample("1 + 1?", completion, group=0)
    plain = {"It is 2.", "2 < 3 [6]", "a", " 2\n", "1 <2", "Assistants say 2"}
    assert sample.plain_text == (completion if completion in plain else None)
    assert sample.final == read_final(completion)


def test_plain_text_is_none_inside_thinking_and_for_messages():
    assert Sample("1 + 1? <think>\n", "It is 2.", group=0).plain_text is None
    assert Sample("1 + 1?", "It is 2.", group=0, thinking_opened=True).plain_text is None
    assert Sample("1 + 1? <think>\n", "It is 2.", group=0, thinking_opened=False).plain_text == "It is 2."
    assert Sample("1 + 1?", TOOL_TURNS, group=0).plain_text is None


def test_sample_of_messages_has_views():
    sample = Sample([{"role": "system", "content": "Add."}, {"role": "user", "content": "1 + 1?"}], TOOL_TURNS, group=0)
    assert sample.final_text == "It is 2."
    assert sample.final.origin == "after </think>"
    assert sample.completion_text.split("\n") == [
        "I add.",
        '<tool_call>{"name": "add", "arguments": {"x": 1}}</tool_call>',
        "<think>so</think>It is 2.",
    ]
    assert [m["role"] for m in sample.messages] == ["system", "user", "assistant", "tool", "assistant"]
    first, last = sample.turns
    assert (first.thinking, first.calls[0].arguments, first.results[0].text) == ("I add.", {"x": 1}, "2")
    assert first.results[0].error is False
    assert (last.text, last.thinking) == ("It is 2.", "so")
    assert sample.prompt_text == "Add.\n1 + 1?"


@pytest.mark.parametrize(
    ("completion", "problem"),
    [
        ([{"role": "user", "content": "42"}], "no message of the policy"),
        ([], "no message of the policy"),
        ([{"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "content": "42"}], "only a tool call"),
        ([{"role": "assistant", "content": "42"}, {"role": "assistant", "tool_calls": [CALL]}], "only a tool call"),
        ([{"role": "assistant", "content": "", "reasoning_content": "42"}], "only thinking"),
        ([{"role": "assistant", "content": [{"type": "thinking", "thinking": "42"}]}], "only thinking"),
        ([{"role": "assistant", "content": ""}], "an empty answer"),
        ([{"role": "assistant", "content": []}], "an empty answer"),
        ("", "an empty answer"),
        ('<tool_call>{"name": "f", "arguments": {"x": 42}}</tool_call>', "only a tool call"),
        ("<think>42", "the thinking has no end: <think> is not closed"),
    ],
)  # fmt: skip
def test_final_says_why_nothing_was_answered(completion, problem):
    sample = Sample("q", completion, group=0)
    assert sample.final.problem == problem
    assert "42" not in sample.final_text or "tool_call" in sample.final_text


def test_final_text_begins_inside_the_thinking_that_the_prompt_opened():
    assert Sample("Q<think>\n", "5</think>6", 0).final_text == "6"
    assert Sample("Q<think>\n", "It is 5", 0).final_text == ""
    assert Sample("Q", "It is 5", 0, thinking_opened=True).final_text == ""
    assert Sample("Q<think>\n", "It is 5", 0, thinking_opened=False).final_text == "It is 5"
    chat = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "<think>"}]
    assert Sample(chat, [{"role": "assistant", "content": "It is 5"}], 0).final_text == ""


def test_final_text_keeps_a_message_whose_thinking_a_server_took_out():
    message = {"role": "assistant", "reasoning_content": "5", "content": "It is 6."}
    assert Sample("Q<think>\n", [message], 0).final_text == "It is 6."


def test_messages_join_the_beginning_that_the_prompt_gave():
    chat = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "It "}]
    sample = Sample(chat, [{"role": "assistant", "content": "is 6."}], 0)
    assert [m["content"] for m in sample.messages] == ["Q", "It is 6."]
    assert chat[-1]["content"] == "It "


@pytest.mark.parametrize("part", [{"type": "hologram"}, {"kind": "text"}, 3, None])
def test_unknown_part_is_an_error_and_no_empty_text(part):
    message = {"role": "assistant", "content": [part]}
    with pytest.raises(DataError, match="part"):
        _ = Sample("q", [message], 0).final_text
    with pytest.raises(DataError, match="row 3: completion: message 0"):
        check_messages([message], "row 3: completion")


@pytest.mark.parametrize("value", ["text", {"role": "user"}, 3, ["text"], [{"content": "no role"}], [{"role": None}]])
def test_check_messages_rejects_what_is_no_list_of_messages(value):
    with pytest.raises(DataError, match="row 0: prompt"):
        check_messages(value, "row 0: prompt")


@pytest.mark.parametrize("kind", ["image", "image_url", "input_image", "audio", "video", "file"])
def test_has_images_finds_parts_that_are_no_text(kind):
    assert has_images([{"role": "user", "content": [{"type": "text", "text": "?"}, {"type": kind, kind: "x"}]}])
    assert not has_images(
        [{"role": "user", "content": [{"type": "text", "text": "?"}]}, {"role": "user", "content": "?"}]
    )


@pytest.mark.parametrize(
    "call",
    [
        {"id": "1", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "1", "function": {"name": "f", "arguments": {"x": 1}}},
        {"id": "1", "function": "f", "arguments": {"x": 1}},
        {"tool_call_id": "1", "function_name": "f", "arguments": {"x": 1}},
        {"call_id": "1", "name": "f", "arguments": '{"x": 1}'},
        {"id": "1", "name": "f", "input": {"x": 1}},
    ],
)
def test_tool_calls_level_the_layouts(call):
    (read,) = tool_calls({"role": "assistant", "tool_calls": [call]})
    assert (read.name, read.arguments, read.call_id) == ("f", {"x": 1}, "1")


def test_tool_calls_keep_arguments_that_are_no_object():
    (read,) = tool_calls({"tool_calls": [{"function": {"name": "f", "arguments": "{broken"}}]})
    assert (read.arguments, read.text) == (None, "{broken")


def test_remove_thinking_leaves_other_messages_alone():
    user = {"role": "user", "content": "<think>mine</think>"}
    assert remove_thinking([user, *TOOL_TURNS])[0] is user
    assert remove_thinking(TOOL_TURNS)[-1] == {"role": "assistant", "content": "It is 2."}
    assert remove_thinking(TOOL_TURNS)[0] == {"role": "assistant", "content": None, "tool_calls": [CALL]}


def test_sample_views_survive_pickling_and_replacing():
    sample = Sample("q", "<think>5</think>6", 0)
    assert sample.final_text == "6"
    assert pickle.loads(pickle.dumps(sample)) == sample
    assert replace(sample, completion="7").final_text == "7"
    assert sample.final is sample.final


def test_final_text_of_a_text_costs_microseconds():
    text = "We add the two numbers and find that the answer is 42. " * 6
    times = []
    for _ in range(3):  # the least of three: memory of other tests may be cleaned up meanwhile
        samples = [Sample("q", text, 0) for _ in range(1_000)]
        started = thread_time()
        for sample in samples:
            _ = sample.final_text
        times.append((thread_time() - started) / len(samples))
    assert min(times) < 50e-6  # measured: about 2; the bound only finds a kind of fault
