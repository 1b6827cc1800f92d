"""HERO's second part: the variance-aware weight (Eq. 4 and 5).

Source: *Hybrid Reinforcement: When Reward Is Sparse, It's Better to Be Dense*, arXiv 2510.07242 v3.
"""

import math
from dataclasses import dataclass
from typing import Literal, Self

from herokit import _segment
from herokit.combiners.base import Mean, Sync, Weight, no_sync
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval, value_range
from herokit.combiners.weights import DEPENDS_ON_SPLITS
from herokit.errors import ConfigError, check_choice
from herokit.tags import CheckTags
from herokit.types import Array, Signals

__all__ = ["WeightByStd"]

_PUBLISHED: dict[str, tuple[float, float, float]] = {"main": (0.5, 2.0, 5.0), "appendix": (0.4, 3.0, 6.0)}
"""The two sets of (low, high, steepness) that the paper prints: in section 3.2 and in appendix A.1."""


@dataclass(frozen=True, slots=True)
class WeightByStd(Weight):
    """Weigh prompts whose scores spread widely more (HERO, Eq. 4 and 5).

    With ``sigma_u`` the standard deviation of all scores of a prompt, both strata, and ``sigma_bar`` its running
    mean over prompts::

        w = min_weight + (max_weight - min_weight) / (1 + exp(-steepness (sigma_u - sigma_bar)))

    The paper leaves open: momentum, initialisation and synchronisation of ``sigma_bar``. Here it is the plain mean
    over all groups seen (or an EMA), read *before* it is written; the first batch has nothing to compare with and is
    neutral (w = 1). The paper prints two sets of constants: section 3.2 has min_weight 0.5, max_weight 2, steepness 5 (the
    default), appendix A.1 has 0.4, 3, 6; `published` makes either by name.

    The weight is constant in a group, so it cancels if the trainer then divides by the group's standard deviation.

    Args:
        signal: the reward model's name.
        min_weight: the smallest weight, positive.
        max_weight: the largest weight, above `min_weight`.
        steepness: how fast the weight rises, per unit of the reward model's scores (per unit of sigma_bar if
            `relative`); positive.
        ddof: 0 for the population's deviation (the paper does not say), 1 for the sample's.
        center: the weight at ``sigma_u = sigma_bar``: ``"paper"`` is (min_weight + max_weight) / 2, which is not 1 and so changes
            the learning rate; ``"one"`` shifts the logistic so that it is 1, for which ``min_weight < 1 < max_weight``.
        relative: measure the spread in units of its running mean, ``sigma_u / sigma_bar - 1``, so that `steepness`
            does not depend on the reward model's units; neutral while that mean is 0, as after groups of ties alone.
        momentum: None for the plain mean; in [0, 1) for ``sigma_bar = momentum sigma_bar + (1 - momentum) batch``.

    Raises:
        ConfigError: a parameter outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"rm": np.array([1.0, 3.0])}, Groups.from_keys("aa"))
        >>> weight, _ = WeightByStd().weigh(np.ones(2), signals, Mean(10, 1.0))
        >>> weight.tolist()
        [1.25, 1.25]
    """

    signal: str = "rm"
    min_weight: ScalarOrSchedule = 0.5
    max_weight: ScalarOrSchedule = 2.0
    steepness: ScalarOrSchedule = 5.0
    ddof: int = 0
    center: Literal["paper", "one"] = "paper"
    relative: bool = False
    momentum: float | None = None

    def __post_init__(self) -> None:
        check_in_interval("min_weight", self.min_weight, "(0, inf)")
        check_in_interval("max_weight", self.max_weight, "(0, inf)")
        check_in_interval("steepness", self.steepness, "(0, inf)")
        check_choice("ddof", self.ddof, (0, 1))
        check_choice("center", self.center, ("paper", "one"))
        if self.momentum is not None:
            check_in_interval("momentum", self.momentum, "[0, 1)")
        if not value_range(self.min_weight)[1] < value_range(self.max_weight)[0]:
            raise ConfigError(
                f"need 0 < min_weight < max_weight, got min_weight={self.min_weight!r}, max_weight={self.max_weight!r}"
            )
        if self.center == "one" and not value_range(self.min_weight)[1] < 1.0 < value_range(self.max_weight)[0]:
            raise ConfigError(
                f"center='one' needs min_weight < 1 < max_weight, got {self.min_weight!r} and {self.max_weight!r}"
            )

    @classmethod
    def published(cls, constants: Literal["main", "appendix"], *, signal: str = "rm") -> Self:
        """Return the weight with one of the paper's two sets of constants: section 3.2 or appendix A.1.

        Example:
            >>> WeightByStd.published("appendix").max_weight
            3.0
        """
        check_choice("constants", constants, tuple(_PUBLISHED))
        low, high, steepness = _PUBLISHED[constants]
        return cls(signal, low, high, steepness)

    def init(self) -> Mean:
        """Return a mean over no group."""
        return Mean()

    def weigh(self, reward: Array, signals: Signals, state: Mean, *, sync: Sync = no_sync) -> tuple[Array, Mean]:
        """Return the weight of every row and the mean that includes this batch."""
        xp, scores = _segment.namespace(reward), signals[self.signal]
        spread = _segment.std(scores, signals.groups, ddof=self.ddof)
        some = xp.astype(_segment.counts(signals.groups, scores) > 0, spread.dtype)  # an empty group does not count
        wide = xp.result_type(spread.dtype, xp.float32)  # half precision cannot count groups beyond 256
        totals = [xp.sum(xp.astype(part, wide, copy=False)) for part in (spread, some)]
        total, count = _segment.to_host(xp.stack(totals))  # the one read from the device
        batch = sync(Mean(round(count), total / count if count else 0.0))
        after = state.merge(batch)
        if self.momentum is not None and state.count and batch.count:
            after = Mean(after.count, self.momentum * state.value + (1.0 - self.momentum) * batch.value)
        if state.count == 0 or (self.relative and state.value == 0.0):
            return xp.ones_like(reward), after
        deviation = spread - state.value
        if self.relative:
            deviation = deviation / max(state.value, 1e-12)
        shift = math.log((1.0 - self.min_weight) / (self.max_weight - 1.0)) if self.center == "one" else 0.0
        gate = (1.0 + xp.tanh(0.5 * (self.steepness * deviation + shift))) / 2.0  # the logistic, without overflow
        return _segment.expand(self.min_weight + (self.max_weight - self.min_weight) * gate, signals.groups), after

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        reasons = {}
        if not self.relative:
            reasons["affine_invariant_in_score"] = (
                "as published, the standard deviation is in the unit of the score; relative=True changes that"
            )
        if self.momentum is not None:
            reasons["batch_split_invariance"] = DEPENDS_ON_SPLITS
        return CheckTags(known_failures=reasons)
