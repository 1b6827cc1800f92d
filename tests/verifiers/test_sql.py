"""Databases that cannot be created: the data are at fault, not the completion."""

import time

import pytest

from herokit import Sample, Status
from herokit.verifiers import SqlResult

ENDLESS = (
    "CREATE TABLE t AS SELECT count(*) AS a FROM "
    "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c);"
)


@pytest.mark.parametrize(
    ("setup", "reason"), [(ENDLESS, "the setup was stopped after 0.5 s"), ("CREATE TABL t (a);", "syntax error")]
)
def test_sql_result_abstains_if_the_setup_hangs_or_is_invalid(setup, reason):
    rows = [
        Sample("?", "SELECT a FROM t", 0, "SELECT a FROM t", {"setup": setup}),
        Sample("?", "SELECT 1", 0, "SELECT 1"),
    ]
    start = time.monotonic()
    with SqlResult(timeout=1.0) as sql:
        abstained, correct = sql.verify(rows)
    assert (abstained.value, abstained.status) == (None, Status.FAILED)
    assert reason in abstained.reason
    assert correct.value == 1.0
    assert time.monotonic() - start < 20.0  # includes the start of a process


def test_sql_result_ends_a_function_that_never_looks_at_the_clock():
    """SQLite before 3.53 builds the text, and its process is killed; newer ones refuse it."""
    with SqlResult(timeout=1.0) as sql:
        (verdict,) = sql.verify([Sample("?", "SELECT printf('%.*c', 999999999, 'x')", 0, "SELECT 1")])
    assert verdict.value == 0.0
    assert verdict.status is Status.TIMEOUT or "too big" in verdict.reason
