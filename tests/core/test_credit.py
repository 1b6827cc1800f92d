"""Credit for turns and steps through `Rewarder`: parts of samples, statuses, tokens, scheme files."""

import pickle

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from herokit import Rewarder, Sample, Scores, Select, Status, Verdict, WeightByStd, chain, combine, load_scheme
from herokit.combiners import AggregateParts, ForParts
from herokit.config import build_scheme
from herokit.credit import Credit
from herokit.errors import ConfigError, DataError
from herokit.schemes import gigpo, hero, process_supervision, turn_grpo
from herokit.types import StepScores


def chat(*turns, tool="ok"):
    messages = []
    for turn in turns:
        messages += [{"role": "assistant", "content": turn}, {"role": "tool", "content": tool}]
    return messages[:-1]


class Outcome:
    def verify(self, samples):
        return [Verdict(float("good" in s.final_text)) for s in samples]


class LongTurns:
    """Judges each turn: whether it has more than two letters; a turn `?` cannot be judged."""

    def verify(self, samples):
        return [Verdict(0.5, parts=tuple(map(self.judge, s.turns))) for s in samples]

    def judge(self, turn):
        return Verdict(None, Status.FAILED, "no tool") if turn.text == "?" else Verdict(float(len(turn.text) > 2))


class LengthOfSteps:
    def __init__(self, separator=None):
        self.separator = separator

    def score(self, samples):
        return Scores.from_rows((1.0, Status.JUDGED, "", self.steps(s)) for s in samples)

    def steps(self, sample):
        if self.separator is None:
            return [float(len(turn.text)) for turn in sample.turns]
        return [float("nan") if text == "!" else float(len(text)) for text in sample.final_text.split(self.separator)]


SAMPLES = [
    Sample("p", chat("a", "abc", "good"), "q"),
    Sample("p", chat("abc", "bad"), "q"),
    Sample("r", chat("good"), "r"),
    Sample("r", "bad", "r"),
]


def test_rewarder_gives_credit_to_turns():
    output = Rewarder({"verifier": Outcome(), "turn": LongTurns()}, turn_grpo())(SAMPLES)
    o, t = 0.5 / (0.5**0.5 + 1e-4), 0.5 / (0.5**0.5 + 1e-4)
    assert_allclose(output.credit.ragged()[0], [o - t, o, o])
    assert_allclose(output.credit.ragged()[1], [t - o, -o])
    assert_allclose(output.credit.ragged()[2], [o])  # in group r both turns have more than two letters
    assert_allclose(output.credit.ragged()[3], [-o])
    assert_allclose(output.advantage, [np.mean(row) for row in output.credit.ragged()])
    assert_allclose(output.reward, [1.0, 0.0, 1.0, 0.0])
    assert output.columns()["credit"] == output.credit.ragged()
    assert pickle.loads(pickle.dumps(output.credit)).ragged() == output.credit.ragged()


def test_rewarder_gives_no_credit_with_other_schemes():
    output = Rewarder({"verifier": Outcome(), "rm": LengthOfSteps()}, hero())(SAMPLES)
    assert output.credit is None
    assert "credit" not in output.columns()
    assert output.signals.parts is None


def test_a_chain_that_aggregates_parts_has_no_credit_and_keeps_its_problems():
    samples = [*SAMPLES, Sample("p", chat("abc", "?"), "q")]
    rewarder = Rewarder({"turn": LongTurns()}, chain(ForParts(Select("turn"), mode="replace"), AggregateParts("min")))
    output = rewarder(samples)
    assert output.credit is None
    assert "credit" not in output.columns()
    assert_array_equal(output.reward, [0.0, 1.0, 1.0, 1.0, np.nan])
    assert output.problems() == {4: "turn: part 2: no tool"}
    assert output.explain("q").parts == [3, 2, 0]
    assert rewarder(samples[4:]).credit is None


def test_a_chain_that_ends_with_credit_has_it_without_a_valid_row():
    output = Rewarder({"turn": LongTurns()}, chain(ForParts(Select("turn"))))([Sample("p", chat("abc", "?"), "q")])
    assert_array_equal(output.credit.ragged(), [[np.nan, np.nan]])


def test_a_part_without_a_value_takes_its_rollout_out_and_no_other():
    samples = [*SAMPLES, Sample("p", chat("abc", "?", "good"), "q")]
    output = Rewarder({"verifier": Outcome(), "turn": LongTurns()}, turn_grpo())(samples)
    assert output.problems() == {4: "turn: part 2: no tool"}
    assert np.isnan(output.credit.ragged()[4]).all()
    without = Rewarder({"verifier": Outcome(), "turn": LongTurns()}, turn_grpo())(SAMPLES)
    assert output.credit.ragged()[:4] == without.credit.ragged()
    steps = Rewarder({"prm": LengthOfSteps(".")}, process_supervision())
    output = steps([Sample("p", "a.b.cc", "q"), Sample("p", "a.!", "q"), Sample("p", "dd", "q")])
    assert output.problems() == {1: "prm: part 2: gave nan"}
    assert [len(row) for row in output.credit.ragged()] == [3, 2, 1]


def test_sources_that_judge_different_parts_are_named():
    sources = {"verifier": Outcome(), "turn": LongTurns(), "prm": LengthOfSteps(".")}
    with pytest.warns(match="no step reads"):
        rewarder = Rewarder(sources, turn_grpo())
    output = rewarder([*SAMPLES, Sample("p", chat("a.b.c", "a.b.good"), "q"), Sample("p", chat("x", "a.good"), "q")])
    assert output.problems() == {
        0: "the sources disagree about the number of parts: 'turn' has 3, 'prm' has 1",
        1: "the sources disagree about the number of parts: 'turn' has 2, 'prm' has 1",
        4: "the sources disagree about the number of parts: 'turn' has 2, 'prm' has 3",
    }
    with pytest.raises(DataError, match="'turn' has 3, 'prm' has 1, and so on every row"):
        rewarder(SAMPLES[:2])


def test_states_are_what_the_policy_saw_unless_the_sample_says_otherwise():
    rewarder = Rewarder({"verifier": Outcome()}, gigpo(gamma=1.0))
    same = [Sample("p", chat("a", "good"), "q"), Sample("p", chat("b", "bad"), "q")]
    assert rewarder(same).credit.ragged() == [[1.0, 1.0], [-1.0, -1.0]]
    other = [same[0], Sample("p", chat("b", "bad", tool="no such file"), "q")]
    assert rewarder(other).credit.ragged() == [[1.0, 0.5], [-1.0, -0.5]]
    rooms = [Sample("p", s.completion, "q", meta={"turn_states": [["start"], ["room", n]]}) for n, s in enumerate(same)]
    assert rewarder(rooms).credit.ragged() == [[1.0, 0.5], [-1.0, -0.5]]
    groups = [same[0], Sample("r", chat("b", "bad"), "r")]
    assert rewarder(groups).credit.ragged() == [[0.0, 0.0], [0.0, 0.0]]


def test_a_wrong_number_of_states_takes_its_row_out():
    bad = Sample("p", chat("a", "bad"), "q", meta={"turn_states": ["one"]})
    output = Rewarder({"verifier": Outcome()}, gigpo())([*SAMPLES, bad])
    assert output.problems() == {4: "turn_states has 1 entries; the completion has 2 turns"}


@pytest.mark.parametrize(
    ("column", "entries", "problem"),
    [
        (
            "turn_states",
            [{"room": 1}, "two"],
            "turn_states: {'room': 1} is no key; expected a text, a number, or a list",
        ),
        ("turn_states", 5, "turn_states is 5; expected a list with an entry for each turn"),
        ("turn_states", "ab", "turn_states is 'ab'; expected a list with an entry for each turn"),
        ("turn_spans", [5, 6], "turn_spans: 5 is no pair of integers; expected first token and end"),
        ("turn_spans", [["a", "b"], [1, 2]], "turn_spans: ['a', 'b'] is no pair of integers"),
    ],
)
def test_states_and_spans_in_another_form_take_their_row_out_and_no_other(column, entries, problem):
    bad = Sample("p", chat("a", "bad"), "q", meta={column: entries})
    output = Rewarder({"verifier": Outcome()}, gigpo())([*SAMPLES, bad])
    assert output.valid.tolist() == [True] * 4 + [False]
    assert output.problems()[4].startswith(problem)


@pytest.mark.parametrize("make", [list, np.array, torch.tensor, lambda row: [torch.tensor(x) for x in row], jnp.array])
def test_states_in_arrays_are_equal_where_their_values_are(make):
    same = [Sample("p", chat("a", "good"), "q"), Sample("p", chat("b", "bad"), "q")]
    states = ([0, 1], [0, 2])
    rooms = [
        Sample("p", s.completion, "q", meta={"turn_states": make(row)}) for s, row in zip(same, states, strict=True)
    ]
    credit = Rewarder({"verifier": Outcome()}, gigpo(gamma=1.0))(rooms).credit.ragged()
    assert credit == [[1.0, 0.5], [-1.0, -0.5]]


def test_spans_of_turns_become_tokens():
    sample = Sample("p", chat("a", "good"), "q", meta={"turn_spans": [[0, 2], [2, 4]]})
    other = Sample("p", chat("b", "bad"), "q", meta={"turn_spans": [[0, 1], [3, 4]]})
    credit = Rewarder({"verifier": Outcome()}, gigpo(gamma=0.5))([sample, other]).credit
    assert [row.tolist() for row in credit.tokens([[1, 1, 1, 1], [1, 0, 0, 1]])] == [
        [0.75, 0.75, 1.0, 1.0],
        [-0.75, 0, 0, -1.0],
    ]


@pytest.mark.parametrize(
    ("masks", "spans", "message"),
    [
        ([[1, 1, 1]], None, "row 0: the rollout has 2 parts, but there are 1 spans"),
        ([[1, 1, 1]], [[(0, 1), (1, 4)]], "part 1 has tokens 1 to 4; the response has 3"),
        ([[1, 1, 1]], [[(0, 2), (1, 3)]], "token 1 is trained and in 2 parts"),
        ([[1, 1, 1]], [[(0, 1), (2, 3)]], "token 1 is trained and in 0 parts"),
        ([[1], [1]], None, "1 rollouts have credit; got 2 masks"),
    ],
)
def test_tokens_that_do_not_fit_are_refused(masks, spans, message):
    with pytest.raises(DataError, match=message):
        Credit(np.array([1.0, 2.0]), [2]).tokens(masks, spans)


@pytest.mark.parametrize(
    ("share", "expected"),
    [("each", [1, 1, 0, 3, 3, 3]), ("last", [0, 1, 0, 0, 0, 3]), ("even", [0.5, 0.5, 0, 1, 1, 1])],
)
def test_share_says_what_a_token_gets(share, expected):
    credit = Credit(np.array([1.0, 2.0, 3.0]), [3])
    spans = [[(0, 3), (3, 3), (3, 6)]]  # a tool token at the end of the first turn, an empty turn
    (row,) = credit.tokens([[1, 1, 0, 1, 1, 1]], spans, share=share)
    assert_array_equal(row, expected)


def test_step_scores_keep_their_places():
    class Placed:
        def score(self, samples):
            return Scores.from_rows((0.5, Status.JUDGED, "", StepScores((0.1, 0.9), ((0, 2), (2, 5)))) for _ in samples)

    output = Rewarder({"prm": Placed()}, process_supervision())(SAMPLES[:2])
    assert output.scores["prm"].steps[0].spans == ((0, 2), (2, 5))
    with pytest.raises(DataError, match="2 scores of steps and 1 spans"):
        StepScores((0.1, 0.9), ((0, 2),))


def test_scheme_file_with_parts_describes_itself(tmp_path):
    path = tmp_path / "turns.toml"
    path.write_text(
        """
[sources.verifier]
use = "exact-match"
[sources.turn]
use = "score-column"
column = "turn"
[[steps]]
use = "select"
signal = "verifier"
[[steps]]
use = "standardize"
[[steps]]
use = "for-parts"
weight = 0.5
[[steps.steps]]
use = "select"
signal = "turn"
[[steps.steps]]
use = "group-by"
key = "position"
steps = { use = "standardize" }
"""
    )
    scheme = load_scheme(path)
    assert scheme.combiner == turn_grpo(weight=0.5)
    assert build_scheme(scheme.describe()) == scheme


def test_combine_of_arrays_refuses_a_chain_that_ends_with_credit():
    with pytest.raises(
        ConfigError, match="herokit.combine takes one number a rollout, but step 2 of the chain, ForParts"
    ):
        combine({"rm": [1.0, 0.0]}, ["q", "q"], chain(Select("rm"), ForParts(Select("rm")), WeightByStd()))
    output = combine({"rm": [1.0, 0.0]}, ["q", "q"], chain(ForParts(Select("rm")), AggregateParts("mean")))
    assert output.advantage.tolist() == [0.5, -0.5]
