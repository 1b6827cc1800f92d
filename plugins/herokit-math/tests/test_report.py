"""`explain`, `evaluate` and the options of `Policy`."""

import pytest

from herokit.errors import ConfigError
from herokit_math import MathVerifier, Policy, evaluate, explain


def test_evaluate_counts_disagreements_and_computes_rates():
    report = evaluate([("1", "1.0", True), ("1", "2", True), ("2", "2", False), ("3", "4", False)])
    assert (report.true_positives, report.false_positives, report.false_negatives) == (1, 1, 1)
    assert (report.accuracy, report.precision, report.recall, report.f1) == (0.5, 0.5, 0.5, 0.5)
    assert [(d.row, d.label) for d in report.disagreements] == [(1, True), (2, False)]


def test_evaluate_counts_no_pair_without_a_verdict_as_agreement():
    report = evaluate([("1/0", "7", False), ("1/0", "7", True), ("7", "7", True), ("7", "8", False)])
    assert (report.abstentions, report.true_positives, report.false_positives, report.false_negatives) == (2, 1, 0, 1)
    assert [d.row for d in report.disagreements] == [0, 1]
    assert (report.accuracy, report.recall) == (0.5, 0.5)


def test_evaluate_of_no_pairs_has_f1_of_one():
    assert evaluate([]).f1 == 1.0


def test_evaluate_extracts_the_answer_of_responses():
    assert evaluate([("7", r"so \boxed{7}", True), ("7", "7 or 8? #### 8", False)], responses=True).accuracy == 1.0


def test_evaluate_uses_the_given_verifier():
    with MathVerifier(policy=Policy(decimals="exact")) as math:
        assert evaluate([(r"\frac13", "0.33", False)], verifier=math).accuracy == 1.0


def test_explain_returns_the_types_and_the_reason():
    explanation = explain("[0.5, 8]", r"0.5 \le x \le 8")
    assert (explanation.equal, explanation.reference_type, explanation.answer_type) == (1.0, "Interval", "Region")
    assert "interval and region" in explanation.verdict.reason


def test_explain_reports_an_answer_that_was_not_parsed():
    assert "not parsed" in explain("7", r"\foo{").answer_type


def test_explain_abstains_on_an_unreadable_reference():
    assert explain(r"\foo \bar{", "7").equal is None


def test_policy_rejects_unknown_values():
    with pytest.raises(ConfigError, match="percent"):
        Policy(percent="maybe")
