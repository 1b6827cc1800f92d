"""TRL runs of policies that think: what is judged when the chat template opens the thinking, with and without tools."""

from pathlib import Path

import pytest
import trl

from herokit import Rewarder, Select, Verdict
from herokit.adapters.trl import RewardFunction

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

OPENED = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}{% endif %}"
)
CALL = "<tool_call>\n<function=add>\n<parameter=a>\n2\n</parameter>\n<parameter=b>\n4\n</parameter>\n</function>\n</tool_call>"

# text of the policy, what is judged, why nothing is, truncated
CLOSED = ("Perhaps 5.\n</think>\n\nIt is 6.<eos>", "It is 6.", "", False)
EMPTY = ("\n</think>\n\nIt is 6.<eos>", "It is 6.", "", False)
UNCLOSED = ("Perhaps it is 6.", "", "the thinking has no end: the marker in the prompt is not closed", True)
UNCLOSED_TO_THE_END = ("It is 6.<eos>", "", "the thinking has no end: the marker in the prompt is not closed", False)
REOPENED = ("<think>Perhaps 5.</think>It is 6.<eos>", "It is 6.", "", False)
NOTHING = ("Perhaps 5.\n</think><eos>", "", "nothing follows the thinking", False)
CUT = ("Perhaps 5.</think>It is", "It is", "", True)
PLAIN = ("It is 6.<eos>", "It is 6.", "", False)


class Recorder:
    """A verifier that records the samples it gets; ``It is 6.`` is correct."""

    def __init__(self):
        self.samples = []

    def verify(self, samples):
        self.samples += samples
        return [Verdict(float(sample.final_text == "It is 6.")) for sample in samples]


def judge(runs, out, kind, turns, **settings):
    """Train one step on the turns, each a rollout of two groups of four, and return the samples of the first group."""
    recorder = Recorder()
    function = RewardFunction(Rewarder({"verifier": recorder}, Select("verifier")))
    trainer = runs.make(kind, out, [function], max_steps=1, max_completion_length=1000, **settings)
    trainer.script = turns
    trainer.train()
    assert len(recorder.samples) == 8
    return recorder.samples[:4], function


@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO", "RLOO", "GroupRLOO"])
@pytest.mark.parametrize("rows", [(CLOSED, EMPTY, UNCLOSED, UNCLOSED_TO_THE_END), (REOPENED, NOTHING, CUT, CLOSED)])
def test_trl_run_with_a_template_that_opens_the_thinking(runs, tmp_path, kind, rows):
    samples, function = judge(runs, tmp_path, kind, [[row[0]] for row in rows], chat_template=OPENED)
    actual = [(s.final_text, s.final.problem, s.truncated) for s in samples]
    assert actual == [row[1:] for row in rows]
    assert function.output.reward[:4].tolist() == [float(row[1] == "It is 6.") for row in rows]
    assert all(s.thinking_opened for s in samples)
    assert [s.num_tokens for s in samples] == [len(row[0].replace("<eos>", "$")) for row in rows]
    assert all(s.completion_text == row[0].removesuffix("<eos>") for s, row in zip(samples, rows, strict=True))


def test_trl_run_with_thinking_switched_off_by_the_settings_of_the_template(runs, tmp_path):
    settings = {"chat_template": OPENED, "chat_template_kwargs": {"enable_thinking": False}}
    samples, _ = judge(runs, tmp_path, "GRPO", [[PLAIN[0]], [CLOSED[0]]] * 2, **settings)
    assert [(s.final_text, s.thinking_opened) for s in samples] == [("It is 6.", False)] * 4


def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: a number.
        b: another one.
    """
    return a + b


@pytest.mark.parametrize("kind", ["GRPO", "GroupGRPO"])
def test_trl_run_with_tools_and_a_template_that_opens_the_thinking(runs, tmp_path, kind, monkeypatch):
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    template = (Path(trl.__file__).parent / "chat_templates" / "qwen3_5_think.jinja").read_text(encoding="utf-8")
    script = [
        [f"I call it.\n</think>\n\n{CALL}<eos>", "Now I know.\n</think>\n\nIt is 6.<eos>"],
        [f"I call it.\n</think>\n\n{CALL}<eos>", "Or is it 7"],
        ["I know it.\n</think>\n\nIt is 6.<eos>"],
        ["\n</think>\n\nIt is 6.<eos>"],
    ]
    samples, function = judge(runs, tmp_path, kind, script, chat_template=template, tools=[add])
    assert [(s.final_text, s.final.problem) for s in samples] == [
        ("It is 6.", ""),
        ("", "only thinking"),
        ("It is 6.", ""),
        ("It is 6.", ""),
    ]
    assert [s.truncated for s in samples] == [False, True, False, False]
    first, last = samples[0].turns
    assert (first.calls[0].name, dict(first.calls[0].arguments), first.results[0].text) == (
        "add",
        {"a": 2, "b": 4},
        "6",
    )
    assert (first.thinking, last.thinking, last.text) == ("I call it.", "Now I know.", "It is 6.")
    assert [m["role"] for m in samples[0].messages] == ["user", "assistant", "tool", "assistant"]
    assert [s.num_tokens is None for s in samples] == [True, True, False, False]  # TRL mixes in the tokens of tools
    assert function.output.reward[:4].tolist() == [1.0, 0.0, 1.0, 1.0]
