"""tinker-cookbook in brief: the call of a group builder; its own objects are in ../real/tinker-cookbook."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from herokit import Sample
from herokit.adapters.tinker import GroupRewardMixin, install
from herokit.errors import ConfigError, DataError

TEXTS = ["4", "four", "broken", "4"]


def expected(stubs):
    return np.nan_to_num(stubs.make_rewarder()(stubs.make_samples(TEXTS, "aaaa")).advantage)


def test_tinker_mixin_returns_group_rewards(stubs):
    class Builder(GroupRewardMixin):
        herokit = stubs.make_rewarder()

        @staticmethod
        def herokit_make_sample(trajectory, env):
            return Sample("2 + 2?", trajectory, None, env)

    actual = asyncio.run(Builder().compute_group_rewards(TEXTS, ["4"] * 4))
    np.testing.assert_allclose([value for value, _ in actual], expected(stubs), atol=1e-12)
    assert actual[2][1] == {"rm": -1.5, "herokit_failed": 1.0}


class TensorData:
    def __init__(self, tensor):
        self.tensor = tensor

    from_torch = classmethod(lambda cls, tensor: cls(tensor))

    def to_torch(self):
        return self.tensor


@pytest.fixture
def cookbook(install_module):
    """The function that makes data: one datum a trajectory, after an observation of one token before every action."""

    def assemble_training_data(groups, advantages, *, drops=0):
        data = []
        for trajectory in groups[0].trajectories_G:
            mask = torch.tensor([x for t in trajectory.transitions for x in [0.0] + [1.0] * len(t.ac.tokens)])[drops:]
            data.append(SimpleNamespace(loss_fn_inputs={"mask": TensorData(mask), "advantages": None}))
        return data, [{"group_idx": 0, "traj_idx": i} for i in range(len(data))]

    install_module("tinker", TensorData=TensorData)
    install_module("tinker_cookbook.rl.types", PARSE_ERROR_MASKED_METRIC_KEY="parse_error_masked")
    install_module("tinker_cookbook.rl.train", assemble_training_data=assemble_training_data)
    return install_module("tinker_cookbook.rl.data_processing", assemble_training_data=assemble_training_data)


def trajectory(*turns):
    return SimpleNamespace(
        transitions=[
            SimpleNamespace(ac=SimpleNamespace(tokens=[0] * count), metrics={}, logs={}, text=text)
            for text, count in turns
        ]
    )


def make_chat(trajectory, _):
    chat = [m for t in trajectory.transitions for m in ({"role": "assistant", "content": t.text}, {"role": "user"})]
    return Sample("2 + 2?", chat, None)


def advantages(cookbook, rewarder, *trajectories, **settings):
    builder = type("Builder", (GroupRewardMixin,), {"herokit_make_sample": staticmethod(make_chat)})()
    builder.herokit = rewarder
    asyncio.run(builder.compute_group_rewards(list(trajectories), [None] * len(trajectories)))
    group = SimpleNamespace(trajectories_G=list(trajectories))
    data, _ = cookbook.assemble_training_data([group], None, **settings)
    return [datum.loss_fn_inputs["advantages"].to_torch().tolist() for datum in data]


def test_tinker_data_have_the_advantage_of_its_transition_on_every_token_of_an_action(cookbook, stubs):
    rollouts = [trajectory(("1", 2), ("0", 1)), trajectory(("0", 1), ("", 0)), trajectory(("broken", 1))]
    with pytest.raises(ConfigError, match=r"call herokit\.adapters\.tinker\.install\(\).*AggregateParts"):
        advantages(cookbook, stubs.make_credit_rewarder(), *rollouts)
    install()
    install()
    actual = advantages(cookbook, stubs.make_credit_rewarder(), *rollouts)
    assert actual == [[0.0, 0.75, 0.75, 0.0, -0.25], [0.0, -0.25, 0.0], [0.0, 0.0]]


def test_tinker_data_of_other_counts_raise_with_both_numbers(cookbook, stubs):
    install()
    with pytest.raises(DataError, match="trajectory 0 has 1 parts, but 2 transitions"):
        advantages(cookbook, stubs.make_credit_rewarder(stubs.OnePart), trajectory(("1", 2), ("0", 1)))
    with pytest.raises(
        DataError, match="group 0, trajectory 0: the actions have 2 tokens to train, but the data train 1"
    ):
        advantages(cookbook, stubs.make_credit_rewarder(), trajectory(("1", 2)), drops=2)
