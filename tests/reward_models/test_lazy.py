import gc
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import pytest

from herokit.reward_models.lazy import LazyResource

CLOSED = []


def record(value):
    CLOSED.append(value)


@pytest.fixture
def closed():
    CLOSED.clear()
    return CLOSED


def test_lazy_resource_opens_once_for_all_threads():
    opened = []
    resource = LazyResource()
    barrier = threading.Barrier(8)

    def use(_):
        barrier.wait()
        return resource.get(lambda: opened.append(1) or object())

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(use, range(8)))
    assert len(opened) == 1
    assert len(set(map(id, values))) == 1


def test_lazy_resource_stays_empty_when_opening_raises():
    resource = LazyResource()
    with pytest.raises(ZeroDivisionError):
        resource.get(lambda: 1 / 0)
    assert resource.value is None
    assert resource.get(lambda: 3) == 3


def test_lazy_resource_closes_once_and_opens_again(closed):
    resource = LazyResource(record)
    resource.get(lambda: 1)
    resource.close()
    resource.close()
    assert closed == [1]
    assert resource.get(lambda: 2) == 2
    del resource
    gc.collect()
    assert closed == [1, 2]


def test_lazy_resource_copies_are_empty_and_close_their_own(closed):
    resource = LazyResource(record)
    resource.get(threading.Lock)  # cannot be pickled
    for copy in (pickle.loads(pickle.dumps(resource)), deepcopy(resource)):
        assert copy.value is None
        assert copy.get(lambda: "own") == "own"
        copy.close()
    assert closed == ["own", "own"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_forked_child_opens_its_own_resource_and_leaves_the_parents_alone():
    resource = LazyResource(record)
    resource.get(lambda: "parent")
    receive, send = multiprocessing.Pipe(duplex=False)
    locked, release = threading.Event(), threading.Event()

    def hold_lock():
        with resource.lock:
            locked.set()
            release.wait()

    thread = threading.Thread(target=hold_lock)  # the child has no thread that would give this lock back
    thread.start()
    locked.wait()
    CLOSED.clear()
    pid = os.fork()
    if pid == 0:
        try:
            before = resource.value
            send.send((before, resource.get(lambda: "child"), list(CLOSED)))
        finally:
            os._exit(0)
    release.set()
    thread.join()
    assert receive.poll(20), "the child hangs"
    assert receive.recv() == (None, "child", [])
    os.waitpid(pid, 0)
    assert resource.value == "parent"
