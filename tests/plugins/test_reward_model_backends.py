"""One checkpoint through every local backend: torch, ONNX and plain transformers row by row give the same scores."""

import json
import logging
import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
import transformers

from helpers import tiny_models as tiny
from herokit import Rewarder, hero_advantage
from herokit.errors import ConfigError, SetupError
from herokit.reward_models import compare_ranks
from herokit.reward_models.monitor import looks_like_probabilities
from herokit.types import Sample, Verdict
from herokit_onnx import OnnxRewardModel, export_reward_model, quantization, quantize_reward_model
from herokit_torch import TorchRewardModel

WORDS = ["the", "sum", "of", "two", "and", "three", "is", "five", "so", "we", "add", "seven"]
LENGTHS = np.random.default_rng(0).integers(1, 40, 20)
SAMPLES = [
    Sample(f"Question {i % 5}: what is {i % 5} and three?", " ".join(np.random.default_rng(i).choice(WORDS, n)), i % 5)
    for i, n in enumerate(LENGTHS)
]
SYSTEM = "Be brief."


def one_by_one(folder, samples):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    result = []
    for sample in samples:
        turns = [("system", SYSTEM), ("user", sample.prompt), ("assistant", sample.completion)]
        text = tokenizer.apply_chat_template([{"role": r, "content": c} for r, c in turns], tokenize=False)
        with torch.no_grad():
            result.append(model(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits[0, 0].item())
    return np.array(result)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    """Write the checkpoint of a family and its ONNX file, once."""
    torch.set_num_threads(1)

    @cache
    def make(family):
        folder = tmp_path_factory.mktemp(family)
        tiny.write_tokenizer(folder)
        tiny.write_model(folder, family, num_hidden_layers=2)
        return folder, export_reward_model(str(folder), folder / "onnx", system_prompt=SYSTEM)

    return make


@pytest.fixture(scope="module")
def qwen(export):
    return export("qwen2")


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama", "modernbert"])
def test_backends_agree_in_any_order_and_batch(export, family):
    folder, path = export(family)
    expected = one_by_one(folder, SAMPLES)
    assert np.ptp(expected) > 0.3
    for budget in (1, 300, 10**6):
        order = np.random.default_rng(budget).permutation(len(SAMPLES))
        mixed = [SAMPLES[i] for i in order]
        models = (
            TorchRewardModel(str(folder), system_prompt=SYSTEM, max_batch_tokens=budget),
            OnnxRewardModel(str(path), max_batch_tokens=budget),
        )
        for model in models:
            with model as rm:
                np.testing.assert_allclose(rm.score(mixed).values, expected[order], rtol=0, atol=1e-4)
                assert rm.stats.rows == len(SAMPLES)
    assert (model.stats.run_ratio > 1) == (family == "modernbert")  # the prompts of decoders run once


def test_exported_attention_is_fused(qwen):
    import onnx

    operators = [node.op_type for node in onnx.load(qwen[1]).graph.node]
    assert operators.count("GroupQueryAttention") == 2
    assert "Softmax" not in operators


def test_backends_use_the_shipped_tokenizer_and_probes_detect_another(tmp_path):
    from tokenizers import Tokenizer, pre_tokenizers

    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, num_hidden_layers=1)
    shipped = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    shipped.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), shipped.pre_tokenizer])
    shipped.save(str(tmp_path / "tokenizer.json"))
    rebuilt = transformers.AutoTokenizer.from_pretrained(tmp_path)  # with the pre-tokenizer of its model type
    text = "Yes  and  spaces"
    assert rebuilt.encode(text) != shipped.encode(text).ids
    path = export_reward_model(str(tmp_path), tmp_path / "onnx", template="{completion}{prompt}")
    sample = Sample("", text, group=0)
    assert OnnxRewardModel(str(path)).encode([sample]) == [shipped.encode(text).ids]
    torch_scores = TorchRewardModel(str(tmp_path), template="{completion}{prompt}").score([sample]).values
    np.testing.assert_allclose(OnnxRewardModel(str(path)).score([sample]).values, torch_scores, rtol=0, atol=1e-4)
    rebuilt.backend_tokenizer.save(str(tmp_path / "onnx" / "tokenizer.json"))  # the naive snapshot
    with pytest.raises(SetupError, match="differs from the export"):
        OnnxRewardModel(str(path)).score([])


def test_probes_detect_another_model(qwen, tmp_path):
    shutil.copytree(qwen[1].parent, tmp_path, dirs_exist_ok=True)
    probes = tmp_path / "rm.probes.json"
    data = json.loads(probes.read_text())
    data["probes"][1]["logits"][0] += 0.1
    probes.write_text(json.dumps(data))
    with pytest.raises(SetupError, match="probe 1 scores .* expected"):
        OnnxRewardModel(str(tmp_path / "rm.onnx")).score([])
    probes.write_text("{}")
    with pytest.raises(SetupError, match="not a file of probes"):
        OnnxRewardModel(str(tmp_path / "rm.onnx")).score([])


def test_int8_is_kept_only_if_it_ranks_like_fp32_over_all_and_within_prompts(qwen, caplog, monkeypatch):
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    small, agreement = quantize_reward_model(
        qwen[1], SAMPLES, min_rank_correlation=0.9, min_rank_correlation_within=0.5
    )
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    assert not caplog.records  # the quantizer has one for every node
    assert small.stat().st_size < 0.6 * qwen[1].stat().st_size
    exact, rough = (OnnxRewardModel(str(path)).score(SAMPLES).values for path in (qwen[1], small))
    assert 0 < np.abs(exact - rough).max() < 0.1 * np.ptp(exact)
    assert agreement == compare_ranks(exact, rough, [sample.group for sample in SAMPLES])
    assert agreement.prompts == 5
    other = qwen[1].with_name("x.onnx")
    monkeypatch.setattr(quantization, "_BLOCK_SIZE", 128)  # rougher, with sums in int8
    monkeypatch.setattr(quantization, "_FP32_ACTIVATIONS", 4)
    for bounds, samples in (
        ({"min_rank_correlation": 1.0, "min_rank_correlation_within": 0.1}, SAMPLES),
        ({"min_rank_correlation": 0.1, "min_rank_correlation_within": 1.0}, SAMPLES),
        ({"min_rank_correlation": 1.0}, [replace(sample, group=row) for row, sample in enumerate(SAMPLES)]),
    ):
        with pytest.raises(SetupError, match="rank correlation .* over 20 rows.* within .* the copy is deleted"):
            quantize_reward_model(qwen[1], samples, out=other, **bounds)
        assert not other.exists()
    with pytest.raises(ConfigError, match="got 2 samples"):
        quantize_reward_model(qwen[1], SAMPLES[:2])
    with pytest.raises(ConfigError, match=r"rank correlations in \(0, 1\], got 20 samples and 0.98, 0"):
        quantize_reward_model(qwen[1], SAMPLES, min_rank_correlation_within=0)


def test_export_of_unsupported_checkpoints_raises(tmp_path):
    with pytest.raises(SetupError, match="cannot be opened"):
        export_reward_model(str(tmp_path / "none"), tmp_path)
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, num_hidden_layers=1)
    tiny.write_tokenizer(tmp_path, chat="{{ messages[0]['content'] }}")
    with pytest.raises(SetupError, match="does not write prompt and completion once each"):
        export_reward_model(str(tmp_path), tmp_path / "onnx")
    tiny.write_tokenizer(tmp_path, chat=tiny.CHATML.replace("m['content']", "(m['content'] | upper)"))
    with pytest.raises(SetupError, match="does not write|changes the text that it is given"):
        export_reward_model(str(tmp_path), tmp_path / "onnx")


def test_saturated_scores_are_logged(caplog, tmp_path, qwen):
    import onnx

    model = onnx.load(qwen[1])
    last = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["raw" if name == last else name for name in node.output]
    model.graph.node.append(onnx.helper.make_node("Sigmoid", ["raw"], [last]))
    shutil.copytree(qwen[1].parent, tmp_path, dirs_exist_ok=True)
    onnx.save(model, tmp_path / "rm.onnx")
    (tmp_path / "rm.probes.json").unlink()
    with OnnxRewardModel(str(tmp_path / "rm.onnx")) as rm:
        rm.score(SAMPLES)
    assert "all 20 scores lie in (0, 1), as after a sigmoid" in caplog.text
    assert not looks_like_probabilities(OnnxRewardModel(str(qwen[1])).score(SAMPLES).values)


def test_hero_is_equal_over_both_backends(qwen):
    class Long:
        def verify(self, samples):
            return [Verdict(float(len(s.completion) > 60)) for s in samples]

    result = []
    for rm in (TorchRewardModel(str(qwen[0]), system_prompt=SYSTEM), OnnxRewardModel(str(qwen[1]))):
        with Rewarder({"verifier": Long(), "rm": rm}, hero_advantage()) as rewarder:
            result.append(rewarder(SAMPLES).advantage)
    np.testing.assert_allclose(*result, rtol=0, atol=1e-3)
