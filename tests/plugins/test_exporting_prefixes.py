"""Rollouts of one prompt run its tokens once in ONNX, and score as they do alone."""

import numpy as np
import onnxruntime
import pytest
import torch

from helpers import tiny_models as tiny
from herokit.errors import ConfigError, SetupError
from herokit.types import Sample
from herokit_onnx import OnnxRewardModel, export_reward_model
from herokit_torch import TorchRewardModel

STEP = "<extra_0>"
ROLLOUTS = [
    Sample(f"What is {i % 3} and a number? " * 3, "so one\n\nit is " * (i % 7) + f"one\n\n{i}", group=i % 3)
    for i in range(12)
]
MODELS = {
    "qwen2": ("qwen2", {}, None),
    "three labels": ("llama", {"labels": 3}, None),
    "steps": ("qwen3", {"kind": "TokenClassification", "labels": 2, "scale": 0.1}, STEP),
}


@pytest.fixture(scope="module", params=MODELS)
def exported(request, tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("prefixes")
    family, settings, token = MODELS[request.param]
    tiny.write_tokenizer(folder)
    tiny.write_model(folder, family, num_hidden_layers=2, **settings)
    return str(folder), str(export_reward_model(str(folder), folder / "onnx", step_token=token)), token


def test_shared_prompts_run_once_and_score_as_alone(exported):
    folder, path, token = exported
    label = {} if token else {"label": 0}
    with TorchRewardModel(folder, step_token=token, **label) as rm:
        expected = rm.score(ROLLOUTS)
    ratios = {}
    for gain in (0, 1.25, float("inf")):
        for budget in (1, 200, 10**6):
            with OnnxRewardModel(path, min_sharing_gain=gain, max_batch_tokens=budget, **label) as rm:
                scores = rm.score(ROLLOUTS)
                ratios[gain, budget] = rm.stats.run_ratio
            np.testing.assert_allclose(scores.values, expected.values, rtol=0, atol=1e-4)
            for ours, theirs in zip(scores.steps or (), expected.steps or (), strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    assert np.ptp(expected.values) > 0.01
    assert ratios[0, 200] < 0.9
    assert ratios[float("inf"), 1] == 1


def test_bound_arrays_share_prompts_too(exported):
    _, path, token = exported
    label = {} if token else {"label": 0}
    plain, bound = (OnnxRewardModel(path, io_binding=io, **label).score(ROLLOUTS).values for io in (False, True))
    np.testing.assert_allclose(plain, bound, rtol=0, atol=1e-6)


def test_graph_without_a_past_runs_every_prompt(tmp_path):
    tiny.write_tokenizer(tmp_path)
    tiny.write_model(tmp_path, "modernbert", num_hidden_layers=2)
    path = export_reward_model(str(tmp_path), tmp_path / "onnx")
    assert [node.name for node in onnxruntime.InferenceSession(path).get_inputs()] == ["input_ids", "attention_mask"]
    with OnnxRewardModel(str(path), min_sharing_gain=0) as rm:
        rm.score(ROLLOUTS)
        assert rm.stats.run_ratio >= 1


def test_invalid_gain_raises():
    with pytest.raises(ConfigError, match="min_sharing_gain = -1; expected at least 0"):
        OnnxRewardModel(min_sharing_gain=-1)


def test_graph_whose_past_is_ignored_is_an_error_when_it_opens(exported, monkeypatch):
    from herokit_onnx.session import OnnxRunner

    _, path, _ = exported
    score = OnnxRunner._score
    monkeypatch.setattr(OnnxRunner, "_score", lambda self, ids, past=None: score(self, ids))
    with pytest.raises(SetupError, match="probe 0 scores .*, expected"):
        OnnxRewardModel(path).score(ROLLOUTS)
