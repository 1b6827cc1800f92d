"""Re-check a fraction of a verifier's verdicts with a slower one, and estimate its error rates."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from herokit._statistics import format_rate
from herokit.conversations.prompts import content_key
from herokit.errors import ConfigError
from herokit.samples import SampleLike, as_samples
from herokit.sources import execution
from herokit.sources.composite import CompositeSource, accepts
from herokit.types import Sample, Verdict, Verifier
from herokit.workers.counters import Counters

__all__ = ["SpotCheck"]


@dataclass(frozen=True, slots=True)
class SpotCheck(CompositeSource):
    """Return the verdicts of one verifier, and re-check a fraction of them with a slower one to estimate its error rates.

    The slower verifier is taken as the truth: ``FP = P(verifier accepts | reference verifier rejects)``,
    ``FN = P(verifier rejects | reference verifier accepts)``, both with Wilson intervals in `report`; `NoisyVerifiers` and
    the scheme ``noisy-verifier`` take them. Which samples are re-checked depends on their content and `seed` alone, so
    a run can be repeated, and a re-check never changes a verdict. Copies in one batch are drawn one by one; a sample
    that returns in a later batch is drawn as before, so the intervals are too narrow if many do.

    Args:
        verifier: the verifier whose verdicts count.
        reference_verifier: the slower one.
        fraction: how many samples are re-checked, in (0, 1].
        seed: another one draws other samples.

    Raises:
        ConfigError: a fraction outside (0, 1].

    Source: double sampling, Tenenbein, JASA 65 (1970), 1350-1361; intervals of Wilson, JASA 22 (1927).

    Example:
        >>> from herokit.verifiers import ExactMatch, Number
        >>> check = SpotCheck(ExactMatch(), reference_verifier=Number(), fraction=1.0)
        >>> _ = check.verify([Sample("p", text, "q", "4") for text in ("4", "4.0", "5")])
        >>> print(check.report())
        spot-check: 3 of 3 samples re-checked, the reference verifier abstained on 0
        false positives: 0 of 1 = 0.000 (0.000 to 0.793)
        false negatives: 1 of 2 = 0.500 (0.095 to 0.905)
    """

    verifier: Verifier
    reference_verifier: Verifier
    fraction: float = 0.02
    seed: int = 0
    _counters: Counters = field(default_factory=Counters, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.fraction <= 1.0:
            raise ConfigError(f"spot-check: fraction must be in (0, 1], got {self.fraction!r}")

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        verdicts = execution.verify("verifier", self.verifier, samples)
        drawn = self._draw(samples)
        rows = [row for row, verdict in enumerate(verdicts) if verdict.value is not None and drawn[row]]
        checks = execution.verify("reference_verifier", self.reference_verifier, [samples[row] for row in rows])
        self._counters.add(samples=len(samples), checked=len(rows))
        for row, check in zip(rows, checks, strict=True):
            if check.value is None:
                self._counters.add(abstained=1)
            elif accepts(check):
                self._counters.add(correct=1, false_negatives=not accepts(verdicts[row]))
            else:
                self._counters.add(incorrect=1, false_positives=accepts(verdicts[row]))
        return verdicts

    def _draw(self, samples: Sequence[Sample]) -> list[bool]:
        """Return which samples are re-checked; each copy of one content in a batch is drawn by itself."""
        drawn, copies = [], Counter[str]()
        for sample in samples:
            reference = "" if sample.reference is None else str(sample.reference)
            content = "\0".join((str(self.seed), *map(content_key, (sample.prompt, sample.completion)), reference))
            text = f"{content}\0{copies[content]}" if copies[content] else content
            copies[content] += 1
            digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            drawn.append(int.from_bytes(digest, "big") < self.fraction * 2.0**64)
        return drawn

    def _report_line(self) -> str:
        counts = self._counters
        summary = (
            f"spot-check: {counts['checked']:,} of {counts['samples']:,} samples re-checked, "
            f"the reference verifier abstained on {counts['abstained']:,}"
        )
        false_positives = format_rate("false positives", counts["false_positives"], counts["incorrect"])
        false_negatives = format_rate("false negatives", counts["false_negatives"], counts["correct"])
        return f"{summary}\n{false_positives}\n{false_negatives}"
