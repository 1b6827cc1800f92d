"""NeMo-RL 7ea279a: `EnvironmentInterface.step`, rewards by name, `compute_advantage`, `_create_advantage_estimator`."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from herokit import Center, Rewarder, Select, chain
from herokit.adapters import nemo_rl
from herokit.adapters.nemo_rl import AdvantageEstimator, environment
from herokit.errors import ConfigError


class EnvironmentReturn(NamedTuple):
    observations: Any
    metadata: Any
    next_stop_strings: Any
    rewards: Any
    terminateds: Any
    answers: Any


class EnvironmentInterface:
    pass


def played(stubs):
    instance = environment(stubs.make_rewarder(), base=EnvironmentInterface, result=EnvironmentReturn)()
    logs = [[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": text}] for text in stubs.TEXTS]
    return instance.step(logs, [{"ground_truth": "4"}] * len(logs))


def test_nemo_rl_estimator_returns_the_advantages_of_the_chain(stubs):
    actual = played(stubs)
    assert set(actual.rewards) == {"verifier", "verifier_failed", "rm", "rm_failed"}
    total = sum(actual.rewards.values())
    assert bool(total.isfinite().all())  # NeMo-RL adds them up for its logs
    batch = {f"reward/{name}": column for name, column in actual.rewards.items()}
    prompts = torch.tensor([[1, 2]] * 4 + [[1, 3]] * 4)
    mask = torch.ones(8, 5)
    estimator = AdvantageEstimator(stubs.make_rewarder())
    advantages = estimator.compute_advantage(
        prompt_ids=prompts, rewards=total, mask=mask, repeated_batch=batch, logprobs_policy=None
    )
    assert advantages.shape == (8, 5)
    expected = np.nan_to_num(stubs.make_rewarder()(stubs.make_samples()).advantage)
    np.testing.assert_allclose(advantages[:, 2].numpy(), expected, atol=1e-5)
    assert not estimator.output.valid[7]


def test_nemo_rl_estimator_reads_rewards_of_one_source(stubs):
    estimator = AdvantageEstimator(Rewarder({"rm": stubs.Brief()}, chain(Select("rm"), Center())))
    actual = estimator.compute_advantage(torch.tensor([1, 1]), torch.tensor([1.0, 3.0]), torch.ones(2, 1))
    assert actual.flatten().tolist() == [-1.0, 1.0]


def test_nemo_rl_estimator_names_a_missing_reward(stubs):
    with pytest.raises(ConfigError, match=r"no reward of the sources \['verifier', 'rm'\]"):
        AdvantageEstimator(stubs.make_rewarder()).compute_advantage(
            torch.tensor([1]), torch.tensor([1.0]), torch.ones(1, 1), {}
        )


def test_nemo_rl_install_replaces_the_estimator(install_module, stubs):
    grpo = install_module("nemo_rl.algorithms.grpo", _create_advantage_estimator=lambda config: None)
    install_module("nemo_rl.algorithms", grpo=grpo)
    sync = install_module("nemo_rl.algorithms.grpo_sync", _create_advantage_estimator=grpo._create_advantage_estimator)
    other = install_module("nemo_rl.algorithms.ppo", _create_advantage_estimator="its own")
    instance = nemo_rl.install(stubs.make_rewarder())
    for module in (grpo, sync):
        assert module._create_advantage_estimator(SimpleNamespace()) is instance
    assert other._create_advantage_estimator == "its own"


@pytest.mark.parametrize("by", ["valid_mask", "mask_sample"])
def test_nemo_rl_estimator_leaves_masked_rows_out_of_their_group(stubs, by):
    scores, masked = torch.tensor([1.0, 3.0, 100.0]), torch.tensor([False, False, True])
    estimator = AdvantageEstimator(Rewarder({"rm": stubs.Brief()}, chain(Select("rm"), Center())))
    batch = {"reward/rm": scores, "reward/rm_failed": torch.zeros(3)}
    batch |= {"mask_sample": masked} if by == "mask_sample" else {}
    more = {"valid_mask": (~masked).float()} if by == "valid_mask" else {}
    actual = estimator.compute_advantage(torch.tensor([1, 1, 1]), scores, torch.ones(3, 1), batch, **more)
    assert actual.flatten().tolist() == [-1.0, 1.0, 0.0]
    assert estimator.output.valid.tolist() == [True, True, False]
