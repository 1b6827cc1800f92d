"""ms-swift in brief: the calls of an ORM; its own objects are in ../real/ms-swift."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from herokit.adapters.swift import RewardFunction, check_settings, orm
from herokit.errors import ConfigError
from herokit.trainers.cancellation import StepCancelledWarning

TEXTS = ["4", "four", "broken", "4"]


def expected(stubs):
    return np.nan_to_num(stubs.make_rewarder()(stubs.make_samples(TEXTS, "aaaa")).advantage)


def chats(texts):
    return [[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": text}] for text in texts]


def test_swift_orm_returns_advantage_zero_for_a_failed_row(stubs, install_module):
    install_module("swift.rewards", ORM=type("ORM", (), {"__init__": lambda self, args=None, **passed: None}))
    function = orm(stubs.make_rewarder(), reference="solution")(args=SimpleNamespace(num_generations=4))
    values = function(TEXTS, messages=chats(TEXTS), prompt_id=["p"] * 4, solution=["4"] * 4, trainer_state=object())
    np.testing.assert_allclose(values, expected(stubs), atol=1e-12)


@pytest.mark.parametrize(("scale", "warns"), [("group", True), ("gdpo", True), ("none", False), ("batch", False)])
def test_swift_check_settings_warns_of_cancelled_steps(stubs, scale, warns):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_settings(stubs.make_rewarder(), SimpleNamespace(scale_rewards=scale))
    assert [w.category for w in caught] == ([StepCancelledWarning] if warns else [])


def test_swift_reward_function_rejects_missing_messages_and_incomplete_groups(stubs):
    with pytest.raises(ConfigError, match="no messages for 2 completions"):
        RewardFunction(stubs.make_rewarder(), 2)(["4", "5"])
    with pytest.raises(ConfigError, match="got 3 rollouts, not a multiple of group size 2"):
        RewardFunction(stubs.make_rewarder(), 2)(["4", "5", "6"], messages=chats(["4", "5", "6"]))
