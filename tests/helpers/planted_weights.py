"""Steps with a memory and one fault each, beside a correct twin."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from helpers.planted_combiners import Pair
from herokit import _segment
from herokit.combiners import Mean, Select, Weight, chain
from herokit.combiners.base import no_sync

__all__ = ["STATEFUL", "Hidden", "MeanOfBatches", "NoSync", "RunningMeanWeight", "WrittenBeforeRead"]


class RunningMeanWeight(Weight):
    """A weight that compares a group's standard deviation with a running mean; faults override a method."""

    def init(self):
        return Mean()

    def local(self, signals):
        std = _segment.std(signals["rm"], signals.groups)
        some = _segment.counts(signals.groups, signals["rm"]) > 0
        return std, Mean(int(some.sum()), float(std[some].mean()) if bool(some.any()) else 0.0)

    def scale(self, std, mean, signals):
        return 1.0 + _segment.expand(array_namespace(std).tanh(std - mean), signals.groups) / 2.0

    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        return self.scale(std, state.value, signals), state.merge(sync(local))


@dataclass(frozen=True)
class PlainMean(RunningMeanWeight):
    """The correct one."""


@dataclass(frozen=True)
class NoSync(RunningMeanWeight):
    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        return self.scale(std, state.value, signals), state.merge(local)


@dataclass(frozen=True)
class SyncOnlyWithSpread(RunningMeanWeight):
    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        after = state.merge(sync(local)) if local.value > 0 else state.merge(local)
        return self.scale(std, state.value, signals), after


@dataclass(frozen=True)
class SyncAfterTheFirstBatch(RunningMeanWeight):
    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        return self.scale(std, state.value, signals), state.merge(sync(local) if state.count else local)


@dataclass(frozen=True)
class WrittenBeforeRead(RunningMeanWeight):
    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        after = state.merge(sync(local))
        return self.scale(std, after.value, signals), after


@dataclass(frozen=True)
class MeanOfBatches(RunningMeanWeight):
    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        return self.scale(std, state.value, signals), state.merge(sync(Mean(1, local.value)))


@dataclass(frozen=True)
class MergeIgnoresCounts(RunningMeanWeight):
    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        both = sync(local)
        return self.scale(std, state.value, signals), Mean(state.count + both.count, (state.value + both.value) / 2.0)


@dataclass(frozen=True)
class EmptyGroupsCount(RunningMeanWeight):
    def local(self, signals):
        std = _segment.std(signals["rm"], signals.groups)
        return std, Mean(len(std), float(std.mean()) if len(std) else 0.0)


@dataclass(frozen=True)
class EmptyBatchIsNan(RunningMeanWeight):
    def local(self, signals):
        std = _segment.std(signals["rm"], signals.groups)
        some = _segment.counts(signals.groups, signals["rm"]) > 0
        return std, Mean(max(int(some.sum()), 1), float(std[some].sum() / np.float64(int(some.sum()))))


@dataclass(frozen=True)
class EmptyBatchIsZero(RunningMeanWeight):
    def local(self, signals):
        std, local = RunningMeanWeight.local(self, signals)
        return std, Mean(max(local.count, 1), local.value)


@dataclass(frozen=True)
class RowsCount(RunningMeanWeight):
    """The mean over rows: a prompt with more rollouts counts more. Its twin counts prompts."""

    def local(self, signals):
        std, local = RunningMeanWeight.local(self, signals)
        n = signals["rm"].shape[0]
        return std, Mean(n, local.value)


class Hidden(RunningMeanWeight):
    """Keeps its mean in the object."""

    def __init__(self):
        self.mean = Mean()

    def __eq__(self, other):
        return type(self) is type(other)

    __hash__ = None

    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        before, self.mean = self.mean, self.mean.merge(local)
        return self.scale(std, before.value, signals), state


@dataclass(frozen=True)
class ArrayState(RunningMeanWeight):
    def init(self):
        return np.zeros(2)

    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        after = Mean(int(state[0]), float(state[1])).merge(sync(local))
        return self.scale(std, float(state[1]), signals), np.array([after.count, after.value])


@dataclass(frozen=True)
class WritesItsState(RunningMeanWeight):
    def init(self):
        return [0, 0.0]

    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        weight, after = self.scale(std, state[1], signals), Mean(*state).merge(sync(local))
        state[:] = after.count, after.value
        return weight, state


@dataclass(frozen=True)
class NewState(RunningMeanWeight):
    def init(self):
        return (0, 0.0)

    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        after = Mean(*state).merge(sync(local))
        return self.scale(std, state[1], signals), (after.count, after.value)


@dataclass(frozen=True)
class SetState(RunningMeanWeight):
    def init(self):
        return (frozenset(), Mean())

    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        return self.scale(std, state[1].value, signals), (state[0] | {local.count}, state[1].merge(sync(local)))


@dataclass(frozen=True)
class AverageInGroupOrder(RunningMeanWeight):
    """An exponential average over groups in the order of their numbers; its twin averages over batches."""

    def init(self):
        return 0.0

    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        sync(local)
        after = state
        for value in std.tolist():
            after = 0.9 * after + 0.1 * value
        return self.scale(std, state, signals), after


@dataclass(frozen=True)
class AverageOfBatches(RunningMeanWeight):
    def init(self):
        return 0.0

    def weigh(self, reward, signals, state, *, sync=no_sync):
        std, local = self.local(signals)
        both = sync(local)
        return self.scale(std, state, signals), 0.9 * state + 0.1 * both.value if both.count else state


@dataclass(frozen=True)
class Clock(RunningMeanWeight):
    def scale(self, std, mean, signals):
        return RunningMeanWeight.scale(self, std, mean, signals) + 1e-3 * time.perf_counter()


COUNTER = itertools.count()


@dataclass(frozen=True)
class CountsCalls(RunningMeanWeight):
    def scale(self, std, mean, signals):
        return RunningMeanWeight.scale(self, std, mean, signals) + 0.01 * next(COUNTER)


@dataclass(frozen=True)
class Ramp(Weight):
    """A weight that rises with a count in its state: of training steps, or of something else."""

    count: Callable[..., int]

    def init(self):
        return 0

    def weigh(self, reward, signals, state, *, sync=no_sync):
        xp = array_namespace(reward)
        return xp.full_like(reward, min(1.0, 0.1 + state / 20.0)), state + self.count(signals)


def one(signals):
    return 1


def count_rows(signals):
    return signals["rm"].shape[0]


def count_groups(signals):
    return signals.groups.num_groups


@dataclass(frozen=True)
class InfiniteFirstMean(RunningMeanWeight):
    """Begins with an infinite mean, so that the first weight is the smallest one; then the mean stays infinite."""

    def init(self):
        return Mean(1, float("inf"))


def weight(faulty, twin=None):
    return Pair(chain(Select("verifier"), faulty), chain(Select("verifier"), twin or PlainMean()))


STATEFUL = {
    "no sync": weight(NoSync()),
    "sync only if scores differ": weight(SyncOnlyWithSpread()),
    "sync from the second batch on": weight(SyncAfterTheFirstBatch()),
    "mean written before it is read": weight(WrittenBeforeRead()),
    "mean of batch means": weight(MeanOfBatches()),
    "means merged without counts": weight(MergeIgnoresCounts()),
    "empty groups counted": weight(EmptyGroupsCount()),
    "empty batch divides by 0": weight(EmptyBatchIsNan()),
    "empty batch counts as 0": weight(EmptyBatchIsZero()),
    "rows counted instead of groups": weight(RowsCount()),
    "mean kept in the object": weight(Hidden()),
    "state is an array": weight(ArrayState(), NewState()),
    "state written in place": weight(WritesItsState(), NewState()),
    "state holds a set": weight(SetState()),
    "average in the order of group numbers": weight(AverageInGroupOrder(), AverageOfBatches()),
    "clock in the weight": weight(Clock()),
    "calls counted in a global": weight(CountsCalls()),
    "schedule counts rows": weight(Ramp(count_rows), Ramp(one)),
    "schedule counts groups": weight(Ramp(count_groups), Ramp(one)),
    "mean starts at infinity": weight(InfiniteFirstMean()),
}
