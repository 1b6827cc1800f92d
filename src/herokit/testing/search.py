"""Try laws on many examples and make the counterexamples small: the only module that drives hypothesis.

All laws of a subject look at the same examples, drawn once. Of the example of a violated law, rows are dropped and numbers
simplified as long as the law fails; if several rows remain, hypothesis looks for a smaller one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from herokit.testing.batches import Draw, ScoreRange, hypothesis_draw
from herokit.testing.law import Law, LawViolation, NotApplicable, Replay, Report, Result
from herokit.testing.subjects import Subject

__all__ = ["QUICK", "THOROUGH", "Profile", "Watch", "try_laws"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How long to search.

    Attributes:
        max_examples: the number of examples per law.
        seconds: wall time per subject, without making counterexamples small; when it runs out, fewer examples are tried
            and the results say so.
        shrink_seconds: wall time for making one counterexample small; 0 keeps it as it was found.
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

SMALL = 2
"""Counterexamples with no more rows are not given to hypothesis."""


class Watch:
    """What is told of the progress of `try_laws`; this one does nothing."""

    def plan(self, report: Report, laws: Sequence[Law]) -> None:
        """These laws are about to be tried; their results will belong to this report."""

    def begin(self, result: Result) -> None:
        """A law is about to be tried; its result is empty."""

    def end(self, result: Result) -> None:
        """A law has its result."""


def try_laws(
    laws: Iterable[Law],
    subject: Subject,
    profile: Profile = QUICK,
    *,
    expected_failures: Mapping[str, str] | None = None,
    must_fail: Collection[str] = (),
    claimed: Collection[str] = (),
    watch: Watch | None = None,
) -> list[Result]:
    """Try laws on a subject. A law that raises anything but `LawViolation` or `NotApplicable` is faulty: that propagates.

    After a violation of the contract (a verifier that returns booleans) the other laws are not tried.

    Args:
        laws: the laws.
        subject: what to try them on.
        profile: how long to search.
        expected_failures: law -> why it fails by design; the counterexamples of these are not made small.
        must_fail: those expected failures that must occur: a law that passes is reported.
        claimed: laws that somebody claims: that no example tests one is a failure.
        watch: is told when a law begins and ends.
    """
    expected, watch = expected_failures or {}, watch or Watch()
    trials = [
        _Trial(
            law,
            subject,
            profile,
            reason=expected.get(law.name, ""),
            strict=law.name in must_fail,
            claimed=law.name in claimed,
        )
        for law in laws
    ]
    examples, seconds, broken = _Examples(subject, profile), profile.seconds, ""
    num_scans = sum(not trial.law.run_once for trial in trials)
    for trial in trials:
        watch.begin(trial.result)
        if broken:
            trial.result.skip_reason = f"not tried: {broken}"
        elif trial.law.run_once:
            trial.holds(None, lambda n: n - 1)
        else:
            begin = monotonic()
            trial.scan(examples, begin + seconds / num_scans)
            seconds, num_scans = seconds - (monotonic() - begin), num_scans - 1
        if trial.result.outcome == "failed" and trial.result.violation is not None:
            trial.minimize()
            broken = trial.result.message if trial.result.violation.breaks_contract else ""
        watch.end(trial.result)
    return [trial.result for trial in trials]


class _Examples:
    """The examples of a subject, drawn when the first law asks for them."""

    def __init__(self, subject: Subject, profile: Profile) -> None:
        self.subject, self.profile = subject, profile
        self.drawn: list[Callable[[ScoreRange], Any]] = []

    def __call__(self, number: int, score_range: ScoreRange) -> Any:
        while len(self.drawn) <= number:
            self.drawn.append(self.subject.draw_example(_random_draw(self.profile, len(self.drawn))))
        return self.drawn[number](score_range)


def _random_draw(profile: Profile, *names: object) -> Draw:
    return Random(f"{profile.seed} {names}").randrange  # noqa: S311 - examples of a test, not a secret


class _Trial:
    """One law tried on one subject; it fills in the law's `Result`."""

    def __init__(
        self, law: Law, subject: Subject, profile: Profile, *, reason: str, strict: bool, claimed: bool
    ) -> None:
        self.law, self.subject, self.profile = law, subject, profile
        claimed = claimed and not reason
        self.result = Result(
            str(law), law.statement, law.universal, law.consequence, reason, strict, claimed, panel=law.headline
        )
        self.smallest: Any = None
        """The example of the violation that is kept."""

    def scan(self, examples: _Examples, end: float) -> None:
        """Try the examples in turn until one violates the law or time runs out."""
        for number in range(0, self.profile.max_examples, COSTLY_EVERY if self.law.costly else 1):
            if number and monotonic() > end:
                self.result.timed_out = True
                return
            example = examples(number, self.law.score_range)
            if not self.holds(example, _random_draw(self.profile, number, self.law.name)):
                return

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
        draws: list[int] = []

        def recorded(n: int) -> int:
            draws.append(draw(n))
            return draws[-1]

        try:
            with np.errstate(all="ignore"):  # laws judge the outputs; numpy's warnings on the way do not matter
                measured = self.law.check(self.subject, example, recorded)
        except NotApplicable as reason:
            result.skip_reason = str(reason)
        except LawViolation as violation:
            violation.earlier = tuple(map(str, getattr(example, "earlier", ())))
            result.checked += 1
            self._measure(violation.measured)
            if result.violation is None or _size(violation) <= _size(result.violation):
                self._keep(violation, example, tuple(draws))
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

    def minimize(self) -> None:
        """Make the counterexample small; the result keeps the smallest one seen."""
        if not self.profile.shrink_seconds or self.law.run_once:
            return
        checked, end = self.result.checked, monotonic() + self.profile.shrink_seconds
        self._reduce(end)
        if self.result.violation is not None and self.result.violation.num_rows > SMALL:
            self._shrink(end)
        self.result.checked = checked

    def _reduce(self, end: float) -> None:
        """Drop rows and simplify numbers as long as the law fails."""
        smaller = True
        while smaller:
            smaller = False
            example = self.smallest
            for number, reduced in enumerate(self.subject.reductions(example)):
                if monotonic() > end:
                    return
                self.holds(reduced, _random_draw(self.profile, number, self.law.name))
                if self.smallest is not example:
                    smaller = True
                    break

    def _shrink(self, end: float) -> None:
        """Let hypothesis find the violation again and shrink it."""

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
        except (LawViolation, Flaky):
            return  # flaky: time ran out, or the subject is not deterministic; the smallest violation is kept

    def _keep(self, violation: LawViolation, example: Any, draws: tuple[int, ...]) -> None:
        self.result.violation, self.smallest = violation.with_traceback(None), example
        only = tuple(next(iter(violation.columns.values()))) if violation.measured is not None else ()
        self.result.example = Replay(draws, None if example is None else self.subject.pack(example), only)


def _size(violation: LawViolation) -> tuple[int, int]:
    return violation.num_rows, len(str(violation))
