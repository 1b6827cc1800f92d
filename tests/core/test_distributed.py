"""Ranks that combine together, as threads: a rank whose source fails ends the wait of the other rank."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from herokit import Center, Rewarder, Sample, Select, WeightByStd, chain
from herokit.adapters import generic
from herokit.combiners import Mean
from herokit.errors import DataError, SetupError

SAMPLES = [Sample("p", "x" * n, n % 2) for n in range(8)]
CHAIN = chain(Select("rm"), Center(), WeightByStd())


class Length:
    def score(self, samples):
        return [float(len(s.completion)) for s in samples]


class Absent:
    def score(self, samples):
        raise SetupError("no model file")


class TwoThreadAllReduce:
    """An all-reduce of two threads; a thread that would wait forever raises after a second."""

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


def run_together(*functions):
    with ThreadPoolExecutor(len(functions)) as pool:
        futures = [pool.submit(function) for function in functions]
        return [future.exception() or future.result() for future in futures]


def call_function(rewarder, prompt="p"):
    return generic.RewardFunction(rewarder, group_size=4)([prompt] * 8, [s.completion for s in SAMPLES])


@pytest.mark.parametrize("num_weights", [1, 2])
@pytest.mark.parametrize("call", [lambda r: r(SAMPLES), call_function], ids=["rewarder", "function"])
def test_failed_source_raises_on_every_rank(call, num_weights):
    sync = TwoThreadAllReduce()
    combiner = chain(Select("rm"), Center(), *[WeightByStd()] * num_weights)
    working, failing = (Rewarder({"rm": source}, combiner, sync=sync) for source in (Length(), Absent()))
    errors = run_together(lambda: call(working), lambda: call(failing))
    assert [str(error) for error in errors] == [
        "a source failed on another rank; see that rank's log",
        "no model file",
    ]
    assert isinstance(errors[0], SetupError)
    assert working.state_dict() == failing.state_dict() == Rewarder({"rm": Length()}, combiner).state_dict()
    other = Rewarder({"rm": Length()}, combiner, sync=sync)
    outputs = run_together(lambda: working(SAMPLES), lambda: other(SAMPLES))  # the next step works
    np.testing.assert_array_equal(outputs[0].advantage, outputs[1].advantage)
    assert working.state_dict() == other.state_dict() != Rewarder({"rm": Length()}, combiner).state_dict()


def test_unreadable_rows_raise_on_every_rank():
    sync = TwoThreadAllReduce()
    first, second = (Rewarder({"rm": Length()}, CHAIN, sync=sync) for _ in range(2))
    errors = run_together(lambda: call_function(first), lambda: call_function(second, prompt=3))
    assert "on another rank" in str(errors[0])
    assert isinstance(errors[1], DataError)


def test_chain_without_state_sends_nothing():
    def sync(local):
        raise AssertionError(local)

    with pytest.raises(SetupError, match="no model file"):
        Rewarder({"rm": Absent()}, Select("rm"), sync=sync)(SAMPLES)
