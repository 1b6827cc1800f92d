"""verifiers in brief: traces, an environment's ``finalize`` and a rubric; its own objects are in ../real/verifiers."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from herokit.adapters import verifiers
from herokit.errors import DataError, PluginError

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
    assert [s["metrics"]["verifier"] for s in states] == [1.0, 0.0, 0.0, 1.0]
    assert [step["advantage"] for step in states[0]["trajectory"]] == [states[0]["advantage"], 5.0]


def test_verifiers_rubric_has_numbers_as_metrics_where_a_reward_model_failed(stubs, install_module):
    class Broken:
        def score(self, samples):
            return [float("nan")] * len(samples)

    install_module("verifiers", Rubric=type("Rubric", (), {}))
    states = [{"prompt": "2 + 2?", "completion": text, "answer": "4"} for text in TEXTS]
    asyncio.run(verifiers.rubric(stubs.make_rewarder(rm=Broken())).score_group(states))
    numbers = {"verifier": 1.0, "verifier_failed": 0.0, "rm": 0.0, "rm_failed": 1.0, "herokit_failed": 1.0}
    assert states[0]["metrics"] == numbers  # verifiers averages them


def test_verifiers_mixin_sets_the_advantage_of_its_turn_on_every_sampled_token(stubs):
    first, second, failed = traces = [Trace("") for _ in range(3)]
    first.nodes = stubs.make_nodes(("1", [0, 1, 1]), (None, [0]), ("0", [1]))
    second.nodes = stubs.make_nodes(("0", [1]), ("", [1, 1]), (None, [0]))  # one turn of two messages
    failed.nodes = stubs.make_nodes(("broken", [1]))
    for trace in traces:
        trace.branches = [SimpleNamespace(nodes=trace.nodes)]
    env = environment(stubs.make_credit_rewarder())
    asyncio.run(env.finalize(None, SimpleNamespace(id="e", traces=traces)))
    actual = [[node.advantages for node in trace.nodes] for trace in traces]
    assert actual[0] == [pytest.approx([2 / 3, 2 / 3]), None, pytest.approx([-1 / 3])]
    assert actual[1] == [pytest.approx([-1 / 3]), pytest.approx([-1 / 3] * 2), None]
    assert actual[2] == [None]
    assert [trace.has_error for trace in traces] == [False, False, True]
    assert [trace.rewards["herokit"].score for trace in (first, second)] == [0.5, 0.0]  # means of turns


def test_verifiers_rubric_gives_a_step_the_advantage_of_its_turn(stubs, install_module):
    install_module("verifiers", Rubric=type("Rubric", (), {}))

    def state(*texts, steps=None):
        chat = [m for text in texts for m in ({"role": "assistant", "content": text}, {"role": "user", "content": "?"})]
        trajectory = [{"advantage": None, "reward": None} for _ in range(steps or len(texts))]
        return {"prompt": "2 + 2?", "completion": chat, "trajectory": trajectory}

    states = [state("1", "0"), state("0"), state("broken", "1")]
    states[0]["trajectory"][1]["advantage"] = 5.0
    asyncio.run(verifiers.rubric(stubs.make_credit_rewarder()).score_group(states))
    actual = [[step["advantage"] for step in s["trajectory"]] for s in states]
    assert actual == [[pytest.approx(2 / 3), 5.0], [pytest.approx(-1 / 3)], [0.0, 0.0]]
    with pytest.raises(DataError, match="state 1 has 2 parts, but its trajectory has 3 steps"):
        asyncio.run(verifiers.rubric(stubs.make_credit_rewarder()).score_group([state("1"), state("1", "0", steps=3)]))
