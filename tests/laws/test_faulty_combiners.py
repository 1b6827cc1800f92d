"""Planted faults in combiners: each is caught, by a law whose name says what is wrong."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from array_api_compat import array_namespace

from herokit import _segment
from herokit.combiners import (
    Mean,
    ProducesAdvantage,
    Select,
    Standardize,
    Stateless,
    Stratify,
    Weight,
    WeightByStd,
    chain,
)
from herokit.testing import Profile, get_law
from herokit.testing.backends import find_backends
from herokit.testing.check import check
from herokit.testing.subjects import subject_of
from herokit.types import Groups

SCAN = Profile(max_examples=60, seconds=30.0, shrink_seconds=0.0)


def rows(x, groups, op):
    return _segment.expand(_segment.reduce(x, groups, op), groups)


def centre(x, groups):
    return x - _segment.expand(_segment.mean(x, groups), groups)


class Fault(Stateless):
    """A step whose formula is given as a method `f(x, v, signals)` of scores and verdicts."""

    def __call__(self, reward, signals):
        return self.f(signals["rm"], signals["verifier"], signals)


@dataclass(frozen=True)
class BatchWideMinMax(Fault):
    def f(self, x, v, signals):
        xp = array_namespace(x)
        return v + 0.1 * (x - xp.min(x)) / (xp.max(x) - xp.min(x) + 1e-6)


@dataclass(frozen=True)
class OverlappingBands(Fault):
    def f(self, x, v, signals):
        return 0.1 * v + array_namespace(x).tanh(x)


@dataclass(frozen=True)
class SwappedStrata(Fault):
    def f(self, x, v, signals):
        return Stratify()(x, type(signals)({"verifier": 1.0 - v}, signals.groups))


@dataclass(frozen=True)
class FirstRowIsTheBaseline(Fault):
    def f(self, x, v, signals):
        return v - v[0]


@dataclass(frozen=True)
class OffByOneGroup(Fault):
    def f(self, x, v, signals):
        groups = signals.groups
        return v - _segment.expand(
            _segment.mean(v, groups), Groups((groups.ids + 1) % groups.num_groups, groups.num_groups)
        )


@dataclass(frozen=True)
class NanLeak(Fault):
    def f(self, x, v, signals):
        return centre(v, signals.groups) / _segment.expand(_segment.std(v, signals.groups), signals.groups)


@dataclass(frozen=True)
class ExpOverflow(Fault):
    def f(self, x, v, signals):
        xp = array_namespace(x)
        return v + xp.exp(x) / (1.0 + xp.exp(x))


@dataclass(frozen=True)
class WritesItsInput(Fault):
    def f(self, x, v, signals):
        x -= _segment.expand(_segment.mean(x, signals.groups), signals.groups)
        return v + 0.0 * x


@dataclass(frozen=True)
class Jitter(Fault):
    def f(self, x, v, signals):
        return v + 1e-3 * np.random.default_rng().random(len(v))


@dataclass(frozen=True)
class HoldsALambda(Fault):
    g: object = field(default_factory=lambda: lambda v: v)

    def f(self, x, v, signals):
        return self.g(v)


@dataclass(frozen=True)
class AlwaysFloat64(Fault):
    def f(self, x, v, signals):
        xp = array_namespace(v)
        return xp.astype(v, xp.float64)


@dataclass(frozen=True)
class HostOnly(Fault):
    def f(self, x, v, signals):
        return np.asarray(v) * 2.0


@dataclass(frozen=True)
class TheLibrarysOwnStd(Fault):
    """numpy's `std` divides by N, torch's by N - 1."""

    def f(self, x, v, signals):
        return v / (1.0 + x.std()) if len(v) > 1 else v


@dataclass(frozen=True)
class OpensAFile(Fault):
    def __post_init__(self):
        Path("/dev/null").open().close()

    def f(self, x, v, signals):
        return v


@dataclass(frozen=True)
class PrefersTheWorse(Fault):
    def f(self, x, v, signals):
        return v - 0.1 * array_namespace(x).tanh(x)


@dataclass(frozen=True)
class RawScore(Fault):
    def f(self, x, v, signals):
        return v + 1e-3 * x


@dataclass(frozen=True)
class TieBreakByPlace(Fault):
    def f(self, x, v, signals):
        xp = array_namespace(v)
        return v + 1e-3 * xp.astype(xp.arange(v.shape[0]), v.dtype)


@dataclass(frozen=True)
class SquashedInItsOwnUnit(Fault):
    def f(self, x, v, signals):
        return v + 0.1 * array_namespace(x).tanh(x)


@dataclass(frozen=True)
class BestTakesAll(Fault):
    def f(self, x, v, signals):
        xp = array_namespace(x)
        return v + 0.5 * xp.astype(x >= rows(x, signals.groups, "max"), x.dtype)


@dataclass(frozen=True)
class ConstantBaseline(ProducesAdvantage, Fault):
    def f(self, x, v, signals):
        return v - 0.5


class Remembering(Weight):
    """A weight that compares a group's spread with a running mean; faults override a method."""

    def init(self):
        return Mean()

    def local(self, signals):
        spread = _segment.std(signals["rm"], signals.groups)
        some = _segment.counts(signals.groups, signals["rm"]) > 0
        return spread, Mean(int(some.sum()), float(spread[some].mean()))

    def scale(self, spread, mean, signals):
        return 1.0 + _segment.expand(np.tanh(spread - mean), signals.groups) / 2.0

    def weigh(self, reward, signals, state, *, sync):
        spread, local = self.local(signals)
        return self.scale(spread, state.value, signals), state.merge(sync(local))


@dataclass(frozen=True)
class ForgetsToSync(Remembering):
    def weigh(self, reward, signals, state, *, sync):
        spread, local = self.local(signals)
        return self.scale(spread, state.value, signals), state.merge(local)


@dataclass(frozen=True)
class WritesBeforeItReads(Remembering):
    def weigh(self, reward, signals, state, *, sync):
        spread, local = self.local(signals)
        after = state.merge(sync(local))
        return self.scale(spread, after.value, signals), after


@dataclass(frozen=True)
class MeanOfBatchMeans(Remembering):
    def weigh(self, reward, signals, state, *, sync):
        spread, local = self.local(signals)
        return self.scale(spread, state.value, signals), state.merge(sync(Mean(1, local.value)))


class RemembersInItself(Remembering):
    def __init__(self):
        self.mean = Mean()

    def __eq__(self, other):
        return type(self) is type(other)

    __hash__ = None

    def weigh(self, reward, signals, state, *, sync):
        spread, local = self.local(signals)
        before, self.mean = self.mean, self.mean.merge(local)
        return self.scale(spread, before.value, signals), state


@dataclass(frozen=True)
class StateOfArrays(Remembering):
    def init(self):
        return np.zeros(1)

    def weigh(self, reward, signals, state, *, sync):
        spread, local = self.local(signals)
        return self.scale(spread, float(state[0]), signals), np.array([local.value])


def verdict_then(step):
    return chain(Select("verifier"), step)


HERO_THEN_STANDARDIZE = chain(Select("rm"), Stratify(), WeightByStd(), Standardize())

FAULTS = {
    "batch-wide min-max": (BatchWideMinMax(), "group_independence"),
    "overlapping bands": (OverlappingBands(), "verifier_dominates"),
    "swapped strata": (SwappedStrata(), "verifier_dominates"),
    "order dependence": (FirstRowIsTheBaseline(), "row_permutation_equivariance"),
    "off-by-one group id": (OffByOneGroup(), "group_label_invariance"),
    "NaN leak": (NanLeak(), "finite_outputs"),
    "exp overflow": (ExpOverflow(), "finite_outputs"),
    "writes its input": (WritesItsInput(), "inputs_not_modified"),
    "random jitter": (Jitter(), "deterministic"),
    "holds a lambda": (HoldsALambda(), "pickle_round_trip"),
    "always float64": (AlwaysFloat64(), "namespace_dtype_device_preserved"),
    "host only": (HostOnly(), "namespace_dtype_device_preserved"),
    "the library's own std": (TheLibrarysOwnStd(), "backend_equivalence"),
    "opens a file when made": (OpensAFile(), "constructor_has_no_side_effects"),
    "prefers the worse": (PrefersTheWorse(), "monotone_in_score"),
    "raw score, hackable": (RawScore(), "hacking_gain_bounded"),
    "raw score, unbounded": (RawScore(), "bounded"),
    "tie broken by place": (TieBreakByPlace(), "neutral_to_constant_score"),
    "squashed in its own unit": (SquashedInItsOwnUnit(), "affine_invariant_in_score"),
    "best takes all": (BestTakesAll(), "robust_to_score_noise"),
    "constant baseline": (ConstantBaseline(), "zero_advantage_without_signal"),
    "forgets to sync": (verdict_then(ForgetsToSync()), "all_reduce_equivalence"),
    "mean written before it is read": (verdict_then(WritesBeforeItReads()), "group_independence"),
    "mean of batch means": (verdict_then(MeanOfBatchMeans()), "batch_split_invariance"),
    "evaluation writes the mean": (verdict_then(RemembersInItself()), "evaluation_keeps_state"),
    "state that is no JSON": (verdict_then(StateOfArrays()), "state_json_round_trip"),
    "weight before standardizing": (HERO_THEN_STANDARDIZE, "steps_not_cancelled"),
    "uniform groups at unit scale": (HERO_THEN_STANDARDIZE, "uniform_groups_not_amplified"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught_by_a_law_whose_name_fits(name):
    fault, law = FAULTS[name]
    backends = find_backends(("numpy", "torch") if "backend" in law or "namespace" in law else ("numpy",))
    subject = subject_of(fault, {"rm": "score", "verifier": "binary"}, backends=backends)
    (result,) = check(subject, [get_law(law)], {}, SCAN, name)
    assert result.outcome == "failed"
    assert result.consequence


def test_counterexamples_shrink_to_a_few_readable_rows():
    for name in ("batch-wide min-max", "swapped strata"):
        fault, law = FAULTS[name]
        subject = subject_of(fault, {"rm": "score", "verifier": "binary"})
        (result,) = check(subject, [get_law(law)], {}, Profile(max_examples=60, shrink_seconds=20.0), name)
        columns = result.counterexample.columns
        assert {"group", "rm", "verifier", "reward"} <= set(columns)
        assert len(columns["group"]) <= 3, str(result.counterexample)
