"""skyrl's released generator, trainer step and registry, with the credit of turns in them; every token by hand.

An engine that writes given tokens stands in for the model, and one token a character for a tokenizer.
"""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest
import skyrl_gym
import torch
from skyrl.backends.skyrl_train.utils import ppo_utils
from skyrl.train.config import GeneratorConfig, SkyRLGymConfig
from skyrl.train.generators.skyrl_gym_generator import SkyRLGymGenerator
from skyrl.train.trainer import RayPPOTrainer
from skyrl_gym.envs.base_text_env import BaseTextEnv
from skyrl_gym.envs.registration import registry
from stubs import Turns, make_credit_rewarder

from herokit.adapters.skyrl import GroupRewardMixin, environment, register
from herokit.errors import DataError


class Tokenizer:
    """One token a character; a message begins with the first letter of its role, and ends with ``$``."""

    eos_token, eos_token_id = "$", ord("$")

    def encode(self, text, **_):
        return [*map(ord, text)]

    def apply_chat_template(self, messages, *, add_generation_prompt=False, **_):
        text = "".join(f"{m['role'][0]}{m['content']}$" for m in messages)
        return self.encode(text + ("a" if add_generation_prompt else ""))


class Engine:
    """Writes the next of the texts of the rollout whose number the question says."""

    def __init__(self, rollouts):
        self.texts = {number: iter(texts) for number, texts in enumerate(rollouts)}

    async def generate(self, request, model=None):
        question = "".join(map(chr, request["prompt_token_ids"][0]))
        text = next(self.texts[int(question[1])])
        ids = [*map(ord, text)] + ([ord("$")] if not text.endswith("~") else [])
        reason = "length" if text.endswith("~") else "stop"
        return {"responses": [text], "response_ids": [ids], "stop_reasons": [reason]}

    async def finish_session(self, session_id):
        pass


class Tool(BaseTextEnv):
    """Answers "k" to every action but one that says ``!``."""

    def __init__(self, env_config=None, extras=None):
        super().__init__()

    def step(self, action):
        done = "!" in action
        observations = [] if done else [{"role": "user", "content": "k"}]
        return {"observations": observations, "reward": 0.25, "done": done, "metadata": {}}


class FirstDigit(Turns):
    """A turn is worth the digit that it begins with."""

    def judge(self, texts):
        return super().judge([text[:1] for text in texts])


class Trainer(GroupRewardMixin, RayPPOTrainer):
    def __init__(self, rewarder):
        generator = SimpleNamespace(step_wise_trajectories=False, merge_stepwise_output=False, n_samples_per_prompt=2)
        algorithm = SimpleNamespace(
            advantage_estimator="herokit_credit",
            grpo_norm_by_std=True,
            zero_variance_filter=True,
            zero_variance_filter_tol=0.0,
            gamma=1.0,
            lambd=1.0,
        )
        self.cfg = SimpleNamespace(generator=generator, trainer=SimpleNamespace(algorithm=algorithm))
        self.all_metrics, self.herokit = {}, rewarder


@pytest.fixture
def train(monkeypatch):
    """Return what the loss gets, texts of tokens with their advantages, for rollouts of texts."""
    monkeypatch.setattr(ppo_utils.AdvantageEstimatorRegistry, "_functions", {})

    def run(rollouts, **settings):
        rewarder = make_credit_rewarder(FirstDigit)
        skyrl_gym.register(id="herokit", entry_point=environment(rewarder, base=Tool))
        register()
        config = GeneratorConfig(max_turns=5, max_input_length=settings.pop("max_input_length", 100), **settings)
        generator = SkyRLGymGenerator(config, SkyRLGymConfig(max_env_workers=0), Engine(rollouts), Tokenizer())
        prompts = [[{"role": "user", "content": f"{number}?"}] for number in range(len(rollouts))]
        request = {
            "prompts": prompts,
            "env_classes": ["herokit"] * len(rollouts),
            "env_extras": [{} for _ in rollouts],
        }
        output = asyncio.run(generator.generate(request, disable_tqdm=True))
        trainer = Trainer(rewarder)
        output, uids = trainer.postprocess_generator_output(output, ["q"] * len(rollouts))
        width = max(map(len, output["response_ids"]))

        def padded(rows):
            return torch.tensor([[*map(float, row)] + [0.0] * (width - len(row)) for row in rows])

        advantages, _ = ppo_utils.compute_advantages_and_returns(
            padded(output["rewards"]),
            padded([[1] * len(row) for row in output["response_ids"]]),
            np.array(uids),
            "herokit_credit",
            None,
        )
        texts = ["".join(map(chr, row)) for row in output["response_ids"]]
        return [
            (text, [round(x, 4) for x in row[: len(text)].tolist()], mask)
            for text, row, mask in zip(texts, advantages, output["loss_masks"], strict=True)
        ], trainer

    yield run
    registry.pop("herokit", None)


def test_loss_gets_the_advantage_of_its_turn_on_every_token(train):
    # turns 1, 0 and 0, 0, 1 of mean 0.4
    (first, second), trainer = train([["1x", "0!"], ["0", "0y", "1!"]])
    assert first[0] == "1x$uk$a0!$"
    assert first[1] == [0.6] * 3 + [0.0] * 4 + [-0.4] * 3
    assert second[0] == "0$uk$a0y$uk$a1!$"
    assert second[1] == [-0.4] * 2 + [0.0] * 4 + [-0.4] * 3 + [0.0] * 4 + [0.6] * 3
    assert [bool(x) for x in first[1]] == [bool(x) for x in first[2]]
    assert trainer.all_metrics["reward/avg_raw_reward"] == 1.0  # the verdicts, not the advantages


def test_all_turns_in_one_message_and_a_rollout_that_ends_at_the_length_limit(train):
    (first, second), _ = train([["1x", "0!"], ["0", "1~", "0!"]], use_conversation_multi_turn=False, max_input_length=9)
    assert first[0] == "1xk0!$"  # the end of a message is written once, at the end of all
    assert first[1] == [0.5, 0.5, 0.0, -0.5, -0.5, -0.5]
    assert second[0] == "0k1~"  # 1, 0 and 0, 1 of mean 0.5; the third turn was not generated
    assert second[1] == [-0.5, 0.0, 0.5, 0.5]


def test_a_turn_without_tokens_raises_with_both_numbers(train):
    with pytest.raises(DataError, match="trajectory 0 of group 'q': the rollout has 3 parts, but there are 2 spans"):
        train([["1", "", "0!"], ["0!"]], use_conversation_multi_turn=False)
