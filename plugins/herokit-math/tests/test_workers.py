"""The sympy tier in worker processes: time limits, crashes, threads, forks."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from herokit.types import Sample, Status
from herokit.workers.process import WorkerProcess
from herokit_math import MathVerifier

GRACE = 2.0  # seconds that a busy machine may be late
HARD = r"\boxed{\int_0^{%d} 2x\,dx}"  # only sympy can decide it


def samples(count):
    return [Sample("", HARD % (k + 1), group=0, reference=str((k + 1) ** 2)) for k in range(count)]


def test_math_verifier_returns_timeout_for_a_slow_pair_and_judges_the_next():
    with MathVerifier(timeout=0.001, max_workers=1) as math:
        verdict = math.verify(samples(1))[0]
        assert (verdict.value, verdict.status) == (0.0, Status.TIMEOUT)
    with MathVerifier(max_workers=1) as math:
        assert math.verify(samples(1))[0].value == 1.0


SLOW = r"\int_0^{%d} \frac{x^{%d} \sin(x^2) e^{\cos x}}{1+x^7+\ln(1+x)}\,dx"  # past any limit


def slow_pairs(count):
    return [(str(k), SLOW % (k, k)) for k in range(2, count + 2)]


def test_a_pair_past_the_limit_costs_no_new_worker():
    with MathVerifier(timeout=0.5, max_workers=1) as math:
        math.verify(samples(1))
        pids = math._pool.pids
        verdicts = math.compare([*slow_pairs(4), (HARD % 3, "9")])
        assert [v.status for v in verdicts[:4]] == [Status.TIMEOUT] * 4
        assert [v.value for v in verdicts] == [0.0] * 4 + [1.0]
        assert set(pids) <= set(math._pool.pids)  # a spare one may have started beside it


def test_call_timeout_ends_a_call_of_hopeless_pairs():
    with MathVerifier(timeout=30.0, max_workers=2, call_timeout=1.5) as math:
        start = time.monotonic()
        verdicts = math.compare(slow_pairs(1024))
        assert time.monotonic() - start < 1.5 + 1.0 + GRACE
        assert {(v.value, v.status) for v in verdicts} == {(None, Status.FAILED)}
        assert "time limit of the call" in verdicts[-1].reason


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_a_busy_child_ends_with_its_worker():
    with MathVerifier(timeout=30.0, max_workers=1, call_timeout=20.0) as math:
        math.verify(samples(1))
        (pid,) = math._pool.pids
        (child,) = psutil.Process(pid).children()
        thread = threading.Thread(target=math.compare, args=(slow_pairs(1),))
        thread.start()
        time.sleep(0.3)
        math.close()
        thread.join()
        _, alive = psutil.wait_procs([child], timeout=5)
        assert not alive


def test_a_worker_whose_child_dies_is_replaced():
    with MathVerifier(max_workers=1) as math:
        math.verify(samples(1))
        (child,) = psutil.Process(math._pool.pids[0]).children()
        child.kill()
        assert math.verify(samples(2))[1].value == 1.0


def test_math_verifier_loses_no_pair_when_workers_are_killed():
    with MathVerifier(max_workers=2) as math:
        math.verify(samples(1))
        done = threading.Event()

        def kill():
            while not done.wait(2.0):
                for pid in math._pool.pids:
                    os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        verdicts = math.verify(samples(16))
        done.set()
        killer.join()
    assert [v.value for v in verdicts] == [1.0] * 16


@pytest.mark.parametrize("python", ["/nonexistent", os.devnull])
def test_math_verifier_fails_only_pairs_for_sympy_when_no_worker_can_start(python):
    with MathVerifier(max_workers=1, python=python) as math:
        for _ in range(2):  # a failed start must free its place in the pool
            easy, *hard = math.verify([Sample("", r"\boxed{4}", group=0, reference="4"), *samples(3)])
            assert easy.value == 1.0
            assert [(v.value, v.status) for v in hard] == [(None, Status.FAILED)] * 3
            assert f"cannot start a worker process with {python}" in hard[0].reason


@pytest.mark.parametrize("memory_mb", [1, 100])
def test_math_verifier_fails_pairs_for_sympy_when_its_workers_have_too_little_memory(memory_mb):
    with MathVerifier(max_workers=1, memory_mb=memory_mb) as math:
        (verdict,) = math.verify(samples(1))
    assert (verdict.value, verdict.status) == (None, Status.FAILED)
    assert f"a limit of {memory_mb} MB leaves no memory for tasks" in verdict.reason


def test_math_verifier_marks_a_pair_under_which_every_worker_dies_as_crashed(monkeypatch):
    monkeypatch.setattr(WorkerProcess, "send_batch", lambda worker, *_: os.kill(worker.pid, signal.SIGKILL))
    with MathVerifier(max_workers=1) as math:
        verdict = math.verify(samples(1))[0]
    assert (verdict.value, verdict.status) == (0.0, Status.CRASHED)
    assert "died 3 times" in verdict.reason


def test_math_verifier_is_usable_from_threads():
    results = {}
    with MathVerifier(max_workers=2) as math:

        def work(name):
            results[name] = [v.value for v in math.verify(samples(3))]

        threads = [threading.Thread(target=work, args=(name,)) for name in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {name: [1.0] * 3 for name in range(3)}


def test_close_ends_all_worker_processes():
    math = MathVerifier(max_workers=2)
    math.verify(samples(4))
    pids = math._pool.pids
    assert pids
    math.close()
    assert not any(psutil.pid_exists(pid) for pid in pids)


@pytest.mark.parametrize("ending", ["", "import os; os.kill(os.getpid(), 9)"])
def test_math_verifier_works_in_a_script_without_main_guard_and_leaves_no_process(tmp_path, ending):
    script = tmp_path / "script.py"
    script.write_text(
        "from herokit.types import Sample\nfrom herokit_math import MathVerifier\n"
        "math = MathVerifier(max_workers=1)\n"
        f"print(math.verify([Sample('', r'{HARD % 3}', 0, '9')])[0].value, *math._pool.pids, flush=True)\n{ending}\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    value, pid = done.stdout.split()
    assert value == "1.0", done.stderr
    _gone, alive = psutil.wait_procs([psutil.Process(int(pid))] if psutil.pid_exists(int(pid)) else [], timeout=5)
    assert not alive


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork.*")  # Python and jax, where some other test imported it, warn of forks
def test_math_verifier_starts_its_own_workers_in_a_forked_child():
    with MathVerifier(max_workers=1) as math:
        math.verify(samples(1))
        child = os.fork()
        if child == 0:
            value = math.verify(samples(2))[1].value
            math.close()
            os._exit(0 if value == 1.0 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert math.verify(samples(3))[2].value == 1.0


def test_compare_returns_unparsed_for_an_answer_that_sympy_cannot_parse():
    only_sympy = r"\int_0^1 x\,dx"
    with MathVerifier(max_workers=1) as math:
        correct, short, junk, huge, unreadable = math.compare(
            [
                (only_sympy, r"\frac{1}{2}"),
                (only_sympy, r"\frac12"),
                (only_sympy, r"\foo ]["),
                (only_sympy, "9" * 600),
                (r"\zzz", "3"),
            ]
        )
    assert [v.value for v in (correct, short, junk, huge)] == [1.0, 1.0, 0.0, 0.0]
    assert junk.status is huge.status is Status.UNPARSED
    assert (unreadable.value, unreadable.status) == (None, Status.FAILED)  # the reference is at fault
