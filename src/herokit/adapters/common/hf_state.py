"""A rewarder's state in the `TrainerState` that transformers saves with every checkpoint and restores on resume.

``TrainerState.stateful_callbacks`` is a plain mapping in ``trainer_state.json``, written whole with the checkpoint. An
entry in it needs no callback, so nothing is replaced when a run resumes, whatever
``restore_callback_states_from_checkpoint`` says.
"""

import warnings
from dataclasses import dataclass, field
from typing import Any

from herokit.rewarder import Rewarder


@dataclass(slots=True)
class CheckpointedState:
    """Keeps one rewarder's state in whichever `TrainerState` it is shown.

    Attributes:
        key: the entry's name in ``stateful_callbacks``.

    Example:
        >>> from types import SimpleNamespace
        >>> from herokit import Select, WeightByStd, chain
        >>> class Zero:
        ...     def score(self, samples):
        ...         return [0.0] * len(samples)
        >>> rewarder = Rewarder({"rm": Zero()}, chain(Select("rm"), WeightByStd()))
        >>> trainer_state = SimpleNamespace(stateful_callbacks={}, global_step=0)
        >>> CheckpointedState("herokit").keep(trainer_state, rewarder)
        >>> trainer_state.stateful_callbacks["herokit"]["state"]
        [None, {'count': 0, 'value': 0.0}]
    """

    key: str
    _seen: Any = field(default=None, repr=False)

    def recall(self, trainer_state: Any, rewarder: Rewarder) -> None:
        """Go on from the state of a resumed run, the first time that run's `TrainerState` is seen.

        Raises:
            ConfigError: the saved state is of another chain.
        """
        if trainer_state is self._seen:
            return
        self._seen = trainer_state
        saved = trainer_state.stateful_callbacks.get(self.key)
        if saved is not None:
            rewarder.load_state_dict(saved)
        elif trainer_state.global_step and has_memory(rewarder):
            warnings.warn(
                f"the checkpoint of step {trainer_state.global_step} holds no state {self.key!r}; "
                "running means start anew",
                RuntimeWarning,
                stacklevel=2,
            )

    def keep(self, trainer_state: Any, rewarder: Rewarder) -> None:
        """Put the state where the next checkpoint takes it from."""
        trainer_state.stateful_callbacks[self.key] = rewarder.state_dict()

    def __reduce__(self) -> tuple[Any, ...]:
        return CheckpointedState, (self.key,)  # a TrainerState does not travel with a reward function


def has_memory(rewarder: Rewarder) -> bool:
    """Say whether any step of the chain has a state."""
    return any(part is not None for part in rewarder.combiner.init())
