"""Steps that look at one row at a time."""

from dataclasses import dataclass

from herokit.combine.base import Stateless
from herokit.errors import ConfigError
from herokit.types import Array, Signals


@dataclass(frozen=True, slots=True)
class Take(Stateless):
    """Replace the reward by a signal: ``r = signal``.

    Args:
        signal: the source's name.

    Raises:
        SignalError: when applied, if the batch has no such signal.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"rm": np.array([1.0, 2.0])}, Groups.from_keys("aa"))
        >>> Take("rm")(np.zeros(2), signals).tolist()
        [1.0, 2.0]
    """

    signal: str

    def __call__(self, reward: Array, signals: Signals) -> Array:  # noqa: ARG002 - it replaces the reward
        """Return the signal, (N,)."""
        return signals[self.signal]


@dataclass(frozen=True, slots=True)
class Blend(Stateless):
    """Mix a signal into the reward: ``r = share * signal + (1 - share) * r``.

    Args:
        signal: the source's name.
        share: its part of the mix, in [0, 1].

    Raises:
        ConfigError: `share` lies outside [0, 1].

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"verifier": np.array([0.0, 1.0])}, Groups.from_keys("aa"))
        >>> Blend("verifier", share=0.5)(np.array([1.0, 0.5]), signals).tolist()
        [0.5, 0.75]
    """

    signal: str
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ConfigError(f"share lies in [0, 1], got {self.share!r}")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the mix, (N,)."""
        return self.share * signals[self.signal] + (1.0 - self.share) * reward
