"""The default path on thinking models: `herokit score` judges the answer, in every format of markers, and never the thinking."""

import json

import pyarrow.parquet as pq
import pytest

from herokit.cli.app import run

pytest.importorskip("herokit_math")
pytest.importorskip("herokit_onnx")

THOUGHT, ANSWER = "Perhaps \\boxed{5}? The answer is 5. No.", "The answer is \\boxed{6}."
Q = "What is 2 * 3?"


def marked(opening, closing, begin="", end=""):
    return (Q, f"{begin}{opening}{THOUGHT}{closing}{end}\n\n{ANSWER}", "6")


def chat(**message):
    return (Q, [{"role": "assistant", **message}], "6")


HARMONY = f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>"
FORMATS = {
    "<think>": marked("<think>\n", "\n</think>"),
    "<THINK> in capitals": marked("<THINK>", "</THINK>"),
    "<thinking>": marked("<thinking>", "</thinking>"),
    "<reasoning>": marked("<reasoning>\n", "\n</reasoning>"),
    "<thought>": marked("<thought>", "</thought>"),
    "<scratchpad>": marked("<scratchpad>", "</scratchpad>"),
    "<seed:think>": marked("<seed:think>", "</seed:think>"),
    "<mm:think>": marked("<mm:think>", "</mm:think>"),
    "<longcat_think>": marked("<longcat_think>", "</longcat_think>"),
    "◁think▷": marked("◁think▷", "◁/think▷"),
    "[THINK]": marked("[THINK]", "[/THINK]"),
    "<|begin_of_thought|>": (Q, f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|>\n<|begin_of_solution|>{ANSWER}<|end_of_solution|>", "6"),
    "<|START_THINKING|>": (Q, f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>{ANSWER}<|END_RESPONSE|>", "6"),
    "<|inner_prefix|>": marked("<|inner_prefix|>", "<|inner_suffix|>"),
    "<|channel>thought": marked("<|channel>thought\n", "<channel|>"),
    "harmony": (Q, f"{HARMONY}final<|message|>{ANSWER}<|return|>", "6"),
    "harmony without special tokens": (Q, f"analysis{THOUGHT}assistantfinal{ANSWER}", "6"),
    "<think> and <response>": (Q, f"<think>{THOUGHT}</think><response>{ANSWER}</response>", "6"),
    "opened in the prompt": (f"<|im_start|>user\n{Q}<|im_end|>\n<|im_start|>assistant\n<think>\n", f"{THOUGHT}</think>{ANSWER}", "6"),
    "opened in the prompt's messages": (
        [{"role": "user", "content": Q}, {"role": "assistant", "content": "<think>\n"}],
        [{"role": "assistant", "content": f"{THOUGHT}</think>{ANSWER}"}],
        "6",
    ),
    "closed, and opened nowhere": (Q, f"{THOUGHT}\n</think>\n{ANSWER}", "6"),
    "nested": (Q, f"<think>{THOUGHT}<think>{THOUGHT}</think>{THOUGHT}</think>{ANSWER}", "6"),
    "two in a row": (Q, f"<think>{THOUGHT}</think><think>{THOUGHT}</think>{ANSWER}", "6"),
    "after the answer": (Q, f"{ANSWER}<think>{THOUGHT}</think>", "6"),
    "empty": (Q, f"<think>\n\n</think>\n\n{ANSWER}", "6"),
    "another turn made up": (Q, f"<think>{THOUGHT}</think>{ANSWER}<|im_end|>\n<|im_start|>user\nNo, \\boxed{{5}}.<|im_end|>", "6"),
    "reasoning_content": chat(reasoning_content=THOUGHT, content=ANSWER),
    "reasoning": chat(reasoning=THOUGHT, content=ANSWER),
    "reasoning_details": chat(reasoning_details=[{"type": "reasoning.text", "text": THOUGHT}], content=ANSWER),
    "thinking part": chat(content=[{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": ANSWER}]),
    "reasoning item": (
        Q,
        [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ANSWER}]},
        ],
        "6",
    ),
    "<think> unclosed": (Q, f"<think>{THOUGHT} So \\boxed{{6}}", None),
    "<reasoning> unclosed": (Q, f"<reasoning>{THOUGHT} So \\boxed{{6}}", None),
    "◁think▷ unclosed": (Q, f"◁think▷{THOUGHT} So \\boxed{{6}}", None),
    "unclosed after an answer": (Q, f"\\boxed{{6}} <think>{THOUGHT}", None),
    "opened in the prompt, unclosed": (f"{Q}<think>\n", f"{THOUGHT} So \\boxed{{6}}", None),
    "harmony without a final channel": (Q, f"<|channel|>analysis<|message|>{THOUGHT} \\boxed{{6}}", None),
    "reasoning_content and no content": (Q, [{"role": "assistant", "reasoning_content": f"{THOUGHT} \\boxed{{6}}", "content": ""}], None),
    "nothing after </think>": (Q, f"<think>{THOUGHT} \\boxed{{6}}</think>\n", None),
}  # fmt: skip
"""Format -> prompt, completion, and the answer that is judged; None for nothing."""


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thinking")
    rows = [
        {
            "prompt": prompt,
            "completion": completion,
            "reference": reference,
            "group": f"{name} {reference}",
            "name": name,
        }
        for name, (prompt, completion, _) in FORMATS.items()
        for reference in ("6", "5")
    ]
    (folder / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["herokit", "score", "r.jsonl", "-o", "o.parquet", "--allow-incomplete"])
        with pytest.raises(SystemExit) as stopped:
            run()
    assert not stopped.value.code
    return {(row["name"], row["reference"]): row for row in pq.read_table(folder / "o.parquet").to_pylist()}


@pytest.mark.parametrize("name", FORMATS)
def test_score_judges_the_answer_and_not_the_thinking(scored, name):
    answer = FORMATS[name][2]
    right, wrong = scored[name, "6"], scored[name, "5"]
    assert (right["verifier"], right["verifier_answer"] or None) == (float(answer is not None), answer)
    assert right["verifier_status"] == ("judged" if answer else "unparsed")
    assert wrong["verifier"] == 0.0  # the thinking names it more than once
    if answer is None:
        assert right["verifier_reason"]
