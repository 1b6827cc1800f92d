"""ragas: metrics of the released package that need no model, in both of its interfaces, as sources."""

import math
import os
import warnings

os.environ["RAGAS_DO_NOT_TRACK"] = "true"

import pytest
from ragas.metrics.collections import BleuScore, ExactMatch, NonLLMStringSimilarity, StringPresence

from herokit import Rewarder, Sample, as_verifier
from herokit.combiners import Select

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from ragas.metrics import ExactMatch as OldExactMatch
    from ragas.metrics import NonLLMStringSimilarity as OldSimilarity

SAMPLES = [
    Sample("2 + 2?", text, 0, reference)
    for text, reference in (("It is four", "four"), ("4", 4), ("", "4"), ("4", None), ("4", ["4", "four"]))
]


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        (ExactMatch(), [0.0, 1.0]),
        (StringPresence(), [1.0, 1.0]),
        (NonLLMStringSimilarity(), [0.4, 1.0]),
        (OldExactMatch(), [0.0, 1.0]),
        (OldSimilarity(), [0.4, 1.0]),
    ],
)
def test_metric_is_a_verifier_whose_failures_are_no_zeros(metric, values):
    verdicts = as_verifier(metric).verify(SAMPLES)
    assert [v.value for v in verdicts[:2]] == pytest.approx(values)
    assert [(v.value, v.status.value) for v in verdicts[2:]] == [(0.0, "unparsed"), (None, "failed"), (None, "failed")]


def test_bleu_is_the_value_of_ragas():
    text, reference = "the cat sat on a mat today", "the cat sat on the mat today"
    [value] = Rewarder({"rm": BleuScore()}, Select("rm"))([Sample("p", text, 0, reference)]).reward
    assert value == pytest.approx(BleuScore().score(reference=reference, response=text).value)
    assert 0.3 < value < 1


def test_metric_is_not_taken_for_a_reward_model_because_it_has_a_method_score():
    [value] = Rewarder({"rm": ExactMatch()}, Select("rm"))([Sample("p", "4", 0)]).reward
    assert math.isnan(value)
