"""What a model is shown of a sample."""

import pytest

from herokit.reward_models.inputs import InputView, UnscorableError
from herokit.types import Sample, Status

IMAGE = {"type": "image_url", "image_url": {"url": "https://host/cat.png"}}


@pytest.mark.parametrize(
    "text",
    ["  2\n", "x < 3 ", "ends <|im_end|> here", "<answer>2</answer> ", "<response>2</response>", "[1] </s>", ""],
)
def test_text_without_thinking_is_unchanged(text):
    sample = Sample(f" {text}", text, 0)
    for thinking in ("drop", "keep"):
        view = InputView(thinking=thinking)
        assert view.texts(sample) == (f" {text}", text)
        assert [message["content"] for message in view.messages(sample)] == [f" {text}", text]


@pytest.mark.parametrize(
    ("thinking", "content"),
    [("drop", {"content": "2"}), ("keep", {"content": "2", "reasoning_content": "hm"})],
)
def test_parts_become_text_thinking_and_calls(thinking, content):
    parts = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "output_text", "text": "2"},
        {"type": "tool_use", "id": "a", "name": "now", "input": {}},
    ]
    [_, message] = InputView(thinking=thinking).messages(Sample("1 + 1?", [{"role": "assistant", "content": parts}], 0))
    call = {"id": "a", "type": "function", "function": {"name": "now", "arguments": {}}}
    assert message == {"role": "assistant", "tool_calls": [call], **content}


def test_only_a_thinking_part_is_no_answer():
    sample = Sample("1 + 1?", [{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}]}], 0)
    for read in (InputView().messages, InputView().texts):
        with pytest.raises(UnscorableError, match="only thinking") as caught:
            read(sample)
        assert caught.value.status is Status.UNPARSED
    call = {"id": "a", "type": "function", "function": {"name": "now", "arguments": {}}}
    called = Sample(
        "1 + 1?", [{"role": "assistant", "reasoning_content": "hm", "content": None, "tool_calls": [call]}], 0
    )
    assert InputView().messages(called)[1] == {"role": "assistant", "content": None, "tool_calls": [call]}


def test_images_are_kept_in_order_dropped_or_refused():
    parts = [{"type": "input_text", "text": "What is "}, IMAGE, {"type": "text", "text": "?"}]
    sample = Sample([{"role": "user", "content": parts}], "A cat.", 0)
    shown = [{"type": "text", "text": "What is "}, IMAGE, {"type": "text", "text": "?"}]
    assert InputView(takes_images=True).messages(sample)[0]["content"] == shown
    for takes_images in (True, False):
        view = InputView(ignore_images=True, takes_images=takes_images)
        assert view.messages(sample)[0]["content"] == "What is ?"
    for read in (InputView().messages, InputView().texts):
        with pytest.raises(UnscorableError, match="a message of the user has a part 'image_url'") as caught:
            read(sample)
        assert caught.value.status is Status.FAILED


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"type": "clip"}, "unknown part 'clip'"),
        ({"type": "tool_result"}, "expected a tool message"),
        (4, "must be an object"),
    ],
)
def test_part_that_cannot_be_shown_fails(part, why):
    sample = Sample([{"role": "user", "content": [part]}], "2", 0)
    for read in (InputView().messages, InputView().texts):
        with pytest.raises(UnscorableError, match=why):
            read(sample)


def test_opened_thinking_concerns_the_completion_only():
    history = [
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "2 + 2?"},
    ]
    sample = Sample(history, "perhaps 5</think>4", 0, thinking_opened=True)
    assert [message["content"] for message in InputView().messages(sample)] == ["1 + 1?", "2", "2 + 2?", "4"]
    assert InputView().texts(sample) == ("1 + 1?\n2\n2 + 2?", "4")


def test_step_tokens_in_calls_and_results_are_broken_up():
    call = {"function": {"name": "run", "arguments": {"code": ["<s>"]}}}
    turns = [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "<s>"},
        {"role": "assistant", "content": "a\n\nb"},
    ]
    shown = InputView(step_token="<s>").messages(Sample("?", turns, 0))  # noqa: S106 - a marker
    assert shown[1]["tool_calls"][0]["function"]["arguments"] == {"code": ["< s>"]}
    assert [message["content"] for message in shown] == ["?", "", "< s>", "a<s>b<s>"]
