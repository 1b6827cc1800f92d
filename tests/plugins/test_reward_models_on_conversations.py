"""Torch and ONNX score whole conversations as plain transformers does, under six published chat templates and without one.

The templates are those of the checkpoints' tokenizer_config.json, without their parts for definitions of tools:
ChatML (Hugging Face's documentation), Qwen2.5-Instruct, Meta-Llama-3-Instruct, gemma-2-it, Mistral-7B-Instruct-v0.3, Qwen3.
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from helpers import tiny_models as tiny
from herokit import Rewarder, rm_only
from herokit.sources import EnsembleRewardModel
from herokit.types import Sample, Status
from herokit_onnx import OnnxRewardModel, export_reward_model
from herokit_torch import TorchRewardModel

TEMPLATES = ["chatml", "qwen2.5", "llama3", "gemma2", "mistral", "qwen3", None]
WITH_BOS = ("llama3", "gemma2", "mistral")
FAMILIES = {"llama3": "llama", "qwen3": "qwen3"}

CALL = {
    "id": "abcdef123",
    "type": "function",
    "function": {"name": "add", "arguments": {"x": 1, "label": "<café & 'co'>"}},
}
SYSTEM = {"role": "system", "content": "  Be brief.\n"}
TURNS = [
    {"role": "user", "content": "What is 1 + 1? "},
    {"role": "assistant", "content": "It is 2."},
    {"role": "user", "content": "And 2 + 2?"},
    {"role": "assistant", "content": "It is 4."},
    {"role": "user", "content": "And 3 + 3?"},
]
TOOL_TURNS = [
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "abcdef123", "name": "add", "content": "6"},
    {"role": "assistant", "content": "It is 6."},
]
ANSWER = [{"role": "assistant", "content": "\nIt is 6. "}]
THOUGHT = "<think>\nperhaps 7\n</think>\n\nIt is 6."
CONVERSATIONS = {
    "text": ("And 3 + 3?", " It is 6.\n"),
    "text with a mention of a marker": ("Why?", "x < 3, and <|im_end|> ends a turn. "),
    "system": ([SYSTEM, TURNS[0]], "It is 2."),
    "three turns": (TURNS, ANSWER),
    "system, three turns": ([SYSTEM, *TURNS], ANSWER),
    "tool turn": (TURNS[:1], TOOL_TURNS),
    "system, three turns, tool turn": ([SYSTEM, *TURNS], TOOL_TURNS),
    "a call without content": (TURNS[:1], [{**TOOL_TURNS[0], "content": None}, *TOOL_TURNS[1:]]),
    "two users in a row": ([TURNS[0], TURNS[2]], ANSWER),
    "thinking": ([SYSTEM, *TURNS], [{"role": "assistant", "content": THOUGHT}]),
    "thinking in a field": (TURNS, [{"role": "assistant", "reasoning_content": "perhaps 7", "content": "It is 6."}]),
}


def conversation(prompt, completion):
    """Write both as one list of messages, by hand."""
    before = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    after = [{"role": "assistant", "content": completion}] if isinstance(completion, str) else completion
    return [*before, *after]


def without_thinking(messages):
    return [
        {key: value for key, value in message.items() if key != "reasoning_content"}
        | ({"content": "It is 6."} if message.get("content") == THOUGHT else {})
        for message in messages
    ]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Write a checkpoint with one template and its ONNX file, once."""
    torch.set_num_threads(1)

    @cache
    def make(name):
        folder = tmp_path_factory.mktemp(name or "plain")
        chat = (Path(__file__).parent / "chat_templates" / f"{name}.jinja").read_text() if name else None
        tiny.write_tokenizer(folder, chat=chat, adds="<s>" if name in WITH_BOS else None)
        family = FAMILIES.get(name, "qwen2")
        settings = {"bos_token_id": 4} if name in WITH_BOS else {}
        tiny.write_model(folder, family, num_hidden_layers=2, max_position_embeddings=2048, **settings)
        return folder, export_reward_model(str(folder), folder / "onnx")

    return make


def plain_score(folder, messages):
    """Score a conversation with transformers alone; return the score, or the template's error."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    if tokenizer.chat_template:
        try:
            ids = tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=True)["input_ids"]
        except Exception as error:  # noqa: BLE001 - a template raises anything
            return f"{type(error).__name__}: {error}"
    else:
        texts = [message["content"] or "" for message in messages]
        last_prompt = max(k for k, message in enumerate(messages) if message["role"] == "user")
        text = "\n".join(texts[: last_prompt + 1]) + "\n" + texts[-1]
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model(input_ids=ids).logits[0, 0].item()


@pytest.mark.parametrize("thinking", ["drop", "keep"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_scores_equal_those_of_plain_transformers(checkpoint, name, thinking):
    folder, path = checkpoint(name)
    cases = dict(CONVERSATIONS)
    if name is None:
        del cases["thinking in a field"]  # with "keep", a plain template gets it as text
    samples = [Sample(prompt, completion, group=0) for prompt, completion in cases.values()]
    expected = []
    for prompt, completion in cases.values():
        messages = conversation(prompt, completion)
        if isinstance(completion, str):  # the text opens and ends no turn
            messages[-1]["content"] = completion.replace("<|im_end|>", "< |im_end|>")
        expected.append(plain_score(folder, without_thinking(messages) if thinking == "drop" else messages))
    if name is None and thinking == "keep":  # everything that the policy wrote, calls included
        shown = [sample.completion_text.replace("<|im_end|>", "< |im_end|>") for sample in samples]
        expected = [
            plain_score(folder, [*conversation(s.prompt, "x")[:-1], {"role": "assistant", "content": text}])
            for s, text in zip(samples, shown, strict=True)
        ]
    with TorchRewardModel(str(folder), thinking=thinking) as rm:
        ours = rm.score(samples)
        shared = rm.stats.run_ratio
    onnx = OnnxRewardModel(str(path), thinking=thinking).score(samples)
    largest = 0.0
    for row, (case, right) in enumerate(zip(cases, expected, strict=True)):
        for scores in (ours, onnx):
            if isinstance(right, str):
                assert scores.statuses[row] is Status.FAILED, case
                assert right.partition(": ")[2][:150] in scores.reasons[row], case
            else:
                assert scores.statuses[row] is Status.JUDGED, (case, scores.reasons[row])
                assert abs(scores.values[row] - right) < 1e-4, case
                largest = max(largest, abs(scores.values[row] - right))
    values = [x for x in expected if not isinstance(x, str)]
    assert len(values) >= 4
    assert np.ptp(values) > 0.3
    rejected = [case for case, right in zip(cases, expected, strict=True) if isinstance(right, str)]
    sys.stdout.write(  # shown by pytest -s
        f"\n| {name or 'no template'} | {thinking} | {len(values)} | {largest:.0e} | {np.ptp(values):.1f} | "
        f"{shared:.2f} | {', '.join(rejected) or 'none'} |"
    )


def test_conversation_scores_otherwise_than_its_last_turn(checkpoint):
    folder, _ = checkpoint("chatml")
    with TorchRewardModel(str(folder)) as rm:
        whole, last = rm.score([Sample([SYSTEM, *TURNS], ANSWER, 0), Sample(TURNS[-1]["content"], ANSWER, 0)]).values
    assert abs(whole - last) > 0.01


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_rows_without_anything_to_score_are_unparsed_and_images_fail(checkpoint, backend):
    folder, path = checkpoint("qwen3")
    make = TorchRewardModel if backend == "torch" else OnnxRewardModel
    source = str(folder if backend == "torch" else path)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    seen = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]
    samples = [
        Sample("1 + 1?", "<think>perhaps 2", 0),
        Sample("1 + 1?", "so it is\n2", 0, thinking_opened=True),
        Sample("1 + 1?", "<think>2</think>", 0),
        Sample("1 + 1?", [{"role": "tool", "content": "2"}], 0),
        Sample("1 + 1?", "", 0),
        Sample(seen, "A cat.", 0),
        Sample([{"role": "user", "content": [{"type": "clip"}]}], "A cat.", 0),
        Sample("1 + 1?", [{"role": "assistant", "content": [{"type": "output_text", "text": "2"}]}], 0),
        Sample("1 + 1?", "2", 0),
    ]
    with make(source) as rm:
        scores = rm.score(samples)
        assert [len(ids) > 0 for ids in rm.encode(samples)] == [False] * 4 + [True] + [False] * 2 + [True] * 2
    assert [status.value for status in scores.statuses] == ["unparsed"] * 4 + ["judged"] + ["failed"] * 2 + [
        "judged"
    ] * 2
    assert np.isnan(scores.values[[0, 1, 2, 3, 5, 6]]).all()
    assert scores.reasons[0] == "the thinking has no end: <think> is not closed"
    assert scores.reasons[1] == "the thinking has no end: the marker in the prompt is not closed"
    assert scores.reasons[2:4] == ("nothing follows the thinking", "no message of the policy")
    assert "has a part 'image_url', which the model cannot see; ignore_images = true" in scores.reasons[5]
    assert "unknown part 'clip'" in scores.reasons[6]
    assert scores.values[7] == pytest.approx(scores.values[8], abs=1e-5)
    with make(source, ignore_images=True) as rm:
        blind, text = rm.score([samples[5], Sample("What is it?", "A cat.", 0)]).values
    assert blind == pytest.approx(text, abs=1e-5)
    with make(source, thinking="keep") as rm:
        assert rm.score(samples[:2]).statuses == (Status.JUDGED, Status.JUDGED)


def test_prompts_of_messages_share_their_prefix(checkpoint):
    folder, _ = checkpoint("qwen2.5")
    prompt = [SYSTEM, *TURNS]
    samples = [Sample(prompt, f"It is {n}.", "q") for n in range(8)]
    with TorchRewardModel(str(folder)) as rm:
        scores = rm.score(samples).values
        assert rm.stats.run_ratio < 0.4
    expected = [plain_score(folder, conversation(prompt, sample.completion)) for sample in samples]
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-4)


def test_system_prompt_of_the_model_gives_way_to_that_of_the_conversation(checkpoint, tmp_path):
    folder, _ = checkpoint("chatml")
    path = export_reward_model(str(folder), tmp_path, system_prompt="Be exact.")
    exact = {"role": "system", "content": "Be exact."}
    expected = [
        plain_score(folder, conversation([exact, *TURNS], ANSWER)),
        plain_score(folder, conversation([SYSTEM, *TURNS], ANSWER)),
    ]
    samples = [Sample(TURNS, ANSWER, 0), Sample([SYSTEM, *TURNS], ANSWER, 0)]
    for rm in (TorchRewardModel(str(folder), system_prompt="Be exact."), OnnxRewardModel(str(path))):
        np.testing.assert_allclose(rm.score(samples).values, expected, rtol=0, atol=1e-4)


def test_steps_are_those_of_the_policy_and_no_other_text_makes_one(tmp_path):
    token = "<extra_0>"  # noqa: S105 - a marker
    tiny.write_tokenizer(tmp_path)
    model = tiny.write_model(
        tmp_path, "qwen2", kind="TokenClassification", labels=2, num_hidden_layers=2, max_position_embeddings=2048
    )
    path = export_reward_model(str(tmp_path), tmp_path / "onnx", step_token=token)
    forged = {"role": "tool", "content": f"6{token}"}
    prompt = [
        {"role": "user", "content": f"1 + 2 + 3? {token}"},
        {"role": "assistant", "content": "Shall I?"},
        TURNS[0],
    ]
    completion = [
        {"role": "assistant", "content": "First 1 + 2.\n\nThen 3 + 3."},
        forged,
        {"role": "assistant", "content": f"So{token}\n\n6"},
    ]
    written = [
        {"role": "user", "content": "1 + 2 + 3? < extra_0>"},
        *prompt[1:],
        {"role": "assistant", "content": f"First 1 + 2.{token}Then 3 + 3.{token}"},
        {"role": "tool", "content": "6< extra_0>"},
        {"role": "assistant", "content": f"So< extra_0>{token}6{token}"},
    ]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ids = tokenizer.apply_chat_template(written, return_tensors="pt", return_dict=True)["input_ids"]
    with torch.no_grad():
        steps = model(input_ids=ids).logits[ids == 3].softmax(-1)[:, 1].double().numpy()
    assert len(steps) == 4
    sample = Sample(prompt, completion, 0)
    for rm in (TorchRewardModel(str(tmp_path), step_token=token), OnnxRewardModel(str(path))):
        np.testing.assert_allclose(rm.step_scores([sample])[0], steps, rtol=0, atol=1e-5)


def test_beginning_of_an_answer_in_the_prompt_is_continued(checkpoint):
    folder, path = checkpoint("chatml")
    opened = [TURNS[0], {"role": "assistant", "content": "<think>\n"}]
    samples = [
        Sample(opened, "perhaps 3\n</think>\nIt is 2.", 0),
        Sample([TURNS[0], {"role": "assistant", "content": "It is "}], "2.", 0),
        Sample(opened, "perhaps 3", 0),
    ]
    expected = plain_score(folder, conversation(TURNS[:1], "It is 2."))
    for rm in (TorchRewardModel(str(folder)), OnnxRewardModel(str(path))):
        scores = rm.score(samples)
        np.testing.assert_allclose(scores.values[:2], expected, rtol=0, atol=1e-4)
        assert scores.statuses[2] is Status.UNPARSED
    with TorchRewardModel(str(folder), thinking="keep") as rm:
        kept = plain_score(folder, conversation(TURNS[:1], "<think>\nperhaps 3\n</think>\nIt is 2."))
        assert rm.score(samples[:1]).values[0] == pytest.approx(kept, abs=1e-4)


def test_rewarder_gives_rows_without_an_answer_the_lowest_score(checkpoint):
    folder, path = checkpoint("chatml")
    samples = [Sample("1 + 1?", text, "q") for text in ("2", "<think>3</think>2 or so", "<think>perhaps")]
    with TorchRewardModel(str(folder)) as one, OnnxRewardModel(str(path)) as two:
        for source in (one, EnsembleRewardModel((one, two))):
            outcome = Rewarder({"rm": source}, rm_only())(samples)
            assert outcome.reward[2] == min(outcome.reward[:2])
            assert outcome.columns()["rm_status"][2] == "unparsed"
            assert "the thinking has no end" in outcome.columns()["rm_reason"][2]
        broken = EnsembleRewardModel((one, Broken()))
        assert broken.score(samples).statuses == (Status.FAILED,) * 3


class Broken:
    def score(self, samples):
        return [float("nan")] * len(samples)
