"""ms-swift's released reward call and advantage functions, with the adapter as outcome reward model."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from stubs import TEXTS, make_rewarder, make_samples
from swift.rewards import ORM, orms
from swift.rl_core.advantage import compute_advantages, compute_advantages_dynamic
from swift.rl_core.data import GRPOSample
from swift.rl_core.grpo_algorithm import compute_rewards_per_func

from herokit.adapters.swift import orm
from herokit.errors import ConfigError
from herokit.trainers import TRAINERS


def rollouts(texts=TEXTS, size=4, **columns):
    rows = []
    for at, text in enumerate(texts):
        messages = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": text}]
        extra = {"solution": "4"} | {name: values[at] for name, values in columns.items()}
        prompt = f"prompt_{at // size}"
        rows.append(GRPOSample(messages=messages, prompt_id=prompt, request_id=f"r{at}", extra=extra))
    return rows


def reward_function(rewarder, size=4):
    orms["herokit"] = orm(rewarder)
    return orms["herokit"](args=SimpleNamespace(num_generations=size))


def rewards_of(function, rows):
    return compute_rewards_per_func(rows, [function], [None], torch.device("cpu"))


def test_swift_advantages_are_those_of_the_chain():
    function = reward_function(make_rewarder())
    assert isinstance(function, ORM)
    rewards = rewards_of(function, rollouts())
    advantages, _ = compute_advantages(rewards, torch.ones(1), 4, scale_rewards="none")
    expected = np.nan_to_num(make_rewarder()(make_samples()).advantage)
    np.testing.assert_allclose(advantages.numpy(), expected, atol=1e-6)
    assert advantages[7] == pytest.approx(0.0, abs=1e-6)


def test_swift_dynamic_advantages_are_those_of_the_chain():
    rows = rollouts()
    rewards = rewards_of(reward_function(make_rewarder()), rows)
    ids = [row.prompt_id for row in rows], [row.request_id for row in rows]
    advantages, _ = compute_advantages_dynamic(rewards, torch.ones(1), *ids, scale_rewards="none")
    np.testing.assert_allclose(advantages.numpy(), np.nan_to_num(make_rewarder()(make_samples()).advantage), atol=1e-6)


def test_swift_counts_none_as_reward_zero():
    """Why the adapter gives a neutral number: ms-swift sums with nansum."""
    rewards = torch.tensor([[1.0], [1.0], [1.0], [float("nan")]])
    advantages, _ = compute_advantages(rewards, torch.ones(1), 4, scale_rewards="none")
    assert advantages[3] == pytest.approx(-0.75)


REWARDS = np.array([1.0, 0.0, 0.25, 0.5, 3.0, 1.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("settings", "entry"),
    [
        ({"scale_rewards": "group"}, "ms-swift"),
        ({"scale_rewards": "batch"}, "ms-swift-batch"),
        ({"scale_rewards": "none"}, "ms-swift-none"),
        ({"scale_rewards": "none", "advantage_estimator": "rloo"}, "ms-swift-rloo"),
    ],
)
def test_normalization_table_equals_swift(settings, entry):
    actual, _ = compute_advantages(torch.tensor(REWARDS)[:, None], torch.ones(1).double(), 4, **settings)
    np.testing.assert_allclose(actual.numpy(), TRAINERS[entry](REWARDS, np.repeat([0, 1], 4)), atol=1e-6)


def test_swift_reward_function_names_the_setting_for_incomplete_groups():
    with pytest.raises(ConfigError, match="multiple of num_generations"):
        rewards_of(reward_function(make_rewarder()), rollouts(TEXTS[:6]))
    with pytest.raises(ConfigError, match=r"got ids \['prompt_0', 'prompt_1'\]"):
        rewards_of(reward_function(make_rewarder()), rollouts(TEXTS[2:6] + TEXTS[:4], size=2))


def test_swift_evaluation_rows_keep_the_running_mean():
    rewarder = make_rewarder()
    function = reward_function(rewarder)
    before = rewarder.state_dict()
    rewards_of(function, rollouts(split=["validation"] * 8))
    assert rewarder.state_dict() == before
    rewards_of(function, rollouts(split=["train"] * 8))
    assert rewarder.state_dict() != before
