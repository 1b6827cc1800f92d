"""What steps and sources say about themselves, and that the checker reads it and trusts none of it."""

from dataclasses import dataclass

import pytest

from herokit.combiners import Center, Interpolate, Stratify, chain
from herokit.combiners.base import Stateless
from herokit.errors import ConfigError
from herokit.sources import Cache, Route, Vote
from herokit.tags import CheckTags, tags_of
from herokit.testing import Profile, check_combiner, check_scheme, check_verifier
from herokit.testing.known_failures import claimed_laws, known_failures
from herokit.verifiers import ExactMatch, FunctionCall, Number, TokenF1

QUICK = Profile(max_examples=15, seconds=3.0, shrink_seconds=0.2)


@dataclass(frozen=True)
class Tagged(Stateless):
    """A step that passes the score on and says what it is given."""

    tags: object
    verifier: str = "verifier"
    rm: str = "rm"

    def __call__(self, reward, signals):
        return signals[self.rm] + 0.0 * signals[self.verifier]

    def check_tags(self):
        return self.tags


class TaggedVerifier(ExactMatch):
    def check_tags(self):
        return CheckTags(claims={"symmetric_equivalence": {}, "missing_reference_abstains": {}})


def reports(target, **options):
    (report,) = check_scheme(target, budget=6.0, examples=15, **options)
    return report


def test_check_scheme_fails_a_claim_that_does_not_hold():
    report = check_combiner(Tagged(CheckTags(claims={"verifier_dominates": {"margin": 0.5}})), profile=QUICK)
    assert report["verifier_dominates"].law == "verifier_dominates(margin=0.5)"
    assert report["verifier_dominates"].violation.columns["verifier"]


def test_check_verifier_fails_a_claim_that_no_example_tests():
    report = check_verifier(TaggedVerifier(), answer_format="plain", domain="short-text", profile=QUICK)
    result = report["symmetric_equivalence"]
    assert (result.outcome, result.checked) == ("failed", 0)
    assert result.message.startswith("it was claimed, and no example tested it: ")
    assert report["missing_reference_abstains"].outcome == "passed"


def test_check_scheme_lets_a_known_failure_of_a_class_fail_and_fails_an_expected_one_that_passes():
    step = Tagged(CheckTags(known_failures={"verifier_dominates": "it passes the score on"}))
    laws = ("verifier_dominates", "row_permutation_equivariance")
    report = reports(step, laws=laws, expected_failures={"row_permutation_equivariance": "a test"})
    assert report["verifier_dominates"].outcome == "xfailed"
    assert report["verifier_dominates"].reason == "it passes the score on"
    assert report["row_permutation_equivariance"].outcome == "xpassed"
    assert not report.passed


def test_known_failures_gathers_those_of_the_parts():
    assert "robust_to_score_noise" in known_failures(chain(Stratify(), Center()))
    assert known_failures(chain(Center(), Center())) == {}
    for source in (Cache(TokenF1()), Vote((Number(), TokenF1())), Route({"words": TokenF1()}, default=Number())):
        assert list(known_failures(source)) == ["hack_does_not_pay"], source


def test_claimed_laws_are_those_of_a_single_step():
    assert [law.name for law in claimed_laws(chain(Stratify()))] == ["verifier_dominates", "monotone_in_verdict"]
    assert claimed_laws(chain(Stratify(), Interpolate("verifier", weight=0.5))) == []
    assert tags_of(FunctionCall()).domain == "tool-calls"
    assert tags_of(FunctionCall) == tags_of(None) == CheckTags()


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (CheckTags(claims={"verifier_dominate": {}}), "unknown law in the claims of Tagged 'verifier_dominate'"),
        (CheckTags(known_failures={"determinstic": "x"}), "unknown law in the known failures of Tagged 'determinstic'"),
        ({"claims": {}}, "check_tags.* returned .* expected CheckTags"),
    ],
)
def test_check_scheme_refuses_tags_that_name_no_law(tags, message):
    with pytest.raises(ConfigError, match=message):
        reports(Tagged(tags), laws=("deterministic",))


def test_check_tags_refuses_a_law_without_a_reason_and_one_that_is_claimed_as_well():
    with pytest.raises(ConfigError, match="has no reason"):
        CheckTags(known_failures={"bounded": ""})
    with pytest.raises(ConfigError, match="is claimed and a known failure"):
        CheckTags(claims={"bounded": {}}, known_failures={"bounded": "x"})
