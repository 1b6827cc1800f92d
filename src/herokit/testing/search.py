"""Trying one law on many inputs, and shrinking what breaks it: the only place that drives hypothesis."""

from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Protocol

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from herokit.testing.law import Law
from herokit.testing.verdict import Broken, Moot


@dataclass(frozen=True, slots=True)
class Profile:
    """How long to look.

    Attributes:
        examples: inputs tried a law.
        seconds: wall time a law may take; whatever is slower tries fewer inputs and says so.
        seed: the same seed tries the same inputs.
    """

    examples: int = 100
    seconds: float = 10.0
    seed: int = 0


QUICK = Profile(examples=15, seconds=2.0)
"""About a second for a scheme of array steps."""

THOROUGH = Profile(examples=300, seconds=30.0)
"""For a night, or for a scheme that costs a cluster."""


class Subject(Protocol):
    """A thing under test."""

    def cases(self, law: Law) -> st.SearchStrategy[Any]:
        """Return the inputs a law is tried on."""
        ...


@dataclass(slots=True)
class Finding:
    """What a search found.

    Attributes:
        broken: the law's complaint about the smallest input found, None if it held.
        tried: inputs it was tried on.
        checked: inputs that had something to look at.
        cut: whether time ran out before `Profile.examples` were tried.
        moot: why the last input had nothing to look at.
        measured: the joined measurement, None if the law makes none.
        seconds: wall time.
    """

    broken: Broken | None = None
    tried: int = 0
    checked: int = 0
    cut: bool = False
    moot: str = ""
    measured: float | None = None
    seconds: float = 0.0


def search(law: Law, subject: Subject, profile: Profile = QUICK) -> Finding:
    """Try a law on a subject.

    A law that raises anything but `Broken` or `Moot` is itself at fault, and the error passes through.
    """
    finding, begun = Finding(), monotonic()
    smallest: list[tuple[int, Broken]] = []

    def trial(case: Any, draw: Any) -> None:
        if monotonic() - begun > profile.seconds:
            finding.cut = True
            return
        finding.tried += 1
        try:
            measured = law.check(subject, case, draw)
        except Moot as nothing:
            finding.moot = str(nothing)
            return
        except Broken as broken:
            earlier = tuple(map(str, getattr(case, "earlier", ())))
            broken.counterexample = replace(broken.counterexample, earlier=earlier)
            size = len(str(broken))
            if not smallest or size <= smallest[0][0]:
                smallest[:] = [(size, broken)]
            raise
        finding.checked += 1
        if measured is not None and law.measures:
            finding.measured = measured if finding.measured is None else law.measures[1](finding.measured, measured)

    if law.once:
        try:
            trial(None, None)
        except Broken as broken:
            finding.broken = broken
    else:
        finding.broken = _shrunk(law, subject, profile, trial) or (smallest[0][1] if smallest else None)
    finding.checked += finding.broken is not None
    finding.seconds = monotonic() - begun
    return finding


def _shrunk(law: Law, subject: Subject, profile: Profile, trial: Any) -> Broken | None:
    @seed(profile.seed)
    @settings(
        max_examples=profile.examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    @given(case=subject.cases(law), data=st.data())
    def run(case: Any, data: st.DataObject) -> None:
        trial(case, data.draw)

    try:
        run()
    except Broken as broken:
        return broken
    except Flaky:  # time ran out while shrinking, or the subject is not deterministic: the smallest one seen stands
        return None
    return None
