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


def played(parts):
    made = environment(parts.make(), base=EnvironmentInterface, result=EnvironmentReturn)()
    logs = [[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": text}] for text in parts.TEXTS]
    return made.step(logs, [{"ground_truth": "4"}] * len(logs))


def test_rewards_by_name_become_the_chains_advantages(parts):
    found = played(parts)
    assert set(found.rewards) == {"verifier", "verifier_failed", "rm", "rm_failed"}
    total = sum(found.rewards.values())
    assert bool(total.isfinite().all())  # NeMo-RL adds them up for its logs
    batch = {f"reward/{name}": column for name, column in found.rewards.items()}
    prompts = torch.tensor([[1, 2]] * 4 + [[1, 3]] * 4)
    mask = torch.ones(8, 5)
    estimator = AdvantageEstimator(parts.make())
    advantages = estimator.compute_advantage(
        prompt_ids=prompts, rewards=total, mask=mask, repeated_batch=batch, logprobs_policy=None
    )
    assert advantages.shape == (8, 5)
    expected = np.nan_to_num(parts.make()(parts.samples()).advantage)
    np.testing.assert_allclose(advantages[:, 2].numpy(), expected, atol=1e-5)
    assert not estimator.output.valid[7]


def test_one_source_needs_no_components(parts):
    estimator = AdvantageEstimator(Rewarder({"rm": parts.Brief()}, chain(Select("rm"), Center())))
    found = estimator.compute_advantage(torch.tensor([1, 1]), torch.tensor([1.0, 3.0]), torch.ones(2, 1))
    assert found.flatten().tolist() == [-1.0, 1.0]


def test_a_missing_component_is_named(parts):
    with pytest.raises(ConfigError, match=r"no reward of the sources \['verifier', 'rm'\]"):
        AdvantageEstimator(parts.make()).compute_advantage(torch.tensor([1]), torch.tensor([1.0]), torch.ones(1, 1), {})


def test_the_chooser_is_replaced_where_it_is_called_from(install, parts):
    grpo = install("nemo_rl.algorithms.grpo", _create_advantage_estimator=None)
    install("nemo_rl.algorithms", grpo=grpo)
    made = nemo_rl.install(parts.make())
    assert grpo._create_advantage_estimator(SimpleNamespace()) is made
