"""OpenRLHF 0.11.2: `AgentExecutorBase.execute` as `generate_responses` calls it; its own objects are in ../real/openrlhf."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from herokit import Rewarder, Select, hero
from herokit.adapters.openrlhf import RewardFunction, executor, extract_completion
from herokit.errors import ConfigError, PluginError

PROMPT = "2 + 2?"


class Base:
    """An executor that writes the next text without ever giving way to its siblings."""

    async def execute(self, prompt, label, sampling_params, max_length, hf_tokenizer, llm_engine, images=None):
        tokens = [*map(ord, prompt + llm_engine.pop(0))]
        return {"observation_tokens": tokens, "action_ranges": [(len(prompt), len(tokens))], "reward": None}


LETTERS = SimpleNamespace(decode=lambda tokens, skip_special_tokens: "".join(map(chr, tokens)))


def play(agent, *texts):
    engine = list(texts)

    async def generate_responses():
        calls = [agent.execute(PROMPT, "4", None, 256, LETTERS, engine) for _ in texts]
        return await asyncio.gather(*calls)

    return asyncio.run(generate_responses())


def test_openrlhf_executor_groups_rollouts_that_never_await(stubs):
    agent = executor(stubs.make_rewarder(), base=Base)()
    texts = ["4", "four", "broken", "4"]
    expected = stubs.make_rewarder()(stubs.make_samples(texts, "aaaa")).advantage.tolist()
    expected[2] = 0.0
    actual = play(agent, *texts)
    assert [x["reward"] for x in actual] == pytest.approx(expected)
    assert [x["extra_logs"]["herokit_failed"] for x in actual] == [0.0, 0.0, 1.0, 0.0]


def test_openrlhf_executor_starts_a_new_group_for_the_next_prompt(stubs):
    agent = executor(stubs.make_rewarder(), base=Base, timeout=5.0)()
    assert [x["scores"] for x in play(agent, "4", "5")] == [1.0, 0.0]
    assert [x["scores"] for x in play(agent, "5", "4", "44")] == [0.0, 1.0, 0.0]


def test_openrlhf_executor_fills_a_missing_reward_with_the_mean(stubs):
    actual = [x["reward"] for x in play(executor(stubs.make_rewarder(hero()), base=Base)(), "4", "5", "broken")]
    assert actual[2] == pytest.approx((actual[0] + actual[1]) / 2)


def test_openrlhf_reward_function_rejects_chains_that_compare_rollouts(stubs):
    with pytest.raises(ConfigError, match=r"use herokit\.adapters\.openrlhf\.executor"):
        RewardFunction(stubs.make_rewarder(hero()))
    reward_func = RewardFunction(Rewarder({"verifier": stubs.Exact()}, Select("verifier")))
    assert reward_func([f"{PROMPT}4</s>", f"{PROMPT}5"], [PROMPT] * 2, ["4"] * 2)["rewards"] == [1.0, 0.0]
    with pytest.raises(PluginError, match="no reward for rollout 0: verifier: the sandbox is down"):
        reward_func([f"{PROMPT}broken"], [PROMPT], ["4"])


@pytest.mark.parametrize("end", ["", "<|im_end|>", "</s>", "<|eot_id|>\n", "<|im_end|><|endoftext|>", "<pad><pad>"])
def test_openrlhf_strips_special_tokens(end):
    assert extract_completion(f"{PROMPT}so x < 4{end}", PROMPT) == "so x < 4"


@pytest.mark.parametrize("hostile", [" " * 1_000_000 + "x", "<|" * 500_000, "<|im_end|>" * 100_000, "\n" * 1_000_000])
def test_openrlhf_strips_special_tokens_in_linear_time(hostile):
    begun = time.process_time()
    extract_completion(PROMPT + hostile, PROMPT)
    assert time.process_time() - begun < 1.0
