"""What checks return: one result a law, as data."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from herokit.testing.verdict import Counterexample

Outcome = Literal["passed", "failed", "xfailed", "xpassed", "skipped"]
"""``xfailed``: broken, and said to be, with a reason. ``xpassed``: said to break, and does not."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one law.

    Attributes:
        law: its name, with the settings a claim gave it.
        statement: what it says.
        outcome: see `Outcome`.
        universal: whether everything of its kind must keep it.
        message: what is wrong, for the counterexample; why there was nothing to look at, where it is moot.
        consequence: what breaking it does in training.
        reason: why it breaks by design, as given.
        counterexample: the smallest input found that breaks it.
        checked: inputs that had something to look at.
        measured: what the law measured, e.g. ``{"smallest margin": 0.8}``.
        timed_out: whether time ran out before all inputs were tried.
        seconds: wall time.
    """

    law: str
    statement: str
    outcome: Outcome
    universal: bool
    message: str = ""
    consequence: str = ""
    reason: str = ""
    counterexample: Counterexample | None = None
    checked: int = 0
    measured: Mapping[str, float] = field(default_factory=dict)
    timed_out: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it is as it should be: kept, moot, or broken by design."""
        return self.outcome not in ("failed", "xpassed")


@dataclass(frozen=True, slots=True)
class Report:
    """The results for one thing, in the order of the laws.

    Attributes:
        name: what was checked.
        results: one a law.
        note: what a reader must know beside the results.

    Example:
        >>> report = Report("mine", (Result("row_permutation_equivariance", "...", "passed", universal=True),))
        >>> report.passed, report["row_permutation_equivariance"].outcome
        (True, 'passed')
    """

    name: str
    results: tuple[Result, ...]
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether every result is."""
        return all(result.ok for result in self.results)

    @property
    def failures(self) -> tuple[Result, ...]:
        """Return the results that are not as they should be."""
        return tuple(result for result in self.results if not result.ok)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __getitem__(self, law: str) -> Result:
        """Return the result of one law, by its bare name.

        Raises:
            KeyError: that law was not checked.
        """
        for result in self.results:
            if result.law.partition("(")[0] == law:
                return result
        raise KeyError(law)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "passed": self.passed,
            "note": self.note,
            "results": [asdict(result) for result in self.results],
        }
