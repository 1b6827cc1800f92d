"""SkyRL 0.4.0: `postprocess_generator_output`, estimators' call, and what the trainer does with rewards between the two."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from herokit.adapters.common.rows import score_one
from herokit.adapters.skyrl import (
    ROW_KEY,
    GroupRewardMixin,
    advantage_estimator,
    environment,
    token_advantage_estimator,
)
from herokit.errors import ConfigError, DataError
from herokit.trainers.cancellation import StepCancelledWarning


class RayPPOTrainer:
    """Rewards to per-token rewards at the last token; metrics from the superset that is handed over."""

    def __init__(self, estimator="herokit", *, divide=True):
        self.all_metrics = {}
        algorithm = SimpleNamespace(advantage_estimator=estimator, grpo_norm_by_std=divide)
        self.cfg = SimpleNamespace(trainer=SimpleNamespace(algorithm=algorithm))

    def postprocess_generator_output(self, generator_output, uids, metrics_generator_output=None, metrics_uids=None):
        shown = metrics_generator_output if metrics_generator_output is not None else generator_output
        self.all_metrics["reward/avg_raw_reward"] = float(np.mean([np.sum(x) for x in shown["rewards"]]))
        rewards = zip(generator_output["rewards"], generator_output["response_ids"], strict=True)
        generator_output["rewards"] = [
            x if isinstance(x, list) else [0.0] * (len(ids) - 1) + [float(x)] for x, ids in rewards
        ]
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


@pytest.mark.parametrize("level", ["trajectory", "token"])
def test_skyrl_mixin_passes_advantages_and_keeps_reward_metrics(stubs, level):
    trainer = Trainer()
    trainer.herokit = stubs.make_rewarder()
    generator_output = output_of(stubs)
    if level == "token":  # what SkyRL's agent loop returns
        generator_output["rewards"] = [[0.0, x] for x in generator_output["rewards"]]
    actual, uids = trainer.postprocess_generator_output(generator_output, list(stubs.GROUP_KEYS))
    rewards, mask = torch.tensor(actual["rewards"]), torch.ones(8, 2)
    passed = {"index": uids, "values": None, "grpo_norm_by_std": True, "gamma": 1.0, "lambd": 1.0, "config": None}
    advantages, _ = advantage_estimator(token_level_rewards=rewards, response_mask=mask, **passed)
    expected = np.nan_to_num(stubs.make_rewarder()(stubs.make_samples()).advantage)
    np.testing.assert_allclose(advantages[:, 0].numpy(), expected, atol=1e-6)
    assert trainer.all_metrics["reward/avg_raw_reward"] == pytest.approx(2 / 8)
    assert trainer.all_metrics["herokit/rows/invalid"] == pytest.approx(1 / 8)
    assert np.sum(generator_output["rewards"][0]) == 1.0  # what the caller holds is left as it is


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


def test_skyrl_mixin_warns_once_of_a_cancelled_step(stubs):
    trainer = Trainer("grpo")
    trainer.herokit = stubs.make_rewarder()
    with pytest.warns(StepCancelledWarning, match="advantage_estimator=herokit"):
        trainer.postprocess_generator_output(output_of(stubs), list(stubs.GROUP_KEYS))
    trainer.postprocess_generator_output(output_of(stubs), list(stubs.GROUP_KEYS))
    undivided = Trainer("grpo", divide=False)
    undivided.herokit = stubs.make_rewarder()
    undivided.postprocess_generator_output(output_of(stubs), list(stubs.GROUP_KEYS))


class ToolEnv:
    """An environment with turns of its own: it answers "ok" until an action says 9 or two turns are over."""

    def __init__(self, env_config=None, extras=None):
        self.turns = 0

    def init(self, prompt):
        return prompt, {}

    def step(self, action):
        self.turns += 1
        done = "9" in action or self.turns == 3
        observations = [] if done else [{"role": "user", "content": "ok"}]
        return {"observations": observations, "reward": 0.5, "done": done, "metadata": {"turn": self.turns}}

    def get_metrics(self):
        return {"turns": self.turns}


def credit_output(stubs, rollouts, judge=None):
    """Return a generator's output of rollouts: the texts of their turns, and their loss masks."""
    rewarder = stubs.make_credit_rewarder(judge or stubs.Turns)
    metrics = []
    for texts, _ in rollouts:
        env = environment(rewarder, base=ToolEnv)({}, {})
        env.init([{"role": "user", "content": "2 + 2?"}])
        steps = [env.step(text) for text in texts]
        assert [step["reward"] for step in steps[:-1]] == [0.0] * (len(steps) - 1)
        metrics.append(env.get_metrics())
    masks = [mask for _, mask in rollouts]
    rewards = [[0.0] * len(mask) for mask in masks]
    trainer = Trainer("herokit_credit")
    trainer.herokit = rewarder
    output = {"rewards": rewards, "response_ids": masks, "loss_masks": masks, "env_metrics": metrics}
    return trainer, output


ROLLOUTS = [
    (("1", "0", "0"), [1, 1, 0, 0, 1, 0, 1]),  # turns 1, 0, 0 and 1, 0 of mean 0.4
    (("1", "0"), [1, 0, 1, 1]),  # ended by SkyRL at its length limit
]


def test_skyrl_credit_gives_every_token_the_advantage_of_its_turn(stubs):
    rollouts = [*ROLLOUTS, (("0", "broken", "1"), [1, 0, 1, 0, 1]), (("0.4", "0.4", "0.4"), [0, 0, 0])]
    trainer, output = credit_output(stubs, rollouts)
    assert output["env_metrics"][0]["turns"] == 3
    actual, _ = trainer.postprocess_generator_output(output, ["q"] * 4)
    assert [pytest.approx(row) for row in actual["rewards"]] == [
        [0.6, 0.6, 0.0, 0.0, -0.4, 0.0, -0.4],
        [0.6, 0.0, -0.4, -0.4],
        [0.0] * 5,  # a source failed
        [0.0] * 3,  # filtered as overlong: the mask is empty
    ]
    width = max(map(len, actual["rewards"]))
    rewards = torch.tensor([row + [0.0] * (width - len(row)) for row in actual["rewards"]])
    advantages, _ = token_advantage_estimator(token_level_rewards=rewards, response_mask=torch.ones(4, width))
    assert advantages.equal(rewards)
    # the naive form sums them, as SkyRL's group estimators do
    naive, _ = advantage_estimator(token_level_rewards=rewards, response_mask=torch.ones(4, width))
    assert naive[0].tolist() == pytest.approx([0.4] * width)


@pytest.mark.parametrize(
    ("texts", "mask", "parts", "spans"),
    [
        (("1", "0"), [1, 1, 1], 2, 1),  # no token of an observation between two turns
        (("1", ""), [1, 1, 0], 2, 1),  # a turn without tokens
        (("1", "0", "1"), [1, 0, 1], 3, 2),  # cut off
    ],
)
def test_skyrl_credit_raises_with_both_numbers_where_mask_and_turns_differ(stubs, texts, mask, parts, spans):
    trainer, output = credit_output(stubs, [*ROLLOUTS, (texts, mask)])
    with pytest.raises(
        DataError,
        match=rf"SkyRL: trajectory 2 of group 'q': the rollout has {parts} parts, but there are {spans} spans",
    ):
        trainer.postprocess_generator_output(output, ["q"] * 3)


def test_skyrl_credit_refuses_an_estimator_or_steps_that_lose_it(stubs):
    trainer, output = credit_output(stubs, ROLLOUTS)
    with pytest.raises(ConfigError, match="every step is trained with the advantage of the last"):
        trainer.postprocess_generator_output(output | {"is_last_step": [True, True]}, ["q"] * 2)
    trainer.cfg.trainer.algorithm.advantage_estimator = "grpo"
    with pytest.raises(ConfigError, match="advantage_estimator=grpo does not pass on; set it to herokit_credit"):
        trainer.postprocess_generator_output(output, ["q"] * 2)
    plain = Trainer("herokit_credit")
    plain.herokit = stubs.make_rewarder()
    with pytest.raises(ConfigError, match="one advantage a rollout, .* set it to herokit$"):
        plain.postprocess_generator_output(output_of(stubs), list(stubs.GROUP_KEYS))


def test_skyrl_environment_of_several_turns_makes_one_sample(stubs):
    env = environment(stubs.make_rewarder(), base=ToolEnv)({}, {"reward_spec": {"ground_truth": "9"}})
    env.init([{"role": "user", "content": "2 + 2?"}])
    assert env.get_metrics() == {"turns": 0}
    first, last = env.step("1"), env.step("9")
    assert (first["reward"], first["done"], last["reward"], last["done"]) == (0.0, False, 1.0, True)
    assert last["metadata"]["turn"] == 2
    sample = env.herokit_rollout.sample()
    assert [turn.text for turn in sample.turns] == ["1", "9"]
    assert sample.meta["turn_rewards"] == [0.5, 0.5]
    assert env.get_metrics()["verifier"] == 1.0
