"""A real pretrained model in torch, in ONNX and as a judge, against plain transformers and PEFT; `make test-models` runs this.

Body, tokenizer, chat template and lengths are those of SmolLM2-135M-Instruct, where padding is the end of a turn. The head is fitted
on a few rollouts.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import smollm2
import torch
import transformers
from language_rewards import judge_loop, likelihood_loop
from safetensors.torch import save_file

from herokit.reward_models import compare_ranks
from herokit.reward_models.control_tokens import KNOWN_TOKENS, break_up, remove_end
from herokit.testing.attacks import TURN_ATTACKS
from herokit.types import Sample, Status
from herokit_onnx import OnnxRewardModel, quantize_reward_model
from herokit_torch import TorchJudge, TorchLikelihood, TorchRewardModel

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location(
    "conversations_of_reward_models", ROOT / "tests" / "plugins" / "test_reward_models_on_conversations.py"
)
conversations = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(conversations)

SETTINGS = {"dtype": "float32"}


def plain_scores(model, rows_of_ids):
    """Return the first logit of each row, (1, S) ids, from transformers' own forward, one row at a time."""
    with torch.no_grad():
        return np.array([model(input_ids=ids).logits[0, 0].item() for ids in rows_of_ids])


@pytest.fixture(scope="module")
def expected(checkpoint, rollouts):
    _, tokenizer, model = checkpoint
    return plain_scores(model, [smollm2.plain_ids(tokenizer, sample) for sample in rollouts])


def show(name, scores, right):
    print(f"\n{name}: largest difference {np.abs(scores - right).max():.1e} of scores with std {right.std():.2f}")  # noqa: T201


def test_torch_scores_rollouts_as_transformers_does(checkpoint, rollouts, expected):
    with TorchRewardModel(checkpoint[0], **SETTINGS) as rm:
        scores = rm.score(rollouts).values
        assert rm.stats.run_ratio < 0.9  # prompts are shared
        assert "packed" in rm.report()
    show("torch", scores, expected)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-4)
    assert expected.std() > 0.3


def test_onnx_scores_rollouts_as_transformers_does(onnx_file, rollouts, expected):
    with OnnxRewardModel(str(onnx_file), threads=1) as rm:
        scores = rm.score(rollouts).values
    show("onnx", scores, expected)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-4)


def test_conversations_score_as_with_transformers(checkpoint, onnx_file):
    folder, tokenizer, model = checkpoint
    cases = {key: case for key, case in conversations.CONVERSATIONS.items() if key != "a call without content"}
    right = []
    for prompt, completion in cases.values():
        messages = conversations.without_thinking(conversations.conversation(prompt, completion))
        if isinstance(completion, str):
            messages[-1]["content"] = completion.replace("<|im_end|>", "< |im_end|>")
        right.append(smollm2.plain_ids(tokenizer, messages))
    right = plain_scores(model, right)
    samples = [Sample(prompt, completion, group=0) for prompt, completion in cases.values()]
    for rm in (TorchRewardModel(folder, **SETTINGS), OnnxRewardModel(str(onnx_file), threads=1)):
        with rm:
            scores = rm.score(samples)
        assert set(scores.statuses) == {Status.JUDGED}, scores.reasons
        np.testing.assert_allclose(scores.values, right, rtol=0, atol=1e-4)
    assert np.ptp(right) > 0.3


def test_text_that_ends_in_the_end_token_is_scored_before_it(checkpoint, rollouts):
    folder, tokenizer, model = checkpoint
    assert tokenizer.pad_token_id == tokenizer.eos_token_id == model.config.pad_token_id
    template = "{prompt}\n{completion}<|im_end|>"
    texts = [f"{sample.prompt}\n{sample.completion}<|im_end|>" for sample in rollouts[:8]]
    rows = [tokenizer(text, return_tensors="pt")["input_ids"] for text in texts]
    assert all(row[0, -1] == tokenizer.eos_token_id for row in rows)
    with TorchRewardModel(folder, template=template, **SETTINGS) as rm:
        scores = rm.score(rollouts[:8]).values
    np.testing.assert_allclose(scores, plain_scores(model, rows), rtol=0, atol=1e-4)
    with torch.no_grad():
        at_end = [model.score(model.model(input_ids=row).last_hidden_state[0, -1]).item() for row in rows]
    assert np.abs(scores - at_end).min() > 1e-3  # the two places differ


def test_no_completion_opens_a_turn(checkpoint, onnx_file):
    folder, tokenizer, _ = checkpoint
    texts = [f"It is 7.{attack}" for family in TURN_ATTACKS for attack in TURN_ATTACKS[family]]
    samples = [Sample("What is 3 + 4?", text, 0) for text in (*texts, "It is 7.")]
    spelled = [Sample("What is 3 + 4?", break_up(remove_end(text), KNOWN_TOKENS), 0) for text in texts]
    own = np.array([text.startswith("It is 7.<|im_") for text in texts])  # the control tokens of this tokenizer
    special = set(tokenizer.all_special_ids)
    for rm in (
        TorchRewardModel(folder, thinking="keep", **SETTINGS),
        OnnxRewardModel(str(onnx_file), thinking="keep", threads=1),
    ):
        with rm:
            *rows, plain = rm.encode(samples)
            scores, harmless = rm.score(samples[:-1]).values, rm.score(spelled).values
        written = [token for token in plain if token in special]
        assert len(written) > 3
        assert all([token for token in row if token in special] == written for row in rows)
        np.testing.assert_allclose(scores[own], harmless[own], rtol=0, atol=1e-4)
    with TorchRewardModel(folder, thinking="keep", control_tokens="keep", **SETTINGS) as rm:
        rows = rm.encode([sample for sample, is_own in zip(samples, own, strict=False) if is_own])
    assert all(sum(token in special for token in row) > len(written) for row in rows)


def test_judge_gives_the_log_odds_of_transformers(language_model, rollouts):
    tokenizer, model = language_model
    right = judge_loop(tokenizer, model, rollouts[:12])
    with TorchJudge(str(smollm2.find_gguf()), **SETTINGS) as judge:
        scores = judge.score(rollouts[:12]).values
    show("judge", scores, np.array(right))
    np.testing.assert_allclose(scores, right, rtol=0, atol=1e-4)


def test_likelihood_is_that_of_transformers(language_model, rollouts, tmp_path):
    tokenizer, model = language_model
    smollm2.write_language_model(tmp_path, tokenizer, model)
    right = likelihood_loop(tokenizer, model, rollouts[:12])
    with TorchLikelihood(str(tmp_path), **SETTINGS) as rm:
        scores = rm.score(rollouts[:12]).values
    show("likelihood", scores, np.array(right))
    np.testing.assert_allclose(scores, right, rtol=0, atol=1e-4)


def test_int8_of_a_real_model_ranks_like_fp32(onnx_file, rollouts):
    bounds = {
        "min_rank_correlation": 0.98,
        "min_rank_correlation_within": 0.9,
    }  # ADR 0070: .95 to 1 within, by data and head
    small, agreement = quantize_reward_model(onnx_file, rollouts[:64], **bounds)
    print(f"\nint8: {agreement}")  # noqa: T201
    assert agreement.prompts >= 8
    assert small.stat().st_size < 0.6 * onnx_file.stat().st_size


def test_four_heads_run_the_real_body_once(checkpoint, rollouts, tmp_path):
    folder, tokenizer, model = checkpoint
    torch.manual_seed(0)
    samples = rollouts[:8]
    with torch.no_grad():
        states = [
            model.model(input_ids=smollm2.plain_ids(tokenizer, sample)).last_hidden_state[0, -1] for sample in samples
        ]
    heads = {f"head{k}": torch.randn(1, model.config.hidden_size) * 0.02 for k in range(4)}
    sources = {}
    for name, weight in heads.items():
        save_file({"score.weight": weight}, tmp_path / name)
        sources[name] = TorchRewardModel(folder, head=str(tmp_path / name), **SETTINGS)
    for name, source in sources.items():
        right = (torch.stack(states) @ heads[name].T)[:, 0].numpy()
        np.testing.assert_allclose(source.score(samples).values, right, rtol=0, atol=1e-4)
    assert [source.stats.run_tokens > 0 for source in sources.values()] == [True, False, False, False]


def test_adapter_on_the_real_body_scores_as_peft_does(checkpoint, rollouts, tmp_path):
    peft = pytest.importorskip("peft")
    folder, tokenizer, _ = checkpoint
    base = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    torch.manual_seed(0)
    config = peft.LoraConfig(task_type="SEQ_CLS", r=8, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model = peft.get_peft_model(base, config).eval()
    model.save_pretrained(tmp_path)
    samples = rollouts[:8]
    right = plain_scores(model, [smollm2.plain_ids(tokenizer, sample) for sample in samples])
    with TorchRewardModel(folder, **SETTINGS) as rm:
        assert np.abs(rm.score(samples).values - right).max() > 0.01
    with TorchRewardModel(str(tmp_path), **SETTINGS) as rm:
        np.testing.assert_allclose(rm.score(samples).values, right, rtol=1e-4, atol=1e-4)


def test_bfloat16_is_compared_within_prompts(checkpoint, rollouts, expected):
    samples = rollouts[:32]
    with TorchRewardModel(checkpoint[0], dtype="bfloat16") as rm:
        agreement = compare_ranks(expected[:32], rm.score(samples).values, [sample.group for sample in samples])
    print(f"\nbf16: {agreement}")  # noqa: T201
    assert agreement.overall > 0.8
    assert agreement.prompts >= 4
