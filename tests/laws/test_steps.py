"""Every registered step satisfies the universal laws, except those that it violates by design."""

import pytest

from herokit.combiners import (
    Add,
    Affine,
    AggregateParts,
    BestMinusSecond,
    Center,
    CenterIncorrect,
    Clip,
    ConsistencyFilter,
    CosineLength,
    Discount,
    DivideByMad,
    DivideByMean,
    DivideBySummedStd,
    Ensemble,
    ExcessLength,
    FlattenLowStd,
    ForParts,
    Gate,
    GroupBy,
    GroupLengthPenalty,
    IfUniform,
    Interpolate,
    KimiLength,
    LeaveOneOut,
    LinearSchedule,
    MinMax,
    Multiply,
    PerRollout,
    Progress,
    QuantileMinMax,
    Rank,
    Redistribute,
    RewardToGo,
    Select,
    Sigmoid,
    SoftMin,
    SoftOverlong,
    Standardize,
    StandardizeWithVirtual,
    Stratify,
    TopPStdFilter,
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
from herokit.testing.known_failures import known_failures

STEPS = [
    Add("verifier"),
    Affine(2.0, -1.0),
    Interpolate("verifier", weight=0.3),
    Center(),
    CenterIncorrect(),
    CosineLength(6),
    ExcessLength(),
    GroupLengthPenalty(),
    KimiLength(),
    SoftOverlong(6, 4),
    Clip(-1.0, 1.0),
    Ensemble(("rm", "other"), "mean_minus_std"),
    IfUniform(Select("rm"), Select("verifier")),
    IfUniform(WeightByCorrectRate(), Center()),
    ConsistencyFilter(),
    LeaveOneOut(),
    BestMinusSecond(),
    DivideByMad(),
    DivideByMean(),
    DivideBySummedStd(),
    StandardizeWithVirtual(),
    TopPStdFilter(),
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
    ForParts(Center(), weight=0.5),
    GroupBy("state", Center()),
    PerRollout(Standardize()),
    AggregateParts("min"),
    RewardToGo(0.5),
    Discount(),
    Progress(),
    SoftMin(),
    Redistribute("other"),
]

EXPECTED_FAILURES = {
    "ConsistencyFilter": {"row_permutation_equivariance"},
    "Standardize(scope='batch')": {"group_independence", "group_copies_invariance"},
    "WeightByAgreement(momentum)": {"batch_split_invariance", "group_copies_invariance"},
    "TopPStdFilter": {"group_independence"},
    "WeightByDifficulty": {"group_independence"},
    "WeightByStd(momentum)": {"batch_split_invariance"},
    "Scheduled": {"batch_split_invariance"},
    "Whiten": {"group_independence", "group_copies_invariance"},
}


def step_id(step):
    name = type(step).__name__
    if getattr(step, "scope", "group") == "batch":
        return f"{name}(scope='batch')"
    if getattr(step, "momentum", None) is not None:
        return f"{name}(momentum)"
    return "Scheduled" if isinstance(getattr(step, "weight", None), LinearSchedule) else name


@pytest.mark.parametrize("step", STEPS, ids=step_id)
def test_step_obeys_the_universal_laws(step):
    combiner = chain(Select("rm"), step)
    reasons = known_failures(combiner)
    report = check_combiner(
        combiner,
        expected_failures={law: reasons[law] for law in EXPECTED_FAILURES.get(step_id(step), ())},
        profile=Profile(max_examples=25, seconds=60.0, shrink_seconds=0.0),
    )
    assert report.passed, str(report)


def test_steps_are_all_tested():
    tested = {type(step) for step in STEPS}
    registered = {entry.load() for entry in load_registry(plugins=False) if entry.kind == "combiner"}
    schedules = {"LinearSchedule", "CosineSchedule", "PiecewiseConstantSchedule"}
    assert {cls.__name__ for cls in registered - tested} <= schedules


def test_backend_equivalence_passes_with_jax():
    pytest.importorskip("jax")
    report = check_combiner(
        chain(Select("rm"), Stratify(), Center(), WeightByStd()),
        backends=("numpy", "jax"),
        profile=Profile(max_examples=6, seconds=60.0),
    )
    assert report.passed
    assert report["backend_equivalence"].outcome == "passed"
