"""Every registered step keeps every universal law, but for those it breaks by design; none is forgotten."""

import pytest

from herokit.combiners import (
    Add,
    Affine,
    Center,
    CenterIncorrect,
    Clip,
    ConsistencyFilter,
    DivideByMad,
    Ensemble,
    FlattenLowStd,
    Gate,
    IfUniform,
    Interpolate,
    LeaveOneOut,
    LinearSchedule,
    MinMax,
    Multiply,
    QuantileMinMax,
    Rank,
    Select,
    Sigmoid,
    Standardize,
    Stratify,
    WeightByAgreement,
    WeightByCorrectRate,
    WeightByDifficulty,
    WeightByStd,
    WeightedSum,
    Whiten,
    ZScoreSigmoid,
    chain,
)
from herokit.registry import load_registry
from herokit.testing import Profile, check_combiner
from herokit.testing.known_failures import reasons

STEPS = [
    Add("verifier"),
    Affine(2.0, -1.0),
    Interpolate("verifier", weight=0.3),
    Center(),
    CenterIncorrect(),
    Clip(-1.0, 1.0),
    Ensemble(("rm", "other"), "mean_minus_std"),
    IfUniform(Select("rm"), Select("verifier")),
    IfUniform(WeightByCorrectRate(), Center()),
    ConsistencyFilter(),
    LeaveOneOut(),
    DivideByMad(),
    MinMax(),
    WeightedSum({"rm": 0.5, "verifier": 1.0}),
    Multiply("verifier"),
    Gate("verifier"),
    QuantileMinMax(),
    FlattenLowStd(),
    Rank(),
    Sigmoid(),
    ZScoreSigmoid(),
    Standardize(),
    Standardize(scope="batch"),
    Stratify(),
    Stratify(ties="midpoint"),
    Select("verifier"),
    WeightByAgreement(),
    WeightByCorrectRate(),
    WeightByDifficulty(),
    WeightByStd(),
    WeightByStd(momentum=0.9),
    Interpolate("verifier", weight=LinearSchedule(0.0, 1.0, 10)),
    Whiten(),
]

BROKEN_BY_DESIGN = {
    "ConsistencyFilter": {"row_permutation_equivariance"},
    "Standardize(scope='batch')": {"group_independence"},
    "WeightByAgreement(momentum)": {"batch_split_invariance"},
    "WeightByDifficulty": {"group_independence"},
    "WeightByStd(momentum)": {"batch_split_invariance"},
    "Scheduled": {"batch_split_invariance"},
    "Whiten": {"group_independence"},
}


def title(step):
    name = type(step).__name__
    if getattr(step, "scope", "group") == "batch":
        return f"{name}(scope='batch')"
    if getattr(step, "momentum", None) is not None:
        return f"{name}(momentum)"
    return "Scheduled" if isinstance(getattr(step, "weight", None), LinearSchedule) else name


@pytest.mark.parametrize("step", STEPS, ids=title)
def test_a_step_keeps_the_universal_laws(step):
    combiner = chain(Select("rm"), step)
    known = reasons(combiner)
    report = check_combiner(
        combiner,
        expected_failures={law: known[law] for law in BROKEN_BY_DESIGN.get(title(step), ())},
        profile=Profile(max_examples=25, seconds=60.0, shrink_seconds=0.0),
    )
    assert report.passed, [(r.law, r.outcome, r.message, str(r.counterexample)) for r in report.failures]


def test_no_step_is_forgotten():
    made = {type(step) for step in STEPS}
    registered = {entry.load() for entry in load_registry(plugins=False) if entry.kind == "combiner"}
    numbers = {"LinearSchedule", "CosineSchedule", "PiecewiseConstantSchedule"}
    assert {cls.__name__ for cls in registered - made} <= numbers


def test_jax_agrees_too():
    pytest.importorskip("jax")
    report = check_combiner(
        chain(Select("rm"), Stratify(), Center(), WeightByStd()),
        backends=("numpy", "jax"),
        profile=Profile(max_examples=6, seconds=60.0),
    )
    assert report.passed
    assert report["backend_equivalence"].outcome == "passed"
