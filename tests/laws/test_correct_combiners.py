"""Correct combiners as a user may write them: no law fails."""

from dataclasses import dataclass

import pytest
from array_api_compat import array_namespace

from herokit import _segment
from herokit.combiners import Mean, ProducesAdvantage, Stateless, Weight, chain
from herokit.combiners.base import no_sync
from herokit.testing import Profile, check_combiner
from herokit.testing.laws import (
    affine_invariant_in_score,
    bounded,
    hacking_gain_bounded,
    monotone_in_score,
    neutral_to_constant_score,
    robust_to_score_noise,
    steps_not_cancelled,
    uniform_groups_not_amplified,
    verifier_dominates,
    zero_advantage_without_signal,
)


@dataclass(frozen=True)
class SoftBonus(Stateless):
    """The verdict plus a small multiple of the tanh of the score."""

    size: float = 0.1

    def __call__(self, reward, signals):
        return signals["verifier"] + self.size * array_namespace(signals["rm"]).tanh(signals["rm"] / 8.0)


@dataclass(frozen=True)
class PairwiseWins(Stateless):
    """The share of rollouts of its group with the same verdict that a rollout beats, from a table of all pairs."""

    def __call__(self, reward, signals):
        m, v, g = signals["rm"], signals["verifier"], signals.groups.ids
        xp = array_namespace(m)
        mates = (g[:, None] == g[None, :]) & (v[:, None] == v[None, :])
        wins = xp.astype(mates & (m[:, None] > m[None, :]), m.dtype)
        return v + 0.5 * xp.sum(wins, axis=1) / xp.sum(xp.astype(mates, m.dtype), axis=1)


@dataclass(frozen=True)
class LeaveOneOutVerdict(ProducesAdvantage, Stateless):
    """The verdict minus the mean verdict of the others, from a table of all pairs."""

    def __call__(self, reward, signals):
        v, g = signals["verifier"], signals.groups.ids
        xp = array_namespace(v)
        same = xp.astype(g[:, None] == g[None, :], v.dtype)
        others = xp.sum(same, axis=1) - 1.0
        total = xp.sum(same * v[None, :], axis=1) - v
        return xp.where(others > 0, v - total / xp.where(others > 0, others, xp.ones_like(others)), xp.zeros_like(v))


class LengthPenalty:
    """A step without a base class: the two methods of the protocol; long completions cost a little."""

    def __init__(self, rate=0.01):
        self.rate = rate

    def __eq__(self, other):
        return isinstance(other, LengthPenalty) and self.rate == other.rate

    __hash__ = None

    def init(self):
        return None

    def combine(self, reward, signals, state, *, sync=no_sync):
        return signals["verifier"] - self.rate * signals["length"], None


@dataclass(frozen=True)
class Novelty(Weight):
    """Weights a group by the distance of its mean score from the running mean: state, sync, read before write."""

    def init(self):
        return Mean()

    def weigh(self, reward, signals, state, *, sync=no_sync):
        xp, m = array_namespace(reward), signals["rm"]
        means = _segment.mean(m, signals.groups)
        some = _segment.counts(signals.groups, m) > 0
        count = int(xp.sum(xp.astype(some, signals.groups.ids.dtype)))
        local = Mean(count, float(xp.sum(xp.where(some, means, xp.zeros_like(means)))) / max(count, 1))
        weight = 1.0 + 0.5 * xp.tanh(xp.abs(means - state.value))
        return _segment.expand(weight, signals.groups), state.merge(sync(local))


ORDER = (verifier_dominates, monotone_in_score, neutral_to_constant_score)
CORRECT = {
    "soft bonus": (
        SoftBonus(),
        (
            *ORDER,
            bounded.with_params(limit=1.1),
            hacking_gain_bounded.with_params(limit=0.2),
            robust_to_score_noise,
            zero_advantage_without_signal,
        ),
    ),
    "pairwise wins": (PairwiseWins(), (*ORDER, bounded.with_params(limit=1.5), affine_invariant_in_score)),
    "leave one out": (
        LeaveOneOutVerdict(),
        (verifier_dominates, uniform_groups_not_amplified, zero_advantage_without_signal),
    ),
    "length penalty": (LengthPenalty(), (steps_not_cancelled,)),
    "novelty": (
        chain(SoftBonus(), Novelty()),
        (*ORDER, steps_not_cancelled, bounded.with_params(limit=1.651)),
    ),
}


@pytest.mark.parametrize("name", CORRECT)
def test_check_combiner_passes_a_correct_combiner(name):
    combiner, claims = CORRECT[name]
    report = check_combiner(combiner, claims=claims, profile=Profile(max_examples=60, seconds=60.0))
    assert report.passed, str(report)
    assert {r.outcome for r in report if not r.universal} == {"passed"}, [result.as_dict() for result in report]
