"""HERO's two parts: stratified normalization (Eq. 3) and variance-aware weighting (Eq. 4 and 5).

Source: *Hybrid Reinforcement: When Reward Is Sparse, It's Better to Be Dense*, arXiv 2510.07242 v3.
"""

from dataclasses import dataclass
from typing import Literal

from herokit import _segment
from herokit.combine.base import Mean, Stateless, Sync, Weight, alone
from herokit.errors import ConfigError
from herokit.types import Array, Signals

RIGHT = 0.5
"""A verifier value above this counts as right."""


@dataclass(frozen=True, slots=True)
class Stratify(Stateless):
    """Normalize the reward inside the strata that the verifier defines (HERO, Eq. 3).

    With ``z = (m - min) / (max - min + eps)`` over the rollouts of one prompt that share a verifier label ``c``::

        r = -alpha    + 2 alpha z    where c = 0     in [-alpha, +alpha]
        r = 1 - beta  + 2 beta  z    where c = 1     in [1 - beta, 1 + beta]

    Correctness is preserved (the bands never overlap), quality is refined inside them.

    Args:
        by: the verifier's name; a value above 0.5 is right.
        alpha: half-width of the band of wrong rollouts, in (0, 1]. The paper: 0.05 on easy-to-verify data, 0.1 on
            mixed and hard-to-verify data.
        beta: half-width of the band of right rollouts, in (0, 1].
        eps: added to the range, in the reward model's units. The paper gives no value; exact scale invariance ends
            where a stratum's range is near it.
        tied: where a stratum of one row, or of equal scores, goes. Read literally the paper puts it on its band's
            ``"floor"`` (z = 0: a lone right answer gets 1 - beta); ``"midpoint"`` is z = 0.5.

    Raises:
        ConfigError: ``alpha + beta >= 1``, which the paper's "(0, 1]" allows although the bands then touch or
            overlap; or a parameter outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"verifier": np.array([0.0, 0.0, 1.0, 1.0])}, Groups.from_keys("aaaa"))
        >>> Stratify()(np.array([2.0, 4.0, 1.0, 5.0]), signals).round(4).tolist()
        [-0.1, 0.1, 0.9, 1.1]
    """

    by: str = "verifier"
    alpha: float = 0.1
    beta: float = 0.1
    eps: float = 1e-6
    tied: Literal["floor", "midpoint"] = "floor"

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ConfigError(f"{name} lies in (0, 1], got {getattr(self, name)!r}")
        if self.alpha + self.beta >= 1.0:
            raise ConfigError(
                f"the bands overlap: alpha + beta must be below 1, got {self.alpha!r} + {self.beta!r}; "
                "a wrong rollout could then outrank a right one"
            )
        if not self.eps > 0:
            raise ConfigError(f"eps must be positive, got {self.eps!r}")
        if self.tied not in ("floor", "midpoint"):
            raise ConfigError(f"tied is 'floor' or 'midpoint', got {self.tied!r}")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the banded reward, (N,)."""
        xp = _segment.namespace(reward)
        right = signals[self.by] > RIGHT
        strata = signals.groups.refine(xp.astype(right, signals.groups.index.dtype), 2)
        low = _segment.rows(_segment.reduce(reward, strata, "min"), strata)
        high = _segment.rows(_segment.reduce(reward, strata, "max"), strata)
        z = (reward - low) / (high - low + self.eps)
        if self.tied == "midpoint":
            z = xp.where(high > low, z, xp.full_like(z, 0.5))
        return xp.where(right, 1.0 - self.beta + 2.0 * self.beta * z, 2.0 * self.alpha * z - self.alpha)


@dataclass(frozen=True, slots=True)
class WeightBySpread(Weight):
    """Weigh prompts whose scores spread widely more (HERO, Eq. 4 and 5).

    With ``sigma_u`` the standard deviation of all scores of a prompt, both strata, and ``sigma_bar`` its running
    mean over prompts::

        w = low + (high - low) / (1 + exp(-steepness (sigma_u - sigma_bar)))

    The paper leaves open: momentum, initialisation and synchronisation of ``sigma_bar``. Here it is the plain mean
    over all groups seen, read *before* it is written; the first batch has nothing to compare with and is neutral
    (w = 1). The paper prints two sets of constants: section 3.2 has low 0.5, high 2, steepness 5 (the default),
    appendix A.1 has 0.4, 3, 6. At ``sigma_u = sigma_bar`` the weight is (low + high) / 2, which is not 1.

    The weight is constant in a group, so it cancels if the trainer then divides by the group's standard deviation.

    Args:
        of: the reward model's name.
        low: the smallest weight, positive.
        high: the largest weight, above `low`.
        steepness: how fast the weight rises, per unit of the reward model's scores; positive.
        ddof: 0 for the population's deviation (the paper does not say), 1 for the sample's.

    Raises:
        ConfigError: a parameter outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"rm": np.array([1.0, 3.0])}, Groups.from_keys("aa"))
        >>> weight, _ = WeightBySpread().weigh(np.ones(2), signals, Mean(10, 1.0))
        >>> weight.tolist()
        [1.25, 1.25]
    """

    of: str = "rm"
    low: float = 0.5
    high: float = 2.0
    steepness: float = 5.0
    ddof: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.low < self.high:
            raise ConfigError(f"weights need 0 < low < high, got low={self.low!r}, high={self.high!r}")
        if not self.steepness > 0:
            raise ConfigError(f"steepness must be positive, got {self.steepness!r}")
        if self.ddof not in (0, 1):
            raise ConfigError(f"ddof is 0 or 1, got {self.ddof!r}")

    def init(self) -> Mean:
        """Return a mean over no group."""
        return Mean()

    def weigh(self, reward: Array, signals: Signals, state: Mean, *, sync: Sync = alone) -> tuple[Array, Mean]:
        """Return the weight of every row and the mean that includes this batch."""
        xp = _segment.namespace(reward)
        scores = signals[self.of]
        spread = _segment.std(scores, signals.groups, ddof=self.ddof)
        some = _segment.sizes(signals.groups, scores) > 0  # an empty group has no spread to count
        total, count = float(xp.sum(spread)), int(xp.sum(xp.astype(some, signals.groups.index.dtype)))
        after = state.merge(sync(Mean(count, total / count if count else 0.0)))
        if state.count == 0:
            return xp.ones_like(reward), after
        gate = (1.0 + xp.tanh(0.5 * self.steepness * (spread - state.value))) / 2.0  # the logistic, without overflow
        return _segment.rows(self.low + (self.high - self.low) * gate, signals.groups), after
