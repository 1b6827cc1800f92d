"""rLLM 9beb6e0: `register_rllm_adv_estimator`, how estimators are called, `EvaluatorFn` and where signals go."""

from types import SimpleNamespace

import numpy as np
import pytest

from herokit.adapters.rllm import AdvantageEstimator, RewardFunction, register
from herokit.errors import ConfigError


def trajectory(actual, text):
    return SimpleNamespace(reward=actual["reward"], signals=dict(actual["signals"]), output=text)


def collect(estimator, groups):
    """As `collect_reward_and_advantage_from_trajectory_groups` calls it."""
    rewards = [np.array([t.reward for t in group.trajectories]) for group in groups]
    advantages, _ = estimator(rewards=rewards, algorithm_config=SimpleNamespace(), traj_groups=groups)
    assert len(advantages) == len(groups)
    for group, actual in zip(groups, advantages, strict=True):
        assert len(actual) == len(group.trajectories)
    return np.concatenate(advantages)


def groups_of(stubs, evaluator):
    task = {"question": "2 + 2?", "answer": "4"}
    actual = [trajectory(evaluator.score(task, text), text) for text in stubs.TEXTS]
    return [SimpleNamespace(trajectories=actual[:4]), SimpleNamespace(trajectories=actual[4:])]


def test_rllm_estimator_returns_the_advantages_of_the_chain(stubs):
    groups = groups_of(stubs, RewardFunction(stubs.make_rewarder()))
    assert [t.reward for t in groups[0].trajectories] == [1.0, 0.0, 0.0, 1.0]
    assert np.isnan(groups[1].trajectories[3].signals["verifier"])
    actual = collect(AdvantageEstimator(stubs.make_rewarder()), groups)
    np.testing.assert_allclose(actual, np.nan_to_num(stubs.make_rewarder()(stubs.make_samples()).advantage), atol=1e-12)


def test_rllm_reward_function_reads_an_episode(stubs):
    task = SimpleNamespace(instruction="2 + 2?", metadata={"answer": "4"})
    episode = SimpleNamespace(trajectories=[SimpleNamespace(output="4")])
    assert RewardFunction(stubs.make_rewarder())(task, episode)["is_correct"] is True


def test_rllm_register_adds_the_estimator(install_module, stubs):
    registry = {}

    def register_rllm_adv_estimator(name):
        return lambda function: registry.setdefault(name, function)

    install_module("rllm.trainer.algorithms.advantage", register_rllm_adv_estimator=register_rllm_adv_estimator)
    assert register(stubs.make_rewarder()) is registry["herokit"]


def test_rllm_estimator_names_a_missing_signal(stubs):
    groups = groups_of(stubs, RewardFunction(stubs.make_rewarder()))
    del groups[0].trajectories[2].signals["rm"]
    with pytest.raises(ConfigError, match=r"trajectory 2 has no signal \['rm'\]"):
        collect(AdvantageEstimator(stubs.make_rewarder()), groups)
    with pytest.raises(ConfigError, match="without trajectories"):
        AdvantageEstimator(stubs.make_rewarder())([np.array([1.0])], None)
    assert AdvantageEstimator(stubs.make_rewarder())([], None) == ([], [])
