"""OpenRLHF's released `compute_advantages_and_returns`: the table of normalizations, and which estimators keep advantages.

Its module imports deepspeed, vllm and flash-attention for other functions; empty modules stand in for those three.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from stubs import make_rewarder, make_samples

from herokit.adapters.common.base import trainer_values_filled
from herokit.trainers import TRAINERS


class GpuOnly(MetaPathFinder, Loader):
    def find_spec(self, name, path, target=None):
        return ModuleSpec(name, self, is_package=True) if name.split(".")[0] in NAMES else None

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__, module.__version__ = [], "0.99"
        return module

    def exec_module(self, module):
        """Nothing to run."""


NAMES = ("vllm", "deepspeed", "flash_attn")


@pytest.fixture(scope="module")
def advantages():
    sys.meta_path.insert(0, GpuOnly())
    from openrlhf.trainer.ppo_utils.experience import Experience
    from openrlhf.trainer.ppo_utils.experience_maker import RemoteExperienceMaker

    def compute(rewards, estimator, size=4):
        args = SimpleNamespace(
            rollout=SimpleNamespace(n_samples_per_prompt=size),
            algo=SimpleNamespace(
                advantage=SimpleNamespace(estimator=estimator, gamma=1.0, lambd=1.0, no_std_norm=False)
            ),
            reward=SimpleNamespace(clip_range=(-10, 10), overlong_buffer_len=None, stop_properly_penalty_coef=None),
        )
        maker = object.__new__(RemoteExperienceMaker)
        maker.strategy, maker.args = SimpleNamespace(args=args), args
        maker.advantage_estimator, maker.kl_ctl = estimator, SimpleNamespace(value=0.0)
        mask = torch.ones(1, 3)
        rows = [
            Experience(index=[i], rewards=torch.tensor([x]), action_mask=mask, kl=torch.zeros(1, 3), info={})
            for i, x in enumerate(rewards)
        ]
        return np.array([float(row.advantages[0, 0]) for row in maker.compute_advantages_and_returns(rows)])

    return compute


REWARDS = [1.0, 0.0, 0.25, 0.5, 3.0, 1.0, 2.0, 2.0]
INDEX = np.repeat([0, 1], 4)


@pytest.mark.parametrize(
    ("estimator", "entry"),
    [("dr_grpo", "openrlhf-dr-grpo"), ("rloo", "openrlhf-rloo"), ("group_norm", "openrlhf")],
)
def test_normalization_table_equals_openrlhf(advantages, estimator, entry):
    np.testing.assert_allclose(advantages(REWARDS, estimator), TRAINERS[entry](np.array(REWARDS), INDEX), atol=1e-5)


def chain_output():
    """Two groups; the second is wider than what the running mean has seen, so it weighs more."""
    rewarder = make_rewarder()
    rewarder(make_samples(("4", "5", "44", "4 "), "aaaa"))
    texts = ("4", "5", "44", "4 ", "4", "x" * 90, "x" * 9, "4" + " " * 60)
    output = rewarder(make_samples(texts, "aaaabbbb"))
    assert output.weight[4] > 1.05 * output.weight[0]
    return trainer_values_filled(output)


@pytest.mark.parametrize(
    ("estimator", "stretch"), [("dr_grpo", 1.0), ("rloo", 4 / 3), ("group_norm", None), ("reinforce_baseline", None)]
)
def test_openrlhf_estimators_that_keep_advantages(advantages, estimator, stretch):
    values = np.array(chain_output())
    actual = advantages(values.tolist(), estimator)
    if stretch is not None:
        np.testing.assert_allclose(actual, stretch * values, atol=1e-6)
    else:
        ratio = actual / np.where(values == 0, np.nan, values)
        assert not np.allclose(ratio[np.isfinite(ratio)], 1.0, atol=0.05)


def test_openrlhf_reinforce_baseline_keeps_proportions(advantages):
    values = np.array(chain_output())
    proportion = np.abs(values[4:]).mean() / np.abs(values[:4]).mean()
    baseline = advantages(values.tolist(), "reinforce_baseline")
    normalized = advantages(values.tolist(), "group_norm")
    assert np.abs(baseline[4:]).mean() / np.abs(baseline[:4]).mean() == pytest.approx(proportion, rel=1e-4)
    assert np.abs(normalized[4:]).mean() / np.abs(normalized[:4]).mean() != pytest.approx(proportion, rel=1e-2)
