"""`herokit score --engine ray`: every source of a scheme in actors of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from herokit.errors import ConfigError
from herokit.types import RewardModel, Verifier
from herokit_ray.actors import start
from herokit_ray.sources import RayRewardModel, RayVerifier

WHOLE = 1 << 31
"""A model gets each batch whole, as it would here: the last bits of its scores depend on what is computed together."""


@dataclass(frozen=True)
class RayEngine:
    """Puts the sources of a scheme into Ray actors; those that are already there, with their own settings, stay as they are.

    Verifiers and reward models get separate pools, each with its own batches, so that neither waits for the other; a bounded number
    of batches is under way at once, and results are combined in the input's order, whatever order they come in: the
    file is the same as the local engine's.

    Args:
        actors: actors of each verifier, a core each; 0 shares out the cores that reward models leave.
        rm_actors: actors of each reward model, a core each.
        gpus: GPUs of each reward model's actor.
        ahead: batches under way at once.

    Raises:
        ConfigError: a setting outside its range.

    Example:
        >>> RayEngine(ahead=4).ahead
        4
    """

    actors: int = 0
    rm_actors: int = 1
    gpus: float = 0.0
    ahead: int = 8

    def __post_init__(self) -> None:
        for name, least in (("actors", 0), ("rm_actors", 1), ("gpus", 0), ("ahead", 1)):
            if not getattr(self, name) >= least:
                raise ConfigError(f"RayEngine: {name} must be at least {least}, got {getattr(self, name)!r}")

    def place(self, sources: Mapping[str, Verifier | RewardModel]) -> dict[str, Any]:
        """Return the sources, each behind actors; on a machine with too few cores they share what there is."""
        waiting = [s for s in sources.values() if not isinstance(s, RayVerifier | RayRewardModel)]
        verifiers = sum(isinstance(s, Verifier) for s in waiting)
        models = (len(waiting) - verifiers) * self.rm_actors
        cores = _cores() if waiting else 0.0
        each = self.actors or max(1, int((cores - models) / max(verifiers, 1)))
        share = min(1.0, cores / max(verifiers * each + models, 1))
        return {name: self._placed(source, each, share) for name, source in sources.items()}

    def _placed(self, source: Verifier | RewardModel, actors: int, share: float) -> Any:
        if isinstance(source, RayVerifier | RayRewardModel):
            return source
        if isinstance(source, Verifier):
            return RayVerifier(source, actors=actors, num_cpus=share)
        return RayRewardModel(source, actors=self.rm_actors, num_cpus=share, num_gpus=self.gpus, batch=WHOLE)


def _cores() -> float:
    import ray

    start()
    return float(ray.cluster_resources().get("CPU", 1.0))  # type: ignore[no-untyped-call] # Ray's own omission
