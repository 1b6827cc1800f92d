"""prime-rl 559b447: `Algorithm.score_group`, `iter_trainable_traces`, `assign_advantages`, `ALGORITHM_CLASSES`."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from herokit.adapters import prime_rl
from herokit.errors import ConfigError, DataError


class Trace:
    """What hooks read of a trace of verifiers 0.4, and write to it."""

    def __init__(self, text, *, has_error=False, trainable=True):
        self.task = SimpleNamespace(data=SimpleNamespace(prompt_text="2 + 2?", answer="4"))
        self.last_reply, self.has_error = text, has_error
        self.agent = SimpleNamespace(trainable=trainable)
        self.metrics, self.advantage = {}, None

    def record_metrics(self, values):
        self.metrics |= values


class Algorithm:
    def __init__(self, config, policy_pool):
        self.config, self.policy_pool = config, policy_pool

    async def setup(self):
        self.ready = True

    async def score_group(self, episodes):
        raise AssertionError("replaced")

    async def finalize_group(self, episodes):
        await self.score_group(episodes)


@pytest.fixture
def prime(install_module):
    def iter_trainable_traces(episodes):
        for episode in episodes:
            for trace in episode.traces:
                if not trace.has_error and trace.agent.trainable:
                    yield episode, trace

    def assign_advantages(trace, values):
        assert isinstance(values, float | list)
        trace.advantage = values

    install_module("prime_rl.orchestrator.algo.base", iter_trainable_traces=iter_trainable_traces)
    install_module("prime_rl.orchestrator.algo.routing", assign_advantages=assign_advantages)
    return install_module("prime_rl.orchestrator.algo", ALGORITHM_CLASSES={"grpo": Algorithm})


def play(algorithm, traces):
    async def run():
        await algorithm.setup()
        await algorithm.finalize_group([SimpleNamespace(traces=[trace]) for trace in traces])

    asyncio.run(run())


def test_prime_rl_algorithm_assigns_the_advantages_of_the_chain(prime, stubs, tmp_path):
    rewarder = stubs.make_rewarder()
    algorithm_class = prime_rl.install(rewarder, folder=tmp_path)
    assert prime.ALGORITHM_CLASSES["grpo"] is algorithm_class
    assert issubclass(algorithm_class, Algorithm)
    traces = [Trace(text) for text in ("4", "four", "broken", "4")]
    traces.append(Trace("5", has_error=True))
    algorithm = algorithm_class(SimpleNamespace(), None)
    play(algorithm, traces)
    expected = np.nan_to_num(stubs.make_rewarder()(stubs.make_samples(("4", "four", "broken", "4"), "aaaa")).advantage)
    np.testing.assert_allclose([t.advantage for t in traces[:4]], expected, atol=1e-12)
    assert traces[4].advantage is None
    assert traces[2].metrics["verifier_failed"] == 1.0
    assert algorithm.ready


def test_prime_rl_algorithm_restores_its_state(prime, stubs, tmp_path):
    first, second = stubs.make_rewarder(), stubs.make_rewarder()
    play(prime_rl.install(first, folder=tmp_path)(None, None), [Trace("4"), Trace("5"), Trace("55")])
    assert first.state_dict() != second.state_dict()
    prime.ALGORITHM_CLASSES["grpo"] = Algorithm
    play(prime_rl.install(second, folder=tmp_path)(None, None), [])
    assert second.state_dict() == first.state_dict()


def test_prime_rl_algorithm_refuses_a_length_penalty(prime, stubs):
    algorithm = prime_rl.install(stubs.make_rewarder())(SimpleNamespace(), None)
    algorithm.length_penalty = SimpleNamespace(num_output_tokens_weight=0.25)
    with pytest.raises(ConfigError, match=r"length_penalty has no effect.*GroupLengthPenalty"):
        asyncio.run(algorithm.setup())


def conversation(nodes):
    trace = Trace("")
    trace.nodes, trace.branches = nodes, [SimpleNamespace(nodes=nodes)]
    return trace


def test_prime_rl_algorithm_assigns_the_advantage_of_its_turn_to_every_sampled_token(prime, stubs):
    algorithm = prime_rl.install(stubs.make_credit_rewarder())(None, None)
    first = conversation(stubs.make_nodes(("1", [0, 1, 1]), (None, [0]), ("0", [1])))
    second = conversation(stubs.make_nodes(("0", [0, 1, 1]), (None, [0])))
    failed = conversation(stubs.make_nodes(("broken", [1])))
    play(algorithm, [first, second, failed])
    assert first.advantage == pytest.approx([2 / 3, 2 / 3, -1 / 3])
    assert second.advantage == pytest.approx([-1 / 3, -1 / 3])
    assert failed.advantage == 0.0


def test_prime_rl_algorithm_refuses_a_trace_whose_tokens_are_not_those_of_its_turns(prime, stubs):
    trace = conversation(stubs.make_nodes(("1", [1]), (None, [0]), ("0", [1])))
    with pytest.raises(DataError, match=r"prime-rl: trace 0, .*the rollout has 1 parts, but there are 2 spans"):
        play(prime_rl.install(stubs.make_credit_rewarder(stubs.OnePart))(None, None), [trace])
    trace.nodes = [*trace.nodes, *stubs.make_nodes(("1", [1, 1]))]
    prime.ALGORITHM_CLASSES["grpo"] = Algorithm
    with pytest.raises(DataError, match="prime-rl: trace 0 has 4 sampled tokens, 2 of them on its last branch"):
        play(prime_rl.install(stubs.make_credit_rewarder())(None, None), [trace])
