"""Run a second verifier only where the first one may be wrong."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from herokit.samples import SampleLike, as_samples
from herokit.sources import execution
from herokit.sources.composite import CompositeSource, accepts
from herokit.types import Sample, Status, Verdict, Verifier
from herokit.workers.counters import Counters

__all__ = ["Cascade"]

_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*\.?[0-9]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cascade(CompositeSource):
    """Run a cheap rule first, and a second verifier, such as a model, only where the rule may be mistaken.

    The second runs if the first rejects or abstains, an answer was found, and answer and reference are not both plain
    numbers: a rule that compares two numbers is reliable, so the first should read numbers and not compare them as
    texts. The second verdict then counts, with the first one's reason kept; if the second abstains, the first stands.

    Args:
        first: the cheap verifier.
        second: the expensive one.

    Source: the cascades of arXiv 2505.22203 and of TinyV, arXiv 2505.14625.

    Example:
        >>> class Reject:
        ...     def verify(self, samples):
        ...         return [Verdict(0.0, answer=s.completion) for s in samples]
        >>> class Accept:
        ...     def verify(self, samples):
        ...         return [Verdict(1.0) for _ in samples]
        >>> samples = [Sample("p", "x = 3", "q", "3"), Sample("p", "4", "q", "3")]
        >>> cascade = Cascade(Reject(), Accept())
        >>> [v.value for v in cascade.verify(samples)]
        [1.0, 0.0]
        >>> cascade.report()
        'cascade: second verifier judged 1 of 2 samples, accepted 1, abstained on 0'
    """

    first: Verifier
    second: Verifier
    _counters: Counters = field(default_factory=Counters, init=False, repr=False, compare=False)

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        verdicts = execution.verify("first", self.first, samples)
        rows = [row for row, (s, v) in enumerate(zip(samples, verdicts, strict=True)) if _is_doubtful(s, v)]
        second = execution.verify("second", self.second, [samples[row] for row in rows])
        self._counters.add(
            samples=len(samples),
            second=len(rows),
            accepted=sum(map(accepts, second)),
            abstained=sum(v.value is None for v in second),
        )
        for row, verdict in zip(rows, second, strict=True):
            if verdict.value is not None:
                reason = f"second verifier: {verdict.reason or verdict.status.value}; first: {verdicts[row].reason}"
                verdicts[row] = replace(verdict, reason=reason, answer=verdict.answer or verdicts[row].answer)
        return verdicts

    def _report_line(self) -> str:
        counts = self._counters
        return (
            f"cascade: second verifier judged {counts['second']:,} of {counts['samples']:,} samples, "
            f"accepted {counts['accepted']:,}, abstained on {counts['abstained']:,}"
        )


def _is_doubtful(sample: Sample, verdict: Verdict) -> bool:
    if sample.reference is None or accepts(verdict):
        return False
    answer = verdict.answer
    if verdict.status is Status.UNPARSED or (answer is not None and not answer.strip()):
        return False
    return not all(_NUMBER.fullmatch(text.strip()) for text in (answer or "", str(sample.reference)))
