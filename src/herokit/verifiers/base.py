"""Base class of verifiers that judge one sample at a time, and the verdicts they return."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from herokit.samples import SampleLike, as_samples
from herokit.types import Sample, Status, Verdict

__all__ = ["PerSampleVerifier", "UnusableReferenceError", "abstain", "binary_verdict", "unparsed"]


class UnusableReferenceError(ValueError):
    """A reference is missing or of a kind that the verifier does not take: the verdict is FAILED, with this reason."""


class PerSampleVerifier(ABC):
    """A verifier that judges each sample on its own; subclasses implement `judge`."""

    __slots__ = ()

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples; a reference that cannot be used fails its row.

        Mappings with the usual keys count as samples, see `herokit.samples`.
        """
        return [self._judge_or_abstain(sample) for sample in as_samples(samples)]

    def _judge_or_abstain(self, sample: Sample) -> Verdict:
        try:
            return self.judge(sample)
        except UnusableReferenceError as error:
            return abstain(str(error))

    @abstractmethod
    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample.

        Raises:
            UnusableReferenceError: the reference cannot be used.
        """


def binary_verdict(*, correct: bool, reason: str = "", answer: str | None = None, origin: str = "") -> Verdict:
    """Return a verdict of 1 or 0.

    Example:
        >>> binary_verdict(correct=True).value
        1.0
    """
    return Verdict(float(correct), Status.JUDGED, reason, answer, origin)


def unparsed(reason: str, answer: str | None = None, origin: str = "") -> Verdict:
    """Return the verdict on a completion without a readable answer: 0, UNPARSED.

    Example:
        >>> unparsed("no number").value
        0.0
    """
    return Verdict(0.0, Status.UNPARSED, reason, answer, origin)


def abstain(reason: str = "no reference") -> Verdict:
    """Return the verdict for a sample whose data are missing or unusable: None, FAILED.

    Example:
        >>> abstain().reason
        'no reference'
    """
    return Verdict(None, Status.FAILED, reason)
