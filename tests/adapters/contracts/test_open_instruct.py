"""open-instruct e6c3044: `compute_rewards`' call of the reward function, `RewardConfig.build`, `VerifierFunction`."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from herokit.adapters import open_instruct
from herokit.adapters.open_instruct import RewardFunction, verifier_function
from herokit.errors import ConfigError


class VerifierFunction:
    def __init__(self, name, weight=1.0, verifier_config=None):
        self.name, self.weight, self.verifier_config = name, weight, verifier_config

    async def async_call(self, **passed):
        return await asyncio.to_thread(lambda: self(**passed))


@dataclass
class VerificationResult:
    score: float
    cost: float = 0.0
    reasoning: str | None = None


class RewardConfig:
    def build(self):
        raise AssertionError("replaced")


def compute_rewards(reward_fn, texts, truths="4"):
    """As open-instruct's own: positions, not names."""
    count = len(texts)
    return asyncio.run(
        reward_fn(
            [[1]] * count,
            texts,
            [truths] * count,
            ["math"] * count,
            ["stop"] * count,
            SimpleNamespace(timeouts=[0] * count),
            ["2 + 2?"] * count,
        )
    )


def test_open_instruct_centered_scores_are_advantages(install_module, stubs):

    install_module("open_instruct.ground_truth_utils", RewardConfig=RewardConfig)

    function = open_instruct.install(stubs.make_rewarder())
    assert RewardConfig().build() is function
    texts = ["4", "four", "broken", "4"]
    scores, metrics = compute_rewards(function, texts)
    centred = np.array(scores) - np.mean(scores)
    expected = np.nan_to_num(stubs.make_rewarder()(stubs.make_samples(texts, "aaaa")).advantage)
    np.testing.assert_allclose(centred, expected, atol=1e-9)
    assert metrics["herokit/rows/invalid"] == 0.25
    assert all(isinstance(x, float) for x in [*scores, *metrics.values()])


def test_open_instruct_accepts_one_reference_in_a_list(stubs):
    function = RewardFunction(stubs.make_rewarder())
    assert (
        compute_rewards(function, ["4", "5"], ["4"])[0]
        == compute_rewards(RewardFunction(stubs.make_rewarder()), ["4", "5"])[0]
    )
    with pytest.raises(ConfigError, match="has 2 ground truths"):
        compute_rewards(function, ["4", "5"], ["4", "5"])


def test_open_instruct_verifier_function(stubs):
    subclass = verifier_function(stubs.Exact(), "sums", weight=2.0, base=VerifierFunction, result=VerificationResult)
    assert subclass in VerifierFunction.__subclasses__()
    verifier = subclass(None)
    assert (verifier.name, verifier.weight) == ("sums", 2.0)
    call = {"tokenized_prediction": [1], "prediction": "4", "label": "4", "query": "2 + 2?", "rollout_state": {}}
    assert asyncio.run(verifier.async_call(**call)) == VerificationResult(1.0)
    with pytest.raises(RuntimeError, match="sums: the sandbox is down"):
        verifier([1], "broken", "4")
