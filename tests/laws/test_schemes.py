"""Every named scheme against every law: what it breaks by design is listed with its reason, strictly."""

import pytest

from herokit.schemes import SCHEMES
from herokit.testing import Profile, check_combiner, list_laws
from herokit.testing.known_failures import reasons

NEVER_NORMALIZED = "the score is taken as it is, in its own unit"
HACKABLE = "whatever the reward model gives, the rollout gets"
STANDARD = "unit scale: a hacked score moves a rollout across its group, to about a deviation"
OUTWEIGHED = "verdict and score are added after each is brought to unit scale: a good score outweighs a verdict"
WHOLE_BATCH = "it divides by the deviation of the whole batch"

BY_DESIGN = {
    "hero": {"affine_invariant_in_score", "robust_to_score_noise"},
    "hero_advantage": {"robust_to_score_noise"},
    "stratified": {"robust_to_score_noise"},
    "gated_fallback": {"robust_to_score_noise"},
    "earned_trust": {"robust_to_score_noise", "batch_split_invariance"},
    "naive_blend": {"robust_to_score_noise"},
    "prof": {
        "row_permutation_equivariance",
        "robust_to_score_noise",
        "neutral_to_constant_score",
        "verifier_dominates",
        "hacking_gain_bounded",
    },
    "dgpo": {"group_independence"},
    "gdpo": {"group_independence", "robust_to_score_noise"},
    "normalize_then_sum": {"group_independence", "robust_to_score_noise"},
    "sum_then_normalize": {"robust_to_score_noise"},
}
"""Laws that break for a reason that is known of the step: see herokit.testing.known_failures."""

OWN_REASONS = {
    "naive_blend": {
        "verifier_dominates": "at share 0.5 only min-max's eps keeps right above wrong, and scores swallow it"
    },
    "rm_only": {
        "bounded": NEVER_NORMALIZED,
        "affine_invariant_in_score": NEVER_NORMALIZED,
        "hacking_gain_bounded": HACKABLE,
    },
    "qwen_shaping": {
        "verifier_dominates": "the bands touch at 0, which saturated scores reach in floating point",
        "affine_invariant_in_score": "a logistic with a fixed slope is tuned to one model's scores",
    },
    "swe_rm": {
        "verifier_dominates": "1 + s and s meet at 1; resolved but unfinished is not foreseen",
        "monotone_in_score": "the mark of an unfinished rollout counts against it",
    },
    "p_grpo": {"verifier_dominates": "the format reward is worth as much as the outcome"},
    "progrs": {
        "verifier_dominates": "the bonus of wrong rollouts is centred, not bounded",
        "bounded": NEVER_NORMALIZED,
        "affine_invariant_in_score": NEVER_NORMALIZED,
        "hacking_gain_bounded": HACKABLE,
    },
    "gdpo": {
        "verifier_dominates": OUTWEIGHED,
        "affine_invariant_in_score": "eps is added to deviations in the score's unit",
        "hacking_gain_bounded": STANDARD,
    },
    "normalize_then_sum": {
        "verifier_dominates": OUTWEIGHED,
        "affine_invariant_in_score": "eps is added to deviations in the score's unit",
        "hacking_gain_bounded": STANDARD,
    },
    "sum_then_normalize": {
        "verifier_dominates": "the raw score is added to the verdict: the larger one wins",
        "affine_invariant_in_score": "the raw score's unit decides how much it weighs against the verdict",
        "hacking_gain_bounded": STANDARD,
    },
}

SIGNALS = {
    "p_grpo": {"rm": "unit", "verifier": "binary", "format": "unit"},
    "swe_rm": {"rm": "unit", "verifier": "binary", "unfinished": "unit"},
    "crf": {"rm": "unit", "verifier": "binary"},
    "rubric": dict.fromkeys(("essential", "important", "optional", "pitfall"), "grade"),
}
"""Signals that are neither a binary verdict nor a free score."""


SETTINGS = {"earned_trust": {"momentum": 0.0}}  # as in a long training: trust is that of the last batch


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.__name__)
def test_a_scheme_keeps_every_law_it_does_not_break_by_design(scheme):
    name = scheme.__name__
    combiner = scheme(**SETTINGS.get(name, {}))
    known = reasons(combiner)
    expected = {law: known[law] for law in BY_DESIGN.get(name, ())} | OWN_REASONS.get(name, {})
    report = check_combiner(
        combiner,
        claims=list_laws("combiner", universal=False),
        expected_failures=expected,
        signals=SIGNALS.get(name),
        profile=Profile(max_examples=80, seconds=60.0, shrink_seconds=0.0),
    )
    assert report.passed, [(r.law, r.outcome, r.message, str(r.counterexample)) for r in report.failures]
    assert not any(result.timed_out for result in report)
    assert all(result.outcome != "skipped" for result in report if result.universal)
