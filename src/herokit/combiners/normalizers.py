"""Normalizers: each maps the scores of a group, or of a stratum, into [0, 1] and keeps their order.

They are exchangeable inside `Stratify`, and each is a step of its own. A set of one row, or of equal scores, is tied:
it goes to 0 here; `Stratify` decides itself where tied strata go.
"""

from abc import abstractmethod
from dataclasses import dataclass

from herokit import _segment
from herokit.combiners.base import Stateless
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval
from herokit.errors import ConfigError
from herokit.tags import CheckTags
from herokit.types import Array, Groups, Signals

__all__ = ["NEAR_TIES_STRETCHED", "MinMax", "Normalizer", "QuantileMinMax", "Rank", "ZScoreSigmoid"]

NEAR_TIES_STRETCHED = "the smallest and the largest score get the ends of the band, however close they are"
"""Why a step that fills a band is not robust to noise of the scores."""


class Normalizer(Stateless):
    """Base for normalizers: write `normalize`, and it is a step as well."""

    __slots__ = ()

    @abstractmethod
    def normalize(self, x: Array, groups: Groups) -> Array:
        """Return `x` (N,) mapped into [0, 1] inside each group, order kept."""

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the normalized reward, (N,)."""
        return self.normalize(reward, signals.groups)


@dataclass(frozen=True, slots=True)
class MinMax(Normalizer):
    """Stretch each group to the unit interval: ``z = (r - min_g) / (max_g - min_g + eps)``, in [0, 1).

    What HERO uses (Eq. 3). Keeps distances; one outlier squeezes all others together.

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

    eps: ScalarOrSchedule = 1e-6

    def __post_init__(self) -> None:
        check_in_interval("eps", self.eps, "(0, inf)")

    def normalize(self, x: Array, groups: Groups) -> Array:
        """Return `x` stretched to [0, 1)."""
        low = _segment.reduce(x, groups, "min")
        reach = _segment.reduce(x, groups, "max") - low + self.eps
        return _segment.apply_groupwise(
            "divide", _segment.apply_groupwise("subtract", x, low, groups), reach, groups, own=True
        )

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(known_failures={"robust_to_score_noise": NEAR_TIES_STRETCHED})


@dataclass(frozen=True, slots=True)
class Rank(Normalizer):
    """Replace each score by its rank in its group: ``z = rank / (n - 1)``, equal scores share their mean rank.

    Blind to units, outliers and distances.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> Rank()(np.array([2.0, 900.0, 3.0, 3.0]), Signals({}, Groups.from_keys("aaaa"))).tolist()
        [0.0, 1.0, 0.5, 0.5]
    """

    def normalize(self, x: Array, groups: Groups) -> Array:
        """Return the ranks of `x` over [0, 1]."""
        xp = _segment.namespace(x)
        others = _segment.counts(groups, x) - 1
        others = xp.where(others > 0, others, xp.ones_like(others))
        tied = _segment.reduce(x, groups, "min") == _segment.reduce(x, groups, "max")
        z = _segment.apply_groupwise("divide", _segment.ranks(x, groups, shared=True), others, groups)
        return xp.where(_segment.expand(tied, groups), xp.zeros_like(z), z)


@dataclass(frozen=True, slots=True)
class ZScoreSigmoid(Normalizer):
    """Pass each group's z-scores through the logistic: ``z = 1 / (1 + exp(-(r - mean_g) / (std_g + eps)))``, in (0, 1).

    Keeps some distance and bounds outliers; a tied group goes to 0.5 here.

    Args:
        eps: added to the population deviation, in the reward's units.

    Raises:
        ConfigError: `eps` is not positive.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> ZScoreSigmoid()(np.array([1.0, 3.0]), Signals({}, Groups.from_keys("aa"))).round(3).tolist()
        [0.269, 0.731]
    """

    eps: ScalarOrSchedule = 1e-6

    def __post_init__(self) -> None:
        check_in_interval("eps", self.eps, "(0, inf)")

    def normalize(self, x: Array, groups: Groups) -> Array:
        """Return the squashed z-scores of `x`."""
        deviation = _segment.apply_groupwise("subtract", x, _segment.mean(x, groups), groups)
        z = _segment.apply_groupwise("divide", deviation, _segment.std(x, groups) + self.eps, groups)
        return (1.0 + _segment.namespace(x).tanh(0.5 * z)) / 2.0


@dataclass(frozen=True, slots=True)
class QuantileMinMax(Normalizer):
    """Stretch between two quantiles of the group and clip what lies outside: min-max that outliers cannot squeeze.

    ``z = clip((r - q_low) / (q_high - q_low + eps), 0, 1)`` with linearly interpolated quantiles.

    Args:
        low: the lower quantile, in [0, 1).
        high: the upper quantile, above `low`, at most 1.
        eps: added to the distance, in the reward's units.

    Raises:
        ConfigError: a number outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> QuantileMinMax(0.25, 0.75)(np.arange(5.0), Signals({}, Groups.from_keys("aaaaa"))).round(3).tolist()
        [0.0, 0.0, 0.5, 1.0, 1.0]
    """

    low: float = 0.1
    high: float = 0.9
    eps: ScalarOrSchedule = 1e-6

    def __post_init__(self) -> None:
        check_in_interval("low", self.low, "[0, 1)")
        check_in_interval("high", self.high, "(0, 1]")
        check_in_interval("eps", self.eps, "(0, inf)")
        if not self.low < self.high:
            raise ConfigError(f"low lies below high, got low={self.low!r}, high={self.high!r}")

    def normalize(self, x: Array, groups: Groups) -> Array:
        """Return `x` stretched between the quantiles."""
        low, high = _segment.quantiles(x, groups, (self.low, self.high))
        z = _segment.apply_groupwise(
            "divide", _segment.apply_groupwise("subtract", x, low, groups), high - low + self.eps, groups
        )
        return _segment.namespace(x).clip(z, 0.0, 1.0)
