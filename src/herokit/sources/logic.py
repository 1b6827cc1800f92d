"""Verifiers joined by "and" and "or", in three-valued logic."""

from collections.abc import Sequence
from dataclasses import dataclass

from herokit.errors import ConfigError
from herokit.samples import SampleLike, as_samples
from herokit.sources import execution
from herokit.sources.composite import CompositeSource, accepts
from herokit.types import Sample, Status, Verdict, Verifier

__all__ = ["AllOf", "AnyOf"]


@dataclass(frozen=True, slots=True)
class AllOf(CompositeSource):
    """Accept if every verifier accepts: the smallest value, or None if a value is missing and none is 0.

    Verifiers run in order, each only on the samples that those before it accepted or could not judge: put the cheap
    ones first. The verdict is that of the verifier that decided, with its answer, status and reason.

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
            raise ConfigError("all-of: verifiers must name at least one verifier, got ()")

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        return _verify_in_order(self.verifiers, samples, rejection_decides=True)


@dataclass(frozen=True, slots=True)
class AnyOf(CompositeSource):
    """Accept if one verifier accepts: the largest value, or None if a value is missing and none is 1.

    Verifiers run in order, each only on the samples that none before it accepted: put the cheap ones first. The verdict
    is that of the verifier that decided; if all reject, that of the first with the largest value.

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
            raise ConfigError("any-of: verifiers must name at least one verifier, got ()")

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        return _verify_in_order(self.verifiers, samples, rejection_decides=False)


def _verify_in_order(
    verifiers: Sequence[Verifier], samples: Sequence[Sample], *, rejection_decides: bool
) -> list[Verdict]:
    """Run each verifier on the rows that are still undecided, and join the verdicts of each row."""
    verdicts: list[list[Verdict]] = [[] for _ in samples]
    open_rows = list(range(len(samples)))
    for number, verifier in enumerate(verifiers):
        new = execution.verify(f"{number}", verifier, [samples[row] for row in open_rows])
        for row, verdict in zip(open_rows, new, strict=True):
            verdicts[row].append(verdict)
        open_rows = [
            row
            for row, verdict in zip(open_rows, new, strict=True)
            if verdict.value is None or accepts(verdict) is rejection_decides
        ]
    return [_join(row, rejection_decides=rejection_decides) for row in verdicts]


def _join(verdicts: list[Verdict], *, rejection_decides: bool) -> Verdict:
    valued = [(v.value, v) for v in verdicts if v.value is not None]
    abstention = next((v for v in verdicts if v.value is None), None)
    extreme = (min if rejection_decides else max)(valued, key=lambda pair: pair[0], default=None)
    if abstention is not None and (extreme is None or accepts(extreme[1]) is rejection_decides):
        return Verdict(None, Status.FAILED, abstention.reason, abstention.answer)
    assert extreme is not None  # noqa: S101 - there is at least one verdict, and it has a value or abstains
    return extreme[1]
