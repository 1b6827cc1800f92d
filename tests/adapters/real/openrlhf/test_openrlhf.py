"""OpenRLHF's released executor: with a reward file, with a group, and with `herokit serve` behind HTTP."""

import asyncio
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from openrlhf.utils.agent import AgentExecutorBase, SingleTurnAgentExecutor
from stubs import make_rewarder, make_samples

from herokit.adapters.openrlhf import executor

PROMPT = "2 + 2?"


class Letters:
    """A tokenizer of one token a character; 0 ends a text."""

    def __call__(self, text, **settings):
        return {"input_ids": torch.tensor([[ord(c) for c in text]])}

    def decode(self, ids, *, skip_special_tokens):
        return "".join(("" if skip_special_tokens else "<|im_end|>") if i == 0 else chr(i) for i in ids)


class Engine:
    """Writes the next of its texts, after a time of its own for each; None for an engine that dies."""

    def __init__(self, *texts, seconds=0.0):
        self.texts, self.seconds = list(texts), seconds

    async def generate(self, tokens, sampling_params, **settings):
        text = self.texts.pop(0)
        await asyncio.sleep(self.seconds * len(self.texts))
        if text is None:
            raise RuntimeError("engine died")
        output = SimpleNamespace(token_ids=[*map(ord, text), 0], finish_reason="stop", logprobs=None, text=text)
        return SimpleNamespace(outputs=[output])


async def generate_responses(agent, prompt, label, engine, count):
    """As OpenRLHF's RolloutRayActor does it."""
    params = SimpleNamespace(max_tokens=64, logprobs=None)
    tasks = [
        agent.execute(
            prompt=prompt, label=label, sampling_params=params, max_length=256, hf_tokenizer=Letters(),
            llm_engine=engine, images=None,
        )
        for _ in range(count)
    ]  # fmt: skip
    return await asyncio.gather(*tasks)


def test_openrlhf_executor_returns_the_advantages_of_the_chain():
    agent = executor(make_rewarder())()
    assert isinstance(agent, AgentExecutorBase)
    texts = ["4", "four", "eleven", "4"]
    actual = asyncio.run(generate_responses(agent, PROMPT, "4", Engine(*texts, seconds=0.01), 4))
    expected = make_rewarder()(make_samples(texts, "aaaa")).advantage
    np.testing.assert_allclose([x["reward"] for x in actual], expected, atol=1e-9)
    assert [x["scores"] for x in actual] == [1.0, 0.0, 0.0, 1.0]
    assert actual[0]["extra_logs"] == {
        "verifier": 1.0, "verifier_failed": 0.0, "rm": -0.25, "rm_failed": 0.0, "herokit_failed": 0.0,
    }  # fmt: skip
    assert agent.group_scorer._groups == {}


def test_openrlhf_executor_separates_equal_prompts():
    agent = executor(make_rewarder())()

    async def both():
        again = PROMPT.encode().decode()  # the same text, another object, as Ray delivers it
        return await asyncio.gather(
            generate_responses(agent, PROMPT, "4", Engine("4", "5", "55", seconds=0.01), 3),
            generate_responses(agent, again, "4", Engine("4", "44"), 2),
        )

    first, second = asyncio.run(both())
    for actual in (first, second):
        assert sum(x["reward"] for x in actual) == pytest.approx(0.0, abs=1e-9)
        assert actual[0]["reward"] > 0.0
    assert len(first) == 3
    assert len(second) == 2


def test_openrlhf_executor_gives_a_failed_row_advantage_zero():
    actual = asyncio.run(generate_responses(executor(make_rewarder())(), PROMPT, "4", Engine("4", "broken", "5"), 3))
    assert [x["extra_logs"]["herokit_failed"] for x in actual] == [0.0, 1.0, 0.0]
    assert actual[1]["reward"] == 0.0
    assert actual[0]["reward"] == pytest.approx(-actual[2]["reward"])


def test_openrlhf_executor_fails_a_group_after_the_timeout():
    agent = executor(make_rewarder(), timeout=0.2)()

    async def tolerant():
        params = SimpleNamespace(max_tokens=64, logprobs=None)
        engine = Engine("4", None, "5")
        tasks = [agent.execute(PROMPT, "4", params, 256, Letters(), engine) for _ in range(3)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    begun = time.monotonic()
    actual = asyncio.run(tolerant())
    assert time.monotonic() - begun < 5.0
    assert isinstance(actual[1], RuntimeError)
    assert [x["extra_logs"]["herokit_failed"] for x in (actual[0], actual[2])] == [1.0, 1.0]
    assert agent.group_scorer._groups == {}


FILE = """
from stubs import Exact
from herokit import Rewarder, Select
from herokit.adapters.openrlhf import RewardFunction
reward_func = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
"""


def test_openrlhf_reward_file_scores_single_rollouts(tmp_path):
    path = tmp_path / "rewards.py"
    path.write_text(FILE)
    agent = SingleTurnAgentExecutor(str(path))
    actual = asyncio.run(generate_responses(agent, PROMPT, "4", Engine("4", "5", "broken"), 3))
    assert [(x["reward"], x["scores"]) for x in actual] == [(1.0, 1.0), (0.0, 0.0), (None, None)]


SCHEME = """
[sources.verifier]
use = "exact-match"

[[steps]]
use = "select"
signal = "verifier"
"""


@pytest.fixture
def served(tmp_path):
    path = tmp_path / "scheme.toml"
    path.write_text(SCHEME)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "herokit", "serve", str(path), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as process:
        try:
            for _ in range(300):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/get_reward"
        finally:
            process.terminate()


def test_openrlhf_executor_uses_herokit_serve(served):
    agent = SingleTurnAgentExecutor(served)
    actual = asyncio.run(generate_responses(agent, PROMPT, "4", Engine("4", "5"), 2))
    assert [(x["reward"], x["scores"]) for x in actual] == [(1.0, 1.0), (0.0, 0.0)]
