import pytest

from herokit.types import Sample, Status
from herokit_http import Reach, RubricJudge


@pytest.mark.parametrize("rubric", [{"A": 10**400}, {"A": 1e308, "B": 1e308}, {"A": 0}, {"A": -1.0}])
def test_weights_that_make_no_share_cost_their_row(rubric):
    judge = RubricJudge("http://127.0.0.1:9/v1", reach=Reach(tries=1))
    found = judge.verify([Sample("p", "a", 0, meta={"rubric": rubric})])[0]
    assert (found.value, found.status) == (None, Status.FAILED)
    assert "weight" in found.reason
