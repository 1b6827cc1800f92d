"""The pool of worker processes: order, limits, failures, closing; through `ProcessPool` in tests/sources/test_process_pool.py."""

import errno
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from herokit.types import Status
from herokit.workers.pool import TaskFailure, WorkerPool
from herokit.workers.process import WorkerProcess


def make_pool(loader="commands", *, max_workers=1, timeout=5.0, max_tasks_per_child=100, python=None):
    start = partial(WorkerProcess, f"loaders:{loader}", b"payload", 500, python)
    return WorkerPool(start, max_workers=max_workers, timeout=timeout, max_tasks_per_child=max_tasks_per_child)


@pytest.fixture
def pool():
    with_pool = make_pool()
    yield with_pool
    with_pool.close()


def tasks(*commands):
    return [command.encode() for command in commands]


def commands_of(replies):
    return [reply.status if isinstance(reply, TaskFailure) else reply["command"] for reply in replies]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, timeout=10.0):
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


LATE = "no result: the time limit of the call was reached"


@pytest.mark.parametrize("chunk_size", [1, 3, 50])
def test_worker_pool_returns_replies_in_order(chunk_size):
    pool = make_pool(max_workers=2)
    names = [str(number) for number in range(20)]
    replies = pool.run(tasks(*names), chunk_size=chunk_size)
    pool.close()
    assert commands_of(replies) == names
    assert {reply["payload"] for reply in replies} == {"payload"}


def test_worker_pool_starts_a_process_only_when_none_is_idle():
    pool = make_pool(max_workers=2)
    for _ in range(3):
        pool.run(tasks("a"))
    assert len(pool.pids) == 1
    pool.close()


def test_worker_pool_marks_a_task_that_kills_three_processes_as_crashed(pool):
    replies = pool.run(tasks("a", "crash", "b"), chunk_size=3)
    assert commands_of(replies) == ["a", Status.CRASHED, "b"]
    assert replies[1].value == 0.0
    assert replies[1].reason == "the worker process died 3 times on this sample"
    assert pool.counters["died"] == 3


def test_worker_pool_kills_a_task_at_its_limit():
    pool = make_pool(timeout=0.3)
    pool.run(tasks("a"))
    start = time.monotonic()
    replies = pool.run(tasks("hang"))
    assert time.monotonic() - start < 0.8
    assert (replies[0].value, replies[0].status, replies[0].reason) == (0.0, Status.TIMEOUT, "killed after 0.3 s")
    assert commands_of(pool.run(tasks("a", "hang", "b"), chunk_size=3)) == ["a", Status.TIMEOUT, "b"]
    pool.close()


def test_worker_pool_replaces_a_killed_process_before_the_next_task():
    pool = make_pool(timeout=0.3)
    pool.run(tasks("hang"))
    assert wait_until(lambda: len(pool.pids) == 1)
    pool.close()


@pytest.mark.parametrize(
    ("loader", "python", "reason"),
    [
        ("fails", None, "the worker process failed to load: ImportError: no such parser"),
        ("exits", None, "a worker process did not start: the process ended with code 3"),
        ("absent", None, "the worker process failed to load: AttributeError"),
        ("commands", "/nonexistent", "cannot start a worker process with /nonexistent: [Errno 2]"),
    ],
)
def test_worker_pool_fails_every_task_when_no_process_starts(loader, python, reason):
    pool = make_pool(loader, python=python)
    for _ in range(2):  # the failed start frees its place
        replies = pool.run(tasks("a", "b"))
        assert [(r.value, r.status, r.is_setup_error) for r in replies] == [(None, Status.FAILED, True)] * 2
        assert all(reply.reason.startswith(reason) for reply in replies)
    assert pool.pids == []
    pool.close()


@pytest.mark.parametrize("call", ["subprocess.Popen", "socket.socketpair"])
def test_worker_pool_fails_waiting_tasks_when_the_system_has_no_resources_left(pool, monkeypatch, call):
    def refuse(*_, **__):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(f"herokit.workers.process.{call}", refuse)
        for _ in range(2):
            replies = pool.run(tasks("a", "b"))
            assert [(r.value, r.status, r.is_setup_error) for r in replies] == [(None, Status.FAILED, False)] * 2
            assert "Resource temporarily unavailable" in replies[0].reason
    assert commands_of(pool.run(tasks("a"))) == ["a"]


def test_worker_pool_fails_tasks_when_no_thread_starts(pool, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        (reply,) = pool.run(tasks("a"))
        assert (reply.value, reply.status) == (None, Status.FAILED)
        assert reply.reason == "no thread for a worker process: can't start new thread"
    assert commands_of(pool.run(tasks("a"))) == ["a"]


def test_worker_pool_works_when_the_standard_streams_are_closed(tmp_path):
    script = tmp_path / "closed.py"
    script.write_text(
        "import os, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_pool import commands_of, make_pool, tasks\n"
        "os.closerange(0, 3)\n"
        f"out = open({str(tmp_path / 'out')!r}, 'w')\n"
        "print(commands_of(make_pool().run(tasks('a', 'b'))), file=out, flush=True)\n"
    )
    subprocess.run([sys.executable, script], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    assert (tmp_path / "out").read_text() == "['a', 'b']\n"


def test_worker_pool_says_when_its_memory_is_too_little_for_any_task():
    start = partial(WorkerProcess, "loaders:commands", b"", 20)
    pool = WorkerPool(start, max_workers=1, timeout=5.0, max_tasks_per_child=10)
    (reply,) = pool.run(tasks("a"))
    pool.close()
    assert (reply.value, reply.status, reply.is_setup_error) == (None, Status.FAILED, True)
    assert "a limit of 20 MB leaves no memory for tasks: the worker process itself uses" in reply.reason


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this platform")
def test_worker_pool_replaces_a_process_that_does_not_read_its_tasks():
    pool = make_pool(timeout=1.0)
    pool.run(tasks("a"))
    os.kill(pool.pids[0], signal.SIGSTOP)
    start = time.monotonic()
    (reply,) = pool.run([b"a" * 5_000_000])
    assert time.monotonic() - start < 20.0
    assert reply["command"] == "a" * 5_000_000
    pool.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this platform")
def test_worker_pool_gives_the_task_of_a_stopped_process_to_another():
    pool = make_pool(timeout=1.0)
    pool.run(tasks("a"))
    threading.Timer(0.3, lambda: os.kill(pool.pids[0], signal.SIGSTOP)).start()
    (reply,) = pool.run(tasks("pause"))
    pool.close()
    assert reply["command"] == "pause"
    assert (pool.counters["died"], pool.counters["killed"]) == (1, 0)


def test_worker_pool_stops_a_chunk_at_a_setup_error(pool):
    replies = pool.run(tasks("a", "refuse", "b"), chunk_size=3)
    assert commands_of(replies) == ["a", Status.FAILED, Status.FAILED]
    assert (replies[1].is_setup_error, replies[1].reason) == (True, "no more")
    assert commands_of(pool.run(tasks("c"))) == ["c"]


def test_worker_pool_starts_no_task_after_the_deadline(pool):
    pool.run(tasks("a"))
    replies = pool.run(tasks("a", "b"), deadline=time.monotonic() - 1.0)
    assert [(r.value, r.status, r.reason) for r in replies] == [(None, Status.FAILED, LATE)] * 2
    assert commands_of(pool.run(tasks("a"), deadline=time.monotonic() + 5.0)) == ["a"]


@pytest.mark.parametrize("chunk_size", [1, 10])
def test_worker_pool_ends_a_call_at_its_deadline(chunk_size):
    pool = make_pool(timeout=30.0)
    pool.run(tasks("a"))
    start = time.monotonic()
    replies = pool.run(tasks("a", "hang", "b", "hang"), chunk_size=chunk_size, deadline=start + 0.5)
    assert 0.4 < time.monotonic() - start < 2.0
    assert commands_of(replies) == ["a", *[Status.FAILED] * 3]
    assert {(reply.value, reply.reason) for reply in replies[1:]} == {(None, LATE)}
    assert commands_of(pool.run(tasks("c"))) == ["c"]
    assert (pool.counters["killed"], pool.counters["died"]) == (1, 0)
    pool.close()


def test_worker_pool_ends_a_call_at_its_deadline_while_other_calls_have_all_processes():
    pool = make_pool(timeout=2.0)
    pool.run(tasks("a"))
    other = threading.Thread(target=pool.run, args=(tasks("hang"),))
    other.start()
    time.sleep(0.2)
    start = time.monotonic()
    (reply,) = pool.run(tasks("a"), deadline=start + 0.3)
    assert time.monotonic() - start < 1.5
    assert (reply.value, reply.reason) == (None, LATE)
    other.join()
    pool.close()


def test_worker_pool_ends_a_call_at_its_deadline_while_a_process_starts():
    pool = make_pool("starts_slowly")
    start = time.monotonic()
    (reply,) = pool.run(tasks("a"), deadline=start + 0.2)
    assert time.monotonic() - start < 1.0
    assert reply.reason == LATE
    assert commands_of(pool.run(tasks("a"))) == ["a"]
    pool.close()


def test_worker_pool_keeps_a_process_ready_for_the_next_kill():
    pool = make_pool("starts_slowly", timeout=3.0)
    pool.run(tasks("a"))
    pool.run(tasks("hang"))  # takes so long that a second process is started before the first is killed
    spare = pool._opened._spare.result().pid
    assert [reply["pid"] for reply in pool.run(tasks("a"))] == [spare]
    assert wait_until(lambda: len(pool.pids) == 2)  # the one that works, and the next spare
    pool.close()
    assert pool.pids == []


def test_worker_pool_fails_waiting_tasks_when_it_is_closed(pool):
    pool.run(tasks("a"))
    replies = []
    thread = threading.Thread(target=lambda: replies.extend(pool.run(tasks("hang", "a", "b"))))
    thread.start()
    time.sleep(0.2)
    pool.close()
    thread.join(5.0)
    assert [(reply.value, reply.reason) for reply in replies] == [(None, "no result: the pool was closed")] * 3
    assert commands_of(pool.run(tasks("a"))) == ["a"]


def test_worker_pool_serves_many_threads():
    pool = make_pool(max_workers=2)
    replies = {}
    threads = [
        threading.Thread(target=lambda name=name: replies.update({name: commands_of(pool.run(tasks(name) * 5))}))
        for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.close()
    assert replies == {name: [name] * 5 for name in "abcdefgh"}


def test_worker_pool_copies_have_no_processes(pool):
    pool.run(tasks("a"))
    copied = pickle.loads(pickle.dumps(pool))
    assert copied.pids == []
    assert commands_of(copied.run(tasks("b"))) == ["b"]
    assert pool.pids != copied.pids
    copied.close()


@pytest.mark.parametrize("in_cycle", [False, True])
def test_worker_pool_ends_its_processes_when_nobody_holds_it(in_cycle):
    pool = make_pool()
    if in_cycle:
        pool.itself = pool
    pool.run(tasks("a"))
    (pid,) = pool.pids
    del pool
    gc.collect()
    assert wait_until(lambda: not is_running(pid))


def test_worker_pool_replaces_a_process_after_its_last_task():
    pool = make_pool(max_tasks_per_child=2)
    pids = []
    for _ in range(6):
        (reply,) = pool.run(tasks("a"))
        pids.append(reply["pid"])
    pool.close()
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 2]
