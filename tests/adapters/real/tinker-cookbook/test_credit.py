"""tinker-cookbook's released types and its data of the loss: the credit of transitions, every token by hand."""

import asyncio

import pytest
import tinker
from stubs import OnePart, Turns, make_credit_rewarder, make_rewarder
from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.rl import data_processing, train
from tinker_cookbook.rl.types import (
    PARSE_ERROR_MASKED_METRIC_KEY,
    EnvGroupBuilder,
    Trajectory,
    TrajectoryGroup,
    Transition,
)

from herokit import Sample
from herokit.adapters.tinker import GroupRewardMixin, install
from herokit.errors import ConfigError, DataError

MASKED = {PARSE_ERROR_MASKED_METRIC_KEY: 1.0}


@pytest.fixture
def _installed(monkeypatch):
    original = data_processing.assemble_training_data
    monkeypatch.setattr(data_processing, "assemble_training_data", original)
    monkeypatch.setattr(train, "assemble_training_data", original)
    install()


def trajectory(*turns):
    """Return a trajectory of turns: their observations (only what is new), the text, the number of tokens, and metrics."""
    history, transitions = [], []
    for observation, text, count, *metrics in turns:
        history = observation if isinstance(observation, tuple) else [*history, *observation]  # a tuple starts anew
        tokens = list(range(count))
        transitions.append(
            Transition(
                ob=tinker.ModelInput.from_ints(list(history)),
                ac=TokensWithLogprobs(tokens=tokens, maybe_logprobs=[-1.0] * count),
                reward=0.0,
                episode_done=False,
                metrics=dict(*metrics),
            )
        )
        transitions[-1].logs["text"] = text
        history = [*history, *tokens]
    return Trajectory(transitions=transitions, final_ob=tinker.ModelInput.from_ints([]))


def make_sample(rollout, env):
    turns = [t.logs["text"] for t in rollout.transitions]
    chat = [m for text in turns for m in ({"role": "assistant", "content": text}, {"role": "user", "content": "?"})]
    return Sample("2 + 2?", chat, None)


class Builder(GroupRewardMixin, EnvGroupBuilder):
    herokit_make_sample = staticmethod(make_sample)

    async def make_envs(self):
        return []


def tokens(*trajectories, judge=Turns, module=train):
    """Return advantages and masks of every datum that the loss gets."""
    builder = Builder()
    builder.herokit = make_credit_rewarder(judge)
    rewards, metrics = zip(
        *asyncio.run(builder.compute_group_rewards(list(trajectories), [None] * len(trajectories))), strict=True
    )
    groups = [TrajectoryGroup(list(trajectories), list(rewards), list(metrics))]
    data, _ = module.assemble_training_data(
        groups, data_processing.compute_advantages(groups), include_provenance=False
    )
    return [
        (datum.loss_fn_inputs["advantages"].to_torch().tolist(), datum.loss_fn_inputs["mask"].to_torch().tolist())
        for datum in data
    ]


@pytest.mark.usefixtures("_installed")
def test_every_token_of_an_action_has_the_advantage_of_its_transition():
    # turns 1, 0 and 0, 0 of mean 0.25; the first token of a datum is no target
    actual = tokens(trajectory(([7, 7], "1", 2), ([7], "0", 1)), trajectory(([7], "0", 1), ([7, 7], "0", 3)))
    assert actual == [
        ([0.0, 0.75, 0.75, 0.0, -0.25], [0.0, 1.0, 1.0, 0.0, 1.0]),
        ([-0.25, 0.0, 0.0, -0.25, -0.25, -0.25], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
    ]


@pytest.mark.usefixtures("_installed")
def test_turns_without_an_observation_between_them_empty_ones_and_a_history_that_starts_anew():
    adjacent = trajectory(([7], "1", 2), ([], "0", 1), ([7], "0", 0), ((7, 7), "1", 1))  # 1, 0, 0, 1 of mean 0.5
    assert tokens(adjacent) == [
        ([0.5, 0.5, -0.5, 0.0], [1.0, 1.0, 1.0, 0.0]),
        ([0.0, 0.5], [0.0, 1.0]),
    ]


@pytest.mark.usefixtures("_installed")
def test_a_turn_that_the_cookbook_masks_has_no_advantage_and_no_other_turn_gets_it():
    actual = tokens(trajectory(([7], "1", 2), ([7], "0", 2, MASKED), ([7], "0", 1)))  # 1, 0, 0 of mean 1/3
    third = 1 / 3
    assert actual[0][0] == pytest.approx([2 * third, 2 * third, 0.0, 0.0, 0.0, 0.0, -third])
    assert actual[0][1] == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]


@pytest.mark.usefixtures("_installed")
def test_a_failed_trajectory_has_advantage_zero():
    actual = tokens(trajectory(([7], "1", 1)), trajectory(([7], "broken", 2)), trajectory(([7], "0", 1)))
    assert [advantages for advantages, _ in actual] == [[0.5], [0.0, 0.0], [-0.5]]


@pytest.mark.usefixtures("_installed")
def test_transitions_that_are_not_the_judged_parts_raise_with_both_numbers():
    with pytest.raises(DataError, match="trajectory 1 has 1 parts, but 2 transitions"):
        tokens(trajectory(([7], "1", 1)), trajectory(([7], "1", 1), ([7], "1", 1)), judge=OnePart)
    with pytest.raises(DataError, match="the actions have 3 tokens to train, but the data train 2"):
        tokens(trajectory(([], "1", 2), ([7], "0", 1)))


@pytest.mark.usefixtures("_installed")
def test_builders_without_credit_are_as_before():
    install()  # once is enough
    builder = Builder()
    builder.herokit = make_rewarder()
    rows = [trajectory(([7], text, 1)) for text in ("4", "5")]
    rewards, metrics = zip(*asyncio.run(builder.compute_group_rewards(rows, [None] * 2)), strict=True)
    groups = [TrajectoryGroup(rows, list(rewards), list(metrics))]
    advantages = data_processing.compute_advantages(groups)
    data, _ = train.assemble_training_data(groups, advantages)
    assert [d.loss_fn_inputs["advantages"].to_torch().tolist() for d in data] == [[float(x)] for x in advantages[0]]


def test_credit_without_install_is_refused():
    with pytest.raises(ConfigError, match=r"herokit\.adapters\.tinker\.install\(\) in the module of the builder"):
        tokens(trajectory(([7], "1", 1)))
