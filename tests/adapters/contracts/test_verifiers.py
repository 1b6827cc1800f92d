"""verifiers in brief: traces, an environment's ``finalize`` and a rubric; its own objects are in ../real/verifiers."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from herokit.adapters import verifiers
from herokit.errors import PluginError

TEXTS = ["4", "four", "broken", "4"]


def expected(stubs):
    return np.nan_to_num(stubs.make_rewarder()(stubs.make_samples(TEXTS, "aaaa")).advantage)


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


def test_verifiers_mixin_combines_an_episode(stubs):
    traces = [*map(Trace, TEXTS), Trace("5", has_error=True)]
    asyncio.run(environment(stubs.make_rewarder()).finalize(None, SimpleNamespace(id="e", traces=traces)))
    np.testing.assert_allclose([t.reward for t in traces[:4]], expected(stubs), atol=1e-12)
    assert [t.has_error for t in traces] == [False, False, True, False, True]
    empty = environment(stubs.make_rewarder())
    asyncio.run(empty.finalize(None, SimpleNamespace(id="e", traces=[])))
    assert empty.herokit_output is None


def test_verifiers_reward_function_raises_for_a_failed_source(stubs):
    reward = verifiers.RewardFunction(stubs.make_rewarder())
    assert asyncio.run(reward(Trace("4"))) == {"verifier": 1.0, "rm": -0.25}
    with pytest.raises(PluginError, match="verifier: the sandbox is down"):
        asyncio.run(reward(Trace("broken")))


def test_verifiers_rubric_sets_advantages(stubs, install_module):
    install_module("verifiers", Rubric=type("Rubric", (), {}))
    states = [{"prompt": "2 + 2?", "completion": text, "answer": "4"} for text in TEXTS]
    states[0]["trajectory"] = [{"advantage": None, "reward": None}, {"advantage": 5.0, "reward": 5.0}]
    asyncio.run(verifiers.rubric(stubs.make_rewarder()).score_group(states))
    np.testing.assert_allclose([s["advantage"] for s in states], expected(stubs), atol=1e-12)
    assert [step["advantage"] for step in states[0]["trajectory"]] == [states[0]["advantage"], 5.0]
