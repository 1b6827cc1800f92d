"""Hostile programs in the sandbox: each ends in time, harms nothing, and leaves nothing behind."""

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest

from herokit.errors import SetupError
from herokit_code import Limits
from herokit_code.sandbox import _LAUNCH, run_program

pytestmark = pytest.mark.sandbox
LIMITS = Limits(timeout=1.0, memory_mb=256)

SECRET = Path(tempfile.gettempdir()) / f"herokit-secret-{os.getpid()}"

HOSTILE = {
    # name: program, statuses with which it may end, text in its stdout or stderr
    "fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", ("timeout",), ""),
    "thread bomb": ("import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()", ("timeout",), "can't start new thread"),
    "10 GB of memory": ("x = bytearray(10 << 30)", ("exited",), "MemoryError"),
    "memory bit by bit": ("x = []\nwhile True: x.append(bytearray(1 << 20))", ("exited",), "MemoryError"),
    "endless output": ("while True: print('x' * 1000)", ("output",), ""),
    "endless errors": ("import sys\nwhile True: sys.stderr.write('x' * 1000)", ("output",), ""),
    "endless loop": ("while True: pass", ("timeout",), ""),
    "sleep": ("import time; time.sleep(99)", ("timeout",), ""),
    "big integer": ("10 ** 10 ** 10", ("timeout", "exited"), ""),
    "catastrophic regex": ("import re; re.match('(a+)+$', 'a' * 64 + 'b')", ("timeout",), ""),
    "signals ignored": ("import signal\nfor s in (2, 15, 1): signal.signal(s, signal.SIG_IGN)\nwhile True: pass", ("timeout",), ""),
    "memory in segments": ("import ctypes; print(ctypes.CDLL(None).shmget(0, 1 << 30, 0o1600))", ("exited",), "-1"),
    "memory in descriptors": ("import os; os.memfd_create('x')", ("exited",), "PermissionError"),
    "10 GB on disk": ("f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 20))", ("exited", "killed"), ""),
    "many files": ("for i in range(10**6): open(str(i), 'w').close()", ("exited",), "No space left"),
    "reads a secret": (f"print(open({str(SECRET)!r}).read())", ("exited",), "FileNotFoundError"),
    "reads /etc/passwd": ("print(open('/etc/passwd').read())", ("exited",), "FileNotFoundError"),
    "reads /proc": ("print(open('/proc/1/environ').read())", ("exited",), "FileNotFoundError"),
    "writes the interpreter": ("import os; open(os.__file__, 'a').write('x')", ("exited",), "Error"),
    "writes the root": ("open('/x', 'w')", ("exited",), "Error"),
    "opens a socket": ("import socket; socket.create_connection(('127.0.0.1', PORT), 1)", ("exited",), "Error"),
    "asks a name server": ("import socket; socket.getaddrinfo('localhost.test', 80)", ("exited",), "gaierror"),
    "kills its parent": ("import os\nfor i in range(3): os.kill(os.getppid(), 9)\nprint('alive')", ("exited",), "alive"),
    "interrupts process 1": ("import os, time; os.kill(1, 2); time.sleep(0.2); print('alive')", ("exited",), "alive"),
    "kills everybody": ("import os\ntry: os.kill(-1, 9)\nexcept ProcessLookupError: print('nobody')", ("exited",), "nobody"),
    "kills the caller": (f"import os; os.kill({os.getpid()}, 9)", ("exited",), "ProcessLookupError"),
    "becomes root": ("import os; os.setuid(0)", ("exited",), "Error"),
    "new namespaces": ("import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))", ("exited",), "-1"),
    "mounts": ("import ctypes; print(ctypes.CDLL(None).mount(b'x', b'/box', b'tmpfs', 0, None))", ("exited",), "-1"),
    "traces process 1": ("import ctypes; print(ctypes.CDLL(None).ptrace(16, 1, 0, 0))", ("exited",), "-1"),
    "raises its limits": ("import resource as r; r.setrlimit(r.RLIMIT_AS, (-1, -1))", ("exited",), "Error"),
    "leaves a daemon": ("import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(99)\n    os._exit(0)\nprint('gone')", ("exited",), "gone"),
    "holds its output open": ("import os, time\nif os.fork() == 0: time.sleep(99)\nprint('gone')", ("exited",), "gone"),
    "core dump": ("import os; os.abort()", ("killed",), ""),
    "deep recursion in C": ("x = []\nfor _ in range(10**6): x = [x]\nrepr(x)", ("exited", "killed", "timeout"), ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def listener():
    import socket

    SECRET.write_text("a secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
    SECRET.unlink()


def runs_main(process):
    with contextlib.suppress(psutil.Error):  # it may have ended
        return process.cmdline()[-1:] == ["main.py"]
    return False


def test_max_processes_limits_processes():
    program = "import os\nfor n in range(9):\n    try:\n        if os.fork() == 0:\n            __import__('time').sleep(9)\n    except OSError:\n        print(n + 1); break"
    assert [run_program(program, "", Limits(max_processes=n)).stdout for n in (1, 2, 5)] == ["1\n", "2\n", "5\n"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_program_ends_in_time(name, listener):
    program, statuses, text = HOSTILE[name]
    start = time.monotonic()
    result = run_program(program.replace("PORT", str(listener)), "", LIMITS)
    assert time.monotonic() - start < LIMITS.timeout + 4.0  # the start of a sandbox on a busy machine
    assert result.status in statuses, result
    assert text in result.stdout + result.stderr, result
    assert "a secret" not in result.stdout
    assert max(len(result.stdout), len(result.stderr)) <= LIMITS.output_kb * 1024
    good = run_program("print(input())", "still here", Limits(timeout=10.0))
    assert (good.status, good.stdout) == ("exited", "still here\n")


def test_runs_leave_nothing_behind():
    folders = set(Path(tempfile.gettempdir()).glob("herokit-code-*"))
    descriptors, threads = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    mounts = Path("/proc/self/mountinfo").read_text()
    mine = psutil.Process()
    before = {child.pid for child in mine.children(recursive=True)}
    for name in ("leaves a daemon", "fork bomb", "endless output", "10 GB on disk"):
        run_program(HOSTILE[name][0], "", LIMITS)
        assert [child for child in mine.children(recursive=True) if child.pid not in before] == []
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert threading.active_count() == threads
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert not [f for f in Path(tempfile.gettempdir()).glob("herokit-code-*") if f not in folders and not _busy(f)]


def _busy(folder):
    """Return whether another test process may have created a folder just now."""
    return not folder.exists() or time.time() - folder.stat().st_mtime < 5.0


def test_run_is_killed_with_its_caller():
    import subprocess

    code = "from herokit_code.sandbox import Limits, run_program\nprint('up', flush=True)\nrun_program('import time; time.sleep(60)', '', Limits(timeout=60))"
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    caller.stdout.readline()
    process = psutil.Process(caller.pid)
    deadline = time.monotonic() + 20.0
    while not any(map(runs_main, process.children(recursive=True))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    below = process.children(recursive=True)
    caller.kill()
    caller.wait()
    caller.stdout.close()
    _, alive = psutil.wait_procs(below, timeout=10.0)
    assert alive == []


def test_program_cannot_signal_other_runs():
    results = []
    neighbour = threading.Thread(
        target=lambda: results.append(
            run_program("import time; time.sleep(1.5); print('done')", "", Limits(timeout=10.0))
        )
    )
    neighbour.start()
    time.sleep(0.5)
    assert run_program("import os; os.kill(0, 15)", "", LIMITS).exit_code == -15
    assert run_program("import os; os.kill(0, 9)", "", LIMITS).exit_code == -9
    neighbour.join()
    assert (results[0].status, results[0].stdout) == ("exited", "done\n"), results


def test_program_does_not_receive_the_terminals_interrupt():
    results = []
    program = threading.Thread(
        target=lambda: results.append(
            run_program("import time; time.sleep(1.5); print('done')", "", Limits(timeout=10.0))
        )
    )
    program.start()
    time.sleep(0.5)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # like a trainer that finishes its step first
    for process in psutil.Process().children(recursive=True):
        if os.getpgid(process.pid) == os.getpgid(0):
            process.send_signal(signal.SIGINT)
    program.join()
    signal.signal(signal.SIGINT, before)
    assert (results[0].status, results[0].stdout) == ("exited", "done\n"), results


def test_run_that_is_ended_from_outside_is_lost():
    results = []
    program = threading.Thread(
        target=lambda: results.append(run_program("import time; time.sleep(9)", "", Limits(timeout=20.0)))
    )
    program.start()
    deadline = time.monotonic() + 10.0
    while not (solutions := [p for p in psutil.Process().children(recursive=True) if runs_main(p)]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    solutions[0].parent().kill()  # process 1, as the kernel does when memory runs out
    program.join()
    assert results[0].status == "lost"


@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize(
    "moment", ["launcher.main = kill", "launcher.run_init = lambda *a: os._exit(1)", "launcher.exec_solution = kill"]
)
def test_run_that_is_ended_before_its_program_runs_is_lost(monkeypatch, moment, isolated):
    kill = f"import os\nkill = lambda *a: os.kill(os.getpid(), 9)\n{moment}"
    monkeypatch.setattr(
        "herokit_code.sandbox._LAUNCH", _LAUNCH.replace("launcher.main()", f"\n{kill}\nlauncher.main()")
    )
    assert run_program("print(1)", "", LIMITS, isolated=isolated).status == "lost"


def test_launcher_exits_if_its_caller_dies_at_once():
    import subprocess

    code = """
import os, signal, sys
from herokit_code import Limits, sandbox
from herokit_code.sandbox import run_program
sandbox._wait = lambda process, *a, **k: (print(process.pid, flush=True), os.kill(os.getpid(), signal.SIGKILL))
run_program("import time; time.sleep(60)", "", Limits(timeout=60), isolated=sys.argv[1] == "True")
"""
    for isolated in (True, False):
        for _ in range(3):
            done = subprocess.run(
                [sys.executable, "-c", code, str(isolated)], capture_output=True, text=True, check=False
            )
            launcher = int(done.stdout)
            deadline = time.monotonic() + 10.0
            while psutil.pid_exists(launcher) and psutil.Process(launcher).status() != "zombie":
                assert time.monotonic() < deadline, "the launcher outlived its caller"
                time.sleep(0.05)


def test_hashes_are_equal_in_every_run():
    assert len({run_program("print(hash('a'))", "", Limits(timeout=10.0)).stdout for _ in range(3)}) == 1


def test_run_program_names_an_unsupported_system(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    for isolated in (True, False):
        with pytest.raises(SetupError, match="it needs Linux, with isolation or without, not 'darwin'"):
            run_program("", "", LIMITS, isolated=isolated)


def test_limits_hold_without_isolation():
    result = run_program("x = bytearray(10 << 30)", "", LIMITS, isolated=False)
    assert "MemoryError" in result.stderr
    assert run_program("while True: pass", "", LIMITS, isolated=False).status == "timeout"
    assert run_program("print(input())", "abc", LIMITS, isolated=False).stdout == "abc\n"


def test_launcher_imports_little():
    import subprocess

    from herokit_code.sandbox import _LAUNCHER_FOLDER

    code = "import sys; sys.path.append(sys.argv[1]); import launcher; print({'re', 'enum', 'typing', 'site'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, _LAUNCHER_FOLDER], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
