"""`RayVerifier` and `RayRewardModel`: sources whose work is done by Ray actors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal

from herokit.errors import ConfigError, PluginError, check_positive
from herokit.reward_models.lazy import LazyResource, ResourceOwner
from herokit.samples import SampleLike, as_samples
from herokit.types import RewardModel, Scores, Status, Verdict, Verifier
from herokit_ray.actors import ActorPool, Failure

__all__ = ["RayRewardModel", "RayVerifier"]


@dataclass(frozen=True, kw_only=True)
class _ActorSource(ResourceOwner):
    """Base of both sources: their settings, and the pool that opens on first use."""

    num_actors: int = 2
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    batch_size: int = 64
    timeout: float = 600.0
    max_retries: int = 2
    required_modules: ClassVar[Mapping[str, str]] = {"ray": "herokit[ray]"}
    runs_elsewhere: ClassVar[bool] = True  # the actors may have packages that the driver lacks
    _resource: LazyResource[ActorPool] = field(
        default_factory=partial(LazyResource, ActorPool.close), init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        check_positive(self, "num_actors", "batch_size", "timeout")
        check_positive(self, "num_cpus", "num_gpus", "max_retries", allow_zero=True)

    def _pool(self, source: Any, method: Literal["verify", "score"]) -> ActorPool:
        resources = {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus}
        return self._resource.get(
            lambda: ActorPool(
                source, method, self.num_actors, resources, self.batch_size, self.timeout, self.max_retries
            )
        )


@dataclass(frozen=True)
class RayVerifier(_ActorSource):
    """A verifier whose work is done by Ray actors, on this machine or on a cluster.

    A batch whose actor dies goes to another one; a batch that no actor survives, or that exceeds the timeout, is halved
    until the sample that is the cause is alone. Usable from many threads at once; `close` kills the actors.

    Args:
        verifier: every actor holds a copy of it.
        num_actors: how many actors.
        num_cpus: cores that each reserves.
        num_gpus: GPUs that each reserves; a fraction shares one.
        batch_size: samples per call of an actor.
        timeout: seconds an actor may take for a batch.
        max_retries: how often a batch goes to another actor after one has died while running it.

    Raises:
        ConfigError: not a verifier, or a setting outside its range.
        SetupError: on first use, if the cluster has no room for an actor.

    Example:
        >>> from herokit.verifiers import ExactMatch
        >>> RayVerifier(ExactMatch(), num_actors=0)
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: RayVerifier: num_actors must be positive and finite, got 0
    """

    verifier: Verifier

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.verifier, Verifier):
            raise ConfigError(f"RayVerifier: verifier must be a verifier, got {self.verifier!r}")

    def verify(self, samples: Sequence[SampleLike], /) -> list[Verdict]:
        """Return one verdict per sample, in order.

        A sample that exceeds the timeout alone is 0, TIMEOUT; one on which every actor dies is None, FAILED.
        """
        samples = as_samples(samples)
        verdicts: list[Verdict] = []
        for batch, output in self._pool(self.verifier, "verify").run(samples):
            if isinstance(output, Failure):
                value, status = (0.0, Status.TIMEOUT) if output.timed_out else (None, Status.FAILED)
                verdicts.append(Verdict(value, status, output.reason))
            elif len(output) != len(batch):
                name = type(self.verifier).__name__
                raise PluginError(f"{name} gave {len(output)} verdicts for {len(batch)} samples")
            else:
                verdicts.extend(output)
        return verdicts


@dataclass(frozen=True)
class RayRewardModel(_ActorSource):
    """A reward model whose work is done by Ray actors: one per GPU, or several that share one.

    It handles failures as `RayVerifier` does. Give a model whose scores depend on their batch its usual `batch_size`.

    Args:
        reward_model: every actor holds a copy of it and opens it there.
        num_actors: how many actors.
        num_cpus: cores that each reserves.
        num_gpus: GPUs that each reserves; a fraction shares one.
        batch_size: samples per call of an actor.
        timeout: seconds an actor may take for a batch.
        max_retries: how often a batch goes to another actor after one has died while running it.

    Raises:
        ConfigError: not a reward model, or a setting outside its range.
        SetupError: on first use, if the cluster has no room for an actor.

    Example:
        >>> RayRewardModel(None)
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: RayRewardModel: reward_model must be a reward model, got None
    """

    reward_model: RewardModel

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.reward_model, RewardModel):
            raise ConfigError(f"RayRewardModel: reward_model must be a reward model, got {self.reward_model!r}")

    def score(self, samples: Sequence[SampleLike], /) -> Scores:
        """Return N scores; NaN, FAILED where every actor died or exceeded the timeout."""
        samples = as_samples(samples)
        name = type(self.reward_model).__name__
        batches = self._pool(self.reward_model, "score").run(samples)
        parts = [_scores(name, output, len(batch)) for batch, output in batches]
        return Scores.from_rows(row for part in parts for row in part.rows())


def _scores(name: str, output: Any, count: int) -> Scores:
    if isinstance(output, Failure):
        return Scores.from_rows([(None, Status.FAILED, output.reason, None)])
    scores = output if isinstance(output, Scores) else Scores.from_values(output)
    if len(scores.statuses) != count:
        raise PluginError(f"{name} gave {len(scores.statuses)} scores for {count} samples")
    return scores
