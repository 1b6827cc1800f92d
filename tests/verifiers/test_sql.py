"""Databases that cannot be made: the data are at fault, not the completion."""

import time

import pytest

from herokit import Sample, Status
from herokit.verifiers import SqlResult

NEVER_ENDS = (
    "CREATE TABLE t AS SELECT count(*) AS a FROM "
    "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c);"
)


@pytest.mark.parametrize(
    ("setup", "said"), [(NEVER_ENDS, "the setup was stopped after 0.5 s"), ("CREATE TABL t (a);", "syntax error")]
)
def test_a_setup_that_hangs_or_is_wrong_costs_no_completion_its_reward(setup, said):
    rows = [
        Sample("?", "SELECT a FROM t", 0, "SELECT a FROM t", {"setup": setup}),
        Sample("?", "SELECT 1", 0, "SELECT 1"),
    ]
    begun = time.monotonic()
    with SqlResult(timeout=1.0) as sql:
        hung, good = sql.verify(rows)
    assert (hung.value, hung.status) == (None, Status.FAILED)
    assert said in hung.reason
    assert good.value == 1.0
    assert time.monotonic() - begun < 20.0  # the process starts, too
