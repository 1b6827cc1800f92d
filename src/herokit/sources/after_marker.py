"""Judge only what stands behind a mark: the answer, and not the thinking before it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from herokit.errors import ConfigError
from herokit.sources import execution
from herokit.types import Sample, Status, Verdict, Verifier


@dataclass(frozen=True, slots=True)
class AfterMarker:
    """Ask a verifier about what stands behind the last mark of a completion, as a reader sees a reasoning model's answer.

    Instructions, lengths and forms are meant for the answer; ``AfterMarker(IFEval())`` keeps the thinking out of them.

    Args:
        verifier: the verifier.
        marker: the text after which the answer begins.
        required: a completion without the mark is 0, UNPARSED; else all of it is judged.

    Raises:
        ConfigError: the mark is empty.

    Source: how IFEval is run on reasoning models: what ends with ``</think>`` is taken off, as in if-verifiable.

    Example:
        >>> from herokit.verifiers import LengthLimit
        >>> short = AfterMarker(LengthLimit(max=2))
        >>> texts = ("<think>two and two, well</think>four", "four", "two and two are four")
        >>> [v.value for v in short.verify([Sample("p", text, 0) for text in texts])]
        [1.0, 1.0, 0.0]
    """

    verifier: Verifier
    marker: str = "</think>"
    required: bool = False

    def __post_init__(self) -> None:
        if not self.marker:
            raise ConfigError("the mark after which the answer begins is empty")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        verdicts = [Verdict(0.0, Status.UNPARSED, f"no {self.marker}")] * len(samples)
        rows = [row for row, s in enumerate(samples) if not self.required or self.marker in s.completion]
        part = [replace(samples[row], completion=samples[row].completion.rpartition(self.marker)[2]) for row in rows]
        for row, verdict in zip(rows, execution.verify("of", self.verifier, part), strict=True):
            verdicts[row] = verdict
        return verdicts

    def report(self) -> str:
        """Repeat what the verifier reports."""
        return execution.report(self.verifier)

    def close(self) -> None:
        """Close the verifier."""
        execution.close(self.verifier)
