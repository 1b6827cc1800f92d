"""Every named scheme against every law: what it breaks by design is listed with its reason, strictly."""

import pytest

from herokit.schemes import SCHEMES
from herokit.testing import Profile, check_combiner, laws_of
from herokit.testing.known_failures import reasons

NEVER_NORMALIZED = "the score is taken as it is, in its own unit"
HACKABLE = "whatever the reward model gives, the rollout gets"
STANDARD = "unit scale: a hacked score moves a rollout across its group, to about a deviation"
OUTWEIGHED = "verdict and score are added after each is brought to unit scale: a good score outweighs a verdict"
WHOLE_BATCH = "it divides by the deviation of the whole batch"

BY_DESIGN = {
    "hero": {"affine_invariant_in_the_rm", "robust"},
    "hero_advantage": {"robust"},
    "stratified": {"robust"},
    "gated_fallback": {"robust"},
    "earned_trust": {"robust", "batches_split"},
    "naive_blend": {"robust"},
    "prof": {"rows_permute", "robust", "neutral_when_the_rm_is_constant", "verifier_dominates", "hacking_is_bounded"},
    "dgpo": {"groups_independent"},
    "gdpo": {"groups_independent", "robust"},
    "normalize_then_sum": {"groups_independent", "robust"},
    "sum_then_normalize": {"robust"},
}
"""Laws that break for a reason that is known of the step: see herokit.testing.known_failures."""

OWN_REASONS = {
    "naive_blend": {
        "verifier_dominates": "at share 0.5 only min-max's eps keeps right above wrong, and scores swallow it"
    },
    "rm_only": {
        "bounded": NEVER_NORMALIZED,
        "affine_invariant_in_the_rm": NEVER_NORMALIZED,
        "hacking_is_bounded": HACKABLE,
    },
    "qwen_shaping": {
        "verifier_dominates": "the bands touch at 0, which saturated scores reach in floating point",
        "affine_invariant_in_the_rm": "a logistic with a fixed slope is tuned to one model's scores",
    },
    "swe_rm": {
        "verifier_dominates": "1 + s and s meet at 1; resolved but unfinished is not foreseen",
        "monotone_in_the_rm": "the mark of an unfinished rollout counts against it",
    },
    "p_grpo": {"verifier_dominates": "the format reward is worth as much as the outcome"},
    "progrs": {
        "verifier_dominates": "the bonus of wrong rollouts is centred, not bounded",
        "bounded": NEVER_NORMALIZED,
        "affine_invariant_in_the_rm": NEVER_NORMALIZED,
        "hacking_is_bounded": HACKABLE,
    },
    "gdpo": {
        "verifier_dominates": OUTWEIGHED,
        "affine_invariant_in_the_rm": "eps is added to deviations in the score's unit",
        "hacking_is_bounded": STANDARD,
    },
    "normalize_then_sum": {
        "verifier_dominates": OUTWEIGHED,
        "affine_invariant_in_the_rm": "eps is added to deviations in the score's unit",
        "hacking_is_bounded": STANDARD,
    },
    "sum_then_normalize": {
        "verifier_dominates": "the raw score is added to the verdict: the larger one wins",
        "affine_invariant_in_the_rm": "the raw score's unit decides how much it weighs against the verdict",
        "hacking_is_bounded": STANDARD,
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
        claims=laws_of("combiner", universal=False),
        expected_failures=expected,
        signals=SIGNALS.get(name),
        profile=Profile(examples=80, seconds=60.0, shrinking=0.0),
    )
    assert report.fine, [(r.law, r.outcome, r.message, str(r.counterexample)) for r in report.broken]
    assert not any(result.cut for result in report)
    assert all(result.outcome != "moot" for result in report if result.universal)
