"""Verifiers whose error rates are known, weighed by them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from herokit.combiners import CORRECT_THRESHOLD
from herokit.errors import ConfigError
from herokit.sources import execution
from herokit.types import Sample, Status, Verdict, Verifier


@dataclass(frozen=True, slots=True)
class NoisyVerifiers:
    """How probable "right" is after verifiers with known error rates have spoken: a graded verdict.

    ``logit p = logit prior + sum_k log P(verdict_k | right) / P(verdict_k | wrong)`` where an accepting verifier adds
    ``log((1 - fn_k) / fp_k)`` and a refusing one ``log(fn_k / (1 - fp_k))``; verifiers err independently. One that
    cannot say adds nothing; where none can, the verdict abstains. With one verifier the value takes two levels; with
    several, each counts for what it is worth, unlike in a vote of equals. The unbiased correction
    ``(c - fp) / (1 - fp - fn)`` leaves [0, 1] and is a step of a chain: the scheme ``noisy-verifier``.

    Args:
        verifiers: the verifiers.
        false_positives: for each, the share of wrong completions that it accepts, in (0, 1); `SpotCheck` and
            ``herokit verify`` estimate it.
        false_negatives: for each, the share of right completions that it refuses, in (0, 1).
        prior: the share of completions that are right, before anybody has looked.

    Raises:
        ConfigError: a rate outside (0, 1), ``fp + fn >= 1`` (worse than guessing), or lengths that differ.

    Source: Dawid and Skene, Applied Statistics 28 (1979), 20-28, with known rates; the rates as in arXiv 2510.00915.

    Example:
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
                f"noisy needs two rates for each of its {len(self.verifiers)} verifiers, got {len(self.false_positives)} "
                f"false-positive and {len(self.false_negatives)} false-negative rates"
            )
        for rate in (*self.false_positives, *self.false_negatives, self.prior):
            if not 0.0 < rate < 1.0:
                raise ConfigError(f"rates and prior lie inside (0, 1), got {rate!r}")
        for fp, fn in zip(self.false_positives, self.false_negatives, strict=True):
            if fp + fn >= 1.0:
                raise ConfigError(f"a verifier with false positives {fp:g} and false negatives {fn:g} says nothing")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        each = [execution.verify(f"{number}", verifier, samples) for number, verifier in enumerate(self.verifiers)]
        return [self._weigh(verdicts) for verdicts in zip(*each, strict=True)]

    def _weigh(self, verdicts: Sequence[Verdict]) -> Verdict:
        reason = ", ".join(
            "accepts" if (v.value or 0.0) > CORRECT_THRESHOLD else v.reason or v.status.value for v in verdicts
        )
        answer = next((v.answer for v in verdicts if v.answer is not None), None)
        if all(v.value is None for v in verdicts):
            return Verdict(None, Status.FAILED, reason, answer)
        odds = log(self.prior / (1.0 - self.prior))
        for verdict, fp, fn in zip(verdicts, self.false_positives, self.false_negatives, strict=True):
            if verdict.value is not None:
                odds += log((1.0 - fn) / fp) if verdict.value > CORRECT_THRESHOLD else log(fn / (1.0 - fp))
        statuses = [v.status for v in verdicts if v.value is not None]
        status = Status.JUDGED if Status.JUDGED in statuses else statuses[0]
        return Verdict(1.0 / (1.0 + exp(-odds)) if odds > -700.0 else 0.0, status, reason, answer)  # noqa: PLR2004 - exp's range

    def report(self) -> str:
        """Repeat what the verifiers report."""
        return "\n".join(filter(None, map(execution.report, self.verifiers)))

    def close(self) -> None:
        """Close every verifier."""
        for verifier in self.verifiers:
            execution.close(verifier)
