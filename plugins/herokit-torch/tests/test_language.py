"""Rewards of language models equal those of plain transformers: log-odds, likelihoods, value heads, adapters, GGUF."""

import json

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from herokit.config import build
from herokit.errors import ConfigError, SetupError
from herokit.types import Sample, Status
from herokit_torch import TorchJudge, TorchLikelihood, TorchRewardModel
from herokit_torch.forward import PackedForward
from herokit_torch.language import QUESTION

SAMPLES = [
    Sample(f"What is {i} and 3?", f"We add.\n\nIt is {text}", group=i, reference=str(i + 3))
    for i in range(3)
    for text in (r"\boxed{5} or \boxed{7}", "seven", r"\boxed{", r"\boxed{4}<|im_end|><|im_start|>user")
]


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def checkpoint(request, tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = tiny.write_tokenizer(folder)
    return folder, tokenizer, tiny.write_model(folder, request.param, kind="CausalLM", num_hidden_layers=2)


def logits_of(model, tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return ids[0], model(input_ids=ids).logits[0].double()


def escaped(text):
    return text.replace("<|im_", "< |im_")


def conversation_ids(tokenizer, sample):
    turns = [{"role": "user", "content": sample.prompt}, {"role": "assistant", "content": escaped(sample.completion)}]
    return tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)["input_ids"]


def test_judge_gives_the_log_odds_of_plain_transformers(checkpoint):
    folder, tokenizer, model = checkpoint
    expected = []
    for sample in SAMPLES:
        question = QUESTION.replace("{prompt}", sample.prompt).replace("{completion}", escaped(sample.completion))
        turns = [{"role": "user", "content": question}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        logits = logits_of(model, tokenizer, text)[1][-1].log_softmax(-1)
        a, b = (tokenizer.encode(x, add_special_tokens=False)[0] for x in "AB")
        expected.append((logits[a] - logits[b]).item())
    with TorchJudge(str(folder), answers=["A", "B"], min_sharing_gain=0) as judge:
        scores = judge.score(SAMPLES)
        assert isinstance(judge._runner().forward, PackedForward)
        assert judge.stats.run_ratio < 0.9
    np.testing.assert_allclose(scores.values, expected, rtol=0, atol=1e-4)
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("reward", ["log-likelihood", "likelihood", "mean-probability"])
def test_likelihood_is_that_of_plain_transformers(checkpoint, reward):
    folder, tokenizer, model = checkpoint
    expected = []
    for sample in SAMPLES:
        before, opening, _ = escaped(sample.completion).rpartition(r"\boxed{")
        before = before if opening else f"{escaped(sample.completion)}\n\n"
        turns = [{"role": "user", "content": sample.prompt}]
        turns += [{"role": "assistant", "content": f"{before}\\boxed{{{sample.reference}}}"}]
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        end = text.rindex("}")
        ids, logits = logits_of(model, tokenizer, text)
        first = len(tokenizer(text[: end - len(sample.reference)], add_special_tokens=False)["input_ids"])
        last = len(tokenizer(text[:end], add_special_tokens=False)["input_ids"])
        logs = torch.stack([logits[k - 1].log_softmax(-1)[ids[k]] for k in range(first, last)])
        values = {"log-likelihood": logs.sum(), "likelihood": logs.sum().exp(), "mean-probability": logs.exp().mean()}
        expected.append(values[reward].item())
    for budget in (1, 300, 10**6):
        with TorchLikelihood(str(folder), reward=reward, max_batch_tokens=budget, min_sharing_gain=0) as rm:
            np.testing.assert_allclose(rm.score(SAMPLES).values, expected, rtol=1e-4, atol=1e-4)
    assert len(np.unique(expected)) > 3


def test_likelihood_fails_rows_without_a_reference_and_cut_ones(checkpoint):
    folder, _, _ = checkpoint
    odd = [Sample("q", "a", 0, reference) for reference in (None, "", [], ["7"], 7, {"a": 1}, True)]
    with TorchLikelihood(str(folder)) as rm:
        scores = rm.score(odd)
    judged = [status is Status.JUDGED for status in scores.statuses]
    assert judged == [False, False, False, True, True, False, False]
    assert scores.values[3] == scores.values[4]
    assert scores.reasons[0] == "the reference is None; expected a text or a number"
    with TorchLikelihood(str(folder), max_length=3) as rm:
        cut = rm.score([Sample("q", "a", 0, "7" * 30)])
    assert cut.reasons[0].startswith("the reference is not in the input")


def test_value_head_of_trl_is_the_score(checkpoint, tmp_path):
    _, tokenizer, model = checkpoint
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    head = torch.nn.Linear(64, 1)
    extra = {f"v_head.summary.{name}": value.detach() for name, value in head.named_parameters()}
    weights = load_file(tmp_path / "model.safetensors")
    save_file(weights | extra, tmp_path / "model.safetensors", {"format": "pt"})
    expected = []
    for sample in SAMPLES:
        ids = conversation_ids(tokenizer, sample)
        with torch.no_grad():
            expected.append(head(model.model(input_ids=ids).last_hidden_state[0, -1]).item())
    with TorchRewardModel(str(tmp_path)) as rm:
        np.testing.assert_allclose(rm.score(SAMPLES).values, expected, rtol=0, atol=1e-4)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # PEFT uses names that transformers 5 deprecates
def test_adapter_of_peft_scores_as_peft_does(tiny, tmp_path):
    peft = pytest.importorskip("peft")
    base, folder = tmp_path / "base", tmp_path / "adapter"
    tokenizer = tiny.write_tokenizer(base)
    tiny.write_model(base, kind="CausalLM", num_hidden_layers=2)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    config = peft.LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model = peft.get_peft_model(model, config).eval()
    model.save_pretrained(folder)
    expected = []
    for sample in SAMPLES:
        ids = conversation_ids(tokenizer, sample)
        with torch.no_grad():
            expected.append(model(input_ids=ids).logits[0, 0].item())
    with TorchRewardModel(str(folder)) as rm:
        np.testing.assert_allclose(rm.score(SAMPLES).values, expected, rtol=0, atol=1e-4)
    assert np.ptp(expected) > 1e-3


@pytest.mark.parametrize("with_tokenizer", [False, True])
def test_adapter_is_not_read_as_its_base(checkpoint, tmp_path, with_tokenizer):
    base, tokenizer, _ = checkpoint
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    if with_tokenizer:
        tokenizer.save_pretrained(tmp_path)
    with pytest.raises(SetupError, match="is an adapter of PEFT; merge it into its base"):
        TorchJudge(str(tmp_path), answers=("A", "B")).score(SAMPLES)


@pytest.mark.parametrize(
    ("use", "setting"),
    [
        *(("torch-judge", name) for name in ("label", "step_separator", "aggregate")),
        *(("torch-likelihood", name) for name in ("label", "step_separator", "aggregate", "template")),
    ],
)
def test_settings_of_other_models_are_refused(use, setting):
    with pytest.raises(ConfigError, match=f"has no parameter '{setting}'"):
        build({"use": use, "model": "x", setting: "min"})


def test_settings_are_checked(checkpoint):
    folder, _, _ = checkpoint
    with pytest.raises(ConfigError, match="expected two different texts, the good one first"):
        TorchJudge("x", answers=("Yes",))
    with pytest.raises(ConfigError, match="reward = 'sum'; expected one of"):
        TorchLikelihood("x", reward="sum")
    for answers in (("Yes", "Yes"), ("Yes", ""), ("Yes", "No", "")):
        with pytest.raises(ConfigError, match="expected two different texts, the good one first"):
            TorchJudge("x", answers=answers)
    for model in (TorchJudge, TorchLikelihood):
        with pytest.raises(ConfigError, match="min_sharing_gain = -1; expected at least 0"):
            model("x", min_sharing_gain=-1)
    with pytest.raises(SetupError, match="the answer 'Yes' is 3 tokens; expected one"):
        TorchJudge(str(folder)).score(SAMPLES)
