"""tinker-cookbook's released types, group rewards and advantages, with the chain's output in them."""

import asyncio

import numpy as np
import pytest
import tinker
from stubs import make_rewarder, make_samples
from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.rl.data_processing import compute_advantages
from tinker_cookbook.rl.types import Env, EnvGroupBuilder, Trajectory, TrajectoryGroup, Transition

from herokit import Sample
from herokit.adapters.tinker import GroupRewardMixin

TEXTS = ["4", "four", "eleven", "broken"]


class Question(Env):
    prompt, answer = "2 + 2?", "4"

    async def initial_observation(self):
        return tinker.ModelInput.from_ints([1]), []

    async def step(self, action, *, extra=None):
        raise NotImplementedError


def make_sample(trajectory, env):
    text = "".join(map(chr, trajectory.transitions[-1].ac.tokens))
    return Sample(env.prompt, text, None, env.answer)


def trajectory(text):
    written = TokensWithLogprobs(tokens=[*map(ord, text)], maybe_logprobs=[0.0] * len(text))
    observation = tinker.ModelInput.from_ints([1])
    step = Transition(ob=observation, ac=written, reward=0.0, episode_done=True)
    return Trajectory(transitions=[step], final_ob=observation)


def builder(rewarder, **settings):
    own = {"herokit": rewarder, "herokit_make_sample": staticmethod(make_sample)} | settings

    class Sums(GroupRewardMixin, EnvGroupBuilder):
        async def make_envs(self):
            return [Question() for _ in TEXTS]

    for name, value in own.items():
        setattr(Sums, name, value)
    return Sums()


async def group_of(group_builder):
    trajectories, envs = [trajectory(text) for text in TEXTS], await group_builder.make_envs()
    rewards, metrics = zip(*await group_builder.compute_group_rewards(trajectories, envs), strict=True)
    return TrajectoryGroup(trajectories, list(rewards), list(metrics))


def test_tinker_advantages_are_those_of_the_chain():
    group = asyncio.run(group_of(builder(make_rewarder())))
    expected = np.nan_to_num(make_rewarder()(make_samples(TEXTS, "aaaa")).advantage)
    np.testing.assert_allclose(compute_advantages([group])[0].numpy(), expected, atol=1e-6)
    assert group.metrics_G[0] == {"verifier": 1.0, "rm": -0.25, "herokit_failed": 0.0}
    assert group.metrics_G[3]["herokit_failed"] == 1.0


@pytest.mark.parametrize(("update_state", "moves"), [(True, True), (False, False)])
def test_tinker_evaluation_keeps_the_running_mean(update_state, moves):
    rewarder = make_rewarder()
    before = rewarder.state_dict()
    asyncio.run(group_of(builder(rewarder, herokit_update_state=update_state)))
    assert (rewarder.state_dict() != before) is moves
