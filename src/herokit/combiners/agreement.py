"""A weight that trusts a reward model as far as it is seen to agree with the verifier."""

from dataclasses import dataclass

from herokit import _segment
from herokit.combiners.base import CORRECT_THRESHOLD, Mean, Sync, Weight, no_sync
from herokit.combiners.schedules import check_in_interval
from herokit.types import Array, Signals


@dataclass(frozen=True, slots=True)
class WeightByAgreement(Weight):
    """Weigh groups whose verdicts are all alike by how well the scores agree with the verifier elsewhere.

    In such a group only the reward model speaks; in mixed groups it can be tested. With ``a_u`` the chance that an
    accepted rollout of mixed group u outscores a refused one, less the chance of the opposite::

        w = 1 in mixed groups,   max(0, mean of a_u over the mixed groups seen) ^ power in uniform ones

    The mean begins at 0, so trust is earned group by group, and it forgets: a reward model that is hacked, or that a
    better policy has outgrown, stops agreeing and loses its say. It is read before it is written. Put it after a step
    that makes advantages, where the trainer divides by nothing.

    Source: herokit's own, see docs/explanation/when-hero-helps.md.

    Args:
        signal: the reward model's name.
        verifier: the verifier's name; a value above 0.5 is right.
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
        right = signals[self.verifier] > CORRECT_THRESHOLD
        strata = groups.refine(xp.astype(right, groups.ids.dtype), 2)
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
