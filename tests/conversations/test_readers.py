"""Every reader on a rollout written by hand in its layout; what is levelled; and the errors."""

import copy
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from helpers.conversation_layouts import ANSWER, CHAT_CALL, ITEMS, OPENAI, RESULT, SYSTEM, TRACE, USER, VALUES
from herokit import Sample
from herokit.conversations import LAYOUTS, read_conversation, read_conversations
from herokit.conversations.readers.layouts import find_layout
from herokit.conversations.readers.rollout import split_messages
from herokit.errors import ConfigError, DataError

TEXT_CALLS = {"nemo-rl", "skyrl"}  # calls are in the text
NO_SYSTEM = {"openenv"}
NO_THINKING = {"openenv", "sharegpt"}


def to_sample(conversation):
    return Sample(conversation.prompt, conversation.completion, "q", num_tokens=conversation.num_tokens)


def test_every_layout_has_a_value():
    assert set(VALUES) == set(LAYOUTS)


@pytest.mark.parametrize("layout", VALUES)
def test_find_layout_recognizes_every_layout(layout):
    assert find_layout(VALUES[layout]).name == layout


@pytest.mark.parametrize("layout", VALUES)
def test_read_conversation_reads_every_layout_to_the_same_sample(layout):
    value = copy.deepcopy(VALUES[layout])
    conversation = read_conversation(value)
    assert conversation == read_conversation(value, layout)
    assert value == VALUES[layout]  # the input is as before
    sample = to_sample(conversation)
    assert sample.final_text == "It is 42."
    assert sample.messages[0] == (USER if layout in NO_SYSTEM else SYSTEM)
    assert next(m["content"] for m in sample.messages if m["role"] == "user") == "6 * 7?"
    assert [m["role"] for m in conversation.completion][0::2] == ["assistant", "assistant"]
    first, last = sample.turns
    assert (last.text, last.thinking, last.calls) == ("It is 42.", "", ())
    assert first.thinking == ("" if layout in NO_THINKING else "I multiply.")
    assert [result.text for result in first.results] == ["42"]
    if layout not in TEXT_CALLS:
        (call,) = first.calls
        assert (call.name, call.arguments) == ("multiply", {"a": 6, "b": 7})
        assert first.results[0].call_id == call.call_id
        assert sample.messages[-2]["role"] == "tool"


@pytest.mark.parametrize("layout", VALUES)
def test_read_conversation_reads_the_json_text_of_every_layout(layout):
    assert read_conversation(json.dumps(VALUES[layout])) == read_conversation(VALUES[layout])


@pytest.mark.parametrize("layout", VALUES)
def test_read_conversation_gives_messages_that_are_read_to_themselves(layout):
    conversation = read_conversation(VALUES[layout])
    again = read_conversation({"prompt": conversation.prompt, "completion": conversation.completion})
    assert (again.prompt, again.completion) == (conversation.prompt, conversation.completion)


@pytest.mark.parametrize(
    ("layout", "reward", "turn_rewards", "num_tokens"),
    [
        ("openai-chat", None, (), None),
        ("nemo-gym", 1.0, (), 2),
        ("verl", 1.0, (), 3),
        ("verifiers", 1.0, (0.25, 0.75), None),
        ("verifiers-trace", 1.0, (), 4),
        ("nemo-rl", 1.0, (), 5),
        ("rllm", 1.0, (0.0, 1.0), 3),
        ("skyrl", 1.0, (0.0, 1.0), None),
        ("openenv", 1.0, (0.0, 1.0), None),
        ("atif", None, (), 7),
    ],
)
def test_read_conversation_keeps_what_belongs_to_the_rollout(layout, reward, turn_rewards, num_tokens):
    conversation = read_conversation(VALUES[layout])
    assert (conversation.reward, conversation.turn_rewards, conversation.num_tokens) == (
        reward,
        turn_rewards,
        num_tokens,
    )
    assert conversation.layout == layout


def test_read_conversations_returns_every_branch_of_a_tree():
    other = {
        "parent": 1,
        "sampled": True,
        "message": {"role": "assistant", "content": "It is 41."},
        "finish_reason": "length",
    }
    unsampled = {"parent": 0, "sampled": False, "message": {"role": "user", "content": "Hi"}}
    trace = TRACE | {"nodes": [*TRACE["nodes"], other, unsampled]}
    first, second = read_conversations(trace)
    assert [m["role"] for m in first.completion] == ["assistant", "tool", "assistant"]
    assert (second.completion, second.prompt) == ([{"role": "assistant", "content": "It is 41."}], [SYSTEM, USER])
    assert (first.truncated, second.truncated) == (None, True)
    with pytest.raises(DataError, match=r"holds 2 rollouts \(4, 5\); read_conversations returns all"):
        read_conversation(trace)


def test_read_conversations_returns_every_choice():
    choices = [
        {"message": {"role": "assistant", "content": str(i)}, "finish_reason": reason}
        for i, reason in enumerate(("stop", "length"))
    ]
    read = read_conversations({"messages": [USER], "choices": choices, "object": "chat.completion"})
    assert [(c.completion[0]["content"], c.truncated) for c in read] == [("0", False), ("1", True)]


def test_read_conversation_of_rllm_keeps_the_thinking_that_later_histories_drop():
    stripped = [
        SYSTEM,
        USER,
        {"role": "assistant", "content": "multiply(6, 7)"},
        {"role": "user", "content": "42"},
        ANSWER,
    ]
    steps = [
        {
            "chat_completions": [SYSTEM, USER, {"role": "assistant", "content": "<think>hm</think>multiply(6, 7)"}],
            "reward": 0,
        },
        {"chat_completions": stripped, "reward": 1},
    ]
    conversation = read_conversation({"steps": steps})
    assert to_sample(conversation).turns[0].thinking == "hm"
    assert len(conversation.completion) == 3


def test_read_conversation_of_rllm_ignores_the_empty_texts_that_are_defaults():
    first = {
        "chat_completions": [USER, {"role": "assistant", "content": "multiply(6, 7)"}],
        "model_response": "",
        "thought": "",
    }
    last = {
        "chat_completions": [],
        "observation": "42",
        "action": {"action": "It is 42."},
        "model_response": "",
        "thought": "so",
    }
    conversation = read_conversation({"name": "solver", "steps": [first, last]})
    assert [(m["role"], m["content"]) for m in conversation.completion] == [
        ("assistant", "multiply(6, 7)"), ("user", "42"), ("assistant", "It is 42."),
    ]  # fmt: skip
    assert conversation.completion[-1]["reasoning_content"] == "so"


def test_read_conversation_decodes_the_tokens_of_verl():
    value = {"prompt_ids": [1], "response_ids": [2, 3, 4, 5], "response_mask": [1, 1, 0, 1], "reward_score": 0.5}
    conversation = read_conversation(value, decode=lambda tokens: " ".join(map(str, tokens)))
    assert [(m["role"], m["content"]) for m in conversation.completion] == [
        ("assistant", "2 3"),
        ("user", "4"),
        ("assistant", "5"),
    ]
    assert conversation.prompt == [{"role": "user", "content": "1"}]
    with pytest.raises(DataError, match="pass decode=tokenizer.decode"):
        read_conversation(value)
    with pytest.raises(DataError, match="response_mask has 1 entries for 4 response_ids"):
        read_conversation(value | {"response_mask": [1]}, decode=str)


def test_read_conversation_takes_objects_and_arrays():
    @dataclass
    class Message:
        role: str
        content: Any

    class Model:
        def model_dump(self):
            return {"role": "assistant", "content": "4"}

    conversation = read_conversation(np.array([Message("user", "2 + 2?"), Model()], dtype=object))
    assert conversation.completion == [{"role": "assistant", "content": "4"}]


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ({"is_error": True}, True),
        ({"is_error": False}, False),
        ({"error": {"type": "timeout", "message": "too slow"}}, True),
        ({"error": None}, False),
        ({"metadata": {"error": "too slow"}}, True),
        ({"extra": {"is_error": True}}, True),
        ({"status": "error"}, True),
        ({"success": True}, False),
        ({}, None),
    ],
)
def test_read_conversation_levels_the_error_of_a_tool(result, error):
    conversation = read_conversation([USER, OPENAI[2], RESULT | result, ANSWER])
    assert to_sample(conversation).turns[0].results[0].error is error


def test_read_conversation_takes_the_text_of_an_error_where_the_tool_said_nothing():
    failed = RESULT | {"content": "", "error": {"type": "timeout", "message": "too slow"}}
    assert read_conversation([USER, OPENAI[2], failed, ANSWER]).completion[1]["content"] == "too slow"


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "hm", "content": "4"},
        {"reasoning": "hm", "content": "4"},
        {"reasoning": "hm", "reasoning_content": "hm", "content": "4"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}], "content": "4"},
        {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "4"}]},
        {
            "content": [
                {"type": "reasoning", "reasoning": "x", "summary": "hm", "redacted": True},
                {"type": "text", "text": "4"},
            ]
        },
        {"content": [{"type": "reasoning", "reasoning": "hm"}, {"type": "output_text", "text": "4"}]},
    ],
)
def test_read_conversation_levels_reasoning(message):
    (read,) = read_conversation([USER, {"role": "assistant", **message}]).completion
    assert read == {"role": "assistant", "content": "4", "reasoning_content": "hm"}


@pytest.mark.parametrize(
    ("part", "url"),
    [
        ({"type": "image_url", "image_url": {"url": "https://x/y.png"}}, "https://x/y.png"),
        ({"type": "input_image", "image_url": "https://x/y.png"}, "https://x/y.png"),
        ({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}, "https://x/y.png"),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            "data:image/png;base64,AA==",
        ),
        ({"type": "image", "image": "data:image/png;base64,AA=="}, "data:image/png;base64,AA=="),
    ],
)
def test_read_conversation_levels_images(part, url):
    user = {"role": "user", "content": [{"type": "input_text", "text": "What?"}, part]}
    (read,) = read_conversation([user, ANSWER]).prompt
    assert read["content"] == [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": url}}]


def test_read_conversation_keeps_a_call_that_is_no_json():
    call = {"id": "c1", "function": {"name": "multiply", "arguments": "{broken"}}
    conversation = read_conversation([USER, {"role": "assistant", "content": None, "tool_calls": [call]}])
    (read,) = to_sample(conversation).turns[0].calls
    assert (read.name, read.arguments, read.text) == ("multiply", None, "{broken")
    unparsed = {
        "role": "assistant",
        "content": "",
        "unparsed_tool_calls": [{"raw_text": "<tool_call>{", "error": "no end"}],
    }
    assert to_sample(read_conversation([USER, unparsed])).turns[0].calls[0].text == "<tool_call>{"


def test_read_conversation_of_items_keeps_generations_apart():
    second = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]}
    conversation = read_conversation(
        {"output": [*ITEMS, ITEMS[0], second], "incomplete_details": {"reason": "max_output_tokens"}}
    )
    assert [m.get("reasoning_content") for m in conversation.completion if m["role"] == "assistant"] == [
        "I multiply.",
        None,
        "I multiply.",
    ]
    assert conversation.truncated is True
    only_thinking = read_conversation({"output": ITEMS[:1]})
    assert to_sample(only_thinking).final.problem == "only thinking"


@pytest.mark.parametrize(
    ("roles", "begin"),
    [
        ("ua", 1), ("sua", 2), ("suaua", 4), ("uata", 1), ("uatau", 1), ("uataua", 5), ("a", 0), ("ea", 1), ("uaa", 1), ("uauea", 4),
    ],
)  # fmt: skip
def test_split_messages_begins_the_completion_after_the_last_user(roles, begin):
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "e": "environment"}
    prompt, completion = split_messages([{"role": names[role], "content": "f()"} for role in roles])
    assert (len(prompt), len(completion)) == (begin, len(roles) - begin)


@pytest.mark.parametrize("layout", [None, "openai-chat", "inspect", "nemo-rl"])
def test_split_begins_where_the_layout_says_that_the_policy_wrote(layout):
    few_shot = [{"role": "user", "content": "1?"}, {"role": "assistant", "content": "1"}]
    marks = {
        None: {},
        "openai-chat": {},
        "inspect": {"source": "generate"},
        "nemo-rl": {"generation_logprobs": [0.0], "token_ids": [1]},
    }
    mark = marks[layout]
    chat = [
        *few_shot,
        USER,
        {"role": "assistant", "content": "42"} | mark,
        USER,
        {"role": "assistant", "content": "43"} | mark,
    ]
    assert len(read_conversation(chat, layout).prompt) == (3 if mark else 5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([USER, {"content": "42"}], "conversation: message 1 has no role; it has content"),
        ([USER, {"role": "assistant", "text": "42"}], "conversation: message 1 has no content; it has role, text"),
        ([USER, {"role": "assistant", "content": [{"type": "hologram"}]}], "conversation: message 1: unknown part 'hologram'; known: audio"),
        ([USER, {"role": "assistant", "content": 42}], "conversation: message 1: content must be text"),
        ([USER, RESULT, ANSWER], "message 1 is the result of a call 'c1', but no message of the policy before it has a call"),
        ([USER, ANSWER, {"role": "tool", "content": "42"}, ANSWER], "message 2 is the result of a call, but no message of the policy"),
        ([USER, OPENAI[2], RESULT | {"tool_call_id": "c2"}, ANSWER], "message 2 is the result of the call 'c2', but the calls before it are c1"),
        ([USER, {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": {}}]}], "message 1: a tool call has no name"),
        ([USER], "conversation: no message of the policy: the roles are user"),
        ([], "an empty list has no known layout; name it, or convert it"),
        ([1, 2], "a list of 2 elements with no keys has no known layout"),
        ({"question": "6 * 7?"}, "an object with the keys question has no known layout"),
        ([{"type": "text", "text": "42"}], "a list of 1 elements with text, type has no known layout"),
        (42, "42 has no known layout"),
        ("It is 42.", "expected messages, got the text 'It is 42.'"),
        ({"output": [{"type": "hologram"}]}, "output: item 0: unknown item 'hologram'; known: code_interpreter_call"),
        ({"output": [ITEMS[2], ITEMS[3]]}, "message 0 is the result of a call 'c1', but no message"),
        ({"conversations": [{"from": "narrator", "value": "x"}]}, "turn 0: unknown role 'narrator'; known: ai, assistant"),
        ({"conversations": [{"value": "x"}]}, "turn 0 has no from, which is its role; it has value"),
        ({"conversations": [{"from": "gpt", "text": "x"}]}, "turn 0 has no value, which is its text; it has from, text"),
        ({"schema_version": "ATIF-v1.6", "steps": [{"source": "narrator", "message": "x"}]}, "step 0: unknown source 'narrator'; expected agent"),
        ({"schema_version": "ATIF-v2.0", "steps": []}, "unknown version 'ATIF-v2.0'; expected ATIF-v1.0 to ATIF-v1.7"),
        ({"schema_version": "ATIF-v1.6", "steps": [{"source": "user", "message": "x"}]}, "no step of the agent; the sources are user"),
        ({"nodes": [{"parent": 5, "message": USER}]}, "node 0: its parent 5 is no node; there are 1"),
        ({"nodes": [{"parent": 1, "message": USER}, {"parent": 0, "message": USER}]}, "the 2 nodes have no leaf"),
        ({"nodes": [{"parent": None, "message": USER}]}, "no node is marked as sampled"),
        ({"prompt": [USER], "steps": [{"observations": [], "reward": 1.0}]}, "step 0 has no text of the policy"),
        ([{"action": None, "observation": "x"}, {"observation": "x"}], "step 1 has no action: what the policy wrote; it has observation"),
        ({"messages": OPENAI, "nodes": TRACE["nodes"]}, "looks like openai-chat and verifiers-trace; name the layout"),
        ({"trajectories": 4}, "trajectories must be a list, got 4"),
        ({"message_log": 4}, "message_log must be a list, got 4"),
    ],
)  # fmt: skip
def test_read_conversation_says_what_is_wrong_and_where(value, message):
    with pytest.raises(DataError) as caught:
        read_conversation(value)
    assert message in str(caught.value)


def test_read_conversation_names_the_layouts_that_exist():
    with pytest.raises(ConfigError, match="no layout 'atf'; did you mean 'atif'"):
        read_conversation(OPENAI, "atf")
    with pytest.raises(DataError, match=r"row 3: expected steps with action and observation \(openenv\), got 'x'"):
        read_conversation('"x"', "openenv", place="row 3")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_read_conversation_of_another_layout_is_an_error_of_data_or_a_rollout(layout, value):
    with suppress(DataError):  # and no other error
        assert read_conversations(value, layout)[0].completion


def test_read_conversation_of_hostile_values_is_an_error_of_data():
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    for value in ([USER, {"role": "assistant", "content": deep}], "[" * 100_000):
        with pytest.raises(DataError):
            read_conversation(value)


def test_a_call_and_its_result_may_be_in_the_text():
    text_call = {"role": "assistant", "content": '<tool_call>{"name": "f"}</tool_call>'}
    conversation = read_conversation([USER, text_call, {"role": "tool", "content": "42"}, ANSWER])
    assert [result.text for result in to_sample(conversation).turns[0].results] == ["42"]
    assert CHAT_CALL["function"]["arguments"].startswith("{")  # the table is as it was


@pytest.mark.parametrize(("value", "what"), [({}, "an empty object"), ([], "an empty list")])
def test_an_empty_value_is_called_so(value, what):
    with pytest.raises(DataError, match=f"conversation: {what} has no known layout"):
        read_conversation(value)
