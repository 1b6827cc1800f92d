"""The weight that a reward model earns by agreeing with the verifier, by hand."""

import numpy as np
import pytest

from herokit import Groups, Rewarder, Sample, Signals, Verdict, earned_trust
from herokit.combiners import Mean, WeightByAgreement
from herokit.errors import ConfigError


def test_agreement_is_the_rank_correlation_of_mixed_groups_and_weighs_uniform_ones():
    index = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
    c = np.array([1.0, 0, 0, 1, 0, 0, 1, 0, 0])
    m = np.array([3.0, 1, 2, 2, 9, 1, 0, 5, 0])
    signals = Signals({"rm": m, "verifier": c}, Groups(index, 3))
    step = WeightByAgreement(momentum=0.9)
    weight, state = step.weigh(np.ones(9), signals, step.init())
    assert weight.tolist() == [1, 1, 1, 1, 0, 0, 1, 1, 1]  # nothing measured yet
    assert step.init().value == 0.0
    first = np.mean([1.0, 1.0, 1.0, 0.0])  # 3 over 1 and 2, 2 over 1, 2 beside 2
    second = np.mean([-1.0, 0.0])  # 0 under 5, 0 beside 0
    assert (state.count, state.value) == (2, pytest.approx(0.19 * (first + second) / 2))  # 1 - 0.9^2
    weight, after = step.weigh(np.ones(9), signals, Mean(7, 0.5))
    assert weight.tolist() == [1, 1, 1, 1, 0.5, 0.5, 1, 1, 1]
    assert after.value == pytest.approx(0.81 * 0.5 + state.value)
    assert step.weigh(np.ones(9), signals, Mean(7, -0.5))[0][4] == 0.0  # a model that is wrong has no say
    uniform = Signals({"rm": m, "verifier": 0 * c}, Groups(index, 3))
    assert step.weigh(np.ones(9), uniform, state)[1] == state


class Said:
    """A source that says what the completion says."""

    def __init__(self, place):
        self.place = place

    def read(self, samples):
        return [float(s.completion.split()[self.place]) for s in samples]


class Model(Said):
    def score(self, samples):
        return self.read(samples)


class Right(Said):
    def verify(self, samples):
        return [Verdict(x) for x in self.read(samples)]


def batch(told):
    return [Sample("p", f"{score} {right}", group) for group, rows in told.items() for score, right in rows]


def test_trust_is_earned_and_lost():
    agreeing = {"mixed": [(1, 0), (2, 1), (0, 0), (3, 1)], "silent": [(1, 0), (5, 0)]}
    hacked = {"mixed": [(9, 0), (2, 1), (8, 0), (3, 1)], "silent": [(1, 0), (5, 0)]}
    rewarder = Rewarder({"rm": Model(0), "verifier": Right(1)}, earned_trust(momentum=0.9))
    silent = []
    for step in range(60):
        outcome = rewarder(batch(agreeing if step < 30 else hacked))
        np.testing.assert_allclose(outcome.advantage[:4].sum(), 0.0, atol=1e-12)
        assert outcome.weight[:4].tolist() == [1.0] * 4
        assert outcome.weight[4] == pytest.approx(max(0.0, trusted(step)))
        silent.append(outcome.advantage[5])
    assert silent[0] == 0.0
    assert silent[29] == pytest.approx(0.25 * 0.5**0.5 * (1 - 0.9**29), rel=1e-4)
    assert silent[-1] == 0.0


def trusted(step):
    """The mean before a step: +1 thirty times, then -1."""
    value = 0.0
    for seen in range(step):
        value = 0.9 * value + 0.1 * (1.0 if seen < 30 else -1.0)
    return value


@pytest.mark.parametrize("wrong", [{"momentum": 1.0}, {"momentum": -0.1}, {"power": 0.0}, {"power": float("nan")}])
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        WeightByAgreement(**wrong)
