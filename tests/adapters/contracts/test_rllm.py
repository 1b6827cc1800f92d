"""rLLM 9beb6e0: `register_rllm_adv_estimator`, how estimators are called, `EvaluatorFn` and where signals go."""

from types import SimpleNamespace

import numpy as np
import pytest

from herokit.adapters.rllm import AdvantageEstimator, RewardFunction, register
from herokit.errors import ConfigError


def trajectory(found, text):
    return SimpleNamespace(reward=found["reward"], signals=dict(found["signals"]), output=text)


def collect(estimator, groups):
    """As `collect_reward_and_advantage_from_trajectory_groups` calls it."""
    rewards = [np.array([t.reward for t in group.trajectories]) for group in groups]
    advantages, _ = estimator(rewards=rewards, algorithm_config=SimpleNamespace(), traj_groups=groups)
    assert len(advantages) == len(groups)
    for group, found in zip(groups, advantages, strict=True):
        assert len(found) == len(group.trajectories)
    return np.concatenate(advantages)


def groups_of(parts, evaluator):
    task = {"question": "2 + 2?", "answer": "4"}
    found = [trajectory(evaluator.score(task, text), text) for text in parts.TEXTS]
    return [SimpleNamespace(trajectories=found[:4]), SimpleNamespace(trajectories=found[4:])]


def test_signals_of_the_evaluator_become_the_chains_advantages(parts):
    groups = groups_of(parts, RewardFunction(parts.make()))
    assert [t.reward for t in groups[0].trajectories] == [1.0, 0.0, 0.0, 1.0]
    assert np.isnan(groups[1].trajectories[3].signals["verifier"])
    found = collect(AdvantageEstimator(parts.make()), groups)
    np.testing.assert_allclose(found, np.nan_to_num(parts.make()(parts.samples()).advantage), atol=1e-12)


def test_the_evaluator_reads_an_episode_and_a_task_with_metadata(parts):
    task = SimpleNamespace(instruction="2 + 2?", metadata={"answer": 4})
    episode = SimpleNamespace(trajectories=[SimpleNamespace(output="4")])
    assert RewardFunction(parts.make())(task, episode)["is_correct"] is True


def test_registering(install, parts):
    registry = {}

    def register_rllm_adv_estimator(name):
        return lambda function: registry.setdefault(name, function)

    install("rllm.trainer.algorithms.advantage", register_rllm_adv_estimator=register_rllm_adv_estimator)
    assert register(parts.make()) is registry["herokit"]


def test_a_missing_signal_is_named(parts):
    groups = groups_of(parts, RewardFunction(parts.make()))
    del groups[0].trajectories[2].signals["rm"]
    with pytest.raises(ConfigError, match=r"trajectory 2 has no signal \['rm'\]"):
        collect(AdvantageEstimator(parts.make()), groups)
    with pytest.raises(ConfigError, match="without trajectories"):
        AdvantageEstimator(parts.make())([np.array([1.0])], None)
    assert AdvantageEstimator(parts.make())([], None) == ([], [])
