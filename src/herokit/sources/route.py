"""One verifier for each kind of task, so that one scheme serves a mixed data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from herokit.errors import ConfigError
from herokit.sources import execution
from herokit.types import Sample, Status, Verdict, Verifier
from herokit.workers.counters import Counters


@dataclass(frozen=True, slots=True)
class Route:
    """Ask the verifier that a sample's task names; each is asked once a batch, about its own samples.

    The task is the first of `keys` that the sample's `meta` holds. It is looked up among the names, then among the
    patterns (``"openai/*"``) in their order, then goes to `default`; where there is none it abstains and says so.

    Args:
        verifiers: task -> verifier.
        keys: which entries of `meta` name the task, the first found wins.
        default: the verifier of every other sample.

    Raises:
        ConfigError: no route, or nothing to look at.

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
        if not self.verifiers or not self.keys:
            raise ConfigError(
                f"a route needs verifiers and an entry of meta to look at, got {dict(self.verifiers)}, {self.keys}"
            )

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        rows: dict[str | None, list[int]] = {}
        verdicts: list[Verdict] = [Verdict(None, Status.FAILED, "not asked")] * len(samples)
        for row, sample in enumerate(samples):
            task = self._task(sample)
            name = None if task is None else self._name(task)
            if name is None and self.default is None:
                verdicts[row] = Verdict(None, Status.FAILED, self._lost(task))
                self._counters.add(nowhere=1)
            else:
                rows.setdefault(name, []).append(row)
        for name, own in rows.items():
            verifier = self.default if name is None else self.verifiers[name]
            assert verifier is not None  # noqa: S101 - rows without a verifier were settled above
            self._counters.add(**{f"to {name}" if name is not None else "to default": len(own)})
            part = execution.verify(name or "default", verifier, [samples[row] for row in own])
            for row, verdict in zip(own, part, strict=True):
                verdicts[row] = verdict
        return verdicts

    def _task(self, sample: Sample) -> str | None:
        return next((str(sample.meta[key]) for key in self.keys if sample.meta.get(key) is not None), None)

    def _name(self, task: str) -> str | None:
        if task in self.verifiers:
            return task
        return next((pattern for pattern in self.verifiers if fnmatchcase(task, pattern)), None)

    def _lost(self, task: str | None) -> str:
        if task is None:
            return f"no route: the sample's meta has no {' or '.join(self.keys)}"
        return f"no route for {task!r:.80}; known: {', '.join(self.verifiers)}"

    def report(self) -> str:
        """Say how many samples went where, and what the verifiers report."""
        names = [*self.verifiers, *(["default"] if self.default is not None else [])]
        went = ", ".join(f"{name} {self._counters[f'to {name}']:,}" for name in names)
        own = f"route: {went}, nowhere {self._counters['nowhere']:,}"
        inner = [*self.verifiers.values(), *([self.default] if self.default is not None else [])]
        return "\n".join(filter(None, [own, *map(execution.report, inner)]))

    def close(self) -> None:
        """Close every verifier."""
        for verifier in [*self.verifiers.values(), self.default]:
            execution.close(verifier)
