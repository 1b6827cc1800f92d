"""Every named scheme against all laws; what it violates by design is listed with the reason, strictly."""

import pytest

from herokit.schemes import SCHEMES
from herokit.testing import Profile, check_combiner, list_laws
from herokit.testing.known_failures import known_failures

NEVER_NORMALIZED = "the score is used in its own scale"
HACKABLE = "the reward is the score"
STANDARD = "in unit scale a hacked score moves a rollout by about a standard deviation"
STRETCHED = (
    "in a group of equal verdicts the deviation is that of the lengths alone, and dividing by it gives them unit scale"
)
NO_COST = "the length of an incorrect rollout costs nothing"
OUTWEIGHED = "verdict and score are added in unit scale, so a high score outweighs a verdict"

KNOWN_FAILURES = {
    "hero": {"affine_invariant_in_score", "robust_to_score_noise"},
    "hero_advantage": {"robust_to_score_noise"},
    "stratified": {"robust_to_score_noise"},
    "gated_fallback": {"robust_to_score_noise", "strictly_monotone_in_score"},
    "earned_trust": {
        "robust_to_score_noise",
        "batch_split_invariance",
        "strictly_monotone_in_score",
    },
    "progrs": {"strictly_monotone_in_score"},
    "grpo_lead": {"advantages_sum_to_zero"},
    "naive_blend": {"robust_to_score_noise"},
    "prof": {
        "row_permutation_equivariance",
        "robust_to_score_noise",
        "neutral_to_constant_score",
        "verifier_dominates",
        "hacking_gain_bounded",
        "monotone_in_verdict",
        "strictly_monotone_in_score",
    },
    "dapo": {"robust_to_score_noise"},
    "grpo_length": {"robust_to_score_noise"},
    "hero_length": {"robust_to_score_noise"},
    "dgpo": {"group_independence"},
    "gdpo": {"group_independence", "robust_to_score_noise", "group_copies_invariance"},
    "normalize_then_sum": {"group_independence", "robust_to_score_noise", "group_copies_invariance"},
    "dvao": {"robust_to_score_noise"},
    "ngrpo": {"zero_advantage_without_signal", "advantages_sum_to_zero", "singleton_has_zero_advantage"},
    "pass_at_k": {"verifier_dominates", "advantages_sum_to_zero"},
    "sum_then_normalize": {"robust_to_score_noise"},
    "process_supervision": {"robust_to_score_noise"},
    "turn_grpo": {"robust_to_score_noise"},
    "discounted_turns": {"robust_to_score_noise"},
    "hero_steps": {"robust_to_score_noise"},
}
"""Laws that fail for a reason given in `herokit.testing.known_failures`."""

NOT_RELATIVE = "a penalty is not compared with those of other rollouts"
ADDED = {
    "verifier_dominates": "process scores are added to the verdict",
    "hacking_gain_bounded": HACKABLE,
    "uniform_groups_not_amplified": "process scores count as much in uniform groups",
}

OTHER_FAILURES = {
    "naive_blend": {
        "verifier_dominates": "with weight 0.5 only the eps of min-max keeps correct above incorrect, and rounding removes it"
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
        "verifier_dominates": "1 + s and s meet at 1; a resolved but unfinished rollout is not considered",
        "monotone_in_score": "an unfinished rollout is penalized",
        "strictly_monotone_in_score": "an unfinished rollout is penalized",
    },
    "crf": {"strictly_monotone_in_score": "incorrect rollouts get 0, whatever their scores"},
    "p_grpo": {
        "verifier_dominates": "the format reward is worth as much as the outcome",
        "strictly_monotone_in_score": "the score of an incorrect rollout does not count",
    },
    "progrs": {
        "verifier_dominates": "the bonus of incorrect rollouts is centered, not bounded",
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
    "dvao": {
        "verifier_dominates": OUTWEIGHED,
        "affine_invariant_in_score": "the raw score's unit decides how much it weighs against the verdict",
        "hacking_gain_bounded": STANDARD,
    },
    "dapo": {
        "hacking_gain_bounded": STANDARD,
        "uniform_groups_not_amplified": STRETCHED,
        "strictly_monotone_in_score": "up to the limit every length costs the same",
    },
    "grpo_length": {
        "hacking_gain_bounded": STANDARD,
        "uniform_groups_not_amplified": STRETCHED,
        "strictly_monotone_in_score": NO_COST,
    },
    "hero_length": {"strictly_monotone_in_score": NO_COST},
    "sum_then_normalize": {
        "verifier_dominates": "the raw score is added to the verdict: the larger one wins",
        "affine_invariant_in_score": "the raw score's unit decides how much it weighs against the verdict",
        "hacking_gain_bounded": STANDARD,
    },
    "process_supervision": {"hacking_gain_bounded": STANDARD},
    "turn_grpo": {
        "verifier_dominates": OUTWEIGHED,
        "hacking_gain_bounded": STANDARD,
        "uniform_groups_not_amplified": STANDARD,
    },
    "discounted_turns": {"hacking_gain_bounded": STANDARD},
    "min_form": ADDED,
    "progress_advantage": ADDED,
    "turn_penalties": ADDED
    | {
        "bounded": NEVER_NORMALIZED,
        "affine_invariant_in_score": NEVER_NORMALIZED,
        "zero_advantage_without_signal": NOT_RELATIVE,
        "advantages_sum_to_zero": NOT_RELATIVE,
        "singleton_has_zero_advantage": NOT_RELATIVE,
    },
    "redistribution": {"strictly_monotone_in_score": "a rollout of one part has no other part to move anything to"},
}

SIGNALS = {
    "min_form": {"verifier": "binary", "prm": "unit"},
    "progress_advantage": {"verifier": "binary", "prm": "unit"},
    "p_grpo": {"rm": "unit", "verifier": "binary", "format": "unit"},
    "swe_rm": {"rm": "unit", "verifier": "binary", "unfinished": "unit"},
    "crf": {"rm": "unit", "verifier": "binary"},
    "rubric": dict.fromkeys(("essential", "important", "optional", "pitfall"), "grade"),
}
"""Signals that are neither a binary verdict nor an unbounded score."""


PARAMETERS = {
    "earned_trust": {"momentum": 0.0},  # as after a long training: the trust is that of the last batch
    "dapo": {"max_tokens": 6, "buffer": 4},  # lengths like the numbers that laws are tried on
}


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.__name__)
def test_scheme_obeys_all_laws_except_known_failures(scheme):
    name = scheme.__name__
    combiner = scheme(**PARAMETERS.get(name, {}))
    reasons = known_failures(combiner)
    expected = {law: reasons[law] for law in KNOWN_FAILURES.get(name, ())} | OTHER_FAILURES.get(name, {})
    report = check_combiner(
        combiner,
        claims=list_laws("combiner", universal=False),
        expected_failures=expected,
        signals=SIGNALS.get(name),
        profile=Profile(max_examples=80, seconds=60.0, shrink_seconds=0.0),
    )
    untried = [
        result.law for result in report.failures if not result.checked
    ]  # every law is claimed: some do not apply
    assert [result.law for result in report.failures] == untried, str(report)
    assert not any(result.timed_out for result in report)
    skipped = {result.law for result in report if result.universal and result.outcome == "skipped"}
    reads_no_verdict = name in ("rm_only", "process_supervision", "discounted_turns")
    assert skipped <= ({"graded_verdicts_accepted"} if reads_no_verdict else set())
