"""Weights on advantages by how hard the verifier finds a prompt; put them after a `ProducesAdvantage` step."""

from dataclasses import dataclass
from typing import Any

from herokit import _segment
from herokit.combiners.base import CORRECT_THRESHOLD, Mean, Sync, Weight, correct_rate, no_sync
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval, value_range
from herokit.errors import ConfigError
from herokit.tags import CheckTags
from herokit.types import Array, Signals

__all__ = ["DEPENDS_ON_SPLITS", "WeightByAgreement", "WeightByCorrectRate", "WeightByDifficulty"]

DEPENDS_ON_SPLITS = "an exponential moving average depends on where batches are split"
"""Why a step with such an average is not the same on a batch and on its parts."""


@dataclass(frozen=True, slots=True)
class WeightByCorrectRate(Weight):
    """Weigh surprises more: correct answers to hard prompts, incorrect answers to easy ones (GRPO-LEAD).

    With ``rho`` the share of the group's rollouts that the verifier accepts::

        w(rho) = min_weight + (max_weight - min_weight) / (1 + exp(steepness (rho - midpoint)))
        A = A w(rho)  where A > 0,   A w(1 - rho)  elsewhere

    arXiv 2504.09696; the defaults are those of its published code. It must follow a step that makes advantages.

    Args:
        verifier: the verifier's name; a value above 0.5 counts as correct.
        min_weight: the smallest weight, positive.
        max_weight: the largest weight, above `min_weight`.
        midpoint: the rate with the weight half-way, in [0, 1].
        steepness: how fast the weight falls with the rate; positive.

    Raises:
        ConfigError: a parameter outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"verifier": np.array([1.0, 0.0, 0.0, 0.0])}, Groups.from_keys("aaaa"))
        >>> WeightByCorrectRate().weigh(np.array([0.75, -0.25, -0.25, -0.25]), signals, None)[0].round(3).tolist()
        [1.493, 0.95, 0.95, 0.95]
    """

    verifier: str = "verifier"
    min_weight: ScalarOrSchedule = 0.4
    max_weight: ScalarOrSchedule = 1.5
    midpoint: ScalarOrSchedule = 0.75
    steepness: ScalarOrSchedule = 10.0

    def __post_init__(self) -> None:
        check_in_interval("min_weight", self.min_weight, "(0, inf)")
        check_in_interval("max_weight", self.max_weight, "(0, inf)")
        check_in_interval("midpoint", self.midpoint, "[0, 1]")
        check_in_interval("steepness", self.steepness, "(0, inf)")
        if not value_range(self.min_weight)[1] < value_range(self.max_weight)[0]:
            raise ConfigError(
                f"need 0 < min_weight < max_weight, got min_weight={self.min_weight!r}, max_weight={self.max_weight!r}"
            )

    def weigh(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[Array, Any]:  # noqa: ARG002 - it has no memory
        """Return the weight of every row, by the sign of its advantage."""
        xp = _segment.namespace(reward)
        rate = _segment.expand(correct_rate(signals, self.verifier, reward), signals.groups)
        rate = xp.where(reward > 0, rate, 1.0 - rate)
        gate = (1.0 - xp.tanh(0.5 * self.steepness * (rate - self.midpoint))) / 2.0
        return self.min_weight + (self.max_weight - self.min_weight) * gate, state

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={"advantages_sum_to_zero": "positive and negative advantages have different weights"}
        )


@dataclass(frozen=True, slots=True)
class WeightByDifficulty(Weight):
    """Share the batch's weight among its mixed groups, harder ones first (DGPO).

    With ``p`` a group's share of correct answers and M the number of groups whose verdicts differ::

        w = M softmax(-p / temperature)   over those M groups,   1 in uniform groups

    so the mean weight of mixed groups is 1. arXiv 2601.20614; temperature 2 as in its published scripts. A group's
    weight depends on the other groups of the batch, on purpose. It must follow a step that makes advantages.

    Args:
        verifier: the verifier's name; a value above 0.5 counts as correct.
        temperature: how evenly to share; positive.

    Raises:
        ConfigError: `temperature` is not positive.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"verifier": np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0])}, Groups.from_keys("aaabbb"))
        >>> WeightByDifficulty(temperature=0.5).weigh(np.ones(6), signals, None)[0].round(3).tolist()
        [1.322, 1.322, 1.322, 0.678, 0.678, 0.678]
    """

    verifier: str = "verifier"
    temperature: ScalarOrSchedule = 2.0

    def __post_init__(self) -> None:
        check_in_interval("temperature", self.temperature, "(0, inf)")

    def weigh(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[Array, Any]:  # noqa: ARG002 - it has no memory
        """Return the weight of every row."""
        xp = _segment.namespace(reward)
        rate = correct_rate(signals, self.verifier, reward)
        mixed = (rate > 0.0) & (rate < 1.0)
        share = xp.where(mixed, xp.exp(-rate / self.temperature), xp.zeros_like(rate))
        total, count = xp.sum(share), xp.sum(xp.astype(mixed, reward.dtype))
        weight = xp.where(mixed, share * count / xp.where(total > 0, total, xp.ones_like(total)), xp.ones_like(rate))
        return _segment.expand(weight, signals.groups), state

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={"group_independence": "its weights are a softmax over the prompts of the batch"}
        )


@dataclass(frozen=True, slots=True)
class WeightByAgreement(Weight):
    """Weigh groups whose verdicts are all alike by how well the scores agree with the verifier elsewhere.

    In such a group only the reward model speaks; in mixed groups it can be tested. With ``a_u`` the chance that an
    accepted rollout of mixed group u outscores a rejected one, less the chance of the opposite::

        w = 1 in mixed groups,   max(0, mean of a_u over the mixed groups seen) ^ power in uniform ones

    The mean begins at 0, so trust is earned group by group, and it forgets: a reward model that is hacked, or that a
    better policy has outgrown, stops agreeing and loses its say. It is read before it is written. Put it after a step
    that makes advantages, where the trainer divides by nothing.

    Source: herokit's own, see docs/explanation/when-hero-helps.md.

    Args:
        signal: the reward model's name.
        verifier: the verifier's name; a value above 0.5 counts as correct.
        momentum: of the running mean, *for each mixed group*, in [0, 1): 0.97 looks back over some thirty of them.
        power: positive; above 1 trusts half-hearted agreement less.

    Raises:
        ConfigError: a parameter outside its range.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> values = {"rm": np.array([1.0, 2.0, 3.0, 1.0]), "verifier": np.array([0.0, 0.0, 0.0, 1.0])}
        >>> signals = Signals(values, Groups.from_keys("aabb"))
        >>> weight, after = WeightByAgreement().weigh(np.ones(4), signals, Mean(5, 0.8))
        >>> weight.tolist(), round(after.value, 3)
        ([0.8, 0.8, 1.0, 1.0], 0.746)
    """

    signal: str = "rm"
    verifier: str = "verifier"
    momentum: float = 0.97
    power: float = 1.0

    def __post_init__(self) -> None:
        check_in_interval("momentum", self.momentum, "[0, 1)")
        check_in_interval("power", self.power, "(0, inf)")

    def init(self) -> Mean:
        """Return a mean over no group."""
        return Mean()

    def weigh(self, reward: Array, signals: Signals, state: Mean, *, sync: Sync = no_sync) -> tuple[Array, Mean]:
        """Return the weight of every row, and the mean that includes this batch's mixed groups."""
        xp, groups = _segment.namespace(reward), signals.groups
        correct = signals[self.verifier] > CORRECT_THRESHOLD
        strata = groups.refine(xp.astype(correct, groups.ids.dtype), 2)
        scores = signals[self.signal]
        places = _segment.mean(_segment.ranks(scores, groups, shared=True), strata)
        rows = _segment.counts(strata, scores)
        mixed = (rows[0::2] > 0) & (rows[1::2] > 0)
        some = xp.astype(mixed, scores.dtype)
        agreement = some * 2.0 * (places[1::2] - places[0::2]) / (rows[0::2] + rows[1::2] + (1.0 - some))
        total, count = _segment.to_host(xp.stack([xp.sum(agreement), xp.sum(some)]))  # the one read from the device
        batch = sync(Mean(round(count), total / count if count else 0.0))
        kept = self.momentum**batch.count
        value = kept * state.value + (1.0 - kept) * batch.value
        trust = max(0.0, state.value) ** self.power
        return _segment.expand(xp.where(mixed, xp.ones_like(some), trust * xp.ones_like(some)), groups), Mean(
            state.count + batch.count, value
        )

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={
                "batch_split_invariance": DEPENDS_ON_SPLITS,
                "group_copies_invariance": "its moving average takes a step for each mixed group",
            }
        )
