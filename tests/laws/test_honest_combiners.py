"""Correct combiners written the way a stranger would: the suite raises no alarm."""

from dataclasses import dataclass

import pytest
from array_api_compat import array_namespace

from herokit import _segment
from herokit.combiners import Mean, ProducesAdvantage, Stateless, Weight, chain, no_sync
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
    """The verdict, and a little of the squashed score."""

    size: float = 0.1

    def __call__(self, reward, signals):
        return signals["verifier"] + self.size * array_namespace(signals["rm"]).tanh(signals["rm"] / 8.0)


@dataclass(frozen=True)
class PairwiseWins(Stateless):
    """The share of a rollout's group mates with its own verdict that it beats, from a table of all pairs."""

    def __call__(self, reward, signals):
        m, v, g = signals["rm"], signals["verifier"], signals.groups.ids
        xp = array_namespace(m)
        mates = (g[:, None] == g[None, :]) & (v[:, None] == v[None, :])
        wins = xp.astype(mates & (m[:, None] > m[None, :]), m.dtype)
        return v + 0.5 * xp.sum(wins, axis=1) / xp.sum(xp.astype(mates, m.dtype), axis=1)


@dataclass(frozen=True)
class LeaveMeOut(ProducesAdvantage, Stateless):
    """The verdict less the mean verdict of the others, from a table of all pairs."""

    def __call__(self, reward, signals):
        v, g = signals["verifier"], signals.groups.ids
        xp = array_namespace(v)
        same = xp.astype(g[:, None] == g[None, :], v.dtype)
        others = xp.sum(same, axis=1) - 1.0
        total = xp.sum(same * v[None, :], axis=1) - v
        return xp.where(others > 0, v - total / xp.where(others > 0, others, xp.ones_like(others)), xp.zeros_like(v))


class LengthPenalty:
    """No base class at all: the protocol's two methods; long completions cost a little."""

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
    """Weighs a group by how far its mean score is from the running mean of groups: state, sync, read before write."""

    def init(self):
        return Mean()

    def weigh(self, reward, signals, state, *, sync=no_sync):
        xp, m = array_namespace(reward), signals["rm"]
        means = _segment.mean(m, signals.groups)
        some = _segment.counts(signals.groups, m) > 0
        count = int(xp.sum(xp.astype(some, signals.groups.ids.dtype)))
        local = Mean(count, float(xp.sum(xp.where(some, means, xp.zeros_like(means)))) / count)
        weight = 1.0 + 0.5 * xp.tanh(xp.abs(means - state.value))
        return _segment.expand(weight, signals.groups), state.merge(sync(local))


ORDER = (verifier_dominates, monotone_in_score, neutral_to_constant_score)
HONEST = {
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
    "leave me out": (
        LeaveMeOut(),
        (verifier_dominates, uniform_groups_not_amplified, zero_advantage_without_signal),
    ),
    "length penalty": (LengthPenalty(), (steps_not_cancelled,)),
    "novelty": (
        chain(SoftBonus(), Novelty()),
        (*ORDER, steps_not_cancelled, bounded.with_params(limit=1.651)),
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_no_false_alarm(name):
    combiner, claims = HONEST[name]
    report = check_combiner(combiner, claims=claims, profile=Profile(max_examples=60, seconds=60.0))
    assert report.passed, "\n".join(f"{r.law}: {r.message}\n{r.counterexample}" for r in report.failures)
    assert {r.outcome for r in report if not r.universal} == {"passed"}, [(r.law, r.outcome, r.message) for r in report]
