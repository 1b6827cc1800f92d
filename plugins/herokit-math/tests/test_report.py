import pytest

from herokit.errors import ConfigError
from herokit_math import MathVerifier, Policy, evaluate, explain


def test_counts_and_rates():
    report = evaluate([("1", "1.0", True), ("1", "2", True), ("2", "2", False), ("3", "4", False)])
    assert (report.true_positives, report.false_positives, report.false_negatives) == (1, 1, 1)
    assert (report.accuracy, report.precision, report.recall, report.f1) == (0.5, 0.5, 0.5, 0.5)
    assert [(d.row, d.label) for d in report.disagreements] == [(1, True), (2, False)]


def test_nothing_to_judge():
    assert evaluate([]).f1 == 1.0


def test_responses_are_searched_for_their_answer():
    assert evaluate([("7", r"so \boxed{7}", True), ("7", "7 or 8? #### 8", False)], responses=True).accuracy == 1.0


def test_a_verifier_handed_in_stays_open_and_decides_the_policy():
    with MathVerifier(policy=Policy(decimals="exact")) as math:
        assert evaluate([(r"\frac13", "0.33", False)], verifier=math).accuracy == 1.0


def test_explain_names_types_and_tier():
    found = explain("[0.5, 8]", r"0.5 \le x \le 8")
    assert (found.equal, found.gold, found.answer) == (1.0, "Interval", "Region")
    assert "interval against region" in found.verdict.reason


def test_explain_says_what_could_not_be_read():
    assert "not read" in explain("7", r"\foo{").answer


def test_an_unreadable_reference_abstains():
    assert explain(r"\foo \bar{", "7").equal is None


def test_policy_values_are_checked():
    with pytest.raises(ConfigError, match="percent"):
        Policy(percent="maybe")
