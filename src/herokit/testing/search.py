"""Try laws on many examples and shrink the counterexamples: the only module that drives hypothesis.

All laws of a subject look at the same examples, drawn once; hypothesis then shrinks the example of a violated law.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from herokit.testing.batches import Draw, hypothesis_draw
from herokit.testing.law import Law, LawViolation, NotApplicable, Result
from herokit.testing.subjects import Subject

__all__ = ["QUICK", "THOROUGH", "Profile", "try_laws"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How long to search.

    Attributes:
        max_examples: the number of examples per law.
        seconds: wall time per subject, without shrinking; when it runs out, fewer examples are tried and the results
            say so.
        shrink_seconds: wall time for shrinking one counterexample; 0 keeps it as it was found.
        seed: the same seed draws the same examples.
    """

    max_examples: int = 100
    seconds: float = 20.0
    shrink_seconds: float = 3.0
    seed: int = 0


QUICK = Profile(max_examples=60, seconds=10.0)
"""One or two seconds for a chain of array steps."""

THOROUGH = Profile(max_examples=1000, seconds=300.0, shrink_seconds=30.0)
"""For a nightly run, or before an expensive training run."""

COSTLY_EVERY = 5
"""A costly law is tried on every fifth example."""

SHRINK_EXAMPLES = 10
"""Hypothesis may need this many times more examples to find a violation again, because it draws less evenly."""


def try_laws(
    laws: Iterable[Law],
    subject: Subject,
    profile: Profile = QUICK,
    *,
    expected_failures: Mapping[str, str] | None = None,
    strict: bool = True,
) -> list[Result]:
    """Try laws on a subject. A law that raises anything but `LawViolation` or `NotApplicable` is faulty: that propagates.

    Args:
        laws: the laws.
        subject: what to try them on.
        profile: how long to search.
        expected_failures: law -> why it fails by design; the counterexamples of these are not shrunk.
        strict: whether an expected failure must occur.
    """
    expected = expected_failures or {}
    trials = [_Trial(law, subject, profile, reason=expected.get(law.name, ""), strict=strict) for law in laws]
    for trial in trials:
        if trial.law.run_once:
            trial.holds(None, lambda n: n - 1)
    _scan([trial for trial in trials if not trial.law.run_once], subject, profile)
    for trial in trials:
        if trial.result.outcome == "failed" and profile.shrink_seconds and not trial.law.run_once:
            trial.shrink()
    return [trial.result for trial in trials]


def _scan(trials: list["_Trial"], subject: Subject, profile: Profile) -> None:
    """Try several laws on the same examples; a law stops at its first violation."""
    running, end = list(trials), monotonic() + profile.seconds
    for number in range(profile.max_examples):
        example = subject.draw_example(_random_draw(profile, number))
        for trial in list(running):
            if trial.law.costly and number % COSTLY_EVERY:
                continue
            if monotonic() > end:
                trial.result.timed_out = True
            elif not trial.holds(example(trial.law.score_range), _random_draw(profile, number, trial.law.name)):
                running.remove(trial)


def _random_draw(profile: Profile, *names: object) -> Draw:
    return Random(f"{profile.seed} {names}").randrange  # noqa: S311 - examples of a test, not a secret


class _Trial:
    """One law tried on one subject; it fills in the law's `Result`."""

    def __init__(self, law: Law, subject: Subject, profile: Profile, *, reason: str, strict: bool) -> None:
        self.law, self.subject, self.profile = law, subject, profile
        self.result = Result(
            str(law), law.statement, law.universal, law.consequence, reason, strict, panel=law.headline
        )

    def holds(self, example: Any, draw: Draw) -> bool:
        try:
            self.check(example, draw)
        except LawViolation:
            return False
        return True

    def check(self, example: Any, draw: Draw) -> None:
        """Check one example and add what comes out to the result.

        Raises:
            LawViolation: the law does not hold.
        """
        result, begin = self.result, monotonic()
        try:
            with np.errstate(all="ignore"):  # laws judge the outputs; numpy's warnings on the way do not matter
                measured = self.law.check(self.subject, example, draw)
        except NotApplicable as reason:
            result.skip_reason = str(reason)
        except LawViolation as violation:
            violation.earlier = tuple(map(str, getattr(example, "earlier", ())))
            result.checked += 1
            self._measure(violation.measured)
            if result.violation is None or len(str(violation)) <= len(str(result.violation)):
                self._keep(violation)
            raise
        else:
            result.checked += 1
            self._measure(measured)
        finally:
            result.seconds += monotonic() - begin

    def _measure(self, measured: float | None) -> None:
        if measured is not None and self.law.measures:
            name, combine = self.law.measures
            known = self.result.measured.get(name)
            self.result.measured = {name: measured if known is None else combine(known, measured)}

    def shrink(self) -> None:
        """Let hypothesis find the violation again and shrink it; the result keeps the smallest one seen."""
        end = monotonic() + self.profile.shrink_seconds

        @seed(self.profile.seed)
        @settings(
            max_examples=SHRINK_EXAMPLES * self.profile.max_examples,
            database=None,
            deadline=None,
            derandomize=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
        )
        @given(data=st.data())
        def run(data: st.DataObject) -> None:
            if monotonic() < end:
                draw = hypothesis_draw(data.draw)
                self.check(self.subject.draw_example(draw)(self.law.score_range), draw)

        try:
            run()
        except LawViolation as violation:
            self._keep(violation)
        except Flaky:
            return  # time ran out, or the subject is not deterministic: the smallest violation seen remains

    def _keep(self, violation: LawViolation) -> None:
        self.result.violation = violation.with_traceback(None)
