"""Steps that compare a row with its group; each documents how trainers differ."""

from dataclasses import dataclass

from herokit import _segment
from herokit.combine.base import Stateless, ToAdvantage
from herokit.errors import ConfigError
from herokit.types import Array, Signals


@dataclass(frozen=True, slots=True)
class Center(ToAdvantage, Stateless):
    """Subtract the group's mean: ``A = r - mean_g(r)``, the advantage of Dr. GRPO.

    A group whose rewards are all equal, or that has one row, gets zeros. A group-constant weight applied before it
    keeps its effect (`Standardize` would cancel it). Trainers: TRL ``scale_rewards="none"``, verl
    ``norm_adv_by_std_in_grpo=False``.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> Center()(np.array([0.0, 1.0, 5.0]), Signals({}, Groups.from_keys("aab"))).tolist()
        [-0.5, 0.5, 0.0]
    """

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the centred advantage, (N,)."""
        return reward - _segment.rows(_segment.mean(reward, signals.groups), signals.groups)


@dataclass(frozen=True, slots=True)
class Standardize(ToAdvantage, Stateless):
    """Subtract the group's mean and divide by its standard deviation: ``A = (r - mean_g) / (std_g + eps)``.

    The advantage of GRPO. Where implementations disagree: TRL adds 1e-4 to a sample deviation (ddof 1), verl adds
    1e-6 to a sample deviation. A group-constant weight applied *before* it cancels, and a group of all-right or
    all-wrong rollouts is blown up to unit scale however narrow its band is; put weights after it, or use `Center`.
    A group of equal rewards, or of one row, gets zeros.

    Args:
        eps: added to the deviation, in the reward's units.
        ddof: 1 for the sample deviation (the trainers' choice), 0 for the population's.

    Raises:
        ConfigError: `eps` is not positive, or `ddof` is neither 0 nor 1.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> Standardize(eps=1e-12)(np.array([0.0, 2.0]), Signals({}, Groups.from_keys("aa"))).round(3).tolist()
        [-0.707, 0.707]
    """

    eps: float = 1e-4
    ddof: int = 1

    def __post_init__(self) -> None:
        if not self.eps > 0:
            raise ConfigError(f"eps must be positive, got {self.eps!r}")
        if self.ddof not in (0, 1):
            raise ConfigError(f"ddof is 0 or 1, got {self.ddof!r}")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the standardized advantage, (N,)."""
        groups = signals.groups
        away = reward - _segment.rows(_segment.mean(reward, groups), groups)
        return away / (_segment.rows(_segment.std(reward, groups, ddof=self.ddof), groups) + self.eps)


@dataclass(frozen=True, slots=True)
class MinMax(Stateless):
    """Stretch each group to the unit interval: ``z = (r - min_g) / (max_g - min_g + eps)``, in [0, 1).

    A group of equal rewards, or of one row, gets zeros.

    Args:
        eps: added to the range, in the reward's units; exact scale invariance ends where a range is near it.

    Raises:
        ConfigError: `eps` is not positive.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> MinMax()(np.array([2.0, 4.0, 3.0]), Signals({}, Groups.from_keys("aaa"))).round(3).tolist()
        [0.0, 1.0, 0.5]
    """

    eps: float = 1e-6

    def __post_init__(self) -> None:
        if not self.eps > 0:
            raise ConfigError(f"eps must be positive, got {self.eps!r}")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the stretched reward, (N,)."""
        low = _segment.rows(_segment.reduce(reward, signals.groups, "min"), signals.groups)
        high = _segment.rows(_segment.reduce(reward, signals.groups, "max"), signals.groups)
        return (reward - low) / (high - low + self.eps)
