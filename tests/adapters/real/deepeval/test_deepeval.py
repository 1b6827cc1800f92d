"""deepeval: metrics of the released package that need no model, as sources."""

import os

os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "1"

import pytest
from deepeval.metrics import ExactMatchMetric, PatternMatchMetric

from herokit import Rewarder, Sample, as_reward_model, as_verifier
from herokit.combiners import Select

SAMPLES = [Sample("2 + 2?", text, 0, reference) for text, reference in (("4", "4"), ("5", 4), ("", "4"), ("4", None))]


def test_exact_match_fails_without_a_reference_and_pays_nothing_for_an_empty_answer():
    verdicts = as_verifier(ExactMatchMetric()).verify(SAMPLES)
    assert [(v.value, v.status.value) for v in verdicts] == [
        (1.0, "judged"),
        (0.0, "judged"),
        (0.0, "unparsed"),
        (None, "failed"),
    ]
    assert verdicts[0].reason == "The actual and expected outputs are exact matches."


def test_empty_answer_would_be_an_error_of_the_metric_itself():
    """Why an empty answer is not passed on: what it raises would drop the row, which costs the policy nothing."""
    from deepeval.errors import MissingTestCaseParamsError
    from deepeval.test_case import LLMTestCase

    with pytest.raises(MissingTestCaseParamsError):
        ExactMatchMetric().measure(LLMTestCase(input="2 + 2?", actual_output="", expected_output="4"))


def test_pattern_match_is_a_reward_model_and_a_source_as_it_is():
    metric = PatternMatchMetric(pattern=r"\d")
    assert as_reward_model(metric).score(SAMPLES).values.tolist() == [1.0, 1.0, 0.0, 1.0]
    assert Rewarder({"verifier": metric}, Select("verifier"))(SAMPLES).reward.tolist() == [1.0, 1.0, 0.0, 1.0]
    assert metric.score is None
