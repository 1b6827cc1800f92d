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
from parts import make, samples

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
def test_the_table_of_normalizations_does_what_openrlhf_does(advantages, estimator, entry):
    np.testing.assert_allclose(advantages(REWARDS, estimator), TRAINERS[entry](np.array(REWARDS), INDEX), atol=1e-5)


def chain_output():
    """Two groups; the second is wider than what the running mean has seen, so it weighs more."""
    rewarder = make()
    rewarder(samples(("4", "5", "44", "4 "), "aaaa"))
    texts = ("4", "5", "44", "4 ", "4", "x" * 90, "x" * 9, "4" + " " * 60)
    outcome = rewarder(samples(texts, "aaaabbbb"))
    assert outcome.weight[4] > 1.05 * outcome.weight[0]
    return trainer_values_filled(outcome)


@pytest.mark.parametrize(
    ("estimator", "stretch"), [("dr_grpo", 1.0), ("rloo", 4 / 3), ("group_norm", None), ("reinforce_baseline", None)]
)
def test_which_estimators_hand_the_chains_advantages_to_the_loss(advantages, estimator, stretch):
    given = np.array(chain_output())
    found = advantages(given.tolist(), estimator)
    if stretch is not None:
        np.testing.assert_allclose(found, stretch * given, atol=1e-6)
    else:
        ratio = found / np.where(given == 0, np.nan, given)
        assert not np.allclose(ratio[np.isfinite(ratio)], 1.0, atol=0.05)


def test_reinforce_baseline_keeps_the_proportions_of_groups_and_group_norm_does_not(advantages):
    given = np.array(chain_output())
    proportion = np.abs(given[4:]).mean() / np.abs(given[:4]).mean()
    kept = advantages(given.tolist(), "reinforce_baseline")
    lost = advantages(given.tolist(), "group_norm")
    assert np.abs(kept[4:]).mean() / np.abs(kept[:4]).mean() == pytest.approx(proportion, rel=1e-4)
    assert np.abs(lost[4:]).mean() / np.abs(lost[:4]).mean() != pytest.approx(proportion, rel=1e-2)
