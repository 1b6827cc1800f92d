from herokit import Status, Verdict


def test_verdict_without_a_value_has_failed():
    assert Verdict(None, reason="no reference").status is Status.FAILED


def test_verdict_without_a_value_keeps_another_status():
    assert Verdict(None, Status.TIMEOUT).status is Status.TIMEOUT
