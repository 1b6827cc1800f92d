"""Micro-batches: calls that arrive while the sources run form the next batch."""

import asyncio
import os
import pickle
import threading
import time

import pytest

from herokit import Rewarder, Sample, Select
from herokit.adapters.common.microbatch import BatchQueue, MicroBatcher, QueueFullError
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
    batcher = MicroBatcher(Rewarder({"rm": slow}, Select("rm")))

    async def many():
        calls = [asyncio.ensure_future(batcher.arun([Sample("p", "x" * at, "q")])) for at in range(20)]
        await asyncio.to_thread(slow.asked.wait, 10)
        slow.first.set()
        return await asyncio.gather(*calls)

    found = asyncio.run(many())
    assert [rows[0]["rm"] for rows in found] == [float(at) for at in range(20)]
    assert sum(slow.batches) == 20
    assert len(slow.batches) <= 3
    batcher.close()


def test_microbatcher_raises_for_every_caller_and_recovers():
    class Broken:
        def __init__(self):
            self.broken = True

        def score(self, samples):
            if self.broken:
                raise SetupError("no model file")
            return [0.0] * len(samples)

    broken = Broken()
    batcher = MicroBatcher(Rewarder({"rm": broken}, Select("rm")))
    with pytest.raises(SetupError, match="no model file"):
        batcher.run([Sample("p", "a", "q")])
    broken.broken = False
    assert batcher.run([Sample("p", "a", "q"), Sample("p", "b", "q")])[1]["rm"] == 0.0
    batcher.close()
    assert batcher.run([Sample("p", "a", "q")])[0]["rm"] == 0.0
    batcher.close()


def test_microbatcher_pickles_without_its_thread(stubs):
    batcher = MicroBatcher(stubs.make_rewarder())
    batcher.run(stubs.make_samples())
    again = pickle.loads(pickle.dumps(batcher))
    assert again.run(stubs.make_samples()) == batcher.run(stubs.make_samples())
    batcher.close()
    again.close()


class Work:
    """Records its batches; waits for `go` in each."""

    def __init__(self):
        self.batches = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, key, requests):
        self.batches.append((key, [len(items) for items in requests]))
        assert self.go.wait(10)
        if key == "broken":
            raise RuntimeError("no")
        return [ValueError("odd") if len(items) % 2 and key == "even" else list(items) for items in requests]


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def make_queue(work):
    queues = []

    def make(**limits):
        queues.append(BatchQueue(work, **limits))
        return queues[-1]

    yield make
    work.go.set()
    for queue in queues:
        queue.close()


def hold(queue, work):
    """Submit one item and wait until its batch runs; later requests wait until `work.go` is set."""
    work.go.clear()
    future = queue.submit([0], "held")
    while not work.batches:
        time.sleep(0.001)
    return future


def test_queue_fills_batches_and_never_splits_a_request(make_queue, work):
    queue = make_queue(max_batch_rows=10)
    held = hold(queue, work)
    futures = [queue.submit(range(n), "a") for n in (3, 3, 3, 20, 1)]
    assert queue.num_waiting == 30
    work.go.set()
    assert [len(future.result(10)) for future in (held, *futures)] == [1, 3, 3, 3, 20, 1]
    assert [sizes for _, sizes in work.batches] == [[1], [3, 3, 3], [20], [1]]
    assert queue.num_waiting == 0


def test_queue_separates_keys_and_keeps_the_order(make_queue, work):
    queue = make_queue()
    hold(queue, work)
    futures = [queue.submit([1], key) for key in "aaba"]
    work.go.set()
    assert [future.result(10) for future in futures] == [[1]] * 4
    assert work.batches[1:] == [("a", [1, 1]), ("b", [1]), ("a", [1])]


def test_queue_raises_when_it_is_full(make_queue, work):
    queue = make_queue(max_queue_rows=10)
    queue.submit(range(50)).result(10)  # an empty queue accepts a request of any size
    work.batches.clear()
    hold(queue, work)
    futures = [queue.submit(range(4)) for _ in range(2)]
    with pytest.raises(QueueFullError, match="8 rows wait, 3 more exceed the limit of 10") as full:
        queue.submit(range(3))
    assert 1 <= full.value.retry_after <= 60
    with pytest.raises(QueueFullError, match="11 rows wait"):
        queue.check_room(1, outside=3)
    work.go.set()
    assert [len(future.result(10)) for future in futures] == [4, 4]


def test_queue_drops_a_cancelled_request(make_queue, work):
    queue = make_queue()
    hold(queue, work)
    cancelled, stays = queue.submit(range(7)), queue.submit(range(2))
    assert cancelled.cancel()
    assert queue.num_waiting == 2
    work.go.set()
    assert stays.result(10) == [0, 1]
    assert [sizes for _, sizes in work.batches] == [[1], [2]]


def test_queue_raises_for_the_requests_of_a_failed_batch_only(make_queue):
    queue = make_queue()
    with pytest.raises(RuntimeError, match="no"):
        queue.submit([1], "broken").result(10)
    assert queue.submit([1], "a").result(10) == [1]
    with pytest.raises(ValueError, match="odd"):
        queue.submit([1], "even").result(10)


def test_queue_waits_for_more_requests(make_queue, work):
    queue = make_queue(batch_wait=0.2)
    futures = [queue.submit([1]), queue.submit([2])]
    assert [future.result(10) for future in futures] == [[1], [2]]
    assert work.batches == [(None, [1, 1])]


def test_queue_runs_a_function_between_batches(make_queue, work):
    queue = make_queue()
    hold(queue, work)
    alone, later = queue.run_alone(lambda: len(work.batches)), queue.submit([1])
    work.go.set()
    assert later.result(10) == [1]
    assert alone.result(10) == 1


def test_queue_close_runs_all_waiting_requests(make_queue):
    queue = make_queue(max_batch_rows=2, batch_wait=0.01)
    futures = [queue.submit([1, 2]) for _ in range(20)]
    queue.close()
    assert [future.result(0) for future in futures] == [[1, 2]] * 20


def test_queue_runs_in_a_forked_child(make_queue):
    queue = make_queue()
    queue.submit([1]).result(10)
    child = os.fork()
    if not child:
        os._exit(int(queue.submit([2]).result(10) != [2]))
    assert os.waitpid(child, 0)[1] == 0
