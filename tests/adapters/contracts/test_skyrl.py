"""SkyRL 0.4.0: `postprocess_generator_output`, estimators' call, and what the trainer does with rewards between the two."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from herokit.adapters.common.rows import score_one
from herokit.adapters.skyrl import ROW_KEY, GroupRewardMixin, advantage_estimator
from herokit.errors import ConfigError
from herokit.trainers.cancellation import StepCancelledWarning


class RayPPOTrainer:
    """Rewards to per-token rewards at the last token; metrics from the superset that is handed over."""

    def __init__(self, estimator="herokit", *, divide=True):
        self.all_metrics = {}
        algorithm = SimpleNamespace(advantage_estimator=estimator, grpo_norm_by_std=divide)
        self.cfg = SimpleNamespace(trainer=SimpleNamespace(algorithm=algorithm))

    def postprocess_generator_output(self, generator_output, uids, metrics_generator_output=None, metrics_uids=None):
        shown = metrics_generator_output if metrics_generator_output is not None else generator_output
        self.all_metrics["reward/avg_raw_reward"] = float(np.mean(shown["rewards"]))
        rewards = zip(generator_output["rewards"], generator_output["response_ids"], strict=True)
        generator_output["rewards"] = [[0.0] * (len(ids) - 1) + [float(x)] for x, ids in rewards]
        return generator_output, uids


class Trainer(GroupRewardMixin, RayPPOTrainer):
    pass


def output_of(stubs):
    rows = [score_one(stubs.make_rewarder(), sample) for sample in stubs.make_samples()]
    return {
        "rewards": [row["verifier"] or 0.0 for row in rows],
        "response_ids": [[1, 2]] * 8,
        "env_metrics": [{ROW_KEY: row} for row in rows],
    }


def test_skyrl_mixin_passes_advantages_and_keeps_reward_metrics(stubs):
    trainer = Trainer()
    trainer.herokit = stubs.make_rewarder()
    generator_output = output_of(stubs)
    actual, uids = trainer.postprocess_generator_output(generator_output, list(stubs.GROUP_KEYS))
    rewards, mask = torch.tensor(actual["rewards"]), torch.ones(8, 2)
    passed = {"index": uids, "values": None, "grpo_norm_by_std": True, "gamma": 1.0, "lambd": 1.0, "config": None}
    advantages, _ = advantage_estimator(token_level_rewards=rewards, response_mask=mask, **passed)
    expected = np.nan_to_num(stubs.make_rewarder()(stubs.make_samples()).advantage)
    np.testing.assert_allclose(advantages[:, 0].numpy(), expected, atol=1e-6)
    assert trainer.all_metrics["reward/avg_raw_reward"] == pytest.approx(2 / 8)
    assert trainer.all_metrics["herokit/rows/invalid"] == pytest.approx(1 / 8)
    assert generator_output["rewards"][0] == 1.0  # what the caller holds is left as it is


def test_skyrl_mixin_uses_the_last_step_of_a_trajectory(stubs):
    trainer = Trainer()
    trainer.herokit = stubs.make_rewarder()
    one = output_of(stubs)
    twice = {key: [x for x in column for _ in range(2)] for key, column in one.items()}
    twice["is_last_step"] = [False, True] * 8
    for at in range(0, 16, 2):
        twice["env_metrics"][at] = {}
    actual, _ = trainer.postprocess_generator_output(twice, [k for k in stubs.GROUP_KEYS for _ in range(2)])
    last = [row[-1] for row in actual["rewards"][1::2]]
    np.testing.assert_allclose(last, np.nan_to_num(stubs.make_rewarder()(stubs.make_samples()).advantage), atol=1e-12)
    assert all(row[-1] == 0.0 for row in actual["rewards"][::2])


def test_skyrl_mixin_rejects_missing_source_results(stubs):
    trainer = Trainer()
    trainer.herokit = stubs.make_rewarder()
    with pytest.raises(ConfigError, match="0 of 8 trajectories have source results"):
        trainer.postprocess_generator_output(output_of(stubs) | {"env_metrics": [{}] * 8}, list(stubs.GROUP_KEYS))
    with pytest.raises(ConfigError, match="token-level rewards"):
        trainer.postprocess_generator_output(output_of(stubs) | {"rewards": [[0.0, 1.0]] * 8}, list(stubs.GROUP_KEYS))


def test_skyrl_mixin_warns_once_of_a_cancelled_step(stubs):
    trainer = Trainer("grpo")
    trainer.herokit = stubs.make_rewarder()
    with pytest.warns(StepCancelledWarning, match="advantage_estimator=herokit"):
        trainer.postprocess_generator_output(output_of(stubs), list(stubs.GROUP_KEYS))
    trainer.postprocess_generator_output(output_of(stubs), list(stubs.GROUP_KEYS))
    undivided = Trainer("grpo", divide=False)
    undivided.herokit = stubs.make_rewarder()
    undivided.postprocess_generator_output(output_of(stubs), list(stubs.GROUP_KEYS))
