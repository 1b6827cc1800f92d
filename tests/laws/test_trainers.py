"""The table of trainer normalizations against the formulas of the trainers, written in torch."""

import numpy as np
import pytest
import torch

from herokit.errors import ConfigError
from herokit.trainers import TRAINERS, find_trainer

R = torch.tensor([[0.1, 0.9, -0.1, 1.1], [0.0, 0.0, 0.0, 0.0], [3.0, -1.0, 2.0, 2.5]], dtype=torch.float64)
GROUP_IDS = np.repeat(np.arange(3), 4)
MEAN, STD = R.mean(-1, keepdim=True), R.std(-1, keepdim=True)
OTHERS = R - (R.sum(-1, keepdim=True) - R) / 3


def whiten(x):
    return (x - x.mean()) / (x.std() + 1e-4)


POPULATION = R.std(-1, correction=0, keepdim=True)


def leave_one_out_standardized():
    """Baseline and deviation of the other rows of the group; a deviation of 0 divides by nothing."""
    out = torch.zeros_like(R)
    for group in range(3):
        for row in range(4):
            others = torch.cat([R[group, :row], R[group, row + 1 :]])
            deviation = R[group, row] - others.mean()
            out[group, row] = deviation / (others.std() + 1e-6) if others.std() > 0 else deviation
    return out


EXPECTED = {
    "trl": (R - MEAN) / (STD + 1e-4),
    "trl-batch": (R - MEAN) / (R.flatten().std() + 1e-4),
    "trl-none": R - MEAN,
    "trl-gdpo": whiten((R - MEAN) / (STD + 1e-4)),
    "trl-rloo": OTHERS,
    "trl-rloo-batch": whiten(OTHERS),
    "trl-async": (R - MEAN) / (R.std(-1, correction=0, keepdim=True) + 1e-8),
    "verl": (R - MEAN) / (STD + 1e-6),
    "verl-none": R - MEAN,
    "verl-rloo": R * 4 / 3 - MEAN * 4 / 3,
    "openrlhf": (R - MEAN) / (STD + 1e-9),
    "openrlhf-dr-grpo": R - MEAN,
    "openrlhf-rloo": OTHERS,
    "ms-swift": (R - MEAN) / (STD + 1e-4),
    "ms-swift-batch": (R - MEAN) / (R.flatten().std() + 1e-4),
    "ms-swift-none": R - MEAN,
    "ms-swift-rloo": OTHERS,
    "slime": (R - MEAN) / (STD + 1e-6),
    "slime-none": R - MEAN,
    "skyrl": (R - MEAN) / (STD + 1e-6),
    "skyrl-none": R - MEAN,
    "skyrl-rloo": OTHERS,
    "nemo-rl": leave_one_out_standardized(),
    "nemo-rl-none": OTHERS,
    "rllm": (R - MEAN) / (POPULATION + 1e-6),
    "rllm-none": R - MEAN,
    "rllm-rloo": OTHERS,
    "areal": (R - MEAN) / (STD + 1e-5),
    "areal-none": R - MEAN,
    "open-instruct": R - MEAN,
    "open-instruct-standard": (R - MEAN) / (POPULATION + 1e-8),
    "prime-rl": R - MEAN,
    "tinker": R - MEAN,
    "verifiers": R - MEAN,
    "dr-grpo": R - MEAN,
}


@pytest.mark.parametrize("name", TRAINERS)
def test_normalization_equals_the_formula_of_the_trainer(name):
    order = np.random.default_rng(0).permutation(12)
    advantages = TRAINERS[name](R.flatten().numpy()[order], GROUP_IDS[order])
    np.testing.assert_allclose(advantages, EXPECTED[name].flatten().numpy()[order], atol=1e-12)
    assert TRAINERS[name].source


@pytest.mark.parametrize("name", TRAINERS)
def test_normalization_of_a_group_of_one(name):
    alone = TRAINERS[name](np.array([0.7]), np.array([5]))
    keeps_reward = name != "skyrl-rloo" and name.startswith(("verl", "skyrl", "rllm"))
    np.testing.assert_allclose(alone, [0.7] if keeps_reward else [0.0], atol=1e-6)


def test_find_trainer_suggests_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'verl'"):
        find_trainer("verll")
