"""Steps that act on some groups or rows only, and filters, which mask rows for every later step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from herokit import _segment
from herokit.combiners.base import (
    CORRECT_THRESHOLD,
    Combiner,
    Composite,
    Filter,
    Stateless,
    StepTrace,
    Sync,
    correct_rate,
    no_sync,
    summarize_trace,
)
from herokit.combiners.chain import Chain, chain
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval
from herokit.tags import CheckTags
from herokit.types import Array, Groups, Signals

__all__ = ["CenterIncorrect", "ConsistencyFilter", "FlattenLowStd", "Gate", "IfUniform", "TopPStdFilter"]

_DROPPED_GETS_ZERO = "a dropped rollout gets a reward of 0, whether it is correct or not"


@dataclass(frozen=True, slots=True)
class IfUniform(Composite):
    """Use one step in groups whose verdicts are all the same, another in mixed groups.

    The "gated fallback": the verifier's value in groups where verdicts differ, a denser signal elsewhere. Idea: VeriGate,
    arXiv 2605.30451. Each step sees all groups, and its result is used in its own. Weights and filters inside count as
    if they were in the chain; if either step makes advantages, this step does.

    Args:
        then: the step, or chain, for uniform groups.
        otherwise: the step, or chain, for mixed groups.
        verifier: the verifier's name; a value above 0.5 counts as correct.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals, Select
        >>> values = {"rm": np.array([1.0, 2.0, 1.0, 2.0]), "verifier": np.array([0.0, 0.0, 0.0, 1.0])}
        >>> signals = Signals(values, Groups.from_keys("aabb"))
        >>> IfUniform(Select("rm"), Select("verifier")).combine(np.zeros(4), signals, ((None,), (None,)))[0].tolist()
        [1.0, 2.0, 0.0, 1.0]
    """

    then: Combiner[Any]
    otherwise: Combiner[Any]
    verifier: str = "verifier"

    @property
    def parts(self) -> tuple[Chain, Chain]:
        """The chains for uniform and for mixed groups."""
        return chain(self.then), chain(self.otherwise)

    def with_parts(self, parts: Sequence[Chain]) -> Self:
        """Return the same step with other chains."""
        return replace(self, then=parts[0], otherwise=parts[1])

    def trace_step(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[StepTrace, Any]:
        """Apply both steps and choose by group; their weights and filters count where they were chosen."""
        xp, groups = _segment.namespace(reward), signals.groups
        share = correct_rate(signals, self.verifier, reward)
        uniform = _segment.expand((share == 0.0) | (share == 1.0), groups)
        runs = [part.trace(reward, signals, s, sync=sync) for part, s in zip(self.parts, state, strict=True)]
        after = [done[-1].after if done else reward for done, _ in runs]
        summaries = [summarize_trace(done, reward) for done, _ in runs]

        def chosen(values: Sequence[Array | None], otherwise: Sequence[Array]) -> Array | None:
            if values[0] is None and values[1] is None:
                return None
            first, second = (default if x is None else x for x, default in zip(values, otherwise, strict=True))
            return xp.where(uniform, first, second)

        before, weights, kept = zip(*summaries, strict=True)
        one, every = xp.ones_like(reward), xp.ones_like(uniform)
        trace = StepTrace(
            self,
            xp.where(uniform, *after),
            chosen(weights, (one, one)),
            chosen(kept, (every, every)),
            chosen(before, after),
        )
        return trace, tuple(now for _, now in runs)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={"strictly_monotone_in_score": "one kind of groups may be rewarded without the score"}
        )


@dataclass(frozen=True, slots=True)
class Gate(Stateless):
    """Keep the reward only where another signal is high enough: ``r = r`` where ``signal >= threshold``, else 0.

    The conditioned reward of GDPO (arXiv 2601.05242): an easy reward, such as length, counts only once a harder one,
    such as correctness, is met.

    Args:
        signal: the name of a source.
        threshold: the reward is kept where the signal is at least this.

    Raises:
        ConfigError: `threshold` is no finite number.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"verifier": np.array([0.0, 1.0])}, Groups.from_keys("aa"))
        >>> Gate("verifier", threshold=1.0)(np.array([3.0, 4.0]), signals).tolist()
        [0.0, 4.0]
    """

    signal: str
    threshold: ScalarOrSchedule = 1.0

    def __post_init__(self) -> None:
        check_in_interval("threshold", self.threshold, "(-inf, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the conditioned reward, (N,)."""
        xp = _segment.namespace(reward)
        return xp.where(signals[self.signal] >= self.threshold, reward, xp.zeros_like(reward))


@dataclass(frozen=True, slots=True)
class FlattenLowStd(Stateless):
    """Flatten groups whose scores hardly differ: ``r = mean_g(r)`` where ``std_g(signal) < min_std``.

    Standardization blows the smallest difference up to unit scale; a group that this step flattens gets advantage 0
    from any trainer. See also `Stratify.min_range`, which flattens a stratum and keeps the verifier's signal.

    Args:
        signal: the signal whose deviation decides.
        min_std: the smallest population deviation that counts, in the signal's units.

    Raises:
        ConfigError: `min_std` is negative.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"rm": np.array([1.0, 1.001, 1.0, 5.0])}, Groups.from_keys("aabb"))
        >>> FlattenLowStd("rm", min_std=0.1)(np.array([0.0, 1.0, 0.0, 1.0]), signals).tolist()
        [0.5, 0.5, 0.0, 1.0]
    """

    signal: str = "rm"
    min_std: ScalarOrSchedule = 0.1

    def __post_init__(self) -> None:
        check_in_interval("min_std", self.min_std, "[0, inf)")

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the reward with quiet groups flattened, (N,)."""
        xp, groups = _segment.namespace(reward), signals.groups
        quiet = _segment.expand(_segment.std(signals[self.signal], groups) < self.min_std, groups)
        return xp.where(quiet, _segment.expand(_segment.mean(reward, groups), groups), reward)


@dataclass(frozen=True, slots=True)
class CenterIncorrect(Stateless):
    """Center the scores of incorrect rollouts among themselves, and set those of correct ones to 0: a bonus that averages to zero.

    ``b = m - mean(m over the group's incorrect rollouts)`` where ``c = 0``, else 0: the reward model ranks what the
    verifier rejects, and cannot lift incorrect rollouts as a whole. PROGRS-style, arXiv 2604.02341.

    Args:
        verifier: the verifier's name; a value above 0.5 counts as correct.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"verifier": np.array([0.0, 0.0, 1.0])}, Groups.from_keys("aaa"))
        >>> CenterIncorrect()(np.array([1.0, 3.0, 9.0]), signals).tolist()
        [-1.0, 1.0, 0.0]
    """

    verifier: str = "verifier"

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the bonus, (N,)."""
        xp, groups = _segment.namespace(reward), signals.groups
        correct = signals[self.verifier] > CORRECT_THRESHOLD
        strata = groups.refine(xp.astype(correct, groups.ids.dtype), 2)
        deviation = _segment.apply_groupwise("subtract", reward, _segment.mean(reward, strata), strata)
        return xp.where(correct, xp.zeros_like(deviation), deviation)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={"strictly_monotone_in_score": "correct rollouts get no bonus, whatever their score"}
        )


@dataclass(frozen=True, slots=True)
class ConsistencyFilter(Filter):
    """Keep the correct rollouts with the highest scores and the incorrect ones with the lowest, balanced (PROF).

    In each group the n kept rollouts hold as many correct as incorrect ones where there are enough of each (an odd one
    goes to the larger side); a uniform group keeps n of its one kind. The reward model then chooses what to learn
    from and never enters the reward itself. arXiv 2509.03403. Ties are broken by row order.

    Args:
        signal: the reward model's name: a process score averaged over steps in the paper.
        verifier: the verifier's name; a value above 0.5 counts as correct.
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
        correct = signals[self.verifier] > CORRECT_THRESHOLD
        strata = groups.refine(xp.astype(correct, groups.ids.dtype), 2)
        place = _segment.ranks(xp.where(correct, -scores, scores), strata)  # 0 for the most consistent of its kind
        num_correct = _segment.reduce(xp.astype(correct, reward.dtype), groups, "sum")
        size = _segment.counts(groups, reward)
        n = xp.ceil(self.keep_fraction * size)
        half = xp.where(num_correct > size - num_correct, xp.ceil(n / 2), xp.floor(n / 2))
        keep_correct = xp.minimum(num_correct, xp.maximum(half, n - (size - num_correct)))
        keep_incorrect = n - keep_correct
        room = xp.where(correct, _segment.expand(keep_correct, groups), _segment.expand(keep_incorrect, groups))
        return place < room

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={
                "robust_to_score_noise": "a rollout is kept or dropped: at the threshold the smallest difference decides",
                "row_permutation_equivariance": "among equal scores the filter keeps the earlier rows",
                "neutral_to_constant_score": "among equal scores some rows are dropped and get a reward of 0",
                "hacking_gain_bounded": "an incorrect rollout with a high score is dropped and gets 0 instead of a negative reward",
                "verifier_dominates": _DROPPED_GETS_ZERO,
                "monotone_in_verdict": _DROPPED_GETS_ZERO,
                "strictly_monotone_in_score": "the score decides which rollouts remain, and is no part of their reward",
            }
        )


@dataclass(frozen=True, slots=True)
class TopPStdFilter(Filter):
    """Keep the groups with the widest scores that together have a share of the whole deviation; exclude the others.

    Groups are sorted by the deviation of their scores, the widest first, and the shortest prefix whose deviations sum to
    `top_p` of the sum over the batch is kept, with every group that is as wide as its last. A group of equal scores is never
    kept. Rank by a raw score: rewards in bands, such as HERO's, and standardized ones are all about equally wide.
    RAGEN-2, arXiv 2604.06268.

    Args:
        signal: the name of the raw score.
        top_p: the share of the summed deviations to keep, in (0, 1].

    Raises:
        ConfigError: `top_p` lies outside (0, 1].

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Signals
        >>> signals = Signals({"rm": np.array([0.0, 8.0, 0.0, 1.0, 0.0, 1.0, 3.0, 3.0])}, Groups.from_keys("aabbccdd"))
        >>> TopPStdFilter(top_p=0.8).keep(np.zeros(8), signals).tolist()
        [True, True, False, False, False, False, False, False]
        >>> TopPStdFilter(top_p=0.85).keep(np.zeros(8), signals).tolist()
        [True, True, True, True, True, True, False, False]
    """

    signal: str = "rm"
    top_p: ScalarOrSchedule = 0.9

    def __post_init__(self) -> None:
        check_in_interval("top_p", self.top_p, "(0, 1]")

    def keep(self, reward: Array, signals: Signals) -> Array:
        """Return which rows stay in play."""
        xp, groups = _segment.namespace(reward), signals.groups
        spread = _segment.std(signals[self.signal], groups)
        order = xp.argsort(-spread, stable=True)
        falling = xp.take(spread, order)
        before = xp.cumulative_sum(falling) - falling  # the sum of all wider groups; of equal ones, that of the first
        new = xp.astype(falling[1:] != falling[:-1], groups.ids.dtype)
        first = xp.zeros_like(order[:1], dtype=groups.ids.dtype)
        runs = Groups(xp.concat([first, xp.cumulative_sum(new)]), groups.num_groups)
        before = _segment.expand(_segment.reduce(before, runs, "min"), runs)
        kept = (before < self.top_p * xp.sum(spread)) & (falling > 0.0)
        return _segment.expand(xp.take(kept, xp.argsort(order, stable=True)), groups)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(
            known_failures={
                "group_independence": "which groups it keeps depends on how wide the others of the batch are",
                "robust_to_score_noise": "a group is kept or dropped: at the threshold the smallest difference decides",
            }
        )
