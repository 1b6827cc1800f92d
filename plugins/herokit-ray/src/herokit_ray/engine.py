"""`herokit score --engine ray`: every source of a scheme runs in Ray actors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from herokit.errors import ConfigError
from herokit.types import RewardModel, Verifier
from herokit_ray.actors import connect
from herokit_ray.sources import RayRewardModel, RayVerifier

__all__ = ["RayEngine"]

_WHOLE_BATCH = 1 << 31
"""A model gets each batch whole, as it would locally: the last bits of its scores depend on their batch."""


@dataclass(frozen=True)
class RayEngine:
    """Runs the sources of a scheme in Ray actors; `RayVerifier` and `RayRewardModel` keep their own settings.

    Verifiers and reward models have separate pools with their own batches, so neither waits for the other. A bounded number
    of batches runs at once, and results are combined in the order of the input: the file equals the local engine's.

    Args:
        num_actors: actors per verifier, one core each; 0 shares the cores that reward models leave.
        num_rm_actors: actors per reward model, one core each.
        num_gpus: GPUs per actor of a reward model.
        prefetch_batches: batches that run at once.

    Raises:
        ConfigError: a setting outside its range.

    Example:
        >>> RayEngine(prefetch_batches=4).prefetch_batches
        4
    """

    num_actors: int = 0
    num_rm_actors: int = 1
    num_gpus: float = 0.0
    prefetch_batches: int = 8

    def __post_init__(self) -> None:
        for name, minimum in (("num_actors", 0), ("num_rm_actors", 1), ("num_gpus", 0), ("prefetch_batches", 1)):
            if not getattr(self, name) >= minimum:
                raise ConfigError(f"RayEngine: {name} must be at least {minimum}, got {getattr(self, name)!r}")

    def place(self, sources: Mapping[str, Verifier | RewardModel]) -> dict[str, Any]:
        """Return the sources, each run by actors; with too few cores, actors share them."""
        local = [source for source in sources.values() if not isinstance(source, RayVerifier | RayRewardModel)]
        num_verifiers = sum(isinstance(source, Verifier) for source in local)
        num_rm_cores = (len(local) - num_verifiers) * self.num_rm_actors
        cores = _num_cores() if local else 0.0
        num_actors = self.num_actors or max(1, int((cores - num_rm_cores) / max(num_verifiers, 1)))
        num_cpus = min(1.0, cores / max(num_verifiers * num_actors + num_rm_cores, 1))
        return {name: self._place(source, num_actors, num_cpus) for name, source in sources.items()}

    def _place(self, source: Verifier | RewardModel, num_actors: int, num_cpus: float) -> Any:
        if isinstance(source, RayVerifier | RayRewardModel):
            return source
        if isinstance(source, Verifier):
            return RayVerifier(source, num_actors=num_actors, num_cpus=num_cpus)
        return RayRewardModel(
            source,
            num_actors=self.num_rm_actors,
            num_cpus=num_cpus,
            num_gpus=self.num_gpus,
            batch_size=_WHOLE_BATCH,
        )


def _num_cores() -> float:
    import ray

    connect()
    return float(ray.cluster_resources().get("CPU", 1.0))  # type: ignore[no-untyped-call] # Ray has no types for it
