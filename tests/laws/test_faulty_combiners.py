"""Combiners with seeded faults: each is found by a law whose name says what is wrong."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from array_api_compat import array_namespace

from helpers.planted_weights import Hidden, MeanOfBatches, NoSync, RunningMeanWeight, WrittenBeforeRead
from herokit import _segment
from herokit.combiners import (
    ProducesAdvantage,
    Select,
    Standardize,
    Stateless,
    Stratify,
    WeightByStd,
    chain,
)
from herokit.testing import Profile
from herokit.testing.backends import find_backends
from herokit.testing.check import check_laws
from herokit.testing.laws import get_law
from herokit.testing.subjects import CombinerSubject
from herokit.types import Groups

SIGNALS = {"rm": "score", "verifier": "binary"}
SCAN = Profile(max_examples=60, seconds=30.0, shrink_seconds=0.0)


def rows(x, groups, op):
    return _segment.expand(_segment.reduce(x, groups, op), groups)


def center(x, groups):
    return x - _segment.expand(_segment.mean(x, groups), groups)


class Fault(Stateless):
    """A step with a formula `f(x, v, signals)` of scores and verdicts."""

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
        return center(v, signals.groups) / _segment.expand(_segment.std(v, signals.groups), signals.groups)


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
class RandomNoise(Fault):
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
class LibraryStd(Fault):
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
class TieBreakByPosition(Fault):
    def f(self, x, v, signals):
        xp = array_namespace(v)
        return v + 1e-3 * xp.astype(xp.arange(v.shape[0]), v.dtype)


@dataclass(frozen=True)
class TanhOfRawScore(Fault):
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


@dataclass(frozen=True)
class StateOfArrays(RunningMeanWeight):
    def init(self):
        return np.zeros(1)

    def weigh(self, reward, signals, state, *, sync):
        std, local = self.local(signals)
        return self.scale(std, float(state[0]), signals), np.array([local.value])


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
    "random noise": (RandomNoise(), "deterministic"),
    "holds a lambda": (HoldsALambda(), "pickle_round_trip"),
    "always float64": (AlwaysFloat64(), "namespace_dtype_device_preserved"),
    "host only": (HostOnly(), "namespace_dtype_device_preserved"),
    "the library's own std": (LibraryStd(), "backend_equivalence"),
    "constructor opens a file": (OpensAFile(), "constructor_has_no_side_effects"),
    "prefers the worse": (PrefersTheWorse(), "monotone_in_score"),
    "raw score, hackable": (RawScore(), "hacking_gain_bounded"),
    "raw score, unbounded": (RawScore(), "bounded"),
    "tie broken by position": (TieBreakByPosition(), "neutral_to_constant_score"),
    "tanh of the raw score": (TanhOfRawScore(), "affine_invariant_in_score"),
    "best takes all": (BestTakesAll(), "robust_to_score_noise"),
    "constant baseline": (ConstantBaseline(), "zero_advantage_without_signal"),
    "forgets to sync": (verdict_then(NoSync()), "all_reduce_equivalence"),
    "mean written before it is read": (verdict_then(WrittenBeforeRead()), "group_independence"),
    "mean of batch means": (verdict_then(MeanOfBatches()), "batch_split_invariance"),
    "evaluation writes the mean": (verdict_then(Hidden()), "evaluation_keeps_state"),
    "state is not JSON": (verdict_then(StateOfArrays()), "state_json_round_trip"),
    "weight before standardizing": (HERO_THEN_STANDARDIZE, "steps_not_cancelled"),
    "uniform groups at unit scale": (HERO_THEN_STANDARDIZE, "uniform_groups_not_amplified"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_check_laws_finds_the_faulty_combiner(name):
    fault, law = FAULTS[name]
    backends = find_backends(("numpy", "torch") if "backend" in law or "namespace" in law else ("numpy",))
    subject = CombinerSubject.from_combiner(fault, SIGNALS, backends=backends)
    (result,) = check_laws(subject, [get_law(law)], SCAN, name)
    assert result.outcome == "failed"
    assert result.consequence


def test_check_laws_shrinks_counterexamples_to_a_few_rows():
    for name in ("batch-wide min-max", "swapped strata"):
        fault, law = FAULTS[name]
        subject = CombinerSubject.from_combiner(fault, SIGNALS)
        (result,) = check_laws(subject, [get_law(law)], Profile(max_examples=60, shrink_seconds=20.0), name)
        columns = result.violation.columns
        assert {"group", "rm", "verifier", "reward"} <= set(columns)
        assert len(columns["group"]) <= 3, result.violation.counterexample
