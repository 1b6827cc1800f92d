"""Re-check a share of a verifier's verdicts with a slower one, and estimate its errors."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from herokit._statistics import format_rate
from herokit.combiners import CORRECT_THRESHOLD
from herokit.errors import ConfigError
from herokit.sources import execution
from herokit.types import Sample, Verdict, Verifier
from herokit.workers.counters import Counters


@dataclass(frozen=True, slots=True)
class SpotCheck:
    """Give the verdicts of one verifier, and ask a slower one about a share of them, to know how far to trust it.

    The slower verifier is taken for the truth: ``FP = P(of accepts | by refuses)``, ``FN = P(of refuses | by accepts)``,
    both with Wilson intervals in `report`; they are what `NoisyVerifiers` and the scheme ``noisy-verifier`` ask for. Which
    samples are re-checked depends on their content and `seed` alone, so a run can be repeated, and an audit never
    changes a verdict. Copies in one batch are drawn one by one; what comes again in a later batch is picked again, or
    not, as before, and intervals are too narrow where much of it does.

    Args:
        verifier: the verifier whose verdicts count.
        reference_verifier: the slower one.
        fraction: how many samples are re-checked, in (0, 1].
        seed: another one picks other samples.

    Raises:
        ConfigError: a share outside (0, 1].

    Source: double sampling, Tenenbein, JASA 65 (1970), 1350-1361; intervals of Wilson, JASA 22 (1927).

    Example:
        >>> from herokit.verifiers import ExactMatch, Number
        >>> audit = SpotCheck(ExactMatch(), reference_verifier=Number(), fraction=1.0)
        >>> _ = audit.verify([Sample("p", text, "q", "4") for text in ("4", "4.0", "5")])
        >>> print(audit.report())
        audit: 3 of 3 re-checked, second could not say 0 times
        accepts a wrong one: 0 of 1 = 0.000 (0.000 to 0.793)
        refuses a right one: 1 of 2 = 0.500 (0.095 to 0.905)
    """

    verifier: Verifier
    reference_verifier: Verifier
    fraction: float = 0.02
    seed: int = 0
    _counters: Counters = field(default_factory=Counters, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.fraction <= 1.0:
            raise ConfigError(f"the share that is re-checked lies in (0, 1], got {self.fraction!r}")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        verdicts = execution.verify("of", self.verifier, samples)
        picked = self._picks(samples)
        rows = [row for row, verdict in enumerate(verdicts) if verdict.value is not None and picked[row]]
        checks = execution.verify("by", self.reference_verifier, [samples[row] for row in rows])
        self._counters.add(asked=len(samples), checked=len(rows))
        for row, check in zip(rows, checks, strict=True):
            if check.value is None:
                self._counters.add(silent=1)
            else:
                said = "accepts" if (verdicts[row].value or 0.0) > CORRECT_THRESHOLD else "refuses"
                self._counters.add(**{f"{said} {'right' if check.value > CORRECT_THRESHOLD else 'wrong'}": 1})
        return verdicts

    def _picks(self, samples: Sequence[Sample]) -> list[bool]:
        """Say which samples are re-checked; each copy of one content in a batch is drawn by itself."""
        picked, copies = [], Counter[str]()
        for sample in samples:
            text = "\0".join((str(self.seed), sample.prompt, sample.completion, sample.reference or ""))
            drawn = f"{text}\0{copies[text]}" if copies[text] else text
            copies[text] += 1
            digest = blake2b(drawn.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            picked.append(int.from_bytes(digest, "big") < self.fraction * 2.0**64)
        return picked

    def report(self) -> str:
        """Say how often the two disagree, as estimated rates with 95 % intervals."""
        t = self._counters
        own = [
            f"audit: {t['checked']:,} of {t['asked']:,} re-checked, second could not say {t['silent']:,} times",
            format_rate("accepts a wrong one", t["accepts wrong"], t["accepts wrong"] + t["refuses wrong"]),
            format_rate("refuses a right one", t["refuses right"], t["refuses right"] + t["accepts right"]),
        ]
        return "\n".join(
            filter(None, [*own, execution.report(self.verifier), execution.report(self.reference_verifier)])
        )

    def close(self) -> None:
        """Close both verifiers."""
        execution.close(self.verifier)
        execution.close(self.reference_verifier)
