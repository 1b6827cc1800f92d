"""inspect: scorers of the released package as sources."""

import pytest
from inspect_ai.scorer import Score, accuracy, exact, f1, includes, match, pattern, scorer

from herokit import Rewarder, Sample, as_verifier
from herokit.combiners import Select

SAMPLES = [
    Sample("2 + 2?", text, 0, reference)
    for text, reference in (("It is 4", "4"), ("5", 4), ("", "4"), ("4", None), ("4", ["3", "4"]))
]


@pytest.mark.parametrize(
    ("made", "values"),
    [
        (match(), [1, 0, 1]),
        (includes(), [1, 0, 1]),
        (exact(), [0, 0, 1]),
        (pattern(r"(\d)"), [1, 0, 1]),
        (f1(), [0.5, 0, 1]),
    ],
)
def test_scorer_is_a_verifier_whose_failures_are_no_zeros(made, values):
    verdicts = as_verifier(made).verify(SAMPLES)
    assert [verdicts[row].value for row in (0, 1, 4)] == values
    assert [(v.value, v.status.value) for v in verdicts[2:4]] == [(0.0, "unparsed"), (None, "failed")]


def test_empty_reference_fails_although_every_answer_includes_it():
    [verdict] = as_verifier(includes()).verify([Sample("p", "anything", 0, "")])
    assert (verdict.value, verdict.reason) == (None, "no reference")


def test_unscored_score_is_a_failure_unless_the_policy_caused_it():
    @scorer(metrics=[accuracy()])
    def picky():
        async def score(state, target):
            if "refuse" in state.output.completion:
                return Score.unscored(reason="refusal")
            return Score.unscored(reason="grader_failed")

        return score

    output = Rewarder({"verifier": picky()}, Select("verifier"))(
        [Sample("p", text, 0, "4") for text in ("I refuse", "4")]
    )
    assert [(v.value, v.status.value, v.reason) for v in output.verdicts["verifier"]] == [
        (0.0, "unparsed", "refusal"),
        (None, "failed", "grader_failed"),
    ]
