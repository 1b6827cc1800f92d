"""slime 624b824: `async_rm`, `batched_async_rm`, `_post_process_rewards`, `RolloutDataSource.save` and `load`."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from herokit.adapters.slime import AdvantageEstimator, RewardFunction, data_source
from herokit.errors import ConfigError


@dataclass
class Sample:
    """The fields of slime's own that hooks read and write."""

    group_index: int | None = None
    index: int | None = None
    rollout_id: int | None = None
    prompt: Any = ""
    response: str = ""
    label: str | None = None
    reward: Any = None
    remove_sample: bool = False
    metadata: dict = field(default_factory=dict)

    def get_reward_value(self, args):
        return self.reward if not args.reward_key else self.reward[args.reward_key]


ARGS = SimpleNamespace(reward_key="reward", save=None, load=None)


def step(stubs):
    return [
        Sample(group_index="ab".index(key), index=row, prompt=[{"role": "user", "content": "2 + 2?"}], response=text, label="4")
        for row, (text, key) in enumerate(zip(stubs.TEXTS, stubs.GROUP_KEYS, strict=True))
    ]  # fmt: skip


def rewarded(stubs, rewarder):
    rm, samples = RewardFunction(rewarder), step(stubs)

    async def generate_and_rm():
        return await asyncio.gather(*(rm(ARGS, sample) for sample in samples))

    for sample, reward in zip(samples, asyncio.run(generate_and_rm()), strict=True):
        sample.reward = reward
    return samples


def test_slime_estimator_combines_by_group_index(stubs):
    rewarder = stubs.make_rewarder()
    samples = rewarded(stubs, rewarder)
    assert [s.get_reward_value(ARGS) for s in samples] == [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    order = np.random.default_rng(0).permutation(8).tolist()
    post = AdvantageEstimator(rewarder)
    raw, rewards = post(ARGS, [samples[i] for i in order])
    assert len(raw) == len(rewards) == 8
    expected = np.nan_to_num(stubs.make_rewarder()(stubs.make_samples()).advantage)
    np.testing.assert_allclose(np.array(rewards)[np.argsort(order)], expected, atol=1e-12)
    assert [s.remove_sample for s in samples] == [False] * 7 + [True]
    assert post.output.problems().keys() == {order.index(7)}


def test_slime_estimator_accepts_short_groups(stubs):
    """slime's own normalization runs over the whole batch when groups are uneven."""
    rewarder = stubs.make_rewarder()
    samples = rewarded(stubs, rewarder)
    samples[4].reward = None
    short = samples[:4] + samples[4:7]
    _, rewards = AdvantageEstimator(rewarder)(ARGS, short)
    np.testing.assert_allclose(rewards[:4], stubs.make_rewarder()(stubs.make_samples()).advantage[:4], atol=1e-12)
    assert rewards[4] == 0.0
    assert samples[4].remove_sample


def test_slime_estimator_counts_a_cut_rollout_once(stubs):
    rewarder = stubs.make_rewarder()
    samples = rewarded(stubs, rewarder)
    cut = Sample(group_index=0, index=0, rollout_id=0, prompt=samples[0].prompt, label="4", reward=samples[0].reward)
    samples[0].prompt = "a summary of the first part"  # the prompt of a later part may differ
    _, rewards = AdvantageEstimator(rewarder)(ARGS, [cut, *samples])
    np.testing.assert_allclose(
        rewards[1:], np.nan_to_num(stubs.make_rewarder()(stubs.make_samples()).advantage), atol=1e-12
    )
    assert rewards[0] == rewards[1]


def test_slime_reward_function_accepts_a_list(stubs):
    actual = asyncio.run(RewardFunction(stubs.make_rewarder())(ARGS, step(stubs)))
    assert [row["verifier_status"] for row in actual] == ["judged"] * 7 + ["failed"]


def test_slime_estimator_names_missing_fields(stubs):
    samples = rewarded(stubs, stubs.make_rewarder())
    samples[2].group_index = None
    with pytest.raises(ConfigError, match="sample 2 has no group_index"):
        AdvantageEstimator(stubs.make_rewarder())(ARGS, samples)
    with pytest.raises(ConfigError, match=r"reward 0\.5, expected a dictionary; set --custom-rm-path"):
        AdvantageEstimator(stubs.make_rewarder())(ARGS, [Sample(group_index=0, index=0, reward=0.5)])


def test_slime_data_source_saves_and_loads_the_state(stubs, tmp_path):
    class Base:
        def __init__(self, args):
            self.args, self.calls = args, []

        def save(self, rollout_id):
            self.calls.append(("save", rollout_id))

        def load(self, rollout_id=None):
            self.calls.append(("load", rollout_id))

    rewarder, other = stubs.make_rewarder(), stubs.make_rewarder()
    rewarder(stubs.make_samples())
    args = SimpleNamespace(save=str(tmp_path), load=str(tmp_path))
    source = data_source(rewarder, Base)(args)
    source.save(7)
    again = data_source(other, Base)(args)
    again.load(7)
    assert other.state_dict() == rewarder.state_dict()
    assert (source.calls, again.calls) == ([("save", 7)], [("load", 7)])
