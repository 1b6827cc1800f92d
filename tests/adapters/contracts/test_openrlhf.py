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


def test_siblings_that_never_give_way_are_one_group(parts):
    agent = executor(parts.make(), base=Base)()
    texts = ["4", "four", "broken", "4"]
    expected = parts.make()(parts.samples(texts, "aaaa")).advantage.tolist()
    expected[2] = 0.0
    found = play(agent, *texts)
    assert [x["reward"] for x in found] == pytest.approx(expected)
    assert [x["extra_logs"]["herokit_failed"] for x in found] == [0.0, 0.0, 1.0, 0.0]


def test_the_next_prompt_with_the_same_object_is_a_group_of_its_own(parts):
    agent = executor(parts.make(), base=Base, timeout=5.0)()
    assert [x["scores"] for x in play(agent, "4", "5")] == [1.0, 0.0]
    assert [x["scores"] for x in play(agent, "5", "4", "44")] == [0.0, 1.0, 0.0]


def test_rewards_of_a_chain_that_stays_with_rewards_are_neutral_where_one_is_missing(parts):
    found = [x["reward"] for x in play(executor(parts.make(hero()), base=Base)(), "4", "5", "broken")]
    assert found[2] == pytest.approx((found[0] + found[1]) / 2)


def test_a_reward_file_refuses_chains_that_compare_and_raises_for_a_failure(parts):
    with pytest.raises(ConfigError, match=r"use herokit\.adapters\.openrlhf\.executor"):
        RewardFunction(parts.make(hero()))
    reward_func = RewardFunction(Rewarder({"verifier": parts.Exact()}, Select("verifier")))
    assert reward_func([f"{PROMPT}4</s>", f"{PROMPT}5"], [PROMPT] * 2, ["4"] * 2)["rewards"] == [1.0, 0.0]
    with pytest.raises(PluginError, match="no reward for rollout 0: verifier: the sandbox is down"):
        reward_func([f"{PROMPT}broken"], [PROMPT], ["4"])


@pytest.mark.parametrize("end", ["", "<|im_end|>", "</s>", "<|eot_id|>\n", "<|im_end|><|endoftext|>", "<pad><pad>"])
def test_special_tokens_at_the_end_are_no_part_of_a_completion(end):
    assert extract_completion(f"{PROMPT}so x < 4{end}", PROMPT) == "so x < 4"


@pytest.mark.parametrize("hostile", [" " * 1_000_000 + "x", "<|" * 500_000, "<|im_end|>" * 100_000, "\n" * 1_000_000])
def test_a_hostile_end_costs_no_more_than_its_length(hostile):
    begun = time.process_time()
    extract_completion(PROMPT + hostile, PROMPT)
    assert time.process_time() - begun < 1.0
