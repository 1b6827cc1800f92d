"""Every verifier of the core against the laws of verifiers."""

import pytest

from helpers.answer_formats import WITH_REFERENCE, WITHOUT_REFERENCE
from herokit.sources import NoisyVerifiers, execution
from herokit.testing import Profile, check_verifier
from herokit.testing.laws import missing_reference_abstains
from herokit.testing.samples import PLAIN
from herokit.verifiers import Contains, ExactMatch, Number, RougeL, TokenF1

PROFILE = Profile(max_examples=25, seconds=20.0, shrink_seconds=1.0)

NEVER_0_OR_1 = dict.fromkeys(
    ("reference_accepted",),
    "its values are probabilities, which are never 0 or 1",
)
PARTIAL_CREDIT = {
    "hack_does_not_pay": "it gives credit for every word of the reference, also to an answer that lists several"
}


@pytest.mark.parametrize("name", WITH_REFERENCE)
def test_verifier_with_reference_keeps_the_laws(name):
    verifier, answer_format = WITH_REFERENCE[name]
    try:
        report = check_verifier(
            verifier,
            answer_format=answer_format,
            claims=[missing_reference_abstains],
            expected_failures=PARTIAL_CREDIT if isinstance(verifier, TokenF1 | RougeL) else None,
            timeout=12.0,
            profile=PROFILE,
        )
    finally:
        execution.close(verifier)
    assert report.passed, str(report)


@pytest.mark.parametrize("name", WITHOUT_REFERENCE)
def test_verifier_without_reference_keeps_the_laws(name):
    verifier, answer_format, expected_failures = WITHOUT_REFERENCE[name]
    report = check_verifier(verifier, answer_format=answer_format, expected_failures=expected_failures, profile=PROFILE)
    assert report.passed, str(report)


def test_contains_keeps_the_laws_and_pays_no_attack_on_answers_in_words():
    report = check_verifier(
        Contains(),
        domain="short-text",
        claims=[missing_reference_abstains],
        expected_failures={"near_miss_rejected": "a name inside a longer one counts, as in a chatty answer"},
        profile=PROFILE,
    )
    assert report.passed, str(report)
    assert report["hack_does_not_pay"].headline.startswith("0 of ")
    unguarded = check_verifier(Contains(guards=False), domain="short-text", profile=PROFILE)
    assert "wrong and right" in unguarded["hack_does_not_pay"].violation.columns["attack"]


def test_noisy_verifiers_keep_the_laws_that_apply_to_probabilities():
    noisy = NoisyVerifiers((Number(), ExactMatch()), false_positives=(0.01, 0.1), false_negatives=(0.1, 0.2))
    report = check_verifier(noisy, answer_format=PLAIN, expected_failures=NEVER_0_OR_1, profile=PROFILE)
    assert report.passed, str(report)
