"""verifiers 0.4: the released `Task.score`, traces, episodes and best-of-n env, with herokit in their hooks."""

import asyncio

import numpy as np
import pytest
import verifiers.v1 as vf
from stubs import make_rewarder, make_samples
from verifiers.v1.envs.best_of_n.env import BestOfNEnv
from verifiers.v1.episode import Episode
from verifiers.v1.trace import AgentInfo, Trace, TraceTask

from herokit.adapters.verifiers import GroupRewardMixin, RewardFunction, rubric
from herokit.errors import ConfigError

source_rewards = RewardFunction(make_rewarder())


class Data(vf.TaskData):
    answer: str


class Sums(vf.Task[Data]):
    @vf.reward(weight=1.0)
    async def herokit(self, trace):
        return await source_rewards(trace)


TASK = Sums(Data(prompt="2 + 2?", answer="4"))


def trace_of(text):
    data = TraceTask(type="Sums", data=TASK.data)
    return Trace(task=data, agent=AgentInfo(config=vf.AgentConfig()), root_reply=text, ok=True)


def test_verifiers_task_records_every_source():
    trace = trace_of("4")
    asyncio.run(TASK.score(trace))
    assert {name: reward.score for name, reward in trace.rewards.items()} == {"verifier": 1.0, "rm": -0.25}
    assert trace.reward == pytest.approx(0.75)


def test_verifiers_failed_source_fails_the_scoring():
    trace = trace_of("broken")
    with pytest.raises(vf.TaskError, match="verifier: the sandbox is down"):
        asyncio.run(TASK.score(trace))


def make_environment(rewarder, **attributes):
    """An environment without a taskset: making one needs a taskset, which adds nothing here."""
    env = object.__new__(type("GroupEnv", (GroupRewardMixin, BestOfNEnv), {"herokit": rewarder} | attributes))
    env.config = type("Config", (), {"threshold": 1.0})
    return env


def finalized(texts, rewarder):
    """Run the environment's ``finalize`` on one finished episode."""
    env = make_environment(rewarder)
    traces = [trace_of(text) for text in texts]
    episode = Episode(task=TraceTask(type="Sums", data=TASK.data), traces=traces, ok=True)

    async def play():
        await asyncio.gather(*(TASK.score(trace) for trace in traces if "broken" not in trace.root_reply))
        await env.finalize(TASK, episode)

    asyncio.run(play())
    return traces


def test_verifiers_mixin_combines_the_traces_of_an_episode():
    texts = ["4", "four", "eleven", "4"]
    traces = finalized(texts, make_rewarder())
    expected = make_rewarder()(make_samples(texts, "aaaa")).advantage
    np.testing.assert_allclose([trace.reward for trace in traces], expected, atol=1e-9)  # the parts weigh 0 now
    assert traces[0].metrics["verifier"] == 1.0
    assert traces[0].metrics["best"] == 1.0


def test_verifiers_mixin_gives_a_failed_trace_an_error():
    traces = finalized(["4", "broken", "5"], make_rewarder())
    assert [trace.has_error for trace in traces] == [False, True, False]
    assert "the sandbox is down" in traces[1].last_error.message
    assert "herokit" not in traces[1].rewards
    expected = make_rewarder()(make_samples(["4", "5"], "aa")).advantage
    np.testing.assert_allclose([traces[0].reward, traces[2].reward], expected, atol=1e-9)


def test_verifiers_evaluation_keeps_the_running_mean():
    rewarder = make_rewarder()
    env = make_environment(rewarder, herokit_update_state=False)
    before = rewarder.state_dict()
    traces = [trace_of("4"), trace_of("5")]
    asyncio.run(env.finalize(TASK, Episode(task=TraceTask(type="Sums", data=TASK.data), traces=traces)))
    assert rewarder.state_dict() == before


def test_rubric_error_names_the_mixin():
    with pytest.raises(ConfigError, match="GroupRewardMixin"):
        rubric(make_rewarder())
