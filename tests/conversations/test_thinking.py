"""What of a text is thinking and what is answer."""

from time import perf_counter

import pytest

from herokit import Sample
from herokit.conversations import MARKERS, split_thinking
from herokit.conversations.thinking import opens_thinking


@pytest.mark.parametrize("marker", MARKERS, ids=lambda marker: marker.opening)
def test_split_thinking_reads_every_marker(marker):
    split = split_thinking(f"{marker.opening}perhaps 5{marker.closing}\n\nThe answer is 6.")
    assert (split.answer, split.thinking, split.problem) == ("The answer is 6.", "perhaps 5", "")
    assert split.origin == f"after {marker.closing}"


@pytest.mark.parametrize("marker", MARKERS, ids=lambda marker: marker.opening)
def test_split_thinking_answers_nothing_where_the_thinking_has_no_end(marker):
    split = split_thinking(f"{marker.opening}It is 42. But wait")
    assert split.answer == ""
    assert marker.opening in split.problem


@pytest.mark.parametrize("marker", MARKERS, ids=lambda marker: marker.opening)
def test_split_thinking_ends_at_a_lone_closing_marker(marker):
    text = f"maybe 5\n{marker.closing}\nIt is 6."
    assert split_thinking(text).answer == ("It is 6." if marker.closes_alone else text)
    assert split_thinking(text, opened=True).answer == "It is 6."


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It is 6.", "It is 6."),
        ("", ""),
        ("<think></think>6", "6"),
        ("<think>\n\n</think>\n\n6", "6"),
        ("<THINK>5</Think>6", "6"),
        ("<think>a <think>b</think> c</think> 6", "6"),
        ("<think>the user wants <think> tags</think> 6", "6"),
        ("maybe </think> or </think> 6", "6"),
        ("<think>a</think>It is 6.<think>b</think>Really.", "It is 6.\nReally."),
        ("It is 6. <think>check</think>", "It is 6."),
        ("It is 6. <think>check", ""),
        ("<think>5 <reasoning>7</reasoning></think>6", "6"),
        ("<think>write '</think>' here</think>6", "6"),
        ('<think>a</think>text.split("</think>")[1]', 'text.split("</think>")[1]'),
        ("<think>a</think>the closing tag </think> is text", "the closing tag </think> is text"),
        ("[/THINK] is a marker of Mistral", "[/THINK] is a marker of Mistral"),
        ("<|begin_of_thought|>5<|end_of_thought|>\n<|begin_of_solution|>6<|end_of_solution|>", "6"),
        ("<|START_THINKING|>5<|END_THINKING|><|START_RESPONSE|>6<|END_RESPONSE|>", "6"),
        ("<think>5</think><response>6</response>", "6"),
        ("Here is my thought process:\n5\nHere is my response:\n6", "6"),
        ("Here's my thought process:\n5\nHere's my response:\n6", "6"),
        ("Here is my thought process:\nThe answer is 6.", ""),
        ("Here is my thought process:\n6\nHere is my response:\n", ""),
        ("Here is my response: 6", "Here is my response: 6"),
        ("<|channel|>analysis<|message|>5<|end|><|start|>assistant<|channel|>final<|message|>6<|return|>", "6"),
        ("<|channel|>analysis<|message|>5<|end|>", ""),
        ("<|channel|>final<|message|>", ""),
        ("analysisWe need 5.assistantfinalIt is 6.", "It is 6."),
        ("analysis of variance: 6", "analysis of variance: 6"),
        ("It is 6.<|im_end|>\n<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n7", "It is 6."),
        ("<|im_start|>assistant\n6<|im_end|>", "6"),
        ("6</s>", "6"),
        ("<s>5</s> 6", "<s>5</s> 6"),
        ("6<|end|><|user|>7", "6"),
        ("<think>5<|im_end|>", ""),
        ('<think>so\n<tool_call>\n{"name": "f"}\n</tool_call>', '<tool_call>\n{"name": "f"}\n</tool_call>'),
        ("<think>a <tool_call> is a tag", ""),
        ("[THINK]a[/THINK]5<think>b</think>6", "5\n6"),
        ("◁think▷a◁/think▷5<think>[THINK]b</think>6", "5\n6"),
        ("<think>if a <b then [1, 2] << 3</think>6", "6"),
        ("6 [INST] 7?", "6"),
        ("<INST] and [|im_end|> end no turn", "<INST] and [|im_end|> end no turn"),
        ("<thin\u212a>5</thin\u212a> 6", "<thin\u212a>5</thin\u212a> 6"),
    ],
)
def test_split_thinking_rules(text, answer):
    split = split_thinking(text)
    assert split.answer == answer
    if split.start is not None:
        assert text[split.start :].startswith(answer)


def test_split_thinking_needs_an_end_where_the_prompt_opened_it():
    assert split_thinking("It is 42", opened=True).problem
    assert split_thinking("<think>5</think>6", opened=True).answer == "6"  # the policy repeats the marker
    assert split_thinking("5</think>6", opened=True).thinking == "5"


@pytest.mark.parametrize("name", ["answer", "solution", "final_answer", "final", "result", "output", "response", "ans"])
def test_a_text_with_a_tag_of_an_answer_is_not_plain(name):
    for tag in (name, name.upper(), name.capitalize()):
        assert Sample("q", f"5 <{tag}>6</{tag}>", 0).plain_text is None


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        ("<|im_start|>assistant\n<think>\n", True),
        ("<|im_start|>assistant\n<think>", True),
        ("assistant<|im_sep|>[THINK]", True),
        ("Assistant: ◁think▷", True),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", False),
        ("Write <think> first.", False),
        ("", False),
    ],
)
def test_opens_thinking_looks_at_the_end_of_the_prompt(prompt, opened):
    assert opens_thinking(prompt) is opened


@pytest.mark.parametrize(
    "text",
    [
        "<think>" * 100_000,
        "</think>" * 100_000,
        "<think></think>" * 50_000,
        "<tool_call>" * 50_000 + "<think>",
        "<think>" + "<tool_call>" * 50_000,
        "<|channel|>analysis<|message|>" * 20_000,
        "<|im_start|>" * 50_000,
        "<|channel|>" * 50_000,
        "'</think>'" * 50_000,
        "</s>" * 100_000,
        "[THINK]" * 50_000,
    ],
    ids=lambda text: text[:20],
)
def test_split_thinking_takes_linear_time(text):
    started = perf_counter()
    split_thinking(text)
    assert perf_counter() - started < 5.0
