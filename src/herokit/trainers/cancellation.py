"""Which steps of a reward a trainer's normalization would undo, told before training starts."""

import warnings
from collections.abc import Callable
from typing import Any

from herokit._display import label
from herokit.combiners import Chain, initial_reward
from herokit.errors import ConfigError
from herokit.rewarder import Rewarder
from herokit.trainers.ablation import AblatedChain, find_cancelled_steps
from herokit.trainers.table import Normalization, find_trainer
from herokit.types import Array, Signals, Verifier


class StepCancelledWarning(UserWarning):
    """A step of the reward has no effect under the trainer's settings."""


def cancelled_steps(rewarder: Rewarder, normalization: Callable[[Array, Array], Array]) -> list[str]:
    """Name the steps whose effect is gone after the trainer's own normalization.

    The chain's output goes through the trainer's normalization with each step and without it, on made-up batches
    (`herokit.trainers.ablation`); steps inside a gate are tried, too. A chain with a step that cannot take such rows goes
    untried.

    Args:
        rewarder: whose chain is tried; its state is left alone.
        normalization: (reward (N,), group ids (N,)) -> advantages (N,), such as an entry of `herokit.trainers.table.TRAINERS`.

    Example:
        >>> from herokit import hero, hero_advantage
        >>> from herokit.trainers.table import TRAINERS
        >>> class Zero:
        ...     def score(self, samples):
        ...         return [0.0] * len(samples)
        >>> class No:
        ...     def verify(self, samples):
        ...         return []
        >>> rewarder = Rewarder({"verifier": No(), "rm": Zero()}, hero_advantage())
        >>> len(cancelled_steps(rewarder, TRAINERS["trl"])), cancelled_steps(rewarder, TRAINERS["trl-none"])
        (1, [])
    """
    try:
        return _tried(rewarder, normalization)
    except Exception:  # noqa: BLE001 - a rehearsal: what is really wrong with a step of one's own shows on real rows
        return []


def _tried(rewarder: Rewarder, normalization: Callable[[Array, Array], Array]) -> list[str]:
    def advantages(steps: Chain, signals: Signals, state: Any) -> tuple[Array, Any]:
        out, after = steps.combine(initial_reward(signals), signals, state)
        return normalization(out, signals.groups.ids), after

    verdicts = {name: isinstance(source, Verifier) for name, source in rewarder.sources.items()}
    return [_told(one, rewarder.combiner) for one in find_cancelled_steps(rewarder.combiner, verdicts, advantages)]


def _told(one: AblatedChain, whole: Chain) -> str:
    """Name a step, and where it stands if not in the chain itself."""
    gate = f" in {type(whole.steps[one.path[0]]).__name__}" if len(one.path) > 1 else ""
    return f"{label(one.step)}{gate}"


def check_normalization(
    rewarder: Rewarder, trainer: str | Normalization, *, fix: str, refuse: bool = False
) -> list[str]:
    """Warn of, or refuse, steps that the trainer would undo.

    Args:
        rewarder: whose chain is tried.
        trainer: an entry of `herokit.trainers.table.TRAINERS`, by name, as it is set up.
        fix: what to set instead, ending the message.
        refuse: raise instead of warning.

    Returns:
        The steps, as `cancelled_steps` names them.

    Raises:
        ConfigError: a step would be undone and `refuse` is set, or no such trainer.
    """
    normalization = find_trainer(trainer) if isinstance(trainer, str) else trainer
    steps = cancelled_steps(rewarder, normalization)
    if steps:
        message = f"{normalization.source}: undoes {', '.join(steps)}; {fix}"
        if refuse:
            raise ConfigError(message)
        warnings.warn(message, StepCancelledWarning, stacklevel=2)
    return steps
