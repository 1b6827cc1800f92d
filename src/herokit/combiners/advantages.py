"""Steps that compare a row with its group and so make advantages; each documents how trainers differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from herokit import _segment
from herokit.combiners.base import ProducesAdvantage, Stateless, find_level
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval, check_weights
from herokit.errors import ConfigError, check_choice
from herokit.tags import CheckTags
from herokit.types import Array, Signals

__all__ = [
    "BestMinusSecond",
    "Center",
    "DivideByMad",
    "DivideByMean",
    "DivideBySummedStd",
    "LeaveOneOut",
    "Standardize",
    "StandardizeWithVirtual",
    "Whiten",
]

_NEAR_TIES_SCALED = "dividing by the standard deviation scales the smallest difference to unit size"
_DEPENDS_ON_ROWS = "the sample deviation of a batch depends on its number of rows"
_BATCH_BASELINE = "the baseline is the mean of the batch"
"""Why steps fail a law by design, where several reasons are one."""


@dataclass(frozen=True, slots=True)
class Center(ProducesAdvantage, Stateless):
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
        """Return the centered advantage, (N,)."""
        return _segment.apply_groupwise("subtract", reward, _segment.mean(reward, signals.groups), signals.groups)


@dataclass(frozen=True, slots=True)
class LeaveOneOut(ProducesAdvantage, Stateless):
    """Subtract the mean of the *other* rollouts: ``A = r - mean_{j != i}(r_j) = n / (n - 1) * (r - mean_g)`` (RLOO).

    An unbiased baseline; a group of one row gets 0, since there is nothing to compare with. Trainers: TRL's RLOO,
    OpenRLHF ``rloo``. arXiv 2402.14740.

    Args:
        leave_out: what the mean leaves out: the ``"row"``, or all parts of its ``"rollout"``, which its own later parts
            depend on. The same outside `ForParts`.

    Raises:
        ConfigError: an unknown `leave_out`.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> LeaveOneOut()(np.array([0.0, 1.0, 5.0]), Signals({}, Groups.from_keys("aab"))).tolist()
        [-1.0, 1.0, 0.0]
    """

    leave_out: Literal["row", "rollout"] = "row"

    def __post_init__(self) -> None:
        check_choice("leave_out", self.leave_out, ("row", "rollout"))

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the leave-one-out advantage, (N,)."""
        xp, groups = _segment.namespace(reward), signals.groups
        if self.leave_out == "rollout" or groups.weights is not None:
            return self._leave_out(reward, signals)
        count = _segment.counts(groups, reward)
        scale = count / xp.where(count > 1, count - 1, xp.ones_like(count))
        deviation = _segment.apply_groupwise("subtract", reward, _segment.mean(reward, groups), groups)
        return _segment.apply_groupwise("multiply", deviation, scale, groups)

    def _leave_out(self, reward: Array, signals: Signals) -> Array:
        """Subtract the weighted mean of the rows of other rollouts, or of other rows."""
        xp, groups, level = _segment.namespace(reward), signals.groups, find_level(signals)
        weights = xp.ones_like(reward) if groups.weights is None else groups.weights
        own = [reward * weights, weights]
        if self.leave_out == "rollout":
            visits = _segment.intersect(groups, level.rollouts)
            own = [_segment.expand(_segment.reduce(x, visits, "sum"), visits) for x in own]
        all_rows = (reward * weights, weights)
        total, weight = (
            _segment.expand(_segment.reduce(x, groups, "sum"), groups) - part
            for x, part in zip(all_rows, own, strict=True)
        )
        others = weight > 1e-3 * weights  # not the rounding of a difference
        baseline = total / xp.where(others, weight, xp.ones_like(weight))
        return xp.where(others, reward - baseline, xp.zeros_like(reward))


@dataclass(frozen=True, slots=True)
class Standardize(ProducesAdvantage, Stateless):
    """Subtract the group's mean and divide by a standard deviation: ``A = (r - mean_g) / (max(std, min_std) + eps)``.

    The advantage of GRPO. Where implementations disagree: TRL adds 1e-4 to a sample deviation (ddof 1), verl adds
    1e-6 to a sample deviation. A group-constant weight applied *before* it cancels when the deviation is the group's,
    and a group of all-correct or all-incorrect rollouts is blown up to unit scale however narrow its band is: put weights
    after it, set a `min_std`, divide by the deviation of the whole batch, or use `Center`. A group of equal rewards, or
    of one row, gets zeros.

    Args:
        scope: whose deviation: each ``"group"``'s, or the whole ``"batch"``'s (TRL ``scale_rewards="batch"``). The
            batch is what this process sees.
        eps: added to the deviation, in the reward's units.
        ddof: 1 for the sample deviation (the trainers' choice), 0 for the population's.
        min_std: the smallest deviation to divide by, in the reward's units: a group that differs less keeps its small
            advantages.
        scale: divide by this number instead of a deviation, in the reward's units.

    Raises:
        ConfigError: a parameter outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> Standardize(eps=1e-12)(np.array([0.0, 2.0]), Signals({}, Groups.from_keys("aa"))).round(3).tolist()
        [-0.707, 0.707]
        >>> Standardize(scale=4.0)(np.array([0.0, 2.0]), Signals({}, Groups.from_keys("aa"))).round(3).tolist()
        [-0.25, 0.25]
    """

    scope: Literal["group", "batch"] = "group"
    eps: ScalarOrSchedule = 1e-4
    ddof: int = 1
    min_std: ScalarOrSchedule = 0.0
    scale: ScalarOrSchedule | None = None

    def __post_init__(self) -> None:
        check_choice("scope", self.scope, ("group", "batch"))
        check_in_interval("eps", self.eps, "(0, inf)")
        check_choice("ddof", self.ddof, (0, 1))
        check_in_interval("min_std", self.min_std, "[0, inf)")
        if self.scale is not None:
            check_in_interval("scale", self.scale, "(0, inf)")
            if self.scope != "group" or self.min_std != 0.0:
                raise ConfigError(f"scale takes the place of a deviation; leave scope and min_std out, got {self!r}")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the standardized advantage, (N,)."""
        xp, groups = _segment.namespace(reward), signals.groups
        deviation = _segment.apply_groupwise("subtract", reward, _segment.mean(reward, groups), groups)
        if self.scale is not None:
            return deviation / (self.scale + self.eps)
        if self.scope == "batch":
            scale = _batch_std(reward, self.ddof)
            return deviation / (xp.where(scale > self.min_std, scale, xp.full_like(scale, self.min_std)) + self.eps)
        scale = _segment.std(reward, groups, ddof=self.ddof)
        scale = xp.where(scale > self.min_std, scale, xp.full_like(scale, self.min_std)) + self.eps
        return _segment.apply_groupwise("divide", deviation, scale, groups)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        reasons = {"robust_to_score_noise": _NEAR_TIES_SCALED}
        if self.scope == "batch":
            reasons["group_independence"] = "it divides by the standard deviation of the whole batch"
            reasons["group_copies_invariance"] = _DEPENDS_ON_ROWS
        return CheckTags(known_failures=reasons)


@dataclass(frozen=True, slots=True)
class DivideByMad(ProducesAdvantage, Stateless):
    """Divide by the mean absolute deviation: ``A = (r - mean_g) / (mean_g |r - mean_g| + eps)``.

    With it every group that differs at all has the same total ``sum |A|``, whatever its share of correct answers;
    dividing by the standard deviation favours groups that are half correct. DGPO, arXiv 2601.20614 (its code adds 1e-4
    to the *sum* of absolute deviations). A group of equal rewards, or of one row, gets zeros.

    Args:
        eps: added to the deviation, in the reward's units.

    Raises:
        ConfigError: `eps` is not positive.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> step = DivideByMad(eps=1e-12)
        >>> step(np.array([0.0, 0.0, 0.0, 4.0]), Signals({}, Groups.from_keys("aaaa"))).round(3).tolist()
        [-0.667, -0.667, -0.667, 2.0]
    """

    eps: ScalarOrSchedule = 1e-4

    def __post_init__(self) -> None:
        check_in_interval("eps", self.eps, "(0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the scaled advantage, (N,)."""
        xp, groups = _segment.namespace(reward), signals.groups
        deviation = _segment.apply_groupwise("subtract", reward, _segment.mean(reward, groups), groups)
        return _segment.apply_groupwise(
            "divide", deviation, _segment.mean(xp.abs(deviation), groups) + self.eps, groups
        )


@dataclass(frozen=True, slots=True)
class DivideByMean(ProducesAdvantage, Stateless):
    """Divide by the group's mean: ``A = (r - mean_g) / mean_g``, and 0 where the mean is not positive (MaxRL).

    For rewards of 0 and 1: with a rate p of correct rollouts, a correct one gets 1 / p - 1, an incorrect one -1. A lone success on
    a hard prompt counts more than under any deviation. Rewards must not be negative. arXiv 2602.02710.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> DivideByMean()(np.array([0.0, 0.0, 0.0, 1.0, 0.0]), Signals({}, Groups.from_keys("aaaab"))).tolist()
        [-1.0, -1.0, -1.0, 3.0, 0.0]
    """

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the advantage, (N,)."""
        xp, groups = _segment.namespace(reward), signals.groups
        mean = _segment.mean(reward, groups)
        usable = mean > 0.0
        ratio = _segment.apply_groupwise("divide", reward, xp.where(usable, mean, xp.ones_like(mean)), groups) - 1.0
        return xp.where(_segment.expand(usable, groups), ratio, xp.zeros_like(ratio))


@dataclass(frozen=True, slots=True)
class StandardizeWithVirtual(ProducesAdvantage, Stateless):
    """Standardize each group as if it had one more rollout, with the highest reward (NGRPO).

    With the mean and the sample deviation over the n rewards of the group and `max_reward`::

        A = (r - mean_g) / (std_g + eps)

    A group of only incorrect rollouts gets negative advantages instead of none; one of only correct rollouts still gets 0. The
    advantages of a group do not sum to 0. arXiv 2509.18851.

    Args:
        max_reward: the reward of the rollout that is not there.
        eps: added to the deviation, in the reward's units.

    Raises:
        ConfigError: a number outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> step, signals = StandardizeWithVirtual(eps=1e-12), Signals({}, Groups.from_keys("aaabb"))
        >>> step(np.array([0.0, 0.0, 0.0, 1.0, 1.0]), signals).round(3).tolist()
        [-0.5, -0.5, -0.5, 0.0, 0.0]
    """

    max_reward: ScalarOrSchedule = 1.0
    eps: ScalarOrSchedule = 1e-6

    def __post_init__(self) -> None:
        check_in_interval("max_reward", self.max_reward, "(-inf, inf)")
        check_in_interval("eps", self.eps, "(0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the advantage, (N,)."""
        xp, groups = _segment.namespace(reward), signals.groups
        count = _segment.counts(groups, reward)
        mean = (_segment.reduce(reward, groups, "sum") + self.max_reward) / (count + 1.0)
        deviation = _segment.apply_groupwise("subtract", reward, mean, groups)
        squares = _segment.reduce(deviation * deviation, groups, "sum") + (self.max_reward - mean) ** 2
        std = xp.sqrt(squares / xp.clip(count, 1.0, None))
        return _segment.apply_groupwise("divide", deviation, std + self.eps, groups)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={
                "robust_to_score_noise": _NEAR_TIES_SCALED,
                "zero_advantage_without_signal": "it compares every group with a rollout that is not there",
                "advantages_sum_to_zero": "the rollout that is not there gets the rest",
                "singleton_has_zero_advantage": "it compares a rollout that is alone with one that is not there",
            }
        )


@dataclass(frozen=True, slots=True)
class BestMinusSecond(ProducesAdvantage, Stateless):
    """Reward only the best rollout of a group, by its lead: ``A = (max_g - second_g) / (std_g + eps)``, all others get 0.

    It optimizes the best of all rollouts of a prompt (pass@k with k the group's size): where two share the highest reward, one
    more of them would not help, and all get 0. A group of one row gets 0. arXiv 2503.19595; verl's ``grpo_passk``.

    Args:
        eps: added to the sample deviation, in the reward's units.

    Raises:
        ConfigError: `eps` is not positive.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> step, signals = BestMinusSecond(eps=1e-12), Signals({}, Groups.from_keys("aaabb"))
        >>> step(np.array([0.0, 0.0, 1.0, 1.0, 1.0]), signals).round(3).tolist()
        [0.0, 0.0, 1.732, 0.0, 0.0]
    """

    eps: ScalarOrSchedule = 1e-6

    def __post_init__(self) -> None:
        check_in_interval("eps", self.eps, "(0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the advantage, (N,)."""
        xp, groups = _segment.namespace(reward), signals.groups
        best = reward == _segment.expand(_segment.reduce(reward, groups, "max"), groups)
        low = _segment.expand(_segment.reduce(reward, groups, "min"), groups)
        second = _segment.reduce(xp.where(best, low, reward), groups, "max")
        alone = _segment.reduce(xp.astype(best, reward.dtype), groups, "sum") == 1.0
        lead = _segment.apply_groupwise("subtract", reward, second, groups)
        scaled = _segment.apply_groupwise("divide", lead, _segment.std(reward, groups, ddof=1) + self.eps, groups)
        return xp.where(best & _segment.expand(alone, groups), scaled, xp.zeros_like(scaled))

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={
                "robust_to_score_noise": _NEAR_TIES_SCALED,
                "advantages_sum_to_zero": "only the best rollout has an advantage",
                "verifier_dominates": "all rollouts but the best one get 0, whether they are correct or not",
            }
        )


@dataclass(frozen=True, slots=True)
class DivideBySummedStd(ProducesAdvantage, Stateless):
    """Subtract the group's mean and divide by the weighted sum of the deviations of several rewards (DVAO).

    With the sample deviation of every reward over the group::

        A = (r - mean_g) / (sum_k w_k std_g + eps)

    After `WeightedSum` with the same weights, each reward counts by its own deviation, so one that hardly differs in a group
    hardly counts there; standardizing each by itself (GDPO) scales it to the size of the others. arXiv 2605.25604.

    Args:
        weights: signal -> weight; at least 0.
        eps: added to the sum of deviations, in the reward's units.

    Raises:
        ConfigError: no weight, a negative one, or `eps` is not positive.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> values = {"verifier": np.array([0.0, 1.0]), "rm": np.array([0.01, 0.0])}
        >>> step = DivideBySummedStd({"verifier": 1.0, "rm": 1.0}, eps=1e-12)
        >>> step(np.array([0.01, 1.0]), Signals(values, Groups.from_keys("aa"))).round(3).tolist()
        [-0.693, 0.693]
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {"verifier": 1.0, "rm": 1.0})
    eps: ScalarOrSchedule = 1e-4

    def __post_init__(self) -> None:
        check_in_interval("eps", self.eps, "(0, inf)")
        check_weights(self.weights, "[0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the advantage, (N,)."""
        groups = signals.groups
        scale = sum(w * _segment.std(signals[name], groups, ddof=1) for name, w in self.weights.items()) + self.eps
        deviation = _segment.apply_groupwise("subtract", reward, _segment.mean(reward, groups), groups)
        return _segment.apply_groupwise("divide", deviation, scale, groups)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(known_failures={"robust_to_score_noise": _NEAR_TIES_SCALED})


@dataclass(frozen=True, slots=True)
class Whiten(ProducesAdvantage, Stateless):
    """Standardize over the whole batch, groups ignored: ``A = (r - mean_b) / (std_b + eps)``.

    The last step of GDPO (arXiv 2601.05242) and of TRL's ``normalize_then_sum``. The batch is what this process sees.

    Args:
        eps: added to the sample deviation, in the reward's units.

    Raises:
        ConfigError: `eps` is not positive.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> Whiten(eps=1e-12)(np.array([0.0, 2.0]), Signals({}, Groups.from_keys("ab"))).round(3).tolist()
        [-0.707, 0.707]
    """

    eps: ScalarOrSchedule = 1e-4

    def __post_init__(self) -> None:
        check_in_interval("eps", self.eps, "(0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:  # noqa: ARG002 - groups are ignored on purpose
        """Return the whitened advantage, (N,)."""
        if reward.shape[0] == 0:
            return reward
        xp = _segment.namespace(reward)
        return (reward - xp.mean(reward)) / (_batch_std(reward, 1) + self.eps)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={
                "robust_to_score_noise": _NEAR_TIES_SCALED,
                "group_independence": "it centers and scales the whole batch",
                "group_copies_invariance": _DEPENDS_ON_ROWS,
                "advantages_sum_to_zero": _BATCH_BASELINE,
                "singleton_has_zero_advantage": _BATCH_BASELINE,
            }
        )


def _batch_std(reward: Array, ddof: int) -> Array:
    """Return the deviation of all rows as a 0-d array; 0 for fewer than two rows."""
    xp = _segment.namespace(reward)
    if reward.shape[0] <= ddof:
        return xp.zeros((), dtype=reward.dtype, device=reward.device)
    return xp.std(reward, correction=ddof)
