"""AReaL's released workflow, tensors, pool of reward processes and normalization, with the adapter in them."""

import asyncio

import numpy as np
import pytest
import torch
from areal.api.cli_args import GenerationHyperparameters, NormConfig
from areal.api.io_struct import ModelResponse
from areal.api.reward_api import AsyncRewardWrapper
from areal.api.workflow_api import RolloutWorkflow
from areal.utils.data import Normalization
from areal.workflow.rlvr import RLVRWorkflow
from stubs import Exact, make_rewarder, make_samples, zero_reward

from herokit import Rewarder, Select
from herokit.adapters.areal import RewardFunction, group_workflow
from herokit.trainers import TRAINERS

TEXTS = ["4", "four", "broken", "4"]
DATA = {"messages": [{"role": "user", "content": "2 + 2?"}], "answer": "4"}


class Letters:
    """A tokenizer of one token a character; 0 ends a text."""

    pad_token_id = eos_token_id = 0

    def decode(self, ids, *, skip_special_tokens=False):
        return "".join(("" if skip_special_tokens else "<eos>") if i == 0 else chr(i) for i in ids)


class Engine:
    def __init__(self, *texts):
        self.texts = list(texts)

    async def agenerate(self, request):
        written = [*map(ord, self.texts.pop(0)), 0]
        count = len(written)
        return ModelResponse(
            input_tokens=request.input_ids,
            output_tokens=written,
            output_logprobs=[0.0] * count,
            output_versions=[0] * count,
            tokenizer=request.tokenizer,
        )


def letters_of(messages, tokenizer, enable_thinking):
    return [ord(c) for c in messages[-1]["content"]]


def single():
    settings = GenerationHyperparameters(max_new_tokens=64)
    return RLVRWorkflow(zero_reward, settings, Letters(), get_input_ids_fn=letters_of)


def test_areal_workflow_combines_a_group_and_joins_tensors():
    workflow = group_workflow(single(), 4, make_rewarder(), Letters(), reference="answer")
    assert isinstance(workflow, RolloutWorkflow)
    actual = asyncio.run(workflow.arun_episode(Engine(*TEXTS), DATA))
    expected = np.nan_to_num(make_rewarder()(make_samples(TEXTS, "aaaa")).advantage)
    np.testing.assert_allclose(actual["rewards"].numpy(), expected, atol=1e-6)
    longest = len("2 + 2?") + len("broken") + 1
    assert actual["input_ids"].shape == (4, longest)
    assert actual["attention_mask"].sum(-1).tolist() == [len("2 + 2?") + len(text) + 1 for text in TEXTS]
    assert list(workflow.output.problems()) == [2]


def test_areal_reward_function_runs_in_its_process_pool():
    function = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
    wrapped = AsyncRewardWrapper(function, timeout_seconds=60, max_workers=1)
    assert asyncio.run(wrapped("2 + 2?", "4", [1], [2], **DATA)) == 1.0
    assert asyncio.run(wrapped("2 + 2?", "5", [1], [2], **DATA)) == 0.0


REWARDS = np.array([1.0, 0.0, 0.25, 0.5, 3.0, 1.0, 2.0, 2.0])


@pytest.mark.parametrize(("std_level", "entry"), [("group", "areal"), (None, "areal-none")])
def test_normalization_table_equals_areal(std_level, entry):
    normalize = Normalization(NormConfig(mean_level="group", std_level=std_level, group_size=4))
    actual = normalize(torch.tensor(REWARDS)).numpy()
    np.testing.assert_allclose(actual, TRAINERS[entry](REWARDS, np.repeat([0, 1], 4)), atol=1e-6)
