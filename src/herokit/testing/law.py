"""Laws, what they raise, and the results of trying them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import cleandoc
from typing import Any, Literal, Self

import numpy as np

from herokit.testing.batches import Batch, ScoreRange, format_table

__all__ = [
    "Law",
    "LawViolation",
    "NotApplicable",
    "Outcome",
    "Replay",
    "Report",
    "Result",
    "TargetKind",
    "law",
]

TargetKind = Literal["combiner", "verifier", "reward function", "reward model"]

Outcome = Literal["passed", "failed", "xfailed", "xpassed", "skipped"]
"""As in pytest. ``xfailed``: failed as expected. ``xpassed``: was expected to fail and passed."""

LABELS: dict[Outcome, str] = {
    "passed": "PASS",
    "failed": "FAIL",
    "xfailed": "XFAIL",
    "xpassed": "XPASS",
    "skipped": "SKIP",
}
"""How outcomes are printed."""


@dataclass(frozen=True, slots=True)
class Law:
    """One law; made by the decorator `law`.

    Attributes:
        name: the function's name.
        statement: the first paragraph of the docstring.
        why: why the law matters.
        consequence: what a violation does in training.
        kinds: what the law applies to.
        universal: whether everything of those kinds must satisfy it; else it applies where it is claimed.
        check: ``check(subject, example, draw, **params)``; raises `LawViolation` or `NotApplicable`, and may return a
            measurement.
        run_once: whether it needs no example, so that it runs once.
        costly: whether it is tried on a part of the examples only.
        score_range: which scores it is tried on.
        measures: the name of the returned measurement, and how the measurements of all examples are combined.
        headline: what the rows of a counterexample are, for a law that tries a panel: ``"attacks paid"``.
        params: parameters set by `with_params`.
        module: the module that defines it.
    """

    name: str
    statement: str
    why: str
    consequence: str
    kinds: tuple[TargetKind, ...]
    universal: bool
    check: Callable[..., float | None] = field(repr=False)
    run_once: bool = False
    costly: bool = False
    score_range: ScoreRange = "any"
    measures: tuple[str, Callable[[float, float], float]] | None = None
    headline: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""

    def with_params(self, **params: Any) -> Self:
        """Return the law with other parameters, for a stricter or a weaker claim.

        Example:
            >>> from herokit.testing.laws import verifier_dominates
            >>> verifier_dominates.with_params(margin=0.8).params
            {'margin': 0.8}
        """
        return replace(self, check=partial(self.check, **params), params={**self.params, **params})

    def __str__(self) -> str:
        params = ", ".join(f"{k}={v}" for k, v in self.params.items())
        return f"{self.name}({params})" if params else self.name


def law(
    *kinds: TargetKind,
    universal: bool = True,
    run_once: bool = False,
    costly: bool = False,
    score_range: ScoreRange = "any",
    measures: tuple[str, Callable[[float, float], float]] | None = None,
    headline: str = "",
) -> Callable[[Callable[..., float | None]], Law]:
    """Turn a function into a `Law`; its docstring holds the statement, a ``Why:`` and an ``In training:`` paragraph."""

    def decorate(check: Callable[..., float | None]) -> Law:
        statement, *paragraphs = cleandoc(check.__doc__ or "").split("\n\n")
        parts = dict(paragraph.split(": ", 1) for paragraph in (" ".join(p.split()) for p in paragraphs))
        return Law(
            check.__name__,
            " ".join(statement.split()),
            parts["Why"],
            parts["In training"],
            kinds,
            universal,
            check,
            run_once=run_once,
            costly=costly,
            score_range=score_range,
            measures=measures,
            headline=headline,
            module=check.__module__,
        )

    return decorate


class LawViolation(AssertionError):  # noqa: N818 - it reports a finding, and users catch `AssertionError`
    """A law does not hold for an example.

    Args:
        message: what is wrong.
        batch: the rollouts, if the law is about rollouts.
        columns: the values that were compared, one entry per row; underscores in names are printed as spaces.

    Attributes:
        message: what is wrong.
        columns: the counterexample: name -> one entry per row.
        earlier: the batches that came before, as text; set by the search.
        measured: what the law measured all the same.
        breaks_contract: whether every law fails for this reason, so that the others need not be tried.

    Example:
        >>> print(LawViolation("the reward is too high", reward=[0.5]))
        the reward is too high
        reward
        0.5
    """

    def __init__(self, message: str, batch: Batch | None = None, **columns: Any) -> None:
        self.message = message
        self.columns: dict[str, Sequence[Any]] = {
            **(batch.columns() if batch is not None else {}),
            **{name.replace("_", " "): np.asarray(values).tolist() for name, values in columns.items()},
        }
        self.earlier: tuple[str, ...] = ()
        self.measured: float | None = None
        self.breaks_contract = False
        super().__init__(message)

    @property
    def num_rows(self) -> int:
        """The rows of the counterexample, with those of the batches that came before."""
        rows = len(next(iter(self.columns.values()))) if self.columns else 0
        return rows + sum(text.count("\n") for text in self.earlier)

    @property
    def counterexample(self) -> str:
        """The counterexample as a table, after the batches that came before; empty if there is none."""
        earlier = "".join(f"after a batch of\n{batch}\nthis one:\n" for batch in self.earlier)
        return earlier + format_table(self.columns) if self.columns else ""

    def __str__(self) -> str:
        return f"{self.message}\n{self.counterexample}".rstrip()


@dataclass(frozen=True, slots=True)
class Replay:
    """How a violation was found, so that `herokit.testing.replay` finds it again.

    Attributes:
        draws: the draws that the law made.
        example: the example in plain values, see `Subject.pack`; None for a law that needs none.
        only: the entries of a panel that failed; empty for a law without a panel.
    """

    draws: tuple[int, ...] = ()
    example: Any = None
    only: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"draws": list(self.draws), "example": self.example, "only": list(self.only)}


class NotApplicable(Exception):  # noqa: N818 - not an error: the example does not meet the law's precondition
    """The law says nothing about this example."""


@dataclass(slots=True)
class Result:
    """The result of trying one law; the search fills it in.

    Attributes:
        law: the law's name, with its parameters.
        statement: what the law says.
        universal: whether everything of its kind must satisfy it.
        consequence: what a violation does in training.
        reason: why the law is expected to fail; empty if it is not.
        strict: whether an expected failure must occur.
        claimed: whether somebody claims that the law holds: a claim that no example tested is a failure.
        violation: the smallest violation found, with its counterexample.
        skip_reason: why the last example was not applicable.
        checked: the number of applicable examples.
        measured: what the law measured, e.g. ``{"smallest margin": 0.8}``.
        panel: what the rows of the counterexample are, if the law tries a panel; see `Law.headline`.
        timed_out: whether time ran out before all examples were tried.
        seconds: wall time.
        example: what `herokit.testing.replay` needs to try the law on the counterexample again.
    """

    law: str
    statement: str = ""
    universal: bool = True
    consequence: str = ""
    reason: str = ""
    strict: bool = True
    claimed: bool = False
    violation: LawViolation | None = None
    skip_reason: str = ""
    checked: int = 0
    measured: Mapping[str, float] = field(default_factory=dict)
    panel: str = ""
    timed_out: bool = False
    seconds: float = 0.0
    example: "Replay | None" = None

    @property
    def outcome(self) -> Outcome:
        """See `Outcome`."""
        if self.violation is not None:
            return "xfailed" if self.reason else "failed"
        if self.reason and self.strict:
            return "xpassed"
        if self.checked:
            return "passed"
        return "failed" if self.claimed else "skipped"

    @property
    def ok(self) -> bool:
        """Whether the outcome is passed, skipped or xfailed."""
        return self.outcome not in ("failed", "xpassed")

    def tried_on_few(self, few: int) -> bool:
        """Whether a law that is tried on drawn examples passed on fewer than that."""
        return self.outcome == "passed" and self.checked < few and self.timed_out

    @property
    def label(self) -> str:
        """The outcome as it is printed: PASS, FAIL, XFAIL, XPASS or SKIP."""
        return LABELS[self.outcome]

    @property
    def message(self) -> str:
        """What is wrong, or why the law was skipped; else empty."""
        if self.violation is not None:
            return self.violation.message
        if self.checked:
            return ""
        claim = "it was claimed, and no example tested it: " if self.claimed else ""
        return claim + (self.skip_reason or "no example was tried")

    @property
    def headline(self) -> str:
        """How many entries of the law's panel failed; empty if the law has no panel or did not try it.

        Example:
            >>> Result("hack_does_not_pay", checked=1, measured={"attacks tried": 64}, panel="attacks paid").headline
            '0 of 64 attacks paid'
        """
        if not self.panel or not self.measured:
            return ""
        failed = 0 if self.violation is None else len(next(iter(self.violation.columns.values())))
        return f"{failed} of {int(next(iter(self.measured.values())))} {self.panel}"

    @property
    def details(self) -> str:
        """The measurement, the reason or the message in one line.

        Example:
            >>> Result("bounded", checked=9, measured={"largest absolute value": 2.0}).details
            'largest absolute value 2'
        """
        parts = [f"{name} {value:.4g}" for name, value in self.measured.items()] if self.outcome == "passed" else []
        if self.outcome == "xpassed":
            parts.append(f"expected to fail: {self.reason}")
        elif self.outcome != "passed":
            parts.append(self.reason or self.message)
        return "; ".join([*parts, *(["time ran out"] if self.timed_out else [])])

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        counterexample = None
        if self.violation is not None:
            counterexample = {"columns": self.violation.columns, "earlier": list(self.violation.earlier)}
        return {
            "law": self.law,
            "statement": self.statement,
            "outcome": self.outcome,
            "universal": self.universal,
            "message": self.message,
            "consequence": self.consequence,
            "reason": self.reason,
            "counterexample": counterexample,
            "checked": self.checked,
            "measured": dict(self.measured),
            "timed_out": self.timed_out,
            "seconds": self.seconds,
            "replay": None if self.example is None else self.example.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one target, in the order of the laws.

    Attributes:
        name: what was checked.
        results: one per law.
        note: what a reader must know to interpret the results.
        kind: what was checked.
        options: the options of `herokit check` that were found out: the format and the domain of the answers.

    Example:
        >>> report = Report("mine", (Result("bounded", checked=60),))
        >>> report.passed, report["bounded"].outcome
        (True, 'passed')
    """

    name: str
    results: tuple[Result, ...]
    note: str = ""
    kind: TargetKind = "combiner"
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every result is ok."""
        return not self.failures

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results that failed, or passed where a failure was expected."""
        return tuple(result for result in self.results if not result.ok)

    @property
    def headline(self) -> str:
        """The numbers of attacks that paid and of equivalent answers that lost their reward; empty for a chain."""
        return ", ".join(result.headline for result in self.results if result.headline)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __getitem__(self, law: str) -> Result:
        """Return the result of one law, by its name without parameters.

        Raises:
            KeyError: that law was not checked.
        """
        for result in self.results:
            if result.law.partition("(")[0] == law:
                return result
        raise KeyError(law)

    def __repr__(self) -> str:
        return f"Report({self.name!r}: {len(self.failures)} of {len(self.results)} laws failed)"

    def __str__(self) -> str:
        """Return the failures with their counterexamples and their consequences as text."""
        lines = [f"{self.name}: {len(self.failures)} of {len(self.results)} laws failed"]
        lines += [self.headline] if self.headline else []
        for result in self.failures:
            lines.append(f"{result.label} {result.law}: {result.violation or result.details}")
            lines += [f"In training: {result.consequence}"] if result.violation and result.consequence else []
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "passed": self.passed,
            "headline": self.headline,
            "note": self.note,
            "results": [result.as_dict() for result in self.results],
        }
