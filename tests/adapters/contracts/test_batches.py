"""ms-swift, verifiers and tinker-cookbook in brief; their own objects are in ../real."""

import asyncio
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from herokit import Sample
from herokit.adapters import verifiers
from herokit.adapters.swift import RewardFunction, check_settings, orm
from herokit.adapters.tinker import GroupRewardMixin
from herokit.errors import ConfigError, PluginError
from herokit.trainers.cancellation import StepCancelledWarning

TEXTS = ["4", "four", "broken", "4"]


def expected(parts):
    return np.nan_to_num(parts.make()(parts.samples(TEXTS, "aaaa")).advantage)


def chats(texts):
    return [[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": text}] for text in texts]


def test_swift_gives_advantages_with_0_for_a_missing_one(parts, install):
    install("swift.rewards", ORM=type("ORM", (), {"__init__": lambda self, args=None, **passed: None}))
    made = orm(parts.make(), reference="solution")(args=SimpleNamespace(num_generations=4))
    given = made(TEXTS, messages=chats(TEXTS), prompt_id=["p"] * 4, solution=["4"] * 4, trainer_state=object())
    np.testing.assert_allclose(given, expected(parts), atol=1e-12)


@pytest.mark.parametrize(("scale", "warns"), [("group", True), ("gdpo", True), ("none", False), ("batch", False)])
def test_swift_is_told_of_settings_that_undo_a_step(parts, scale, warns):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_settings(parts.make(), SimpleNamespace(scale_rewards=scale))
    assert [w.category for w in caught] == ([StepCancelledWarning] if warns else [])


def test_swift_without_messages_or_with_half_a_group_says_what_is_wrong(parts):
    with pytest.raises(ConfigError, match="no messages for 2 completions"):
        RewardFunction(parts.make(), 2)(["4", "5"])
    with pytest.raises(ConfigError, match="got 3 rollouts, not a multiple of group size 2"):
        RewardFunction(parts.make(), 2)(["4", "5", "6"], messages=chats(["4", "5", "6"]))


class Trace:
    """What hooks read of a trace of verifiers 0.4, and write to it."""

    def __init__(self, text, *, has_error=False):
        self.task = SimpleNamespace(data=SimpleNamespace(prompt_text="2 + 2?", answer="4"))
        self.last_reply, self.has_error = text, has_error
        self.rewards, self.metrics = {"before": SimpleNamespace(score=1.0, weight=1.0), "unscored": None}, {}

    def record_metrics(self, values):
        self.metrics |= values

    def record_reward(self, name, value, weight=1.0):
        self.rewards[name] = SimpleNamespace(score=value, weight=weight)

    def record_error(self, error):
        self.has_error = True

    @property
    def reward(self):
        return sum(r.score * r.weight for r in self.rewards.values() if r is not None)


class Env:
    async def finalize(self, task, episode):
        self.finalized = True


def environment(rewarder):
    return type("GroupEnv", (verifiers.GroupRewardMixin, Env), {"herokit": rewarder})()


def test_verifiers_compares_the_traces_of_an_episode(parts):
    traces = [*map(Trace, TEXTS), Trace("5", has_error=True)]
    asyncio.run(environment(parts.make()).finalize(None, SimpleNamespace(id="e", traces=traces)))
    np.testing.assert_allclose([t.reward for t in traces[:4]], expected(parts), atol=1e-12)
    assert [t.has_error for t in traces] == [False, False, True, False, True]
    empty = environment(parts.make())
    asyncio.run(empty.finalize(None, SimpleNamespace(id="e", traces=[])))
    assert empty.herokit_output is None


def test_verifiers_reward_function_gives_values_and_raises_for_a_missing_one(parts):
    reward = verifiers.RewardFunction(parts.make())
    assert asyncio.run(reward(Trace("4"))) == {"verifier": 1.0, "rm": -0.25}
    with pytest.raises(PluginError, match="verifier: the sandbox is down"):
        asyncio.run(reward(Trace("broken")))


def test_verifiers_rubric_sets_the_advantages_of_a_group(parts, install):
    install("verifiers", Rubric=type("Rubric", (), {}))
    states = [{"prompt": "2 + 2?", "completion": text, "answer": "4"} for text in TEXTS]
    states[0]["trajectory"] = [{"advantage": None, "reward": None}, {"advantage": 5.0, "reward": 5.0}]
    asyncio.run(verifiers.rubric(parts.make()).score_group(states))
    np.testing.assert_allclose([s["advantage"] for s in states], expected(parts), atol=1e-12)
    assert [step["advantage"] for step in states[0]["trajectory"]] == [states[0]["advantage"], 5.0]


def test_tinker_gives_the_groups_rewards(parts):
    class Builder(GroupRewardMixin):
        herokit = parts.make()

        @staticmethod
        def herokit_make_sample(trajectory, env):
            return Sample("2 + 2?", trajectory, None, env)

    found = asyncio.run(Builder().compute_group_rewards(TEXTS, ["4"] * 4))
    np.testing.assert_allclose([value for value, _ in found], expected(parts), atol=1e-12)
    assert found[2][1] == {"rm": -1.5, "herokit_failed": 1.0}
