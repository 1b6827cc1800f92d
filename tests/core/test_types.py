import pytest

from herokit import Status, Verdict
from herokit.errors import VerdictError


def test_verdict_without_a_value_has_failed():
    assert Verdict(None, reason="no reference").status is Status.FAILED


def test_verdict_without_a_value_keeps_another_status():
    assert Verdict(None, Status.TIMEOUT).status is Status.TIMEOUT


def test_parts_of_a_verdict_may_be_numbers():
    assert Verdict(0.0, parts=[1, Verdict(0.5), None]).parts == (Verdict(1.0), Verdict(0.5), Verdict(None))
    assert Verdict(0.0).parts is None


@pytest.mark.parametrize(
    ("parts", "message"),
    [(("a",), "in .0, 1. or None, got 'a'"), (0.5, "a number for each part, got 0.5"), ("ab", "'ab'")],
)
def test_parts_of_a_verdict_that_are_no_values_are_refused(parts, message):
    with pytest.raises(VerdictError, match=message):
        Verdict(0.0, parts=parts)
