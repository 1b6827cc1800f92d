"""Steps over their settings keep what they claim: alpha unlike beta, three levels, each normalizer, momentum, ddof, ties."""

from itertools import product

import pytest

from herokit.combiners import (
    Center,
    DivideByMad,
    LeaveOneOut,
    MinMax,
    QuantileMinMax,
    Rank,
    Select,
    Standardize,
    Stratify,
    WeightByStd,
    ZScoreSigmoid,
    chain,
)
from herokit.testing import Profile, check_combiner, list_laws
from herokit.testing.known_failures import known_failures
from herokit.testing.laws import (
    advantages_sum_to_zero,
    affine_invariant_in_score,
    bounded,
    monotone_in_score,
    monotone_in_verdict,
    neutral_to_constant_score,
    singleton_has_zero_advantage,
    strictly_monotone_in_score,
    verifier_dominates,
    zero_advantage_without_signal,
)

PROFILE = Profile(max_examples=25, seconds=60.0, shrink_seconds=0.0)

BANDS = (
    verifier_dominates,
    monotone_in_score,
    monotone_in_verdict,
    neutral_to_constant_score,
    affine_invariant_in_score,
)
LEVELS = (
    {"alpha": 0.05, "beta": 0.3},
    {"alpha": 0.2, "beta": 0.1, "levels": (0.0, 0.5, 1.0), "inner_half_width": 0.02},
)
NORMALIZERS = (MinMax(), Rank(), ZScoreSigmoid(), QuantileMinMax(0.2, 0.9))

STRATIFY = [
    (
        Stratify(**levels, normalizer=normalizer, ties=ties),
        (
            *BANDS,
            bounded.with_params(limit=1.0 + levels["beta"]),
            *(() if isinstance(normalizer, QuantileMinMax) else (strictly_monotone_in_score,)),
        ),
    )
    for levels, normalizer, ties in product(LEVELS, NORMALIZERS, ("floor", "midpoint"))
]
STRATIFY.append((Stratify(min_range=2.0), (strictly_monotone_in_score.with_params(resolution=2.0), verifier_dominates)))

GROUP_STEPS = [
    (step, (monotone_in_score, advantages_sum_to_zero, singleton_has_zero_advantage, zero_advantage_without_signal))
    for step in (
        Center(),
        LeaveOneOut(),
        DivideByMad(),
        *(Standardize(ddof=ddof, scope=scope) for ddof, scope in product((0, 1), ("group", "batch"))),
        Standardize(min_std=2.0),
        Standardize(scale=3.0),
    )
]

WEIGHTS = [
    (WeightByStd(ddof=ddof, center=center, relative=relative, momentum=momentum), ())
    for ddof, center, relative, momentum in product((0, 1), ("paper", "one"), (False, True), (None, 0.0, 0.8))
]


@pytest.mark.parametrize(("step", "claims"), [*STRATIFY, *GROUP_STEPS, *WEIGHTS], ids=repr)
def test_step_keeps_the_laws_that_its_settings_claim(step, claims):
    combiner = chain(Select("rm"), step)
    universal = {law.name for law in list_laws("combiner", universal=True)}
    reasons = {law: reason for law, reason in known_failures(combiner).items() if law in universal}
    signals = {"rm": "score", "verifier": "grade" if len(getattr(step, "levels", ())) > 2 else "binary"}
    report = check_combiner(combiner, claims=claims, signals=signals, backends=("numpy",), profile=PROFILE)
    failures = {result.law: result.details for result in report.failures if result.law not in reasons}
    assert not failures, str(report)
    claimed = [report[law.name] for law in claims]
    assert all(result.outcome == "passed" and result.checked for result in claimed)
