"""The rewarder's state in the `TrainerState` that transformers saves with every checkpoint and restores on resume.

``TrainerState.stateful_callbacks`` is a plain mapping in ``trainer_state.json``. An entry in it needs no callback, so it
does not depend on ``restore_callback_states_from_checkpoint``.
"""

import warnings
from dataclasses import dataclass, field
from typing import Any

from herokit.rewarder import Rewarder

__all__ = ["CheckpointedState", "has_state"]


@dataclass(slots=True)
class CheckpointedState:
    """The state of one rewarder as an entry of a `TrainerState`.

    Attributes:
        key: the name of the entry in ``stateful_callbacks``.

    Example:
        >>> from types import SimpleNamespace
        >>> from herokit import Select, WeightByStd, chain
        >>> class Zero:
        ...     def score(self, samples):
        ...         return [0.0] * len(samples)
        >>> rewarder = Rewarder({"rm": Zero()}, chain(Select("rm"), WeightByStd()))
        >>> trainer_state = SimpleNamespace(stateful_callbacks={}, global_step=0)
        >>> CheckpointedState("herokit").save(trainer_state, rewarder)
        >>> trainer_state.stateful_callbacks["herokit"]["state"]
        [None, {'count': 0, 'value': 0.0}]
    """

    key: str
    _restored_from: Any = field(default=None, repr=False)

    def restore(self, trainer_state: Any, rewarder: Rewarder) -> None:
        """Load the saved state into the rewarder; does so once per `TrainerState`, as a resumed run has a new one.

        Raises:
            ConfigError: the saved state belongs to another chain.
        """
        if trainer_state is self._restored_from:
            return
        self._restored_from = trainer_state
        saved = trainer_state.stateful_callbacks.get(self.key)
        if saved is not None:
            rewarder.load_state_dict(saved)
        elif trainer_state.global_step and has_state(rewarder):
            warnings.warn(
                f"the checkpoint of step {trainer_state.global_step} has no state {self.key!r}; "
                "running means start at zero",
                RuntimeWarning,
                stacklevel=2,
            )

    def save(self, trainer_state: Any, rewarder: Rewarder) -> None:
        """Write the state into the `TrainerState`, which the next checkpoint contains."""
        trainer_state.stateful_callbacks[self.key] = rewarder.state_dict()

    def __reduce__(self) -> tuple[Any, ...]:
        return CheckpointedState, (self.key,)  # a TrainerState does not travel with a reward function


def has_state(rewarder: Rewarder) -> bool:
    """Return whether any step of the chain has a state."""
    return any(state is not None for state in rewarder.combiner.init())
