"""The sources: a verifier and a reward model whose work is done by actors."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np

from herokit.errors import ConfigError, PluginError
from herokit.types import RewardModel, Sample, Scores, Status, Verdict, Verifier
from herokit_ray.actors import Crew, Lost

_opening = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class _Pooled:
    """What both share: the crew, opened on first use, dropped by pickling."""

    actors: int = 2
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    batch: int = 64
    timeout: float = 600.0
    retries: int = 2
    _cell: list[Crew] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        owner = type(self).__name__
        for name in ("actors", "batch", "timeout"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{owner}: {name} must be positive, got {getattr(self, name)!r}")
        for name in ("num_cpus", "num_gpus", "retries"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{owner}: {name} must be at least 0, got {getattr(self, name)!r}")

    def _crew(self, source: Any, method: Literal["verify", "score"]) -> Crew:
        with _opening:
            if not self._cell:
                resources = {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus}
                self._cell.append(Crew(source, method, self.actors, resources, self.batch, self.timeout, self.retries))
            return self._cell[0]

    def close(self) -> None:
        """End the actors; the next use starts new ones."""
        with _opening:
            while self._cell:
                self._cell.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cell": []}


@dataclass(frozen=True)
class RayVerifier(_Pooled):
    """A verifier whose work is done by Ray actors, on this machine or all over a cluster.

    A batch whose actor dies goes to another one; a batch that no actor survives, or that runs past the limit, is halved until
    the sample that is to blame stands alone. Usable from many threads at once; `close` ends the actors.

    Args:
        verifier: what to ask; every actor holds a copy.
        actors: how many actors.
        num_cpus: cores each reserves.
        num_gpus: GPUs each reserves; a fraction shares one.
        batch: samples given to an actor at a time.
        timeout: seconds an actor may take for a batch.
        retries: how often a batch is given to another actor after one has died under it.

    Raises:
        ConfigError: no verifier, or a setting outside its range.
        SetupError: on first use, if the cluster has no room for an actor.

    Example:
        >>> from herokit.verifiers import ExactMatch
        >>> RayVerifier(ExactMatch(), actors=0)
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: RayVerifier: actors must be positive, got 0
    """

    verifier: Verifier

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.verifier, Verifier):
            raise ConfigError(f"RayVerifier: verifier must be a verifier, got {self.verifier!r}")

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return one verdict per sample, in order.

        A sample that runs past the limit alone is 0, TIMEOUT; one under which every actor dies is None, FAILED.
        """
        made: list[Verdict] = []
        for part, answer in self._crew(self.verifier, "verify").ask(samples):
            if isinstance(answer, Lost):
                made.append(
                    Verdict(0.0, Status.TIMEOUT, answer.reason)
                    if answer.hung
                    else Verdict(None, Status.FAILED, answer.reason)
                )
            elif len(answer) != len(part):
                raise PluginError(f"{type(self.verifier).__name__} gave {len(answer)} verdicts for {len(part)} samples")
            else:
                made.extend(answer)
        return made


@dataclass(frozen=True)
class RayRewardModel(_Pooled):
    """A reward model whose work is done by Ray actors: one a GPU, or several that share one.

    As `RayVerifier`. A model whose scores depend on the batch they are computed in should be given its usual batch.

    Args:
        model: what to ask; every actor holds a copy and opens it there.
        actors: how many actors.
        num_cpus: cores each reserves.
        num_gpus: GPUs each reserves; a fraction shares one.
        batch: samples given to an actor at a time.
        timeout: seconds an actor may take for a batch.
        retries: how often a batch is given to another actor after one has died under it.

    Raises:
        ConfigError: no reward model, or a setting outside its range.
        SetupError: on first use, if the cluster has no room for an actor.

    Example:
        >>> RayRewardModel(None)
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: RayRewardModel: model must be a reward model, got None
    """

    model: RewardModel

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.model, RewardModel):
            raise ConfigError(f"RayRewardModel: model must be a reward model, got {self.model!r}")

    def score(self, samples: Sequence[Sample], /) -> Scores:
        """Return N scores; NaN, FAILED where every actor died or ran past the limit."""
        parts = list(self._crew(self.model, "score").ask(samples))
        scored = [_scores(type(self.model).__name__, answer, len(part)) for part, answer in parts]
        steps = [row for s in scored for row in (s.steps or [None] * len(s.statuses))]
        return Scores(
            np.concatenate([s.values for s in scored]) if scored else np.zeros(0),
            tuple(status for s in scored for status in s.statuses),
            tuple(reason for s in scored for reason in s.reasons),
            steps if any(s.steps is not None for s in scored) else None,
        )


def _scores(owner: str, answer: Any, count: int) -> Scores:
    if isinstance(answer, Lost):
        return Scores(np.array([np.nan]), (Status.FAILED,), (answer.reason,))
    made = answer if isinstance(answer, Scores) else Scores.from_values(answer)
    if len(made.statuses) != count:
        raise PluginError(f"{owner} gave {len(made.statuses)} scores for {count} samples")
    return made
