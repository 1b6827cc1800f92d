"""Several verifiers, one verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from herokit.errors import ConfigError
from herokit.sources import execution
from herokit.types import Sample, Status, Verdict, Verifier

ROUNDING = 1e-12
"""By how much a sum of weights may miss the quorum that it meets."""


@dataclass(frozen=True, slots=True)
class Vote:
    """Weighted vote of verifiers: 1 where those who accept hold at least `quorum` of the weight, else 0.

    ``share = sum_k w_k c_k / sum_k w_k`` over the verifiers that can say; the verdict abstains where none can. With
    ``partial_credit`` the share itself is the value. A quorum of 1 asks for all of them, a small one for any.

    Args:
        verifiers: the verifiers.
        weights: one positive number a verifier; equal by default.
        quorum: the share of the weight that must accept, in (0, 1].
        partial_credit: whether to return the share.

    Raises:
        ConfigError: no verifier, or weights or a quorum outside their range.

    Source: weighted majority rules, Nitzan and Paroush, International Economic Review 23 (1982), 289-297.

    Example:
        >>> class Says:
        ...     def __init__(self, value):
        ...         self.value = value
        ...     def verify(self, samples):
        ...         return [Verdict(self.value) for _ in samples]
        >>> vote = Vote((Says(1.0), Says(1.0), Says(0.0)), quorum=0.6)
        >>> vote.verify([Sample("p", "c", "q", "r")])
        [Verdict(value=1.0, status=<Status.JUDGED: 'judged'>, reason='1, 1, 0', answer=None)]
    """

    verifiers: tuple[Verifier, ...]
    weights: tuple[float, ...] | None = None
    quorum: float = 0.5
    partial_credit: bool = False

    def __post_init__(self) -> None:
        if not self.verifiers:
            raise ConfigError("a vote needs at least one verifier")
        if self.weights is not None and (len(self.weights) != len(self.verifiers) or not _positive(self.weights)):
            raise ConfigError(
                f"a vote of {len(self.verifiers)} verifiers takes as many positive weights, got {self.weights}"
            )
        if not 0.0 < self.quorum <= 1.0:
            raise ConfigError(f"quorum lies in (0, 1], got {self.quorum!r}")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        each = [execution.verify(f"{i}", verifier, samples) for i, verifier in enumerate(self.verifiers)]
        return [self._count(list(votes)) for votes in zip(*each, strict=True)]

    def _count(self, votes: list[Verdict]) -> Verdict:
        weights = self.weights or (1.0,) * len(votes)
        said = [(w, v.value) for w, v in zip(weights, votes, strict=True) if v.value is not None]
        statuses = [v.status for v in votes if v.value is not None]
        answer = next((v.answer for v in votes if v.answer is not None), None)
        reason = ", ".join(f"{v.value:g}" if v.value is not None else v.reason or v.status.value for v in votes)
        if not said:
            return Verdict(None, Status.FAILED, reason, answer)
        share = sum(w * value for w, value in said) / sum(w for w, _ in said)
        share = min(max(share, 0.0), 1.0)  # a sum of products may leave the interval by a rounding
        status = Status.JUDGED if Status.JUDGED in statuses else statuses[0]
        accepted = share > max(self.quorum - ROUNDING, 0.0)
        return Verdict(share if self.partial_credit else float(accepted), status, reason, answer)

    def report(self) -> str:
        """Repeat what the verifiers report."""
        return "\n".join(filter(None, map(execution.report, self.verifiers)))

    def close(self) -> None:
        """Close every verifier."""
        for verifier in self.verifiers:
            execution.close(verifier)


def _positive(weights: Sequence[float]) -> bool:
    return all(weight > 0 for weight in weights) and isfinite(sum(weights))
