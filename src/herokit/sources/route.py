"""Give each verifier its part: the samples of its task, or the text after a marker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from herokit.errors import ConfigError
from herokit.samples import SampleLike, as_samples
from herokit.sources import execution
from herokit.sources.composite import CompositeSource
from herokit.types import Sample, Status, Verdict, Verifier
from herokit.workers.counters import Counters

__all__ = ["AfterMarker", "Route"]


@dataclass(frozen=True, slots=True)
class Route(CompositeSource):
    """Run the verifier that a sample's task names; each runs once per batch, on its own samples.

    The task is the first of `keys` that the sample's `meta` holds. It is looked up among the names, then among the
    patterns (``"openai/*"``) in their order, then goes to `default`; without a default the verdict abstains.

    Args:
        verifiers: task -> verifier.
        keys: which entries of `meta` name the task; the first present one is used.
        default: the verifier of every other sample.

    Raises:
        ConfigError: no verifiers, or no keys.

    Source: the same choice as verl's ``default_compute_score``, which picks a function by ``data_source``.

    Example:
        >>> from herokit.verifiers import Choice, Number
        >>> route = Route({"arithmetic": Number(), "quiz*": Choice()})
        >>> samples = [
        ...     Sample("2+2?", "4.0", 0, "4", {"task": "arithmetic"}),
        ...     Sample("Capital?", "(B)", 1, "B", {"task": "quiz/geography"}),
        ...     Sample("Hello?", "Hello.", 2, "Hello.", {"task": "chat"}),
        ... ]
        >>> [v.value for v in route.verify(samples)]
        [1.0, 1.0, None]
    """

    verifiers: Mapping[str, Verifier]
    keys: tuple[str, ...] = ("task", "data_source")
    default: Verifier | None = None
    _counters: Counters = field(default_factory=Counters, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.verifiers:
            raise ConfigError(f"route: verifiers must name at least one verifier, got {dict(self.verifiers)}")
        if not self.keys:
            raise ConfigError("route: keys must name at least one entry of meta, got ()")

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        verdicts: list[Verdict] = [Verdict(None, Status.FAILED, self._no_route(self._task(s))) for s in samples]
        rows_by_name: dict[str | None, list[int]] = {}
        for row, sample in enumerate(samples):
            rows_by_name.setdefault(self._name(self._task(sample)), []).append(row)
        for name, rows in rows_by_name.items():
            verifier = self.default if name is None else self.verifiers[name]
            label = name or "default"
            self._counters.add(**{("no route" if verifier is None else f"to {label}"): len(rows)})
            if verifier is not None:
                part = execution.verify(label, verifier, [samples[row] for row in rows])
                for row, verdict in zip(rows, part, strict=True):
                    verdicts[row] = verdict
        return verdicts

    def _task(self, sample: Sample) -> str | None:
        return next((str(sample.meta[key]) for key in self.keys if sample.meta.get(key) is not None), None)

    def _name(self, task: str | None) -> str | None:
        """Return the name of a task's verifier; None for the default."""
        if task is None or task in self.verifiers:
            return task
        return next((pattern for pattern in self.verifiers if fnmatchcase(task, pattern)), None)

    def _no_route(self, task: str | None) -> str:
        if task is None:
            return f"no route: the sample's meta has no {' or '.join(self.keys)}"
        return f"no route for {task!r:.80}; known: {', '.join(self.verifiers)}"

    def _report_line(self) -> str:
        names = [*self.verifiers, *(["default"] if self.default is not None else [])]
        counts = ", ".join(f"{name} {self._counters[f'to {name}']:,}" for name in names)
        return f"route: {counts}, no route {self._counters['no route']:,}"


@dataclass(frozen=True, slots=True)
class AfterMarker(CompositeSource):
    """Run a verifier on the text after the last marker of a completion: for markers of your own, such as ``</plan>``.

    Verifiers that judge the final text leave out the thinking of known markers by themselves, see
    `herokit.conversations.MARKERS`. Those that judge the whole completion, such as lengths and languages, get the answer alone by
    this; ``required`` makes thinking without an end incorrect.

    Args:
        verifier: the verifier.
        marker: the text after which the answer begins.
        required: a completion without the marker is 0, UNPARSED; otherwise all of it is judged.

    Raises:
        ConfigError: the marker is empty.

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
            raise ConfigError("after-marker: marker must not be empty")

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        verdicts = [Verdict(0.0, Status.UNPARSED, f"no {self.marker}")] * len(samples)
        rows = [row for row, s in enumerate(samples) if not self.required or self.marker in s.completion_text]
        part = [
            replace(samples[row], completion=samples[row].completion_text.rpartition(self.marker)[2]) for row in rows
        ]
        for row, verdict in zip(rows, execution.verify("verifier", self.verifier, part), strict=True):
            verdicts[row] = verdict
        return verdicts
