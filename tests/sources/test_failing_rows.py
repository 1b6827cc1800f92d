"""What a source gives that is no verdict and no score costs its row, and tells why."""

import asyncio

import numpy as np
import pytest

from helpers.rewarders import Gives, group, make
from herokit import Rewarder, Sample, Scores, Select, Status, Verdict, rm_only
from herokit.combiners import Add, IfUniform, LinearSchedule, WeightByStd, chain
from herokit.errors import VerdictError
from herokit.sources import execution


def test_rewarder_marks_scores_that_are_too_large():
    rewarder = make(rm=Gives([1e200, -1e200, 2.0], [1.0, 3.0, 2.0]))
    outcome = rewarder(group("q", "ok", "ok", "no"))
    assert outcome.valid.tolist() == [False, False, True]
    assert outcome.problems()[0] == "rm: gave 1e+200"
    assert np.isfinite(rewarder.state[-1].value)
    assert np.isfinite(rewarder(group("q", "ok", "ok", "no")).weight).all()


@pytest.mark.parametrize("value", [np.inf, np.nan, -np.inf])
def test_rewarder_marks_judged_scores_that_are_not_finite(value):
    given = Scores(np.array([value, 1.0]), (Status.JUDGED,) * 2, ("", ""))
    outcome = Rewarder({"rm": Gives(given)}, rm_only())([Sample("p", "c", "q")] * 2)
    assert outcome.problems() == {0: f"rm: gave {value}"}
    assert outcome.scores["rm"].statuses == (Status.FAILED, Status.JUDGED)


def test_rewarder_ignores_the_values_of_failed_scores():
    given = Scores(np.zeros(2), (Status.FAILED, Status.JUDGED), ("the server was away", ""))
    outcome = Rewarder({"rm": Gives(given)}, rm_only())([Sample("p", "c", "q")] * 2)
    assert outcome.valid.tolist() == [False, True]
    assert outcome.problems() == {0: "rm: the server was away"}


@pytest.mark.parametrize("value", [1.0000000000000002, -1e-9, float("nan"), "right"])
def test_rewarder_marks_only_the_row_of_an_invalid_verdict(value):
    class Off:
        def verify(self, samples):
            return [Verdict(value if s.completion == "off" else 1.0) for s in samples]

    outcome = Rewarder({"verifier": Off()}, Select("verifier"))([Sample("p", c, "q") for c in ("on", "off", "on")])
    assert outcome.valid.tolist() == [True, False, True]
    assert "must be in [0, 1]" in outcome.problems()[1]
    with pytest.raises(VerdictError, match="must be in"):
        Verdict(value)


@pytest.mark.parametrize("value", [True, 1, np.float32(1.0), np.bool_(True), np.int64(1)])  # noqa: FBT003 - kinds of one
def test_verdict_value_is_a_float(value):
    assert type(Verdict(value).value) is float
    assert Verdict(value).value == 1.0


class Panic(BaseException):
    """As packages in Rust raise it, and the time-outs of some graders are."""


class MuteError(Exception):
    def __str__(self):
        raise ValueError("no words")


@pytest.mark.parametrize(("error", "told"), [(StopIteration(3), "StopIteration: 3"), (MuteError(), "MuteError")])
def test_verify_isolates_unusual_errors(error, told):
    class Raises:
        def verify(self, samples):
            if any(s.completion == "bad" for s in samples):
                raise error
            return [Verdict(1.0)] * len(samples)

    verdicts = execution.verify("mine", Raises(), [Sample("p", c, "q") for c in ("good", "bad", "good")])
    assert [v.value for v in verdicts] == [1.0, None, 1.0]
    assert verdicts[1].reason.startswith(f"raised {told} (test_failing_rows.py:")


def test_rewarder_marks_panics_and_propagates_interrupts():
    class Panics:
        def __init__(self, error):
            self.error = error

        def verify(self, samples):
            if any(s.completion == "bad" for s in samples):
                raise self.error
            return [Verdict(1.0)] * len(samples)

    samples = [Sample("p", c, "q") for c in ("good", "bad", "good")]
    outcome = Rewarder({"verifier": Panics(Panic("at byte 3"))}, Select("verifier"))(samples)
    assert outcome.problems()[1].startswith("verifier: raised Panic: at byte 3 (test_failing_rows.py:")
    for error in (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
        with pytest.raises(error):
            Rewarder({"verifier": Panics(error())}, Select("verifier"))(samples)


def test_schedule_counts_batches_without_valid_rows():
    fading = Add("rm", LinearSchedule(1.0, 0.0, 2))
    steps = chain(Select("rm"), fading, IfUniform(chain(Select("rm"), fading), Select("verifier")), WeightByStd())
    rewarder = make(steps, rm=Gives([np.nan, np.nan], [1.0, 2.0]))
    before = rewarder.state
    rewarder(group("q", "ok", "no"), update_state=False)
    rewarder([])
    assert rewarder.state == before
    rewarder = make(steps, rm=Gives([np.nan, np.nan], [1.0, 2.0]))
    rewarder(group("q", "ok", "no"))
    counted = rewarder.state
    assert (counted[1][0], counted[2][0][1][0]) == (1, 1)
    assert counted[3] == before[3]  # a running mean saw nothing
    assert [type(part) for part in counted] == [type(part) for part in before]
    assert rewarder(group("q", "ok", "no")).trace[1].step == Add("rm", 0.5)
