"""Trying laws on many inputs, and shrinking what breaks them: the only place that drives hypothesis.

All laws of one kind look at the same inputs, drawn once; a law that breaks is then given to hypothesis, to shrink.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from random import Random
from time import monotonic
from typing import Any, Protocol

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from herokit.testing.law import Choose, Law, Span
from herokit.testing.verdict import Broken, Moot


@dataclass(frozen=True, slots=True)
class Profile:
    """How long to look.

    Attributes:
        max_examples: inputs tried a law.
        seconds: wall time a subject may take, shrinking apart; where it runs out, fewer inputs are tried and each
            result says so.
        shrink_seconds: wall time a broken law may take to shrink its counterexample; 0 leaves it as it was found.
        seed: the same seed tries the same inputs.
    """

    max_examples: int = 100
    seconds: float = 20.0
    shrink_seconds: float = 3.0
    seed: int = 0


QUICK = Profile(max_examples=60, seconds=10.0)
"""A second or two for a scheme of array steps."""

THOROUGH = Profile(max_examples=1000, seconds=300.0, shrink_seconds=30.0)
"""For a night, or for a scheme that costs a cluster."""


PART = 5
"""A costly law is tried on every fifth input."""


class Subject(Protocol):
    """A thing under test."""

    def make(self, choose: Choose) -> Callable[[Span], Any]:
        """Choose an input, to be read at a law's span."""
        ...


@dataclass(slots=True)
class Finding:
    """What a search found for one law.

    Attributes:
        law: the law.
        broken: its complaint about the smallest input found, None if it held.
        checked: inputs that had something to look at.
        cut: whether time ran out before all inputs were tried.
        moot: why the last input had nothing to look at.
        measured: the joined measurement, None if the law makes none.
        seconds: wall time.
    """

    law: Law
    broken: Broken | None = None
    checked: int = 0
    cut: bool = False
    moot: str = ""
    measured: float | None = None
    seconds: float = 0.0
    sizes: list[int] = field(default_factory=list, repr=False)

    def trial(self, subject: Subject, cases: Callable[[Span], Any], choose: Choose) -> None:
        """Try the law on one input; raises `Broken` and remembers the smallest one."""
        begun, case = monotonic(), cases(self.law.span)
        try:
            with np.errstate(all="ignore"):  # a law judges what comes out, not what numpy warns of on the way
                measured = self.law.check(subject, case, choose)
        except Moot as nothing:
            self.moot = str(nothing)
        except Broken as broken:
            self._keep(broken, case)
            raise
        else:
            self.checked += 1
            if measured is not None and self.law.measures:
                join = self.law.measures[1]
                self.measured = measured if self.measured is None else join(self.measured, measured)
        finally:
            self.seconds += monotonic() - begun

    def _keep(self, broken: Broken, case: Any) -> None:
        self.checked += 1
        earlier = tuple(map(str, getattr(case, "earlier", ())))
        broken.counterexample = replace(broken.counterexample, earlier=earlier)
        size = len(str(broken))
        if not self.sizes or size <= self.sizes[-1]:
            self.sizes.append(size)
            self.broken = broken.with_traceback(None)


def search(
    laws: Iterable[Law], subject: Subject, profile: Profile = QUICK, *, known: Collection[str] = ()
) -> list[Finding]:
    """Try laws on a subject; a law that raises anything but `Broken` or `Moot` is itself at fault, and that passes.

    Args:
        laws: what to try.
        subject: on what.
        profile: how long.
        known: names of laws that break for a known reason: their counterexamples are left as they were found.
    """
    findings = [Finding(law) for law in laws]
    for once in (found for found in findings if found.law.run_once):
        _holds(once, subject, lambda span: span, lambda n: n - 1)
    _scan([found for found in findings if not found.law.run_once], subject, profile)
    for found in findings:
        if found.broken and profile.shrink_seconds and not found.law.run_once and found.law.name not in known:
            _shrink(found, subject, profile)
    return findings


def _holds(found: Finding, subject: Subject, cases: Callable[[Span], Any], choose: Choose) -> bool:
    try:
        found.trial(subject, cases, choose)
    except Broken:
        return False
    return True


def _scan(findings: list[Finding], subject: Subject, profile: Profile) -> None:
    """Try several laws on the same inputs, drawn evenly; a law leaves at its first failure."""
    waiting, end = list(findings), monotonic() + profile.seconds
    for number in range(profile.max_examples):
        case = subject.make(_dice(profile, number))
        for found in list(waiting):
            if found.law.costly and number % PART:
                continue
            if monotonic() > end:
                found.cut = True
            elif not _holds(found, subject, case, _dice(profile, number, found.law.name)):
                waiting.remove(found)


def _dice(profile: Profile, *names: object) -> Choose:
    return Random(f"{profile.seed} {names}").randrange  # noqa: S311 - inputs of a test, no secret


def _shrink(found: Finding, subject: Subject, profile: Profile) -> None:
    """Search for one broken law with hypothesis; `Finding.broken` keeps the smallest failure seen on the way."""
    end = monotonic() + profile.shrink_seconds

    @seed(profile.seed)
    @settings(
        max_examples=10 * profile.max_examples,  # hypothesis draws less evenly: it may need more to find it again
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
            choose = partial(_draw, data)
            found.trial(subject, subject.make(choose), choose)

    try:
        run()
    except Broken as broken:
        found.broken = broken.with_traceback(None)
    except Flaky:
        return  # time ran out, or the subject is not deterministic: the smallest failure seen stands


def _draw(data: st.DataObject, n: int) -> int:
    return data.draw(_below(n))


@cache
def _below(n: int) -> st.SearchStrategy[int]:
    return st.integers(0, n - 1)
