"""A step that holds steps: their weights, marks and advantages are told as if they stood in the chain."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from herokit import Rewarder, Sample, Verdict
from herokit.combiners import (
    Add,
    Center,
    ConsistencyFilter,
    IfUniform,
    LinearSchedule,
    Select,
    Standardize,
    Stratify,
    WeightByStd,
    chain,
    initial_reward,
)
from herokit.combiners.base import produces_advantage
from herokit.testing import check_combiner
from herokit.testing.laws import steps_not_cancelled
from herokit.trainers.cancellation import find_cancelled_steps

VERDICTS = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0]
SCORES = [1.0, 4.0, 2.0, 3.0, 9.0, 0.0, 2.0, 1.0]
KEYS = ["same", "same", "mixed", "mixed", "wrong", "wrong", "mixed", "mixed"]
UNIFORM = np.array([key != "mixed" for key in KEYS])
GATE = IfUniform(chain(Select("rm"), WeightByStd()), Select("verifier"))


class Told:
    def score(self, samples):
        return [SCORES[int(s.completion)] for s in samples]


class Right:
    def verify(self, samples):
        return [Verdict(VERDICTS[int(s.completion)]) for s in samples]


def outcome(step, batches=2):
    rewarder = Rewarder({"rm": Told(), "verifier": Right()}, step)
    return [rewarder([Sample("p", str(i), key) for i, key in enumerate(KEYS)]) for _ in range(batches)][-1]


def test_if_uniform_exposes_the_weight_inside():
    plain, gated = outcome(chain(Select("rm"), WeightByStd())), outcome(GATE)
    assert (plain.weight != 1.0).all()
    assert_allclose(gated.weight, np.where(UNIFORM, plain.weight, 1.0))
    lines = {line.name: line.values for line in gated.explain("wrong").rows}
    assert_allclose(lines["weight"], plain.weight[4:6])


def test_if_uniform_hides_filtered_rows_from_later_steps():
    marks = chain(ConsistencyFilter(signal="rm", verifier="verifier"), Select("rm"))
    gated = outcome(chain(Select("verifier"), IfUniform(Select("rm"), marks), Center()))
    assert_array_equal(gated.kept, outcome(marks).kept | UNIFORM)
    assert not gated.kept.all()
    assert_array_equal(gated.reward[UNIFORM], np.array(SCORES)[UNIFORM])
    assert np.isnan(gated.reward[~gated.kept]).all()
    assert_allclose(gated.advantage[gated.kept & ~UNIFORM].sum(), 0.0, atol=1e-12)
    again = outcome(
        chain(ConsistencyFilter(signal="rm", verifier="verifier"), IfUniform(chain(Select("rm"), WeightByStd()), marks))
    )
    assert (again.kept <= gated.kept).all()
    assert (again.weight[~again.kept] == 0.0).all()


@pytest.mark.parametrize("after", [(), (WeightByStd(),)])
def test_advantages_made_in_a_gate_are_advantages_and_the_reward_is_what_was_before(after):
    step = IfUniform(chain(Select("rm"), Add("verifier", 2.0), Center()), Select("verifier"))
    made = outcome(chain(step, *after))
    assert produces_advantage(step)
    assert not produces_advantage(GATE)
    assert_allclose(made.reward, np.where(UNIFORM, np.array(SCORES) + 2.0 * np.array(VERDICTS), VERDICTS))
    centred = np.where(UNIFORM, [-1.5, 1.5, 0, 0, 4.5, -4.5, 0, 0], VERDICTS)
    assert_allclose(made.advantage, centred * made.weight)


def test_if_uniform_can_be_nested():
    inner = IfUniform(chain(Select("rm"), WeightByStd(), Center()), Select("verifier"))
    once, twice = outcome(inner), outcome(IfUniform(inner, Select("verifier")))
    for name in ("reward", "advantage", "weight"):
        assert_array_equal(getattr(once, name), getattr(twice, name))


def test_if_uniform_with_an_empty_part_leaves_the_reward():
    rest = GATE.with_parts([chain(Select("rm")), type(chain(Select("rm")))(())])
    assert_array_equal(outcome(chain(Select("verifier"), rest)).reward, np.where(UNIFORM, SCORES, VERDICTS))


def as_it_is(steps, signals, state):
    return steps.combine(initial_reward(signals), signals, state)


def test_hidden_steps_are_found_inside_too():
    bands = chain(Select("rm"), Stratify(), WeightByStd(steepness=LinearSchedule(1.0, 5.0, 9)))
    reads = {"rm": False, "verifier": True}
    for gate in (IfUniform(Select("verifier"), bands), IfUniform(Select("verifier"), IfUniform(Select("rm"), bands))):
        lost = find_cancelled_steps(chain(gate, Standardize()), reads, as_it_is)
        assert [type(one.step).__name__ for one in lost] == ["WeightByStd"]
        assert find_cancelled_steps(chain(gate), reads, as_it_is) == []
    alone = chain(Select("rm"), IfUniform(WeightByStd(), Select("rm")), Standardize())
    assert [one.path for one in find_cancelled_steps(alone, reads, as_it_is)] == [(1, 0, 0), (1,)]


def test_steps_not_cancelled_names_the_weight_inside_if_uniform():
    bands = chain(Select("rm"), Stratify())
    gate = IfUniform(Select("rm"), chain(bands, WeightByStd()))
    signals = {"rm": "score", "verifier": "binary"}
    report = check_combiner(
        chain(gate, Standardize()), signals=signals, claims=[steps_not_cancelled], backends=("numpy",)
    )
    assert [result.law for result in report.failures] == ["steps_not_cancelled"]
    assert "WeightByStd cancels" in report.failures[0].message
