"""Verifiers joined by "and" and "or", in three-valued logic."""

from collections.abc import Sequence
from dataclasses import dataclass

from herokit.combiners import CORRECT_THRESHOLD
from herokit.errors import ConfigError
from herokit.sources import execution
from herokit.types import Sample, Status, Verdict, Verifier


@dataclass(frozen=True, slots=True)
class AllOf:
    """Right only where every verifier accepts: the smallest value, and None where a value is missing and none is 0.

    Verifiers are asked in order, each only about the samples that those before it accepted, or could not judge: put
    the cheap ones first. The verdict is that of the verifier that decided, so its answer, status and reason show.

    Args:
        verifiers: the verifiers.

    Raises:
        ConfigError: no verifier.

    Source: "and" of Kleene's strong logic of three values, Introduction to Metamathematics (1952), section 64.

    Example:
        >>> from herokit.verifiers import LengthLimit, Number
        >>> both = AllOf((LengthLimit(unit="words", max=5), Number()))
        >>> [v.value for v in both.verify([Sample("p", "4", "q", "4"), Sample("p", "it is 4 I do believe", "q", "4")])]
        [1.0, 0.0]
    """

    verifiers: tuple[Verifier, ...]

    def __post_init__(self) -> None:
        if not self.verifiers:
            raise ConfigError("all-of needs at least one verifier")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        return _ask_in_turn(self.verifiers, samples, low=True)

    def report(self) -> str:
        """Repeat what the verifiers report."""
        return "\n".join(filter(None, map(execution.report, self.verifiers)))

    def close(self) -> None:
        """Close every verifier."""
        for verifier in self.verifiers:
            execution.close(verifier)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Right where one verifier accepts: the largest value, and None where a value is missing and none is 1.

    Verifiers are asked in order, each only about the samples that none before it accepted: put the cheap ones first.
    The verdict is that of the verifier that decided; where all refuse, that of the first with the largest value.

    Args:
        verifiers: the verifiers.

    Raises:
        ConfigError: no verifier.

    Source: "or" of Kleene's strong logic of three values, Introduction to Metamathematics (1952), section 64.

    Example:
        >>> from herokit.verifiers import ExactMatch, Number
        >>> either = AnyOf((ExactMatch(), Number()))
        >>> [v.value for v in either.verify([Sample("p", "4.0", "q", "4"), Sample("p", "four", "q", "4")])]
        [1.0, 0.0]
    """

    verifiers: tuple[Verifier, ...]

    def __post_init__(self) -> None:
        if not self.verifiers:
            raise ConfigError("any-of needs at least one verifier")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        return _ask_in_turn(self.verifiers, samples, low=False)

    def report(self) -> str:
        """Repeat what the verifiers report."""
        return "\n".join(filter(None, map(execution.report, self.verifiers)))

    def close(self) -> None:
        """Close every verifier."""
        for verifier in self.verifiers:
            execution.close(verifier)


def _ask_in_turn(of: Sequence[Verifier], samples: Sequence[Sample], *, low: bool) -> list[Verdict]:
    """Ask each verifier about the rows that are still open; keep the lowest or the highest verdict of each row."""
    said: list[list[Verdict]] = [[] for _ in samples]
    open_rows = list(range(len(samples)))
    for number, verifier in enumerate(of):
        verdicts = execution.verify(f"{number}", verifier, [samples[row] for row in open_rows])
        still = []
        for row, verdict in zip(open_rows, verdicts, strict=True):
            said[row].append(verdict)
            if verdict.value is None or (verdict.value > CORRECT_THRESHOLD) is low:
                still.append(row)
        open_rows = still
    return [_decide(verdicts, low=low) for verdicts in said]


def _decide(verdicts: list[Verdict], *, low: bool) -> Verdict:
    known = [(v.value, v) for v in verdicts if v.value is not None]
    silent = next((v for v in verdicts if v.value is None), None)
    best = (min if low else max)(known, key=lambda pair: pair[0], default=None)
    if silent is not None and (best is None or (best[0] > CORRECT_THRESHOLD) is low):
        return Verdict(None, Status.FAILED, silent.reason, silent.answer)
    assert best is not None  # noqa: S101 - there is a verifier, and it spoke or was silent
    return best[1]
