"""Verifiers in processes: order, limits, and no process left behind."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from enum import Enum
from pathlib import Path

import pytest

from helpers.scripted import ScriptedVerifier, samples, values
from herokit import Status
from herokit.errors import ConfigError, SetupError
from herokit.sources import ProcessPool
from herokit.verifiers import Number


def test_process_pool_keeps_order_and_replaces_processes_that_hang():
    part = samples(*("s" if number in (3, 70) else "10"[number % 2] for number in range(150)))
    with ProcessPool(ScriptedVerifier(), max_workers=2, timeout=0.8) as pool:
        verdicts = pool.verify(part)
        assert [row for row, v in enumerate(verdicts) if v.status is Status.TIMEOUT] == [3, 70]
        assert all(v.value == 1.0 - row % 2 for row, v in enumerate(verdicts) if row not in (3, 70))
        assert verdicts[3].reason == "killed after 0.8 s"
        assert pool.report() == "process-pool: 150 samples, 2 killed, 0 died"


def test_process_pool_works_in_threads_and_forks_and_leaves_no_process():
    pool = ProcessPool(Number(), max_workers=1)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(values(pool.verify(samples("3", "4"))))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[1.0, 0.0]] * 4
    pids = pool._pool.pids
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: the test runner has threads
        child = os.fork()
    if child == 0:
        os._exit(0 if values(pool.verify(samples("3"))) == [1.0] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert values(pool.verify(samples("3"))) == [1.0]  # the parent's worker is still its own
    assert pool._pool.pids == pids
    pool.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert values(pool.verify(samples("3"))) == [1.0]
    pool.close()


def test_process_pool_drops_replies_of_an_interrupted_call():
    with ProcessPool(ScriptedVerifier(), max_workers=1, timeout=5.0) as pool:
        with pytest.raises(SetupError, match="scripted setup error"):
            pool.verify(samples("e", "0", "0"))
        assert values(pool.verify(samples("1", "1"))) == [1.0, 1.0]
        threading.Timer(0.5, signal.raise_signal, (signal.SIGINT,)).start()
        with pytest.raises(KeyboardInterrupt):
            pool.verify(samples("s", "0", "0"))
        assert values(pool.verify(samples("1", "1"))) == [1.0, 1.0]


def test_process_pool_fails_only_the_row_that_a_process_cannot_load(monkeypatch):
    local = Enum("Local", "ONE", module="__main__")  # as one that a training script defines
    monkeypatch.setattr(sys.modules["__main__"], "Local", local, raising=False)
    unloadable = samples("1", of=local.ONE)[0]
    with ProcessPool(ScriptedVerifier(), max_workers=1) as pool:
        verdicts = pool.verify([*samples("1"), unloadable, *samples("f")])
        assert [(v.value, v.status) for v in verdicts] == [
            (1.0, Status.JUDGED),
            (None, Status.FAILED),
            (1.0, Status.JUDGED),
        ]
        assert re.search("attribute 'Local'", verdicts[1].reason)  # the words differ between Pythons
        assert verdicts[2].answer == "1/2"  # an answer that is not a string becomes one
        assert pool.report().endswith("0 killed, 0 died")


@pytest.mark.parametrize("timeout", [float("inf"), 1e9])
def test_process_pool_rejects_timeouts_beyond_the_clock(timeout):
    with pytest.raises(ConfigError, match="timeout"):
        ProcessPool(ScriptedVerifier(), timeout=timeout)


def test_process_pool_ends_its_processes_when_collected():
    pool = ProcessPool(Number(), max_workers=1)
    pool.verify(samples("3"))
    (pid,) = pool._pool.pids
    del pool
    deadline = time.monotonic() + 5.0
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{pid}").exists()


def test_process_pool_worker_that_hangs_ends_with_its_killed_parent():
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "import os, signal, threading, time\n"
        "from helpers.scripted import ScriptedVerifier\n"
        "from herokit import Sample\n"
        "from herokit.sources import ProcessPool\n"
        "pool = ProcessPool(ScriptedVerifier(), max_workers=1, timeout=0.5)\n"
        "pool.verify([Sample('p', '1', 0)])\n"
        "print(*pool._pool.pids, flush=True)\n"
        "threading.Thread(target=pool.verify, args=([Sample('p', 's', 0)],)).start()\n"
        "time.sleep(0.2)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid, deadline = int(done.stdout), time.monotonic() + 8.0
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid):
    """Whether a process is there and no zombie that nobody reaps."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_process_pool_call_timeout_fails_rows_without_a_result():
    with ProcessPool(ScriptedVerifier(), max_workers=1, timeout=0.8, call_timeout=1.4) as pool:
        pool.verify(samples("1"))  # a process is there
        verdicts = pool.verify(samples("1", "s", "s", "s", "1"))
    assert verdicts[0].value == 1.0
    assert verdicts[1].status is Status.TIMEOUT
    assert (verdicts[4].value, verdicts[4].reason) == (None, "no result: the time limit of the call was reached")


def test_process_pool_replaces_processes_after_max_tasks_per_child():
    with ProcessPool(Number(), max_workers=1, max_tasks_per_child=3) as pool:
        pids = set()
        for _ in range(4):
            pool.verify(samples("3", "4"))
            while not pool._pool.pids:  # a process is replaced after the call in which it judged its fourth sample
                time.sleep(0.01)
            pids.update(pool._pool.pids)
        assert len(pids) == 3


def test_process_pool_raises_setup_error_when_no_process_can_be_started(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    with ProcessPool(Number(), max_workers=1) as pool:
        for _ in range(2):  # the failed start frees its place in the pool
            with pytest.raises(SetupError, match="Number: cannot start a worker process with /nonexistent"):
                pool.verify(samples("3"))
        monkeypatch.undo()
        assert values(pool.verify(samples("3"))) == [1.0]


def test_process_pool_raises_setup_error_when_the_verifier_cannot_be_sent_or_loaded(monkeypatch):
    class Local:
        def verify(self, part):
            return []

    with pytest.raises(SetupError, match="Local cannot be sent to a worker process"):
        ProcessPool(Local()).verify(samples("1"))
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(Path(__file__).parents[1])])
    with pytest.raises(SetupError, match="ScriptedVerifier: the worker process failed to load: ModuleNotFoundError"):
        ProcessPool(ScriptedVerifier()).verify(samples("1"))
