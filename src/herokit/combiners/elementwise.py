"""Steps that look at one row at a time: reading signals, arithmetic, squashing."""

from dataclasses import dataclass

from herokit._segment import namespace
from herokit.combiners.base import Stateless
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval
from herokit.errors import ConfigError
from herokit.types import Array, Signals

__all__ = ["Add", "Affine", "Clip", "Interpolate", "Multiply", "Select", "Sigmoid"]


@dataclass(frozen=True, slots=True)
class Select(Stateless):
    """Replace the reward by a signal: ``r = signal``.

    Args:
        signal: the source's name.

    Raises:
        SignalError: when applied, if the batch has no such signal.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"rm": np.array([1.0, 2.0])}, Groups.from_keys("aa"))
        >>> Select("rm")(np.zeros(2), signals).tolist()
        [1.0, 2.0]
    """

    signal: str

    def __call__(self, reward: Array, signals: Signals) -> Array:  # noqa: ARG002 - it replaces the reward
        """Return the signal, (N,)."""
        return signals[self.signal]


@dataclass(frozen=True, slots=True)
class Interpolate(Stateless):
    """Interpolate between the reward and a signal: ``r = weight * signal + (1 - weight) * r``.

    Args:
        signal: the source's name.
        weight: of the signal, in [0, 1].

    Raises:
        ConfigError: `weight` lies outside [0, 1].

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"verifier": np.array([0.0, 1.0])}, Groups.from_keys("aa"))
        >>> Interpolate("verifier", weight=0.5)(np.array([1.0, 0.5]), signals).tolist()
        [0.5, 0.75]
    """

    signal: str
    weight: ScalarOrSchedule = 0.5

    def __post_init__(self) -> None:
        check_in_interval("weight", self.weight, "[0, 1]")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the mix, (N,)."""
        return self.weight * signals[self.signal] + (1.0 - self.weight) * reward


@dataclass(frozen=True, slots=True)
class Add(Stateless):
    """Add a signal to the reward: ``r = r + weight * signal``.

    Args:
        signal: the name of a source.
        weight: what it is multiplied by before it is added.

    Raises:
        ConfigError: `weight` is not finite.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"format": np.array([0.0, 1.0])}, Groups.from_keys("aa"))
        >>> Add("format", weight=0.5)(np.array([1.0, 1.0]), signals).tolist()
        [1.0, 1.5]
    """

    signal: str
    weight: ScalarOrSchedule = 1.0

    def __post_init__(self) -> None:
        check_in_interval("weight", self.weight, "(-inf, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the sum, (N,)."""
        return reward + self.weight * signals[self.signal]


@dataclass(frozen=True, slots=True)
class Multiply(Stateless):
    """Multiply the reward by a signal: ``r = r * signal``.

    Args:
        signal: the name of a source.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"verifier": np.array([0.0, 1.0])}, Groups.from_keys("aa"))
        >>> Multiply("verifier")(np.array([2.0, 2.0]), signals).tolist()
        [0.0, 2.0]
    """

    signal: str

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the product, (N,)."""
        return reward * signals[self.signal]


@dataclass(frozen=True, slots=True)
class Affine(Stateless):
    """Scale and shift the reward: ``r = scale * r + shift``.

    Args:
        scale: what the reward is multiplied by.
        shift: what is added then.

    Raises:
        ConfigError: a number is not finite.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> Affine(scale=2.0, shift=-1.0)(np.array([0.0, 1.0]), Signals({}, Groups.from_keys("aa"))).tolist()
        [-1.0, 1.0]
    """

    scale: ScalarOrSchedule = 1.0
    shift: ScalarOrSchedule = 0.0

    def __post_init__(self) -> None:
        check_in_interval("scale", self.scale, "(-inf, inf)")
        check_in_interval("shift", self.shift, "(-inf, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:  # noqa: ARG002 - a row's reward is all it needs
        """Return the scaled reward, (N,)."""
        return self.scale * reward + self.shift


@dataclass(frozen=True, slots=True)
class Sigmoid(Stateless):
    """Squash the reward into (0, 1): ``r = 1 / (1 + exp(-scale * r))``, without overflow.

    Args:
        scale: what the reward is multiplied by first; below 1 flattens.

    Raises:
        ConfigError: `scale` is not positive.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> Sigmoid(scale=0.5)(np.array([0.0, 1e9]), Signals({}, Groups.from_keys("aa"))).tolist()
        [0.5, 1.0]
    """

    scale: ScalarOrSchedule = 1.0

    def __post_init__(self) -> None:
        check_in_interval("scale", self.scale, "(0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:  # noqa: ARG002 - a row's reward is all it needs
        """Return the squashed reward, (N,)."""
        return (1.0 + namespace(reward).tanh(0.5 * self.scale * reward)) / 2.0


@dataclass(frozen=True, slots=True)
class Clip(Stateless):
    """Bound the reward: ``r = min(max(r, low), high)``.

    Args:
        low: the lower bound.
        high: the upper bound.

    Raises:
        ConfigError: `low` is not below `high`.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> Clip(-1.0, 1.0)(np.array([-3.0, 0.5]), Signals({}, Groups.from_keys("aa"))).tolist()
        [-1.0, 0.5]
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ConfigError(f"low lies below high, got low={self.low!r}, high={self.high!r}")

    def __call__(self, reward: Array, signals: Signals) -> Array:  # noqa: ARG002 - a row's reward is all it needs
        """Return the bounded reward, (N,)."""
        return namespace(reward).clip(reward, self.low, self.high)
