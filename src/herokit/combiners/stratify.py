"""HERO's first part: normalization inside the strata that the verifier defines (Eq. 3).

Source: *Hybrid Reinforcement: When Reward Is Sparse, It's Better to Be Dense*, arXiv 2510.07242 v3.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from herokit import _segment
from herokit.combiners.base import Stateless
from herokit.combiners.normalizers import NEAR_TIES_STRETCHED, MinMax, Normalizer
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval, value_range
from herokit.errors import ConfigError, check_choice
from herokit.tags import CheckTags
from herokit.types import Array, Groups, Signals

__all__ = ["Stratify"]


@dataclass(frozen=True, slots=True)
class Stratify(Stateless):
    """Normalize the scores inside the strata that the verifier defines (HERO, Eq. 3).

    With the scores ``m`` (the reward so far) and ``z = (m - min) / (max - min + eps)`` over the rollouts of one prompt that share a verifier label ``c``::

        r = -alpha    + 2 alpha z    where c = 0     in [-alpha, +alpha]
        r = 1 - beta  + 2 beta  z    where c = 1     in [1 - beta, 1 + beta]

    The verdict is preserved (the bands never overlap), order is refined inside them: a correct rollout that the
    verifier rejects stays in the lower band. A graded verifier has more
    `levels`: each is the center of its stratum's band, ``level + half (2 z - 1)``.

    Args:
        verifier: the verifier's name.
        alpha: half-width of the lowest band, in (0, 1]. The paper: 0.05 on easy-to-verify data, 0.1 on mixed and
            hard-to-verify data.
        beta: half-width of the highest band, in (0, 1].
        levels: the verifier values that name the strata, increasing.
        inner_half_width: half-width of the bands in between; the smaller of alpha and beta by default.
        thresholds: the verifier values between the strata, one fewer than the levels; a row whose value exceeds a
            threshold is in a stratum above it. Half-way between levels by default.
        normalizer: maps a stratum's scores into [0, 1]: `MinMax` (the paper; its eps is not given there, 1e-6 here),
            `Rank`, `ZScoreSigmoid` or `QuantileMinMax`.
        ties: where a stratum of one row, or of equal scores, goes. Read literally the paper puts it on its band's
            ``"floor"`` (z = 0: a lone correct answer gets 1 - beta); ``"midpoint"`` is z = 0.5.
        min_range: a stratum whose scores span less than this, in the reward model's units, counts as tied: noise is
            not stretched to a whole band.

    Raises:
        ConfigError: bands that touch or overlap, as the paper's "alpha, beta in (0, 1]" allows when
            ``alpha + beta >= 1``; or a parameter outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"verifier": np.array([0.0, 0.0, 1.0, 1.0])}, Groups.from_keys("aaaa"))
        >>> Stratify()(np.array([2.0, 4.0, 1.0, 5.0]), signals).round(4).tolist()
        [-0.1, 0.1, 0.9, 1.1]
    """

    verifier: str = "verifier"
    alpha: ScalarOrSchedule = 0.1
    beta: ScalarOrSchedule = 0.1
    levels: tuple[float, ...] = (0.0, 1.0)
    inner_half_width: ScalarOrSchedule | None = None
    thresholds: tuple[float, ...] | None = None
    normalizer: Normalizer = MinMax()  # noqa: RUF009 - a frozen value
    ties: Literal["floor", "midpoint"] = "floor"
    min_range: ScalarOrSchedule = 0.0

    def __post_init__(self) -> None:
        check_in_interval("alpha", self.alpha, "(0, 1]")
        check_in_interval("beta", self.beta, "(0, 1]")
        check_in_interval("min_range", self.min_range, "[0, inf)")
        check_choice("ties", self.ties, ("floor", "midpoint"))
        if len(self.levels) < 2 or list(self.levels) != sorted(set(self.levels)):  # noqa: PLR2004 - two strata at least
            raise ConfigError(f"levels are two or more increasing values, got {self.levels}")
        if self.inner_half_width is not None:
            check_in_interval("inner_half_width", self.inner_half_width, "(0, inf)")
        if self.thresholds is not None:
            inside = all(
                low < threshold < high
                for (low, high), threshold in zip(pairwise(self.levels), self.thresholds, strict=False)
            )
            if len(self.thresholds) != len(self.levels) - 1 or not inside:
                raise ConfigError(
                    f"expected one threshold between each two of the levels {self.levels}, got {self.thresholds}"
                )
        for (low, below), (high, above) in pairwise(zip(self.levels, self._halves(widest=True), strict=True)):
            if low + below >= high - above:
                limit = "alpha + beta must be below 1" if self.levels == (0.0, 1.0) else "the half-widths are too large"
                raise ConfigError(
                    f"the bands overlap: {limit}, got {self.alpha!r} + {self.beta!r}: the band around {low} reaches up to "
                    f"{low + below:g}, the next down to {high - above:g}, and an incorrect rollout could outrank a correct one"
                )

    def _halves(self, *, widest: bool = False) -> list[float]:
        """Return each band's half-width, lowest first."""
        alpha, beta = self.alpha, self.beta
        if widest:
            alpha, beta = value_range(alpha)[1], value_range(beta)[1]
        middle = (
            min(alpha, beta)
            if self.inner_half_width is None
            else value_range(self.inner_half_width)[1]
            if widest
            else self.inner_half_width
        )
        return [alpha, *[middle] * (len(self.levels) - 2), beta]

    def strata(self, signals: Signals) -> tuple[Groups, list[Array]]:
        """Return the strata as groups, and for each threshold which rows exceed it."""
        xp, groups = _segment.namespace(signals.groups.ids), signals.groups
        thresholds = self.thresholds or tuple((low + high) / 2 for low, high in pairwise(self.levels))
        above = [signals[self.verifier] > threshold for threshold in thresholds]
        labels = sum((xp.astype(a, groups.ids.dtype) for a in above[1:]), xp.astype(above[0], groups.ids.dtype))
        return groups.refine(labels, len(self.levels)), above

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the banded reward, (N,)."""
        xp = _segment.namespace(reward)
        strata, above = self.strata(signals)
        z = self.normalizer.normalize(reward, strata)
        if self.ties == "midpoint" or self.min_range or not isinstance(self.normalizer, MinMax):
            reach = _segment.reduce(reward, strata, "max") - _segment.reduce(reward, strata, "min")
            tied = _segment.expand((reach <= 0) | (reach < self.min_range), strata)
            z = xp.where(tied, xp.full_like(z, 0.5 if self.ties == "midpoint" else 0.0), z)
        halves = self._halves()
        lowest = [level - half for level, half in zip(self.levels, halves, strict=True)]
        reward, width = lowest[0], 2.0 * halves[0]  # of the lowest band; then one stratum higher where a row is above
        for is_above, (low, high), (half, next_half) in zip(above, pairwise(lowest), pairwise(halves), strict=True):
            rise = xp.astype(is_above, z.dtype)
            if next_half != half:
                width = width + 2.0 * (next_half - half) * rise
            rise *= high - low  # in place, because `rise` is a new array
            rise += reward
            reward = rise
        reward += width * z  # r = lowest value of the band + width of the band * z
        return reward

    def check_tags(self) -> CheckTags:
        """Return what it claims, and what it fails by design."""
        return CheckTags(
            claims={"verifier_dominates": {}, "monotone_in_verdict": {}},
            known_failures={"robust_to_score_noise": NEAR_TIES_STRETCHED},
        )
