"""Every registered step keeps every universal law, but for those it breaks by design; none is forgotten."""

import pytest

from herokit.combiners import (
    Add,
    Affine,
    Blend,
    Center,
    CenterWrong,
    Clip,
    Ensemble,
    IfUniform,
    KeepConsistent,
    LeaveOneOut,
    Linear,
    MeanAbsoluteDeviation,
    MinMax,
    Mix,
    Multiply,
    OnlyIf,
    Quantile,
    Quiet,
    Rank,
    Sigmoid,
    Squash,
    Standardize,
    Stratify,
    Take,
    WeightByAgreement,
    WeightByCorrectRate,
    WeightByDifficulty,
    WeightBySpread,
    Whiten,
    chain,
)
from herokit.registry import load_registry
from herokit.testing import Profile, check_combiner
from herokit.testing.known_failures import reasons

STEPS = [
    Add("verifier"),
    Affine(2.0, -1.0),
    Blend("verifier", share=0.3),
    Center(),
    CenterWrong(),
    Clip(-1.0, 1.0),
    Ensemble(("rm", "other"), "cautious"),
    IfUniform(Take("rm"), Take("verifier")),
    IfUniform(WeightByCorrectRate(), Center()),
    KeepConsistent(),
    LeaveOneOut(),
    MeanAbsoluteDeviation(),
    MinMax(),
    Mix({"rm": 0.5, "verifier": 1.0}),
    Multiply("verifier"),
    OnlyIf("verifier"),
    Quantile(),
    Quiet(),
    Rank(),
    Sigmoid(),
    Squash(),
    Standardize(),
    Standardize(over="batch"),
    Stratify(),
    Stratify(tied="midpoint"),
    Take("verifier"),
    WeightByAgreement(),
    WeightByCorrectRate(),
    WeightByDifficulty(),
    WeightBySpread(),
    WeightBySpread(momentum=0.9),
    Blend("verifier", share=Linear(0.0, 1.0, 10)),
    Whiten(),
]

BROKEN_BY_DESIGN = {
    "KeepConsistent": {"rows_permute"},
    "Standardize(over='batch')": {"groups_independent"},
    "WeightByAgreement(momentum)": {"batches_split"},
    "WeightByDifficulty": {"groups_independent"},
    "WeightBySpread(momentum)": {"batches_split"},
    "Scheduled": {"batches_split"},
    "Whiten": {"groups_independent"},
}


def title(step):
    name = type(step).__name__
    if getattr(step, "over", "group") == "batch":
        return f"{name}(over='batch')"
    if getattr(step, "momentum", None) is not None:
        return f"{name}(momentum)"
    return "Scheduled" if isinstance(getattr(step, "share", None), Linear) else name


@pytest.mark.parametrize("step", STEPS, ids=title)
def test_a_step_keeps_the_universal_laws(step):
    combiner = chain(Take("rm"), step)
    known = reasons(combiner)
    report = check_combiner(
        combiner,
        expected_failures={law: known[law] for law in BROKEN_BY_DESIGN.get(title(step), ())},
        profile=Profile(examples=25, seconds=60.0, shrinking=0.0),
    )
    assert report.fine, [(r.law, r.outcome, r.message, str(r.counterexample)) for r in report.broken]


def test_no_step_is_forgotten():
    made = {type(step) for step in STEPS}
    registered = {entry.load() for entry in load_registry(plugins=False) if entry.kind == "combiner"}
    numbers = {"Linear", "Cosine", "Piecewise"}
    assert {cls.__name__ for cls in registered - made} <= numbers


def test_jax_agrees_too():
    pytest.importorskip("jax")
    report = check_combiner(
        chain(Take("rm"), Stratify(), Center(), WeightBySpread()),
        backends=("numpy", "jax"),
        profile=Profile(examples=6, seconds=60.0),
    )
    assert report.fine
    assert report["backends_agree"].outcome == "kept"
