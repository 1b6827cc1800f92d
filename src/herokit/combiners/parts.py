"""Steps that change the rows of other steps: from rollouts to their parts and back, and other groups of parts.

A step never knows on which level it runs: `ForParts` gives it one row per part instead of one per rollout.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeAlias, cast

from herokit import _segment
from herokit.combiners.base import (
    Combiner,
    Composite,
    CreditStep,
    Stateless,
    StepTrace,
    Sync,
    find_level,
    no_sync,
    summarize_trace,
)
from herokit.combiners.chain import Chain, chain
from herokit.combiners.schedules import ScalarOrSchedule, check_in_interval
from herokit.errors import SignalError, check_choice
from herokit.types import Array, Groups, Parts, Signals

__all__ = ["AggregateParts", "ForParts", "GroupBy", "PerRollout"]


class _ValuesOfParts(Mapping[str, Array]):
    """The signals of parts: their own values, else the value of their rollout, which is spread on first use."""

    def __init__(self, values: Mapping[str, Array], parts: Parts) -> None:
        self._own = dict(parts.values)
        self._values = values
        self._rollouts = parts.rollouts

    def __getitem__(self, name: str) -> Array:
        if name not in self._own:
            self._own[name] = _segment.expand(self._values[name], self._rollouts)
        return self._own[name]

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter({**self._own, **self._values})

    def __len__(self) -> int:
        return len({**self._own, **self._values})


class _SingleChain(Composite):
    """A step whose field `steps` is the one chain that it contains."""

    __slots__ = ()
    steps: Combiner[Any]

    @property
    def parts(self) -> tuple[Chain]:
        """The chain that it contains."""
        return (chain(self.steps),)

    def with_parts(self, parts: Sequence[Chain]) -> Self:
        """Return the same step with another chain."""
        return cast(Self, replace(cast(Any, self), steps=parts[0]))


@dataclass(frozen=True, slots=True)
class ForParts(CreditStep, _SingleChain):
    """Run steps on the parts of rollouts, such as turns: ``A_it = a_i + weight c_it``, or ``weight c_it``.

    ``a_i`` is the chain so far, the same for every part of rollout i, and where the steps start; ``c_it`` is what they make
    of it. Inside, a signal is the part's own value where its source judges parts, else the rollout's. Groups are those
    of the prompts, so `Standardize` pools the parts of all rollouts of a prompt. A batch without parts has one part a rollout.

    The credit is in `RewardOutput.credit`; the chain goes on with its mean over the parts of a rollout. After it come weights and
    filters, which act on both, another `ForParts`, or `AggregateParts`.

    Args:
        steps: a step, or chain.
        mode: ``"add"`` to the chain so far, or ``"replace"`` it.
        weight: what the steps' result is multiplied by.

    Raises:
        ConfigError: an unknown `mode`, or a `weight` that is not finite.

    Example:
        >>> import numpy as np
        >>> from herokit import Center, Groups, Parts, Select, Signals
        >>> parts = Parts.from_counts([2, 1], {"step": [1.0, 0.0, 0.5]})
        >>> signals = Signals({"verifier": np.array([1.0, 0.0])}, Groups.from_keys("qq"), parts)
        >>> steps = chain(Select("verifier"), Center(), ForParts(chain(Select("step"), Center())))
        >>> steps.trace(None, signals, steps.init())[0][-1].credit.tolist()
        [1.0, 0.0, -0.5]
    """

    steps: Combiner[Any]
    mode: Literal["add", "replace"] = "add"
    weight: ScalarOrSchedule = 1.0

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, ("add", "replace"))
        check_in_interval("weight", self.weight, "(-inf, inf)")

    def trace_step(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[StepTrace, Any]:
        """Give credit, starting from the reward."""
        return self.trace_credit(reward, None, signals, state, sync=sync)

    def trace_credit(
        self, reward: Array, credit: Array | None, signals: Signals, state: Any, *, sync: Sync = no_sync
    ) -> tuple[StepTrace, Any]:
        """Apply the steps to every part."""
        parts = signals.parts
        start = credit if credit is not None else reward if parts is None else _segment.expand(reward, parts.rollouts)
        done, now = self.parts[0].trace(start, _descend(signals), state[0], sync=sync)
        inner = done[-1].after if done else start
        before, weight, kept = summarize_trace(done, start)
        credit = self.weight * inner
        credit = start + credit if self.mode == "add" else credit
        if kept is not None:
            xp = _segment.namespace(credit)
            credit = xp.where(kept, credit, xp.zeros_like(credit))
        after, weight, before = (x if x is None else _mean_of_parts(x, parts) for x in (credit, weight, before))
        return StepTrace(self, after, weight, None, before, credit, done), (now,)


def _descend(signals: Signals) -> Signals:
    """Return the signals of the parts; rollouts without parts are one part each."""
    parts = signals.parts
    if parts is None:
        return replace(signals, level=find_level(signals))
    ids = _segment.expand(signals.groups.ids, parts.rollouts)
    return Signals(_ValuesOfParts(signals.values, parts), Groups(ids, signals.groups.num_groups), None, parts)


def _mean_of_parts(x: Array, parts: Parts | None) -> Array:
    return x if parts is None else _segment.mean(x, parts.rollouts)


Aggregate: TypeAlias = Literal["mean", "sum", "min", "max", "last"]


@dataclass(frozen=True, slots=True)
class AggregateParts(CreditStep, Stateless):
    """Aggregate the credit of a rollout's parts to one reward: their mean, sum, minimum, maximum, or the last one.

    For trainers that take one number a rollout, and for process scores in a scheme for rollouts:
    `ForParts` with the mode replace, then this with ``"min"``, then `Stratify`.

    Args:
        aggregate: ``"mean"``, ``"sum"``, ``"min"``, ``"max"`` or ``"last"``.

    Raises:
        ConfigError: an unknown `aggregate`.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups, Parts, Select, Signals
        >>> signals = Signals({}, Groups.from_keys("q"), Parts.from_counts([2], {"prm": [0.5, 0.25]}))
        >>> steps = chain(ForParts(Select("prm"), mode="replace"), AggregateParts("min"))
        >>> steps.combine(np.zeros(1), signals, steps.init())[0].tolist()
        [0.25]
    """

    aggregate: Aggregate = "mean"

    def __post_init__(self) -> None:
        check_choice("aggregate", self.aggregate, ("mean", "sum", "min", "max", "last"))

    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Aggregate the reward as the credit of every part."""
        return self.trace_credit(reward, None, signals, None)[0].after

    def trace_credit(
        self, reward: Array, credit: Array | None, signals: Signals, state: Any, *, sync: Sync = no_sync
    ) -> tuple[StepTrace, Any]:
        """Return the rewards of rollouts; there is no credit any more."""
        del state, sync
        parts = signals.parts
        if parts is None:
            return StepTrace(self, reward if credit is None else credit), None
        credit = _segment.expand(reward, parts.rollouts) if credit is None else credit
        if self.aggregate == "mean":
            return StepTrace(self, _segment.mean(credit, parts.rollouts)), None
        op: Any = self.aggregate
        if op == "last":
            xp = _segment.namespace(credit)
            ones = xp.ones_like(credit)
            later = _segment.sum_to_go(ones, parts.rollouts, 1.0, parts.max_parts)
            credit, op = xp.where(later == 1.0, credit, xp.zeros_like(credit)), "sum"
        return StepTrace(self, _segment.reduce(credit, parts.rollouts, op)), None


@dataclass(frozen=True, slots=True)
class GroupBy(_SingleChain):
    """Run group steps with other groups: of the same rollout, at the same place, or in the same state.

    ``GroupBy("state", Center())`` compares a part with those of its prompt that saw the same situation: a part whose state no
    other part has is alone in its group and gets what such a row gets, 0 from `Center`. Outside `ForParts` every rollout
    is one part, and those of a prompt are in the same state.

    Args:
        key: ``"rollout"``, ``"position"`` (the place of a part in its rollout, within the group) or ``"state"``.
        steps: a step, or chain.

    Raises:
        ConfigError: an unknown `key`.
        SignalError: when applied, if `key` is ``"state"`` and no part of the batch has one.

    Example:
        >>> import numpy as np
        >>> from herokit import Center, Groups, Parts, Signals
        >>> parts = Parts.from_counts([2, 2])
        >>> signals = Signals({}, Groups(np.array([0, 0, 0, 0]), 1), level=parts)
        >>> GroupBy("position", Center()).combine(np.array([1.0, 5.0, 3.0, 5.0]), signals, ((None,),))[0].tolist()
        [-1.0, 0.0, 1.0, 0.0]
    """

    key: Literal["rollout", "position", "state"]
    steps: Combiner[Any]

    def __post_init__(self) -> None:
        check_choice("key", self.key, ("rollout", "position", "state"))

    def trace_step(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[StepTrace, Any]:
        """Apply the steps with the groups of the key."""
        groups = self._groups(signals.groups, find_level(signals))
        return _trace_inside(self, reward, replace(signals, groups=groups), state, sync)

    def _groups(self, groups: Groups, level: Parts) -> Groups:
        if self.key == "rollout":
            return level.rollouts
        if self.key == "state":
            if level.states is None:
                raise SignalError(
                    "GroupBy('state') needs the state of each part, and no part of this batch has one: judge the turns of "
                    "the samples, or pass states=[[...], ...] with arrays"
                )
            return level.states
        if groups.num_groups * level.max_parts <= 4 * level.positions.shape[0] + 64:
            return groups.refine(level.positions, level.max_parts)
        return _segment.intersect(groups, Groups(level.positions, level.max_parts))


def _trace_inside(
    step: "GroupBy | PerRollout", reward: Array, signals: Signals, state: Any, sync: Sync
) -> tuple[StepTrace, Any]:
    """Run the chain inside a step on other signals of the same rows."""
    done, now = step.parts[0].trace(reward, signals, state[0], sync=sync)
    before, weight, kept = summarize_trace(done, reward)
    return StepTrace(step, done[-1].after if done else reward, weight, kept, before), (now,)


@dataclass(frozen=True, slots=True)
class PerRollout(_SingleChain):
    """Run group steps with means and deviations in which every rollout counts 1, whatever its number of parts.

    A row weighs ``1 / K``, with K the number of rows of its rollout in its group. Without it a rollout of many turns has
    more influence on the baseline than one of few. It changes `Center`, `Standardize`, `DivideByMad`, `LeaveOneOut` and
    every other step that uses means or deviations of groups; extremes, ranks and quantiles stay. Inside `GroupBy` it is
    the inner one: ``GroupBy("state", PerRollout(Center()))``.

    Args:
        steps: a step, or chain.

    Example:
        >>> import numpy as np
        >>> from herokit import Center, Groups, Parts, Signals
        >>> signals = Signals({}, Groups(np.array([0, 0, 0]), 1), level=Parts.from_counts([2, 1]))
        >>> PerRollout(Center()).combine(np.array([1.0, 3.0, 4.0]), signals, ((None,),))[0].tolist()
        [-2.0, 0.0, 1.0]
    """

    steps: Combiner[Any]

    def trace_step(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[StepTrace, Any]:
        """Apply the steps with weighted groups."""
        groups = signals.groups
        visits = _segment.intersect(groups, find_level(signals).rollouts)
        weights = 1.0 / _segment.expand(_segment.counts(visits, reward), visits)
        weighted = Groups(groups.ids, groups.num_groups, weights)
        return _trace_inside(self, reward, replace(signals, groups=weighted), state, sync)
