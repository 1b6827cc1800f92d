import numpy as np
import pytest

from herokit import Rewarder, Sample, Scores, Select, Status, Verdict
from herokit.errors import DataError
from herokit.records import from_rows, source_columns, to_rows
from herokit.sources.execution import SourceOutputs


class Steps:
    def score(self, samples):
        return Scores(np.array([1.0, np.nan]), (Status.JUDGED, Status.FAILED), ("", "no model"), [[0.1, 0.2], None])


class Yes:
    def verify(self, samples):
        return [Verdict(1.0, answer="4")] * len(samples)


SOURCES = {"verifier": Yes(), "rm": Steps()}
OUTPUTS = SourceOutputs({"verifier": Yes().verify(range(2))}, {"rm": Steps().score(range(2))})


def test_from_rows_inverts_to_rows():
    rows = to_rows(source_columns(OUTPUTS))
    assert rows[1] == {
        "verifier": 1.0, "verifier_status": "judged", "verifier_reason": "", "verifier_answer": "4",
        "verifier_origin": "",
        "rm": None, "rm_status": "failed", "rm_reason": "no model", "rm_steps": None,
    }  # fmt: skip
    again = from_rows(SOURCES, rows)
    assert again.verdicts == OUTPUTS.verdicts
    np.testing.assert_array_equal(again.scores["rm"].values, OUTPUTS.scores["rm"].values)
    assert again.scores["rm"].rows()[0] == OUTPUTS.scores["rm"].rows()[0] == (1.0, Status.JUDGED, "", [0.1, 0.2])
    assert again.scores["rm"].statuses == OUTPUTS.scores["rm"].statuses


@pytest.mark.parametrize("convert", ["to_arrow", "to_pandas", "to_polars"])
def test_output_has_the_scores_of_steps_in_every_library(convert):
    output = Rewarder({"rm": Steps()}, Select("rm"))([Sample("p", text, 0) for text in "ab"])
    column = getattr(output, convert)()["rm_steps"]
    rows = column.to_pylist() if convert == "to_arrow" else list(column)
    assert [row if row is None else [float(x) for x in row] for row in rows] == [[0.1, 0.2], None]


def test_to_rows_replaces_halves_of_surrogate_pairs():
    assert to_rows({"rm_reason": ["half \ud800"]}) == [{"rm_reason": "half \ufffd"}]


@pytest.mark.parametrize("status", [Status.UNPARSED, Status.TIMEOUT, Status.CRASHED])
def test_from_rows_keeps_the_status_of_a_row_that_the_policy_left_without_a_score(status):
    """A worker sends null and the status; as `failed`, the row would leave the batch and cost the policy nothing."""
    scores = Scores.from_rows([(1.0, Status.JUDGED, "", None), (None, status, "the thinking has no end", None)])
    rows = to_rows(source_columns(SourceOutputs({}, {"rm": scores})))
    back = from_rows({"rm": Steps()}, rows).scores["rm"]
    assert back.statuses == (Status.JUDGED, status)
    output = Rewarder({"rm": Steps()}, Select("rm")).combine(SourceOutputs({}, {"rm": back}), ["q", "q"])
    assert output.reward.tolist() == [1.0, 1.0]


def test_from_rows_fails_a_row_that_is_judged_without_a_value():
    (status,) = from_rows({"rm": Steps()}, [{"rm": float("nan"), "rm_status": "judged"}]).scores["rm"].statuses
    assert status is Status.FAILED


@pytest.mark.parametrize("steps", [5, "12", [0.5, "x"], {"0": 1.0}])
@pytest.mark.parametrize("name", list(SOURCES))
def test_from_rows_names_the_row_whose_steps_are_no_numbers(name, steps):
    good = {name: 1.0, f"{name}_steps": [0.5, None]}
    with pytest.raises(DataError, match=f"row 1: {name}_steps must be a list of numbers or nulls, got "):
        from_rows({name: SOURCES[name]}, [good, {name: 1.0, f"{name}_steps": steps}])
