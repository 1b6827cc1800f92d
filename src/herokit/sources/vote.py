"""Several verifiers, one verdict: by vote, or by their known error rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isfinite, log

from herokit.errors import ConfigError
from herokit.samples import SampleLike, as_samples
from herokit.sources import execution
from herokit.sources.composite import CompositeSource, accepts, first_answer, joint_status
from herokit.types import Status, Verdict, Verifier

__all__ = ["NoisyVerifiers", "Vote"]

_ROUNDING = 1e-12
"""How far rounding may push a sum of weights below the quorum that it meets."""

_MIN_LOG_ODDS = -700.0
"""``exp`` of the negative overflows not far below."""


@dataclass(frozen=True, slots=True)
class Vote(CompositeSource):
    """Weighted vote of verifiers: 1 if those that accept hold at least `quorum` of the weight, else 0.

    ``share = sum_k w_k c_k / sum_k w_k`` over the verifiers that do not abstain; the verdict abstains if all do. With
    ``partial_credit`` the share itself is the value. A quorum of 1 needs all of them, a small one any.

    Args:
        verifiers: the verifiers.
        weights: one positive number per verifier; equal by default.
        quorum: the share of the weight that must accept, in (0, 1].
        partial_credit: whether to return the share.

    Raises:
        ConfigError: no verifier, or weights or a quorum outside their range.

    Source: weighted majority rules, Nitzan and Paroush, International Economic Review 23 (1982), 289-297.

    Example:
        >>> from herokit import Sample
        >>> class Constant:
        ...     def __init__(self, value):
        ...         self.value = value
        ...     def verify(self, samples):
        ...         return [Verdict(self.value) for _ in samples]
        >>> vote = Vote((Constant(1.0), Constant(1.0), Constant(0.0)), quorum=0.6)
        >>> vote.verify([Sample("p", "c", "q", "r")])
        [Verdict(value=1.0, status=<Status.JUDGED: 'judged'>, reason='1, 1, 0', answer=None, origin='')]
    """

    verifiers: tuple[Verifier, ...]
    weights: tuple[float, ...] | None = None
    quorum: float = 0.5
    partial_credit: bool = False

    def __post_init__(self) -> None:
        if not self.verifiers:
            raise ConfigError("vote: verifiers must name at least one verifier, got ()")
        if self.weights is not None and (len(self.weights) != len(self.verifiers) or not _are_positive(self.weights)):
            raise ConfigError(
                f"vote: weights must be {len(self.verifiers)} positive numbers, one per verifier, got {self.weights}"
            )
        if not 0.0 < self.quorum <= 1.0:
            raise ConfigError(f"vote: quorum must be in (0, 1], got {self.quorum!r}")

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        columns = [execution.verify(f"{i}", verifier, samples) for i, verifier in enumerate(self.verifiers)]
        return [self._count(verdicts) for verdicts in zip(*columns, strict=True)]

    def _count(self, verdicts: Sequence[Verdict]) -> Verdict:
        weights = self.weights or (1.0,) * len(verdicts)
        votes = [(w, v.value) for w, v in zip(weights, verdicts, strict=True) if v.value is not None]
        reason = ", ".join(f"{v.value:g}" if v.value is not None else v.reason or v.status.value for v in verdicts)
        if not votes:
            return Verdict(None, Status.FAILED, reason, first_answer(verdicts))
        share = sum(w * value for w, value in votes) / sum(w for w, _ in votes)
        share = min(max(share, 0.0), 1.0)  # a sum of products may leave the interval by a rounding
        value = share if self.partial_credit else float(share > max(self.quorum - _ROUNDING, 0.0))
        return Verdict(value, joint_status(verdicts), reason, first_answer(verdicts))


@dataclass(frozen=True, slots=True)
class NoisyVerifiers(CompositeSource):
    """Probability that a completion is correct, given verifiers with known error rates: a graded verdict.

    ``logit p = logit prior + sum_k log P(verdict_k | correct) / P(verdict_k | incorrect)``: a verifier that accepts adds
    ``log((1 - fn_k) / fp_k)``, one that rejects ``log(fn_k / (1 - fp_k))``, one that abstains nothing; errors are
    taken as independent. The verdict abstains if all do. With one verifier the value takes two levels; with several,
    each counts by its error rates, unlike in an equal vote. The unbiased correction
    ``(c - fp) / (1 - fp - fn)`` leaves [0, 1] and is a step of a chain: the scheme ``noisy-verifier``.

    Args:
        verifiers: the verifiers.
        false_positives: for each, the share of incorrect completions that it accepts, in (0, 1); `SpotCheck` and
            ``herokit verify`` estimate it.
        false_negatives: for each, the share of correct completions that it rejects, in (0, 1).
        prior: the share of completions that are correct.

    Raises:
        ConfigError: a rate outside (0, 1), ``fp + fn >= 1`` (worse than guessing), or lengths that differ.

    Source: Dawid and Skene, Applied Statistics 28 (1979), 20-28, with known rates; the rates as in arXiv 2510.00915.

    Example:
        >>> from herokit import Sample
        >>> from herokit.verifiers import ExactMatch, Number
        >>> noisy = NoisyVerifiers((ExactMatch(), Number()), false_positives=(0.01, 0.1), false_negatives=(0.3, 0.1))
        >>> [round(v.value, 3) for v in noisy.verify([Sample("p", t, "q", "4") for t in ("4", "4.0", "5")])]
        [0.998, 0.732, 0.033]
    """

    verifiers: tuple[Verifier, ...]
    false_positives: tuple[float, ...]
    false_negatives: tuple[float, ...]
    prior: float = 0.5

    def __post_init__(self) -> None:
        if not self.verifiers or not len(self.verifiers) == len(self.false_positives) == len(self.false_negatives):
            raise ConfigError(
                "noisy-verifiers: false_positives and false_negatives must have one rate for each of the "
                f"{len(self.verifiers)} verifiers, got {len(self.false_positives)} and {len(self.false_negatives)}"
            )
        for rate in (*self.false_positives, *self.false_negatives, self.prior):
            if not 0.0 < rate < 1.0:
                raise ConfigError(f"noisy-verifiers: rates and prior must be in (0, 1), got {rate!r}")
        for fp, fn in zip(self.false_positives, self.false_negatives, strict=True):
            if fp + fn >= 1.0:
                raise ConfigError(
                    f"noisy-verifiers: the error rates {fp:g} and {fn:g} sum to 1 or more: the verifier is uninformative"
                )

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        columns = [execution.verify(f"{i}", verifier, samples) for i, verifier in enumerate(self.verifiers)]
        return [self._posterior(verdicts) for verdicts in zip(*columns, strict=True)]

    def _posterior(self, verdicts: Sequence[Verdict]) -> Verdict:
        reason = ", ".join("accepts" if accepts(v) else v.reason or v.status.value for v in verdicts)
        if all(v.value is None for v in verdicts):
            return Verdict(None, Status.FAILED, reason, first_answer(verdicts))
        log_odds = log(self.prior / (1.0 - self.prior))
        for verdict, fp, fn in zip(verdicts, self.false_positives, self.false_negatives, strict=True):
            if verdict.value is not None:
                log_odds += log((1.0 - fn) / fp) if accepts(verdict) else log(fn / (1.0 - fp))
        value = 1.0 / (1.0 + exp(-log_odds)) if log_odds > _MIN_LOG_ODDS else 0.0
        return Verdict(value, joint_status(verdicts), reason, first_answer(verdicts))


def _are_positive(weights: Sequence[float]) -> bool:
    return all(weight > 0 for weight in weights) and isfinite(sum(weights))
