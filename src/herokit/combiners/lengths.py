"""Steps that add a reward for shortness, or subtract one for length, in tokens of the completion.

They read a signal of lengths, such as that of `herokit.sources.NumTokens`, and act on rewards: put them before the step that
makes advantages. Where rewards of correct and incorrect rollouts differ by 1 or more, as those of a verifier do, none of them
with its default numbers lifts an incorrect rollout above a correct one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from herokit import _segment
from herokit.combiners.base import CORRECT_THRESHOLD, Stateless, correct_rate
from herokit.combiners.normalizers import NEAR_TIES_STRETCHED
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval, check_weights, value_range
from herokit.errors import ConfigError
from herokit.tags import CheckTags
from herokit.types import Array, Signals

__all__ = ["CosineLength", "ExcessLength", "GroupLengthPenalty", "KimiLength", "SoftOverlong"]


@dataclass(frozen=True, slots=True)
class SoftOverlong(Stateless):
    """Subtract up to `weight` from rollouts near the length limit, whether they are correct or not (DAPO).

    With n the length, L = `max_tokens` and c = `buffer`::

        r = r + weight p,   p = 0 for n <= L - c,   (L - c - n) / c for n <= L,   -1 for n > L

    arXiv 2503.14476, Eq. 13, where rewards are 1 and -1.

    Args:
        max_tokens: the length with the whole penalty, in tokens.
        buffer: the tokens before it over which the penalty grows; positive, at most `max_tokens`.
        weight: the largest penalty, in the reward's units.
        tokens: the name of the signal of lengths.

    Raises:
        ConfigError: a number outside its range, such as a `buffer` that begins before the first token.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"tokens": np.array([70.0, 90.0, 100.0, 500.0])}, Groups.from_keys("aaaa"))
        >>> SoftOverlong(100, buffer=20)(np.ones(4), signals).tolist()
        [1.0, 0.5, 0.0, 0.0]
    """

    max_tokens: ScalarOrSchedule
    buffer: ScalarOrSchedule
    weight: ScalarOrSchedule = 1.0
    tokens: str = "tokens"

    def __post_init__(self) -> None:
        check_in_interval("max_tokens", self.max_tokens, "(0, inf)")
        check_in_interval("buffer", self.buffer, "(0, inf)")
        check_in_interval("weight", self.weight, "[0, inf)")
        if value_range(self.buffer)[1] > value_range(self.max_tokens)[0]:
            raise ConfigError(
                f"buffer is at most max_tokens, got buffer={self.buffer!r}, max_tokens={self.max_tokens!r}"
            )

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the reward with the penalty, (N,)."""
        excess = (signals[self.tokens] - (self.max_tokens - self.buffer)) / self.buffer
        return reward - self.weight * _segment.namespace(reward).clip(excess, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class CosineLength(Stateless):
    """Lower correct rollouts and raise incorrect ones along half a cosine of their length.

    With n the length, c the verdict and L = `max_tokens`::

        h = (1 - cos(pi min(n / L, 1))) / 2,   r = r - max_loss h where c = 1,   r + max_gain h elsewhere

    On rewards of 1 and -1 this is the published reward: 1 to 0.5 for correct rollouts, -1 to -0.5 for incorrect ones, for
    which longer is better. It narrows the distance between correct and incorrect ones in a group of equal lengths, too.
    arXiv 2502.03373, appendix C.1, with the bounds of TRL 1.16.0.

    Args:
        max_tokens: the length at which the cosine ends, in tokens.
        max_loss: the most that a correct rollout loses, in the reward's units.
        max_gain: the most that an incorrect rollout gains; 0 lets length count among correct rollouts only.
        tokens: the name of the signal of lengths.
        verifier: the verifier's name; a value above 0.5 counts as correct.

    Raises:
        ConfigError: a number outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> values = {"tokens": np.array([0.0, 50.0, 100.0, 50.0]), "verifier": np.array([1.0, 1.0, 1.0, 0.0])}
        >>> CosineLength(100)(np.array([1.0, 1.0, 1.0, -1.0]), Signals(values, Groups.from_keys("aaaa"))).tolist()
        [1.0, 0.75, 0.5, -0.75]
    """

    max_tokens: ScalarOrSchedule
    max_loss: ScalarOrSchedule = 0.5
    max_gain: ScalarOrSchedule = 0.5
    tokens: str = "tokens"
    verifier: str = "verifier"

    def __post_init__(self) -> None:
        check_in_interval("max_tokens", self.max_tokens, "(0, inf)")
        check_in_interval("max_loss", self.max_loss, "[0, inf)")
        check_in_interval("max_gain", self.max_gain, "[0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the reward with its bonus or penalty, (N,)."""
        xp = _segment.namespace(reward)
        share = xp.clip(signals[self.tokens] / self.max_tokens, 0.0, 1.0)
        height = (1.0 - xp.cos(math.pi * share)) / 2.0
        correct = signals[self.verifier] > CORRECT_THRESHOLD
        return xp.where(correct, reward - self.max_loss * height, reward + self.max_gain * height)


@dataclass(frozen=True, slots=True)
class KimiLength(Stateless):
    """Rank the lengths of a group: add up to half of `weight` to short correct rollouts, subtract it from long ones.

    With n the length, its minimum and maximum over the group, and c the verdict::

        l = 0.5 - (n - min_g) / (max_g - min_g),   r = r + weight l where c = 1,   r + weight min(0, l) elsewhere

    and l = 0 in a group of equal lengths. arXiv 2501.12599, section 2.3.3, where rewards are 1 and 0.

    Args:
        weight: the distance between the shortest and the longest correct rollout, in the reward's units.
        tokens: the name of the signal of lengths.
        verifier: the verifier's name; a value above 0.5 counts as correct.

    Raises:
        ConfigError: `weight` is negative.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> values = {"tokens": np.array([10.0, 20.0, 10.0, 30.0]), "verifier": np.array([1.0, 1.0, 0.0, 0.0])}
        >>> KimiLength()(np.array([1.0, 1.0, 0.0, 0.0]), Signals(values, Groups.from_keys("aaaa"))).tolist()
        [1.5, 1.0, 0.0, -0.5]
    """

    weight: ScalarOrSchedule = 1.0
    tokens: str = "tokens"
    verifier: str = "verifier"

    def __post_init__(self) -> None:
        check_in_interval("weight", self.weight, "[0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the reward with its bonus or penalty, (N,)."""
        xp, groups, lengths = _segment.namespace(reward), signals.groups, signals[self.tokens]
        low, high = _segment.reduce(lengths, groups, "min"), _segment.reduce(lengths, groups, "max")
        differ = high > low
        reach = xp.where(differ, high - low, xp.ones_like(high))
        place = (lengths - _segment.expand(low, groups)) / _segment.expand(reach, groups)
        bonus = xp.where(_segment.expand(differ, groups), 0.5 - place, xp.zeros_like(place))
        correct = signals[self.verifier] > CORRECT_THRESHOLD
        return reward + self.weight * xp.where(correct, bonus, xp.clip(bonus, None, 0.0))

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(known_failures={"robust_to_score_noise": NEAR_TIES_STRETCHED})


@dataclass(frozen=True, slots=True)
class GroupLengthPenalty(Stateless):
    """Subtract a share of the group's correct rate that grows with the length (prime-rl).

    With n_k a cost, such as tokens or turns, w_k its weight and p the share of correct rollouts in the group::

        r = r - p sum_k w_k n_k / max(1, max_g(n_k))

    A hard prompt is hardly shaped, an unsolved one not at all. prime-rl 559b447 subtracts the mean reward of the group, which
    is p where rewards are 1 and 0.

    Args:
        weights: signal -> weight; at least 0. prime-rl adds 0.1 for input tokens and 0.1 for turns.
        verifier: the verifier's name; a value above 0.5 counts as correct.

    Raises:
        ConfigError: no weight, or a negative one.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> values = {"tokens": np.array([10.0, 40.0]), "verifier": np.array([1.0, 0.0])}
        >>> GroupLengthPenalty()(np.array([1.0, 0.0]), Signals(values, Groups.from_keys("aa"))).tolist()
        [0.96875, -0.125]
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {"tokens": 0.25})
    verifier: str = "verifier"

    def __post_init__(self) -> None:
        check_weights(self.weights, "[0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the reward with the penalty, (N,)."""
        xp, groups = _segment.namespace(reward), signals.groups
        share = correct_rate(signals, self.verifier, reward)
        for name, weight in self.weights.items():
            cost = xp.clip(signals[name], 0.0, None)
            largest = xp.clip(_segment.reduce(cost, groups, "max"), 1.0, None)
            reward = reward - cost * _segment.expand(weight * share / largest, groups)
        return reward


@dataclass(frozen=True, slots=True)
class ExcessLength(Stateless):
    """Penalize correct rollouts that are much longer than the group's short correct ones.

    With q the `quantile` of the lengths of the group's correct rollouts::

        u = q (1 + relative) + absolute,   p = min(cap, rate max(0, n - u) / q)
        r = max(r - p, min(r, floor)) where c = 1

    A group with fewer than two correct rollouts is not shaped. The form is that of miles; the numbers here are herokit's.

    Args:
        quantile: which length is the reference, in [0, 1]; 0 is the shortest correct rollout.
        relative: the excess that is free, as a share of the reference.
        absolute: the excess that is free, in tokens.
        rate: the penalty of an excess as large as the reference, in the reward's units.
        cap: the largest penalty.
        floor: no correct rollout is brought below this reward.
        tokens: the name of the signal of lengths.
        verifier: the verifier's name; a value above 0.5 counts as correct.

    Raises:
        ConfigError: a number outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> values = {"tokens": np.array([100.0, 170.0, 900.0, 900.0]), "verifier": np.array([1.0, 1.0, 1.0, 0.0])}
        >>> step = ExcessLength(quantile=0.0, relative=0.5, rate=0.1, cap=0.3)
        >>> step(np.array([1.0, 1.0, 1.0, 0.0]), Signals(values, Groups.from_keys("aaaa"))).tolist()
        [1.0, 0.98, 0.7, 0.0]
    """

    quantile: float = 0.25
    relative: ScalarOrSchedule = 0.25
    absolute: ScalarOrSchedule = 0.0
    rate: ScalarOrSchedule = 0.2
    cap: ScalarOrSchedule = 0.3
    floor: ScalarOrSchedule = 0.5
    tokens: str = "tokens"
    verifier: str = "verifier"

    def __post_init__(self) -> None:
        check_in_interval("quantile", self.quantile, "[0, 1]")
        for name in ("relative", "absolute", "rate", "cap"):
            check_in_interval(name, getattr(self, name), "[0, inf)")
        check_in_interval("floor", self.floor, "(-inf, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the reward with the penalty, (N,)."""
        xp, groups, lengths = _segment.namespace(reward), signals.groups, signals[self.tokens]
        correct = signals[self.verifier] > CORRECT_THRESHOLD
        strata = groups.refine(xp.astype(correct, groups.ids.dtype), 2)
        reference = _segment.quantiles(lengths, strata, [self.quantile])[0]
        shaped = (_segment.counts(strata, reward) >= 2.0) & (reference > 0.0)  # noqa: PLR2004 - one has none to compare with
        excess = lengths - _segment.expand(reference * (1.0 + self.relative) + self.absolute, strata)
        unit = _segment.expand(xp.where(shaped, reference, xp.ones_like(reference)), strata)
        penalty = xp.clip(self.rate * xp.clip(excess, 0.0, None) / unit, None, self.cap)
        lowered = xp.where(reward > self.floor, xp.clip(reward - penalty, self.floor, None), reward)
        return xp.where(correct & _segment.expand(shaped, strata), lowered, reward)
