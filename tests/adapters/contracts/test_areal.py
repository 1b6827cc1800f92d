"""AReaL 1.0.4: `RolloutWorkflow.arun_episode`, what `RLVRWorkflow` returns, `AsyncRewardWrapper`'s call."""

import asyncio
import pickle

import pytest
import torch

from herokit import Rewarder, Select, hero
from herokit.adapters.areal import RewardFunction, group_workflow
from herokit.errors import ConfigError, PluginError


class RolloutWorkflow:
    async def arun_episode(self, engine, data):
        raise NotImplementedError


class Letters:
    def decode(self, tokens, *, skip_special_tokens=False):
        return "".join(chr(t) for t in tokens if t or not skip_special_tokens)


class Single(RolloutWorkflow):
    """One rollout's tensors, as RLVRWorkflow returns them; None where the rollout was rejected."""

    def __init__(self, *texts):
        self.texts = list(texts)

    async def arun_episode(self, engine, data):
        text = self.texts.pop(0)
        if text is None:
            return None
        prompt = [ord(c) for c in "2 + 2?"]
        tokens = [*prompt, *map(ord, text), 0]
        return {
            "input_ids": torch.tensor(tokens)[None],
            "loss_mask": torch.tensor([0] * len(prompt) + [1] * (len(text) + 1))[None],
            "rewards": torch.tensor([0.0]),
        }


def run(rewarder, *texts, **settings):
    workflow = group_workflow(
        Single(*texts), len(texts), rewarder, Letters(), base=RolloutWorkflow, concat=list, **settings
    )
    data = {"messages": [{"role": "user", "content": "2 + 2?"}], "answer": "4"}
    actual = asyncio.run(workflow.arun_episode(None, data))
    return None if actual is None else [float(x["rewards"][0]) for x in actual]


def test_areal_workflow_returns_the_advantages_of_the_chain(stubs):
    texts = ["4", "four", "broken", "4"]
    expected = stubs.make_rewarder()(stubs.make_samples(texts, "aaaa")).advantage.tolist()
    expected[2] = 0.0
    assert run(stubs.make_rewarder(), *texts) == pytest.approx(expected, abs=1e-6)


def test_areal_workflow_leaves_out_rejected_rollouts(stubs):
    assert run(stubs.make_rewarder(), None, None) is None
    assert len(run(stubs.make_rewarder(), "4", None, "5")) == 2


def test_areal_evaluation_keeps_the_running_mean(stubs):
    rewarder = stubs.make_rewarder()
    before = rewarder.state_dict()
    run(rewarder, "4", "55", update_state=False)
    assert rewarder.state_dict() == before


def test_areal_reward_function_pickles_and_rejects_chains_that_compare_rollouts(stubs):
    function = RewardFunction(Rewarder({"verifier": stubs.Exact()}, Select("verifier")))
    again = pickle.loads(pickle.dumps(function))
    assert again("2 + 2?", "4", [1], [2], answer="4", query_id="q") == 1.0
    with pytest.raises(PluginError, match="the sandbox is down"):
        function("2 + 2?", "broken", [], [], answer="4")
    with pytest.raises(ConfigError, match="use herokit.adapters.areal.group_workflow"):
        RewardFunction(stubs.make_rewarder(hero()))


def test_areal_workflow_checks_the_group_size(stubs):
    with pytest.raises(ConfigError, match="group_size must be at least 1, got 0"):
        group_workflow(Single(), 0, stubs.make_rewarder(), Letters(), base=RolloutWorkflow, concat=list)
