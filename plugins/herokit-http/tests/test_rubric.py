import pytest

from herokit.types import Sample, Status
from herokit_http import RequestPolicy, RubricJudge


@pytest.mark.parametrize("rubric", [{"A": 10**400}, {"A": 1e308, "B": 1e308}, {"A": 0}, {"A": -1.0}])
def test_rubric_with_invalid_weights_fails_its_row(rubric):
    judge = RubricJudge("http://127.0.0.1:9/v1", request=RequestPolicy(max_attempts=1))
    verdict = judge.verify([Sample("p", "a", 0, meta={"rubric": rubric})])[0]
    assert (verdict.value, verdict.status) == (None, Status.FAILED)
    assert "weight" in verdict.reason
