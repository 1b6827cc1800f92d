"""Ask a second verifier only where the first one may be wrong."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from herokit.combiners import CORRECT_THRESHOLD
from herokit.sources import execution
from herokit.types import Sample, Status, Verdict, Verifier
from herokit.workers.counters import Counters

_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*\.?[0-9]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cascade:
    """A cheap rule first; a second verifier, such as a model, only where the rule may be mistaken.

    The second is asked when the first refuses (or cannot say), an answer was found, and not both answer and
    reference are plain numbers: a rule that compares two numbers is right, so the first should read numbers, and not
    compare them as texts. The second one's verdict then counts, with the first one's reason kept; where it cannot say,
    the first one's stands.

    Args:
        first: the cheap verifier.
        second: the dear one.

    Source: the cascades of arXiv 2505.22203 and of TinyV, arXiv 2505.14625.

    Example:
        >>> class No:
        ...     def verify(self, samples):
        ...         return [Verdict(0.0, answer=s.completion) for s in samples]
        >>> class Yes:
        ...     def verify(self, samples):
        ...         return [Verdict(1.0) for _ in samples]
        >>> samples = [Sample("p", "x = 3", "q", "3"), Sample("p", "4", "q", "3")]
        >>> [v.value for v in Cascade(No(), Yes()).verify(samples)]
        [1.0, 0.0]
    """

    first: Verifier
    second: Verifier
    _counters: Counters = field(default_factory=Counters, init=False, repr=False, compare=False)

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        verdicts = execution.verify("first", self.first, samples)
        doubtful = [row for row, (s, v) in enumerate(zip(samples, verdicts, strict=True)) if _doubtful(s, v)]
        again = execution.verify("second", self.second, [samples[row] for row in doubtful])
        turned = [
            row for row, v in zip(doubtful, again, strict=True) if v.value is not None and v.value > CORRECT_THRESHOLD
        ]
        silent = sum(v.value is None for v in again)
        self._counters.add(asked=len(samples), again=len(doubtful), turned=len(turned), silent=silent)
        for row, verdict in zip(doubtful, again, strict=True):
            if verdict.value is not None:
                reason = f"second verifier: {verdict.reason or verdict.status.value}; first: {verdicts[row].reason}"
                verdicts[row] = replace(verdict, reason=reason, answer=verdict.answer or verdicts[row].answer)
        return verdicts

    def report(self) -> str:
        """Say how often the second verifier was asked, and how often it accepted what the first had refused.

        Example:
            >>> from herokit.verifiers import ExactMatch
            >>> cascade = Cascade(ExactMatch("none"), ExactMatch())
            >>> _ = cascade.verify([Sample("p", "the sea", "q", "The sea"), Sample("p", "3", "q", "3")])
            >>> cascade.report()
            'cascade: second verifier asked 1 of 2 times, accepted 1, could not say 0'
        """
        t = self._counters
        own = (
            f"cascade: second verifier asked {t['again']:,} of {t['asked']:,} times, accepted {t['turned']:,}, "
            f"could not say {t['silent']:,}"
        )
        return "\n".join(filter(None, [own, execution.report(self.first), execution.report(self.second)]))

    def close(self) -> None:
        """Close both verifiers."""
        execution.close(self.first)
        execution.close(self.second)


def _doubtful(sample: Sample, verdict: Verdict) -> bool:
    if sample.reference is None or (verdict.value is not None and verdict.value > CORRECT_THRESHOLD):
        return False
    answer = verdict.answer
    if verdict.status is Status.UNPARSED or (answer is not None and not answer.strip()):
        return False
    both = (answer or "", sample.reference)
    return not all(_NUMBER.fullmatch(text.strip()) for text in both)
