"""verl's mixin with credit for turns: every token of the loss by hand, on a queue that behaves as TransferQueue does."""

import sys
from types import SimpleNamespace

import pytest
import torch

from herokit import Center, Rewarder, Select, Verdict, chain
from herokit.adapters.verl import AdvantageEstimator, GroupRewardMixin, Packing, RewardFunction
from herokit.combiners import ForParts
from herokit.errors import ConfigError, DataError

CREDIT = chain(ForParts(chain(Select("turn"), Center()), mode="replace"))


class Turns:
    """Judges the turns by the scores of verl's tool agent loop; a rollout without them is judged as a whole."""

    def verify(self, samples):
        return [self.judge(sample.meta.get("turn_scores"), sample.meta.get("fails")) for sample in samples]

    def judge(self, scores, fails):
        return (
            Verdict.failed("no tool") if fails else Verdict(1.0, parts=tuple(map(Verdict, scores)) if scores else None)
        )


class Queue:
    """TransferQueue as far as the mixin uses it."""

    def __init__(self):
        self.rows = {}

    def kv_batch_get(self, keys, partition_id, select_fields):
        columns = {name: [self.rows[key][name] for key in keys] for name in select_fields}
        if "response_mask" in columns:
            columns["response_mask"] = torch.nested.as_nested_tensor(columns["response_mask"], layout=torch.jagged)
        return columns

    def kv_batch_put(self, keys, partition_id, fields):
        for key, *values in zip(keys, *(column.unbind() for column in fields.values()), strict=True):
            self.rows[key].update(zip(fields, values, strict=True))


class PPOTrainer:
    """verl's trainer, whose rejection sampling writes masks back."""

    rejected = ()

    def _compute_advantage(self, batch, metrics):
        for key, token in self.rejected:
            self.queue.rows[key]["response_mask"][token] = 0
        return batch


class Trainer(GroupRewardMixin, PPOTrainer):
    config = SimpleNamespace(algorithm=SimpleNamespace(use_kl_in_reward=False))


@pytest.fixture
def tokens(monkeypatch):
    """Return what the loss gets: key -> advantages, for key -> turn scores and mask."""
    monkeypatch.setitem(sys.modules, "tensordict", SimpleNamespace(TensorDict=lambda fields, batch_size: fields))

    def compute(rows, rejected=(), padding=(), **extra):
        trainer = Trainer()
        trainer.queue, trainer.rejected = Queue(), rejected
        trainer.herokit = Rewarder({"turn": Turns()}, CREDIT)
        compute_score = RewardFunction(trainer.herokit)
        for key, (scores, mask) in rows.items():
            info = compute_score("tools", "text", None, {"turn_scores": scores} | extra.get(key, {}))
            fields = {"uid": "q", "extra_fields": {"reward_extra_info": info}, "response_mask": torch.tensor(mask)}
            trainer.queue.rows[key] = fields
        monkeypatch.setitem(sys.modules, "transfer_queue", trainer.queue)
        tags = [{"is_padding": key in padding} for key in rows]
        trainer._compute_advantage(SimpleNamespace(keys=list(rows), tags=tags, partition_id="train"), {})
        return {
            key: [round(x, 6) for x in trainer.queue.rows[key]["advantages"].tolist()] for key in rows
        }, trainer.queue

    return compute


ROWS = {
    "q_0_0": ([1.0, 0.0], [1, 1, 0, 1]),  # the mean of the five turns is 0.6
    "q_1_0": ([0.0, 1.0, 1.0], [1, 0, 1, 0, 0, 1, 1]),
}


def test_mixin_gives_every_token_the_advantage_of_its_turn(tokens):
    actual, queue = tokens(ROWS | {"pad_0_0": ([1.0, 0.0], [1, 1, 0, 1])}, padding=["pad_0_0"])
    assert actual == {
        "q_0_0": [0.4, 0.4, 0.0, -0.6],
        "q_1_0": [-0.6, 0.0, 0.4, 0.0, 0.0, 0.4, 0.4],
        "pad_0_0": [0.0] * 4,
    }
    assert queue.rows["q_0_0"]["returns"].tolist() == queue.rows["q_0_0"]["advantages"].tolist()


def test_mixin_finds_turns_before_rejection_takes_tokens_out(tokens):
    actual, _ = tokens(ROWS, rejected=[("q_0_0", 0), ("q_1_0", 2)])
    assert actual == {"q_0_0": [0.0, 0.4, 0.0, -0.6], "q_1_0": [-0.6, 0.0, 0.0, 0.0, 0.0, 0.4, 0.4]}


def test_mixin_gives_a_failed_or_untrained_rollout_zero(tokens):
    rows = ROWS | {"q_2_0": ([1.0, 1.0], [1, 1, 1]), "q_3_0": ([0.6, 0.6], [0, 0, 0])}
    actual, _ = tokens(rows, q_2_0={"fails": True})
    assert actual["q_2_0"] == actual["q_3_0"] == [0.0] * 3
    assert actual["q_0_0"] == [0.4, 0.4, 0.0, -0.6]  # two turns of 0.6 leave the mean of the group


@pytest.mark.parametrize(
    ("scores", "mask", "parts", "spans"),
    [
        ([1.0, 0.0], [1, 1, 1], 2, 1),  # two turns without a token of the world between them
        ([1.0, 0.0, 1.0], [1, 0, 1, 0], 3, 2),  # cut off at the response length
        ([1.0, 0.0], [1, 0, 0], 2, 1),  # the second turn has no token
        (None, [1, 0, 1], 1, 2),  # judged as a whole
    ],
)
def test_mixin_raises_with_both_numbers_where_mask_and_turns_differ(tokens, scores, mask, parts, spans):
    with pytest.raises(
        DataError, match=rf"verl: 'q_2_0': the rollout has {parts} parts, but there are {spans} spans.*response_length"
    ):
        tokens(ROWS | {"q_2_0": (scores, mask)})


def test_mixin_refuses_a_session_of_several_outputs(tokens):
    with pytest.raises(DataError, match="session of 'q_0_0' has 2 outputs.*AggregateParts"):
        tokens(ROWS | {"q_0_1": ([1.0, 0.0], [1, 0, 1])})


def test_reward_function_sends_parts_as_text_on_every_row():
    compute_score = RewardFunction(Rewarder({"turn": Turns()}, CREDIT))
    assert compute_score("tools", "text", None, {"turn_scores": [1.0, 0.0]})["turn_steps"] == "[1.0, 0.0]"
    assert compute_score("tools", "text", None, {})["turn_steps"] == "null"


def test_estimator_and_packing_refuse_credit():
    with pytest.raises(ConfigError, match=r"ForParts, gives credit.*AggregateParts.*verl\.install"):
        AdvantageEstimator(Rewarder({"turn": Turns()}, CREDIT))
    with pytest.raises(ConfigError, match=r"Packing takes one number a rollout.*AggregateParts"):
        RewardFunction(Rewarder({"turn": Turns()}, CREDIT), Packing())
