"""TRL runs with tools whose turns have their own advantages: every token of the loss, by hand."""

from itertools import groupby

import numpy as np
import pytest

from herokit import Center, Rewarder, Sample, Scores, Select, Status, chain
from herokit.adapters.common.base import find_step_spans, remove_credit, token_advantages
from herokit.adapters.trl import RewardFunction
from herokit.combiners import ForParts
from herokit.errors import ConfigError, DataError, NoSignalWarning
from herokit.reward_models.process import step_spans
from herokit.types import StepScores

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(gradient|activation)_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def make(runs, out, kind="GroupGRPO", *others, **settings):
    settings = {"max_steps": 1, "tools": [runs.add], **runs.TOOL_RUN, **settings}
    trainer = runs.make(kind, out, [RewardFunction(runs.turn_rewarder()), *others], **settings)
    trainer.script = runs.TURNS
    return trainer


def record_loss(trainer):
    """Return the list of batches that the loss gets."""
    batches, compute = [], trainer._compute_loss

    def recorded(model, inputs):
        batches.append(inputs)
        return compute(model, inputs)

    trainer._compute_loss = recorded
    return batches


def read_rows(runs, batches):
    """Return for each rollout what the policy wrote and its advantages, run by run of equal mask."""
    tokenizer, rows = runs.tokenizer(), []
    for batch in batches:
        mask = batch["completion_mask"] * batch["tool_mask"]
        for ids, trained, credit in zip(batch["completion_ids"], mask, batch["advantages"], strict=True):
            assert len(ids) == len(credit)
            runs_of_row = []
            for is_trained, run in groupby(range(len(ids)), key=lambda i: bool(trained[i])):
                places = list(run)
                values = set(credit[places].tolist())
                if is_trained:
                    runs_of_row.append((tokenizer.decode(ids[places]), values))
                else:
                    assert values == {0.0}
            rows.append(runs_of_row)
    return rows


def test_loss_gets_the_advantage_of_its_turn_for_every_token(runs, tmp_path):
    trainer = make(runs, tmp_path)
    batches = record_loss(trainer)
    trainer.train()
    rows = read_rows(runs, batches)
    expected = [
        [(text, {credit}) for text, credit in zip(*row, strict=True)]
        for row in zip(runs.TURNS, runs.CREDIT, strict=True)
    ]
    assert len(rows) == 8
    assert sorted(map(repr, rows)) == sorted(map(repr, expected * 2))
    assert trainer.herokit_output.credit.ragged() == runs.CREDIT * 2


def test_other_reward_functions_reach_every_trained_token(runs, tmp_path):
    def ends(completions, **_):
        return [float(len(completion)) for completion in completions]  # 3, 3, 1, 5 messages: mean 3

    trainer = make(runs, tmp_path, "GroupGRPO", ends, reward_weights=[2.0, 0.5])
    batches = record_loss(trainer)
    trainer.train()
    actual = sorted([[min(values) for _, values in row] for row in read_rows(runs, batches)])
    assert actual == sorted([[1.5, 1.0], [-1.0, -1.0], [0.0], [0.5, 0.5, 0.0]] * 2)


def test_truncated_rollout_that_trl_masks_trains_nothing(runs, tmp_path):
    trainer = make(runs, tmp_path, mask_truncated_completions=True)
    trainer.script = [[*runs.TURNS[0][:1], "It is"], *runs.TURNS[1:]]
    batches = record_loss(trainer)
    trainer.train()
    rows = [row for batch in batches for row in batch["advantages"].tolist()]
    assert sum(not any(row) for row in rows) == 2
    assert {len(row) for row in read_rows(runs, batches)} == {0, 1, 2, 3}


def test_turns_that_the_masks_do_not_show_raise_with_both_numbers(runs, tmp_path):
    class Steps(runs.ToolWorked):
        def verify(self, samples):
            return [type(v)(0.0, parts=(*v.parts, *v.parts)) for v in super().verify(samples)]

    rewarder = Rewarder({"verifier": runs.Solved(), "turn": Steps()}, runs.turn_rewarder().combiner)
    settings = {"max_steps": 1, "tools": [runs.add], **runs.TOOL_RUN}
    trainer = runs.make("GroupGRPO", tmp_path, [RewardFunction(rewarder)], **settings)
    trainer.script = runs.TURNS
    with pytest.raises(
        DataError, match=r"rank 0: row 0: the rollout has 4 parts, but there are 2 spans of tokens.*turn_spans"
    ):
        trainer.train()


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("GroupRLOO", {}, "GroupRLOO.* takes one number a rollout, but step 3 of the chain, ForParts"),
        ("GroupGRPO", {"off_policy_mask_threshold": 0.5}, "off_policy_mask_threshold=0.5 reads the sign"),
        ("GroupGRPO", {"loss_type": "vespo"}, "loss_type='vespo' reads the sign"),
    ],
)
def test_loss_that_takes_no_credit_is_refused_at_construction(runs, tmp_path, kind, settings, message):
    with pytest.raises(ConfigError, match=message):
        runs.make(kind, tmp_path, [RewardFunction(runs.turn_rewarder())], **settings)


def test_token_advantages_of_rows_without_one_are_zero_and_adjacent_turns_raise(runs):
    turns = [("assistant", "a"), ("tool", "6"), ("assistant", "It is 6.")]
    sample = {"prompt": "p", "group": "q", "completion": [{"role": role, "content": text} for role, text in turns]}
    output = runs.turn_rewarder()([sample, sample | {"completion": 7 * "a"}])
    assert [row.tolist() for row in token_advantages(output, [[1, 0, 1], [1, 1, 0]])] == [
        [0.75, 0.0, 0.5],
        [-0.5, -0.5, 0.0],
    ]
    assert token_advantages(output, [[1, 1]], 1)[0].tolist() == [-0.5, -0.5]
    assert token_advantages(output, [[0, 0, 0]])[0].tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(DataError, match="2 parts, but there are 1 spans"):
        token_advantages(output, [[1, 1, 1]])
    with pytest.raises(DataError, match="row 1: the rollout has 1 parts, but there are 2 spans"):
        token_advantages(output, [[1, 0, 1]], 1)
    assert np.isfinite(output.credit.values).all()


class Steps:
    """A process reward model of steps between blank lines: the number that a step ends with, over 10."""

    def score(self, samples):
        steps = [self.judge(sample.completion_text) for sample in samples]
        return Scores.from_rows((sum(row), Status.JUDGED, "", row) for row in steps)

    def judge(self, text):
        spans = step_spans(text, "\n\n")
        return StepScores(tuple(int(text[end - 1]) / 10 for _, end in spans), tuple(spans))


def test_rows_whose_steps_have_no_tokens_lose_their_credit_and_no_other_row_does():
    class Letters:
        def decode(self, ids, **_):
            return "".join(map(chr, ids))

    class Blind(Steps):
        def judge(self, text):
            scores = super().judge(text)
            return tuple(scores) if text.startswith("d") else scores

    texts = ["a 1\n\nb 3", "c 2\n\nc 4", "d 2\n\nd 4", "e 1"]
    rewarder = Rewarder({"prm": Blind()}, chain(ForParts(chain(Select("prm"), Center()), mode="replace")))
    output = rewarder([{"prompt": "p", "completion": text, "group": "q"} for text in texts])
    samples = [Sample("p", text, "q") for text in texts]
    decoded = [texts[0], 2 * texts[1], texts[2], texts[3]]
    ids = [[*map(ord, text)] for text in decoded]
    masks = [[1] * len(row) for row in ids]
    spans, problems = find_step_spans(output, samples[1:], Letters(), ids[1:], masks[1:], start=1)
    assert spans == [None, None, [(0, 3)]]
    assert list(problems) == [1, 2]
    assert "occurs several times" in problems[1]
    assert problems[2] == "row 2: the places of its 2 steps in its text are not known"
    removed = remove_credit(output, problems)
    assert removed.problems() == problems
    assert np.isnan(removed.reward).tolist() == [False, True, True, False]
    tokens = token_advantages(removed, masks, spans=[[(0, 5), (5, 8)], *spans])
    before = output.credit.ragged()
    assert tokens[0].tolist() == [before[0][0]] * 5 + [before[0][1]] * 3
    assert not any(map(np.any, tokens[1:3]))
    assert tokens[3].tolist() == before[3] * 3
    assert before[3] != [0.0]
    assert remove_credit(output, {}) is output


def test_a_row_without_places_of_steps_does_not_stop_the_trainer(runs, tmp_path):
    class Shifted(Steps):
        def judge(self, text):
            scores = super().judge(text)
            return StepScores(scores, ((90, 91), (91, 92))) if text.startswith("a") else scores

    rewarder = Rewarder({"prm": Shifted()}, chain(ForParts(chain(Select("prm"), Center()), mode="replace")))
    trainer = runs.make("GroupGRPO", tmp_path, [RewardFunction(rewarder)], max_steps=1, max_completion_length=40)
    trainer.script = [["a 1\n\nb 3<eos>"], ["c 2<eos>"], ["d 4\n\ne 0<eos>"], ["f 5<eos>"]]
    batches = record_loss(trainer)
    with pytest.warns(NoSignalWarning, match="2 of 8 rollouts train on no credit.*step 0 has the characters 90 to 91"):
        trainer.train()
    rows = [row.tolist() for batch in batches for row in batch["advantages"]]
    assert sum(not any(row) for row in rows) == 2
    assert list(trainer._logs["advantages"]).count(0.0) == 2  # the table shows what the loss gets
    assert all(reason.endswith("in no text of the policy") for reason in trainer.herokit_output.problems().values())


def test_steps_of_a_process_reward_model_have_their_own_tokens(runs, tmp_path):
    rewarder = Rewarder({"prm": Steps()}, chain(ForParts(chain(Select("prm"), Center()), mode="replace")))
    trainer = runs.make("GroupGRPO", tmp_path, [RewardFunction(rewarder)], max_steps=1, max_completion_length=40)
    trainer.script = [
        ["a 1\n\nb 3<eos>"],
        ["c 2<eos>"],
        ["\n d 4\n\n\n\ne 0"],
        ["f 2<eos>"],
    ]  # the mean is 0.2; one is cut off
    batches = record_loss(trainer)
    trainer.train()
    tokenizer, actual = runs.tokenizer(), {}
    for batch in batches:
        for ids, mask, credit in zip(
            batch["completion_ids"], batch["completion_mask"], batch["advantages"], strict=True
        ):
            places = [i for i in range(len(ids)) if mask[i]]
            assert not any(credit[i] for i in range(len(ids)) if not mask[i])
            pieces = [
                (round(value, 4), tokenizer.decode(ids[list(group)]))
                for value, group in groupby(places, key=lambda i, row=credit: float(row[i]))
            ]
            actual[pieces[0][1][:3].strip()] = pieces
    assert actual == {
        "a 1": [(-0.1, "a 1\n\n"), (0.1, "b 3<eos>")],
        "c 2": [(0.0, "c 2<eos>")],
        "d": [(0.2, "\n d 4\n\n\n\n"), (-0.2, "e 0")],
        "f 2": [(0.0, "f 2<eos>")],
    }
