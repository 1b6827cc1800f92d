"""Every adapter with a recording sync: a process that combines sends one NaN after an error, one that does not combine none."""

import asyncio
import math
import time
from types import SimpleNamespace

import pytest
import torch

from herokit import Center, Rewarder, Sample, Select, WeightByStd, chain
from herokit.adapters import (
    areal,
    generic,
    nemo_rl,
    open_instruct,
    openrlhf,
    prime_rl,
    rllm,
    skyrl,
    slime,
    swift,
    tinker,
    trl,
    verifiers,
    verl,
)
from herokit.adapters.common.base import score_group
from herokit.errors import ConfigError, DataError, SetupError


class Absent:
    def score(self, samples):
        raise SetupError("no model file")


class RecordingSync:
    """A sync of one process that keeps what was sent."""

    def __init__(self):
        self.sent = []

    def __call__(self, local):
        self.sent.append(local)
        return local


@pytest.fixture
def sync():
    return RecordingSync()


@pytest.fixture
def rewarder(sync):
    return Rewarder({"rm": Absent()}, chain(Select("rm"), Center(), WeightByStd()), sync=sync)


class Trace:
    def __init__(self, prompt):
        self.task = SimpleNamespace(data=SimpleNamespace(prompt_text=prompt, answer="4"))
        self.last_reply, self.has_error, self.rewards = "4", False, {}


class Base:
    """What mixins and classes of adapters extend."""

    turns = 0

    async def finalize(self, task, episode):
        pass

    async def execute(self, prompt, *args, **kwargs):
        return {"observation_tokens": [], "action_ranges": []}

    def init(self, prompt):
        return prompt, {}


class Workflow:
    async def arun_episode(self, engine, data):
        return {"input_ids": torch.zeros(1, 1), "loss_mask": torch.ones(1, 1), "rewards": torch.zeros(1)}


TOKENIZER = SimpleNamespace(decode=lambda tokens, **_: "4")


def call_trl(rewarder, prompt):
    return trl.RewardFunction(rewarder, num_generations=2)([prompt] * 2, ["4", "5"])


def call_trl_async(rewarder, prompt):
    return asyncio.run(trl.AsyncRewardFunction(rewarder, num_generations=2)([prompt] * 2, ["4", "5"]))


def call_generic(rewarder, prompt):
    return generic.RewardFunction(rewarder, group_size=2)([prompt] * 2, ["4", "5"])


def call_generic_async(rewarder, prompt):
    return asyncio.run(generic.AsyncRewardFunction(rewarder, group_size=2)([prompt] * 2, ["4", "5"]))


def call_swift(rewarder, prompt):
    messages = [[{"role": "user", "content": prompt}, {"role": "assistant", "content": "4"}]] * 2
    return swift.RewardFunction(rewarder, 2)(["4", "5"], messages=messages)


def call_areal(rewarder, prompt):
    workflow = areal.group_workflow(Workflow(), 2, rewarder, TOKENIZER, base=Base, concat=list)
    return asyncio.run(workflow.arun_episode(None, {"prompt": prompt}))


def call_open_instruct(rewarder, prompt):
    truths = ["4", ["4", "5"]] if prompt == BAD else ["4", "4"]
    function = open_instruct.RewardFunction(rewarder)
    return asyncio.run(function([[1]] * 2, ["4", "5"], truths, ["math"] * 2, ["stop"] * 2, None))


def call_verifiers(rewarder, prompt):
    env = type("Env", (verifiers.GroupRewardMixin, Base), {"herokit": rewarder})()
    episode = SimpleNamespace(id="e", traces=[Trace(prompt), Trace(prompt)])
    return asyncio.run(env.finalize(None, episode))


def call_rubric(rewarder, prompt):
    states = [{"prompt": prompt, "completion": "4", "answer": "4"}] * 2
    return asyncio.run(verifiers.rubric(rewarder).score_group(states))


def call_tinker(rewarder, prompt):
    builder = type("Builder", (tinker.GroupRewardMixin,), {"herokit": rewarder, "herokit_make_sample": make_sample})()
    return asyncio.run(builder.compute_group_rewards(["4", "5"], [prompt] * 2))


def make_sample(trajectory, prompt):
    if prompt == BAD:
        raise DataError("bad prompt")
    return Sample(prompt, trajectory, None, "4")


def call_prime_rl(rewarder, prompt):
    algorithm = type("Algorithm", (prime_rl.GroupRewardMixin,), {"herokit": rewarder})()
    return asyncio.run(algorithm.score_group([Trace(prompt), Trace(prompt)]))


def call_openrlhf(rewarder, prompt):
    agent = openrlhf.executor(rewarder, base=Base, timeout=5.0)()

    async def play():
        calls = [agent.execute(prompt, "4", None, 16, TOKENIZER, None) for _ in range(2)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert len(set(map(str, results))) == 1  # the whole group fails at once
        raise results[0]

    return asyncio.run(play())


BAD = 3
"""A prompt that is neither text nor messages."""

COMBINING = [
    *(call_trl, call_trl_async, call_generic, call_generic_async, call_swift, call_areal, call_open_instruct),
    *(call_verifiers, call_rubric, call_tinker, call_prime_rl, call_openrlhf),
]


@pytest.fixture
def trainers(install_module):
    """The stubs of trainers that these adapters import."""
    install_module("verifiers", Rubric=Base)
    install_module("prime_rl.orchestrator.algo.base", iter_trainable_traces=lambda traces: [(None, t) for t in traces])
    install_module("prime_rl.orchestrator.algo.routing", assign_advantages=None)


@pytest.mark.usefixtures("trainers")
@pytest.mark.parametrize("call", COMBINING)
def test_combining_adapter_sends_one_nan_after_a_failed_source(call, rewarder, sync):
    with pytest.raises(SetupError, match="no model file"):
        call(rewarder, "2 + 2?")
    assert [math.isnan(mean.value) for mean in sync.sent] == [True]


@pytest.mark.usefixtures("trainers")
@pytest.mark.parametrize(
    "call", [call for call in COMBINING if call not in (call_verifiers, call_prime_rl, call_openrlhf)]
)
def test_combining_adapter_sends_one_nan_after_an_unreadable_row(call, rewarder, sync):
    with pytest.raises((DataError, ConfigError)):
        call(rewarder, BAD)
    assert [math.isnan(mean.value) for mean in sync.sent] == [True]


def judge_verl(rewarder):
    return verl.RewardFunction(rewarder)("math", "4", "4", {"prompt": "2 + 2?"})


def judge_slime(rewarder):
    sample = SimpleNamespace(prompt="2 + 2?", response="4", label="4", metadata={}, group_index=0)
    return asyncio.run(slime.RewardFunction(rewarder)(None, sample))


def judge_skyrl(rewarder):
    env = skyrl.environment(rewarder, base=Base)()
    env.init("2 + 2?")
    return env.step("4")


def judge_nemo_rl(rewarder):
    log = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
    return nemo_rl.RewardFunction(rewarder)([log], [{}])


def judge_rllm(rewarder):
    return rllm.RewardFunction(rewarder).score({"question": "2 + 2?"}, "4")


def judge_verifiers(rewarder):
    return asyncio.run(verifiers.RewardFunction(rewarder)(Trace("2 + 2?")))


@pytest.mark.parametrize("call", [judge_verl, judge_slime, judge_skyrl, judge_nemo_rl, judge_rllm, judge_verifiers])
def test_worker_that_only_runs_sources_sends_nothing(call, rewarder, sync):
    with pytest.raises(SetupError, match="no model file"):
        call(rewarder)
    assert sync.sent == []


class Slow:
    def score(self, samples):
        time.sleep(0.3)
        return [0.0] * len(samples)


@pytest.mark.parametrize(
    "call",
    [
        lambda r: trl.AsyncRewardFunction(r, num_generations=2)(["p"] * 2, ["4", "5"]),
        lambda r: generic.AsyncRewardFunction(r, group_size=2)(["p"] * 2, ["4", "5"]),
        lambda r: score_group(r, [Sample("p", "4", "q"), Sample("p", "5", "q")]),
        lambda r: type("Env", (verifiers.GroupRewardMixin, Base), {"herokit": r})().finalize(
            None, SimpleNamespace(id="e", traces=[Trace("p"), Trace("p")])
        ),
    ],
    ids=["trl", "generic", "areal, open-instruct, tinker", "verifiers"],
)
def test_cancelled_coroutine_sends_one_nan(call, sync):
    rewarder = Rewarder({"rm": Slow()}, chain(Select("rm"), Center(), WeightByStd()), sync=sync)

    async def run():
        task = asyncio.create_task(call(rewarder))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert len(sync.sent) == 1
    assert math.isnan(sync.sent[0].value)
