"""Check of a chain for hooks that score one rollout per call and pass its reward straight to the trainer."""

import numpy as np

from herokit.combiners import initial_reward
from herokit.errors import ConfigError
from herokit.rewarder import Rewarder
from herokit.types import Groups, Signals, Verifier

__all__ = ["check_group_independent", "is_group_dependent"]

_NUM_GROUPS, _GROUP_SIZE = 4, 6


def is_group_dependent(rewarder: Rewarder) -> bool:
    """Return whether the reward of a rollout depends on other rollouts of its group or on earlier batches.

    The chain combines random rows twice: in groups, and with every row as a group of its own.

    Example:
        >>> from herokit import Select, hero
        >>> class Zero:
        ...     def score(self, samples):
        ...         return [0.0] * len(samples)
        >>> class No:
        ...     def verify(self, samples):
        ...         return []
        >>> sources = {"verifier": No(), "rm": Zero()}
        >>> is_group_dependent(Rewarder(sources, Select("verifier"))), is_group_dependent(Rewarder(sources, hero()))
        (False, True)
    """
    if any(state is not None for state in rewarder.combiner.init()):
        return True
    rng = np.random.default_rng(0)
    num_rows = _NUM_GROUPS * _GROUP_SIZE
    values = {
        name: rng.choice([0.0, 1.0], num_rows) if isinstance(source, Verifier) else rng.normal(0.0, 1.0, num_rows)
        for name, source in rewarder.sources.items()
    }
    rewards = []
    for ids in (np.repeat(np.arange(_NUM_GROUPS), _GROUP_SIZE), np.arange(num_rows)):
        signals: Signals = Signals(values, Groups(ids, int(ids.max()) + 1))
        rewards.append(rewarder.combiner.combine(initial_reward(signals), signals, rewarder.combiner.init())[0])
    return not np.allclose(rewards[0], rewards[1])


def check_group_independent(rewarder: Rewarder, *, owner: str, fix: str) -> None:
    """Raise if the chain compares rollouts, for a hook that scores one rollout per call.

    Args:
        rewarder: the one whose chain is checked.
        owner: the hook, for messages.
        fix: what to use instead, at the end of the message.

    Raises:
        ConfigError: the chain compares rollouts of a group.
    """
    if is_group_dependent(rewarder):
        raise ConfigError(
            f"{owner} scores one rollout per call, but this chain of {len(rewarder.combiner.steps)} steps compares the "
            f"rollouts of a group; {fix}"
        )
