"""Micro-batches: calls that arrive while the sources run form the next batch."""

import asyncio
import pickle
import threading

import pytest

from herokit import Rewarder, Sample, Select
from herokit.adapters.common.microbatch import Scorer
from herokit.errors import SetupError


class Slow:
    """Takes its time for a batch, whatever its size, and must not be asked twice at once."""

    def __init__(self):
        self.batches, self.inside = [], 0
        self.asked, self.first = threading.Event(), threading.Event()

    def score(self, samples):
        self.inside += 1
        assert self.inside == 1
        self.batches.append(len(samples))
        self.asked.set()
        if len(self.batches) == 1:
            assert self.first.wait(10)
        self.inside -= 1
        return [float(len(s.completion)) for s in samples]


def test_microbatcher_batches_waiting_calls():
    slow = Slow()
    scorer = Scorer(Rewarder({"rm": slow}, Select("rm")))

    async def many():
        calls = [asyncio.ensure_future(scorer.arows([Sample("p", "x" * at, "q")])) for at in range(20)]
        await asyncio.to_thread(slow.asked.wait, 10)
        slow.first.set()
        return await asyncio.gather(*calls)

    found = asyncio.run(many())
    assert [rows[0]["rm"] for rows in found] == [float(at) for at in range(20)]
    assert sum(slow.batches) == 20
    assert len(slow.batches) <= 3
    scorer.close()


def test_microbatcher_raises_for_every_caller_and_recovers():
    class Broken:
        def __init__(self):
            self.broken = True

        def score(self, samples):
            if self.broken:
                raise SetupError("no model file")
            return [0.0] * len(samples)

    broken = Broken()
    scorer = Scorer(Rewarder({"rm": broken}, Select("rm")))
    with pytest.raises(SetupError, match="no model file"):
        scorer.rows([Sample("p", "a", "q")])
    broken.broken = False
    assert scorer.rows([Sample("p", "a", "q"), Sample("p", "b", "q")])[1]["rm"] == 0.0
    scorer.close()
    assert scorer.rows([Sample("p", "a", "q")])[0]["rm"] == 0.0
    scorer.close()


def test_microbatcher_pickles_without_its_thread(stubs):
    scorer = Scorer(stubs.make_rewarder())
    scorer.rows(stubs.make_samples())
    again = pickle.loads(pickle.dumps(scorer))
    assert again.rows(stubs.make_samples()) == scorer.rows(stubs.make_samples())
    scorer.close()
    again.close()
