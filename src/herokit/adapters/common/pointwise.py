"""Rewards for hooks that see one rollout and hand its reward straight to the trainer: only chains that compare nothing."""

import numpy as np

from herokit.combiners import initial_reward
from herokit.errors import ConfigError
from herokit.rewarder import Rewarder
from herokit.types import Groups, Signals, Verifier

GROUPS, SIZE = 4, 6


def compares(rewarder: Rewarder) -> bool:
    """Say whether a rollout's reward depends on its siblings or on earlier batches.

    Made-up rows in general position are combined as groups, and again each as a group of its own.

    Example:
        >>> from herokit import Select, hero
        >>> class Zero:
        ...     def score(self, samples):
        ...         return [0.0] * len(samples)
        >>> class No:
        ...     def verify(self, samples):
        ...         return []
        >>> sources = {"verifier": No(), "rm": Zero()}
        >>> compares(Rewarder(sources, Select("verifier"))), compares(Rewarder(sources, hero()))
        (False, True)
    """
    if any(part is not None for part in rewarder.combiner.init()):
        return True
    rng = np.random.default_rng(0)
    count = GROUPS * SIZE
    values = {
        name: rng.choice([0.0, 1.0], count) if isinstance(source, Verifier) else rng.normal(0.0, 1.0, count)
        for name, source in rewarder.sources.items()
    }
    found = []
    for index in (np.repeat(np.arange(GROUPS), SIZE), np.arange(count)):
        signals = Signals(values, Groups(index, int(index.max()) + 1))
        found.append(rewarder.combiner.combine(initial_reward(signals), signals, rewarder.combiner.init())[0])
    return not np.allclose(found[0], found[1])


def check_pointwise(rewarder: Rewarder, *, owner: str, fix: str) -> None:
    """Refuse a chain that compares rollouts where each is scored alone.

    Args:
        rewarder: whose chain is tried.
        owner: whose hook it is, for messages.
        fix: what to use instead, ending the message.

    Raises:
        ConfigError: the chain compares.
    """
    if compares(rewarder):
        raise ConfigError(
            f"{owner} sees one rollout a call, and this chain of {len(rewarder.combiner.steps)} steps compares rollouts "
            f"of a group; {fix}"
        )
