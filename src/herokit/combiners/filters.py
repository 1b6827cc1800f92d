"""Steps that mark rows: a marked row is out of play for every later step, and is never lost."""

from dataclasses import dataclass

from herokit import _segment
from herokit.combiners.base import CORRECT_THRESHOLD, Filter
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval
from herokit.types import Array, Signals


@dataclass(frozen=True, slots=True)
class ConsistencyFilter(Filter):
    """Keep the right rollouts with the highest scores and the wrong ones with the lowest, balanced (PROF).

    In each group the n kept rollouts hold as many right as wrong ones where there are enough of each (an odd one
    goes to the larger side); a uniform group keeps n of its one kind. The reward model then chooses what to learn
    from and never enters the reward itself. arXiv 2509.03403. Ties are broken by row order.

    Args:
        signal: the reward model's name: a process score averaged over steps in the paper.
        verifier: the verifier's name; a value above 0.5 is right.
        keep_fraction: n as a share of the group, rounded up; in (0, 1].

    Raises:
        ConfigError: `keep_fraction` lies outside (0, 1].

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> values = {"rm": np.array([9.0, 1.0, 5.0, 8.0]), "verifier": np.array([1.0, 1.0, 0.0, 0.0])}
        >>> ConsistencyFilter(keep_fraction=0.5).keep(np.zeros(4), Signals(values, Groups.from_keys("aaaa"))).tolist()
        [True, False, True, False]
    """

    signal: str = "rm"
    verifier: str = "verifier"
    keep_fraction: ScalarOrSchedule = 0.5

    def __post_init__(self) -> None:
        check_in_interval("keep_fraction", self.keep_fraction, "(0, 1]")

    def keep(self, reward: Array, signals: Signals) -> Array:
        """Return which rows stay in play."""
        xp, groups, scores = _segment.namespace(reward), signals.groups, signals[self.signal]
        right = signals[self.verifier] > CORRECT_THRESHOLD
        strata = groups.refine(xp.astype(right, groups.ids.dtype), 2)
        place = _segment.ranks(xp.where(right, -scores, scores), strata)  # 0 for the most consistent of its kind
        n_right = _segment.reduce(xp.astype(right, reward.dtype), groups, "sum")
        size = _segment.counts(groups, reward)
        n = xp.ceil(self.keep_fraction * size)
        half = xp.where(n_right > size - n_right, xp.ceil(n / 2), xp.floor(n / 2))
        keep_right = xp.minimum(n_right, xp.maximum(half, n - (size - n_right)))
        keep_wrong = n - keep_right
        room = xp.where(right, _segment.expand(keep_right, groups), _segment.expand(keep_wrong, groups))
        return place < room
