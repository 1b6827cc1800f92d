"""Steps that look at the parts of one rollout in their order: rewards to go, progress, minima, redistribution.

Outside `ForParts` every rollout is one part.
"""

from dataclasses import dataclass, field
from typing import Literal

from herokit import _segment
from herokit.combiners.base import Stateless, find_level
from herokit.combiners.normalizers import MinMax, Normalizer
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval
from herokit.types import Array, Signals

__all__ = ["Discount", "Progress", "Redistribute", "RewardToGo", "SoftMin"]


@dataclass(frozen=True, slots=True)
class RewardToGo(Stateless):
    """Sum the rewards of a part and the later parts of its rollout: ``G_t = sum_{k >= t} gamma^(k - t) r_k``.

    The discount is per part, never per token: longer tool results or thoughts change nothing.

    Args:
        gamma: the discount, in [0, 1].

    Raises:
        ConfigError: `gamma` lies outside [0, 1].

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Parts, Signals
        >>> signals = Signals({}, Groups(np.array([0, 0, 0]), 1), level=Parts.from_counts([2, 1]))
        >>> RewardToGo(gamma=0.5)(np.array([1.0, 2.0, 4.0]), signals).tolist()
        [2.0, 2.0, 4.0]
    """

    gamma: ScalarOrSchedule = 1.0

    def __post_init__(self) -> None:
        check_in_interval("gamma", self.gamma, "[0, 1]")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the rewards to go, (S,)."""
        level = find_level(signals)
        return _segment.sum_to_go(reward, level.rollouts, self.gamma, level.max_parts)


@dataclass(frozen=True, slots=True)
class Discount(Stateless):
    """Discount the reward of a part by the number of later parts: ``r_t = gamma^(K - 1 - t) r_t``.

    On the outcome of a rollout it is what a reward on the last part is worth at part t.

    Args:
        gamma: the discount per part, in [0, 1].

    Raises:
        ConfigError: `gamma` lies outside [0, 1].

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Parts, Signals
        >>> signals = Signals({}, Groups(np.array([0, 0, 0]), 1), level=Parts.from_counts([2, 1]))
        >>> Discount(gamma=0.5)(np.array([1.0, 1.0, 1.0]), signals).tolist()
        [0.5, 1.0, 1.0]
    """

    gamma: ScalarOrSchedule = 0.95

    def __post_init__(self) -> None:
        check_in_interval("gamma", self.gamma, "[0, 1]")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the discounted rewards, (S,)."""
        xp, level = _segment.namespace(reward), find_level(signals)
        later = _segment.sum_to_go(xp.ones_like(reward), level.rollouts, 1.0, level.max_parts) - 1.0
        return reward * xp.full_like(reward, self.gamma) ** later


@dataclass(frozen=True, slots=True)
class Progress(Stateless):
    """Replace values by their increase over the part before: ``d_t = v_t - v_{t-1}``.

    The increases of a rollout sum to its last value minus ``v_0``, so that a repeated or empty part earns nothing.
    Process advantage (PAV, arXiv 2410.08146).

    Args:
        initial: ``v_0``, the value before the first part: a number, or ``"mean"`` for the mean of the first values in the
            group, (the value of the prompt).

    Raises:
        ConfigError: `initial` is neither.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Parts, Signals
        >>> signals = Signals({}, Groups(np.array([0, 0, 0]), 1), level=Parts.from_counts([2, 1]))
        >>> Progress()(np.array([0.25, 1.0, 0.75]), signals).tolist()
        [-0.25, 0.75, 0.25]
    """

    initial: Literal["mean"] | float = "mean"

    def __post_init__(self) -> None:
        if self.initial != "mean":
            check_in_interval("initial", self.initial, "(-inf, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the increases, (S,)."""
        xp, level, groups = _segment.namespace(reward), find_level(signals), signals.groups
        if self.initial != "mean":
            return reward - _segment.previous(reward, level.rollouts, xp.full_like(reward, self.initial))
        ones = xp.ones_like(reward)
        first = ones - _segment.previous(ones, level.rollouts, xp.zeros_like(reward))
        number = _segment.reduce(first, groups, "sum")
        number = xp.where(number > 0, number, xp.ones_like(number))
        mean = _segment.reduce(reward * first, groups, "sum") / number
        return reward - _segment.previous(reward, level.rollouts, _segment.expand(mean, groups))


@dataclass(frozen=True, slots=True)
class SoftMin(Stateless):
    """Give a rollout the value of its worst part: ``r_t = softmax_t(-p / temperature)_t p_t``, over its parts.

    The sum over a rollout is near its lowest value and does not grow with the number of parts, which sums of process
    scores do. PURE, arXiv 2504.15275.

    Args:
        temperature: how much other parts count, at least 0; at 0 only the first part with the lowest value counts.

    Raises:
        ConfigError: `temperature` is negative.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Parts, Signals
        >>> signals = Signals({}, Groups(np.array([0, 0, 0]), 1), level=Parts.from_counts([2, 1]))
        >>> SoftMin(temperature=0.0)(np.array([0.5, -0.25, 1.0]), signals).tolist()
        [0.0, -0.25, 1.0]
    """

    temperature: ScalarOrSchedule = 0.1

    def __post_init__(self) -> None:
        check_in_interval("temperature", self.temperature, "[0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the values of the worst parts, (S,)."""
        xp, level = _segment.namespace(reward), find_level(signals)
        above = _segment.apply_groupwise(
            "subtract", reward, _segment.reduce(reward, level.rollouts, "min"), level.rollouts
        )
        if self.temperature == 0.0:
            lowest = xp.astype(above == 0.0, reward.dtype)
            to_go = _segment.sum_to_go(lowest, level.rollouts, 1.0, level.max_parts)
            number = _segment.expand(_segment.reduce(lowest, level.rollouts, "sum"), level.rollouts)
            return xp.where((above == 0.0) & (to_go == number), reward, xp.zeros_like(reward))
        weight = xp.exp(-above / self.temperature)
        total = _segment.reduce(weight, level.rollouts, "sum")
        return reward * _segment.apply_groupwise("divide", weight, total, level.rollouts)


@dataclass(frozen=True, slots=True)
class Redistribute(Stateless):
    """Move a rollout's advantage between its parts, never its sign: ``A_t = a_t + |a_t| weight (u_t - mean_i u)``.

    ``u`` in [0, 1] is a process score, normalized in the group, and ``mean_i`` its mean over the parts of the rollout. A good part
    of a correct rollout gets more, a good part of an incorrect one is blamed less, and the mean over a rollout whose parts have
    equal advantages stays what it was: a process score cannot earn what the verifier does not give.

    Args:
        signal: the name of the process reward model.
        weight: how much is moved, in [0, 1).
        normalizer: maps the scores of a group into [0, 1].

    Raises:
        ConfigError: `weight` lies outside [0, 1).

    Source: herokit's own.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Parts, Signals
        >>> values = {"prm": np.array([0.0, 1.0, 0.0, 1.0])}
        >>> signals = Signals(values, Groups(np.zeros(4, int), 1), level=Parts.from_counts([2, 2]))
        >>> Redistribute()(np.array([1.0, 1.0, -1.0, -1.0]), signals).round(3).tolist()
        [0.75, 1.25, -1.25, -0.75]
    """

    signal: str = "prm"
    weight: ScalarOrSchedule = 0.5
    normalizer: Normalizer = field(default_factory=MinMax)

    def __post_init__(self) -> None:
        check_in_interval("weight", self.weight, "[0, 1)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the advantages, (S,)."""
        xp, rollouts = _segment.namespace(reward), find_level(signals).rollouts
        u = self.normalizer.normalize(signals[self.signal], signals.groups)
        moved = _segment.apply_groupwise("subtract", u, _segment.mean(u, rollouts), rollouts)
        return reward + xp.abs(reward) * (self.weight * moved)
