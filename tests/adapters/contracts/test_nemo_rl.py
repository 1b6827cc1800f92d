"""NeMo-RL 7ea279a: `EnvironmentInterface.step`, rewards by name, `compute_advantage`, `_create_advantage_estimator`."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from herokit import Center, Rewarder, Select, chain
from herokit.adapters import nemo_rl
from herokit.adapters.nemo_rl import AdvantageEstimator, environment
from herokit.errors import ConfigError, DataError


class EnvironmentReturn(NamedTuple):
    observations: Any
    metadata: Any
    next_stop_strings: Any
    rewards: Any
    terminateds: Any
    answers: Any


class EnvironmentInterface:
    pass


def played(stubs):
    instance = environment(stubs.make_rewarder(), base=EnvironmentInterface, result=EnvironmentReturn)()
    logs = [[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": text}] for text in stubs.TEXTS]
    return instance.step(logs, [{"ground_truth": "4"}] * len(logs))


def test_nemo_rl_estimator_returns_the_advantages_of_the_chain(stubs):
    actual = played(stubs)
    assert set(actual.rewards) == {"verifier", "verifier_failed", "rm", "rm_failed"}
    total = sum(actual.rewards.values())
    assert bool(total.isfinite().all())  # NeMo-RL adds them up for its logs
    batch = {f"reward/{name}": column for name, column in actual.rewards.items()}
    prompts = torch.tensor([[1, 2]] * 4 + [[1, 3]] * 4)
    mask = torch.ones(8, 5)
    estimator = AdvantageEstimator(stubs.make_rewarder())
    advantages = estimator.compute_advantage(
        prompt_ids=prompts, rewards=total, mask=mask, repeated_batch=batch, logprobs_policy=None
    )
    assert advantages.shape == (8, 5)
    expected = np.nan_to_num(stubs.make_rewarder()(stubs.make_samples()).advantage)
    np.testing.assert_allclose(advantages[:, 2].numpy(), expected, atol=1e-5)
    assert not estimator.output.valid[7]


def test_nemo_rl_estimator_reads_rewards_of_one_source(stubs):
    estimator = AdvantageEstimator(Rewarder({"rm": stubs.Brief()}, chain(Select("rm"), Center())))
    actual = estimator.compute_advantage(torch.tensor([1, 1]), torch.tensor([1.0, 3.0]), torch.ones(2, 1))
    assert actual.flatten().tolist() == [-1.0, 1.0]


def test_nemo_rl_estimator_names_a_missing_reward(stubs):
    with pytest.raises(ConfigError, match=r"no reward of the sources \['verifier', 'rm'\]"):
        AdvantageEstimator(stubs.make_rewarder()).compute_advantage(
            torch.tensor([1]), torch.tensor([1.0]), torch.ones(1, 1), {}
        )


def test_nemo_rl_install_replaces_the_estimator(install_module, stubs):
    grpo = install_module("nemo_rl.algorithms.grpo", _create_advantage_estimator=lambda config: None)
    install_module("nemo_rl.algorithms", grpo=grpo)
    sync = install_module("nemo_rl.algorithms.grpo_sync", _create_advantage_estimator=grpo._create_advantage_estimator)
    other = install_module("nemo_rl.algorithms.ppo", _create_advantage_estimator="its own")
    instance = nemo_rl.install(stubs.make_rewarder())
    for module in (grpo, sync):
        assert module._create_advantage_estimator(SimpleNamespace()) is instance
    assert other._create_advantage_estimator == "its own"


@pytest.mark.parametrize("by", ["valid_mask", "mask_sample"])
def test_nemo_rl_estimator_leaves_masked_rows_out_of_their_group(stubs, by):
    scores, masked = torch.tensor([1.0, 3.0, 100.0]), torch.tensor([False, False, True])
    estimator = AdvantageEstimator(Rewarder({"rm": stubs.Brief()}, chain(Select("rm"), Center())))
    batch = {"reward/rm": scores, "reward/rm_failed": torch.zeros(3)}
    batch |= {"mask_sample": masked} if by == "mask_sample" else {}
    more = {"valid_mask": (~masked).float()} if by == "valid_mask" else {}
    actual = estimator.compute_advantage(torch.tensor([1, 1, 1]), scores, torch.ones(3, 1), batch, **more)
    assert actual.flatten().tolist() == [-1.0, 1.0, 0.0]
    assert estimator.output.valid.tolist() == [True, True, False]


def message_log(*messages):
    """Return a log as `grpo_train` has it when it computes advantages: role, text, number of tokens; (N,) mask of the row.

    The prompt has a message of the assistant, which is not trained; every message has generation_logprobs by then.
    """
    log = [("user", "2 + 2?", 2), ("assistant", "hm", 1), ("user", "So?", 1), *messages]
    generated = [number > 2 and role == "assistant" for number, (role, _, _) in enumerate(log)]
    return [
        {
            "role": role,
            "content": text,
            "token_ids": torch.zeros(count, dtype=torch.long),
            "token_loss_mask": torch.full((count,), int(trained)),
            "generation_logprobs": torch.zeros(count),
        }
        for (role, text, count), trained in zip(log, generated, strict=True)
    ]


def said(text, count):
    return "assistant", text, count


def turn_advantages(rewarder, logs, width, **batch):
    masks = [torch.cat([message["token_loss_mask"] for message in log]).tolist() for log in logs]
    mask = torch.tensor([row + [0] * (width - len(row)) for row in masks]).float()
    mask *= torch.tensor(batch.pop("sample_mask", [1.0] * len(logs))).unsqueeze(-1)
    batch = {"message_log": logs, "extra_env_info": [{"answer": "4"}] * len(logs)} | batch
    estimator = AdvantageEstimator(rewarder)
    actual = estimator.compute_advantage(
        torch.ones(len(logs), 4), torch.zeros(len(logs)), mask, batch, logprobs_policy=None
    )
    assert actual.shape == (len(logs), width)
    return [[round(x, 4) for x in row] for row in actual.tolist()], estimator


TOOL = ("environment", "ok", 2)


def test_nemo_rl_credit_gives_every_token_the_advantage_of_its_turn(stubs):
    logs = [
        message_log(said("1", 2), TOOL, said("0", 1), TOOL),  # turns 1, 0 and 0, 1, 0 of mean 0.4
        message_log(
            said("0", 1), said("", 1), TOOL, said("1", 2), TOOL, said("", 0)
        ),  # adjacent, and one without tokens
        message_log(said("broken", 1)),
    ]
    actual, estimator = turn_advantages(stubs.make_credit_rewarder(), logs, 13)
    assert actual == [
        [0.0] * 4 + [0.6, 0.6, 0.0, 0.0, -0.4, 0.0, 0.0, 0.0, 0.0],
        [0.0] * 4 + [-0.4, -0.4, 0.0, 0.0, 0.6, 0.6, 0.0, 0.0, 0.0],
        [0.0] * 13,
    ]
    assert estimator.output.credit.counts == [2, 3, 1]


def test_nemo_rl_credit_of_a_rollout_that_is_left_out_is_zero(stubs):
    logs = [message_log(said("1", 1)), message_log(said("0", 1)), message_log(said("1", 1))]
    rewarder = stubs.make_credit_rewarder()
    assert turn_advantages(rewarder, logs, 5, sample_mask=[1.0, 1.0, 0.0])[0][2] == [0.0] * 5
    masked = turn_advantages(rewarder, logs, 5, mask_sample=torch.tensor([False, False, True]))[0]
    assert [row[4] for row in masked] == [0.5, -0.5, 0.0]  # and it counts for no other


def test_nemo_rl_credit_raises_where_turns_differ_or_logs_are_missing(stubs):
    logs = [message_log(said("1", 1)), message_log(said("1", 1), TOOL, said("0", 1))]
    with pytest.raises(DataError, match="NeMo-RL: rollout 1: the rollout has 1 parts, but there are 2 spans"):
        turn_advantages(stubs.make_credit_rewarder(stubs.OnePart), logs, 9)
    with pytest.raises(ConfigError, match=r"needs the message logs .*AggregateParts"):
        AdvantageEstimator(stubs.make_credit_rewarder()).compute_advantage(
            torch.tensor([1]), torch.tensor([1.0]), torch.ones(1, 1), {"reward/turn": torch.ones(1)}
        )
