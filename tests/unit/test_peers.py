"""Processes that combine together, as threads: one whose source fails ends the others' wait, and nobody hangs."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from herokit import Center, Rewarder, Sample, Select, WeightByStd, chain
from herokit.adapters import generic
from herokit.combiners import Mean
from herokit.errors import SetupError

SAMPLES = [Sample("p", "x" * n, n % 2) for n in range(8)]


class Length:
    def score(self, samples):
        return [float(len(s.completion)) for s in samples]


class Absent:
    def score(self, samples):
        raise SetupError("no model file")


class Meeting:
    """An all-reduce of two threads; who waits longer than a second is told that it would have waited for ever."""

    def __init__(self):
        self.barrier, self.lock, self.parts = threading.Barrier(2), threading.Lock(), []

    def __call__(self, local):
        with self.lock:
            self.parts.append(local)
        self.barrier.wait(1.0)
        count = sum(part.count for part in self.parts)
        total = sum(part.count * part.value for part in self.parts)
        self.barrier.wait(1.0)
        with self.lock:
            self.parts = []
        self.barrier.wait(1.0)
        return Mean(count, total / count if count else 0.0)


def together(*works):
    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(work) for work in works]
        return [future.exception() or future.result() for future in futures]


@pytest.mark.parametrize("weights", [1, 2])
@pytest.mark.parametrize("call", [lambda r: r(SAMPLES), lambda r: generic.RewardFunction(r, group_size=4)(
    ["p"] * 8, [s.completion for s in SAMPLES])], ids=["rewarder", "function"])  # fmt: skip
def test_a_source_that_fails_on_one_process_is_heard_of_on_the_others(call, weights):
    meeting = Meeting()
    scheme = chain(Select("rm"), Center(), *[WeightByStd()] * weights)
    well, ill = (Rewarder({"rm": source}, scheme, sync=meeting) for source in (Length(), Absent()))
    first, second = together(lambda: call(well), lambda: call(ill))
    assert isinstance(first, SetupError)
    assert "failed on another rank" in str(first)
    assert str(second) == "no model file"
    assert well.state_dict() == ill.state_dict() == Rewarder({"rm": Length()}, scheme).state_dict()
    again = Rewarder({"rm": Length()}, scheme, sync=meeting)
    outcomes = together(lambda: well(SAMPLES), lambda: again(SAMPLES))  # the next step is like any other
    np.testing.assert_array_equal(outcomes[0].advantage, outcomes[1].advantage)
    assert well.state_dict() == again.state_dict() != Rewarder({"rm": Length()}, scheme).state_dict()


def test_nobody_is_told_where_nobody_waits():
    def refuse(local):
        raise AssertionError(local)

    with pytest.raises(SetupError, match="no model file"):
        Rewarder({"rm": Absent()}, Select("rm"), sync=refuse)(SAMPLES)
