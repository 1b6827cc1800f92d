"""TRL on two ranks with sources that teach nothing: the run stops at the first batch, or says so once on each rank."""

import pytest

pytestmark = pytest.mark.usefixtures("faults_on_two_ranks")  # they run in the background

FAULTS = ["OneSample", "NotAwaited", "OneRank", "Awaits", "Down", "extra"]
DOORS = ["function", "mixin"]
ONE_SAMPLE = "verifier 'verifier' raised AttributeError: 'list' object has no attribute 'completion', on all"
NOT_AWAITED = "verifier 'verifier' must return a Verdict for each sample: returned a coroutine that was not awaited"


@pytest.fixture(params=DOORS)
def door(request):
    return request.param


@pytest.fixture(params=[0, 1], ids=["rank0", "rank1"])
def rank(request):
    return request.param


@pytest.fixture
def report(faults_on_two_ranks, door, rank):
    """Return what a rank reported of a fault, by the fault's name."""
    reports = faults_on_two_ranks.reports(rank)
    return lambda fault: reports[DOORS.index(door) * len(FAULTS) + FAULTS.index(fault)]


@pytest.mark.parametrize(("fault", "message"), [("OneSample", ONE_SAMPLE), ("NotAwaited", NOT_AWAITED)])
def test_error_of_code_stops_every_rank_at_the_first_batch_with_its_own_message(report, fault, message):
    result = report(fault)
    assert message in result["error"]
    assert "seen" not in result  # no step was made
    assert result["seconds"] < 60.0


def test_error_of_code_on_one_rank_stops_the_other(report, door, rank):
    error = report("OneRank")["error"]
    if door == "function" and rank == 0:  # ranks meet in the running mean alone
        assert error.startswith("SetupError: a source failed on another rank; see that rank's log")
    else:
        assert ONE_SAMPLE in error
        assert door == "function" or error.startswith("PluginError: herokit, rank 1 of 2: ")


def test_coroutine_verifier_gives_the_verdicts_of_one_that_is_not(report, door, two_ranks, rank):
    awaited, plain = report("Awaits"), two_ranks.reports(rank)[4]
    assert max(abs(value) for _, rows in awaited["seen"] for value in rows) > 0.05
    if door == "function":
        assert awaited["seen"] == plain["seen"]


def test_source_without_any_value_is_said_once_on_every_rank(report):
    result = report("Down")
    assert [value for _, rows in result["seen"] for value in rows if value] == []
    (warning,) = result["warnings"]
    assert warning.startswith("verifier 'verifier' gave no value on any of ")
    assert "raised ConnectionError: refused (" in warning
    assert warning.endswith("such rows get no reward")


def test_source_that_no_step_reads_is_said_once_on_every_rank(report):
    (warning,) = report("extra")["warnings"]
    assert warning.startswith("no step reads the signal of source 'extra'")
