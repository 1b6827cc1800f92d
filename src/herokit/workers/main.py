"""The program of a worker process: ``python -P -m herokit.workers.main FD MEMORY_MB LOADER``.

It reads the payload for the loader and then batches of tasks from one inherited socket, and answers each task with one
JSON object. The parent kills it when a task runs past its limit; when the parent is gone too, the kernel does so (an
interval timer with its default, fatal, disposition). A closed socket ends it.
"""

import json
import mmap
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from pkgutil import resolve_name

from herokit.errors import format_error
from herokit.workers.process import unpack_batch

__all__: list[str] = []

_GRACE = 1.0
"""Seconds after the parent's own limit at which the kernel ends this process."""

_MIN_TASK_MB = 32
"""Megabytes that a task must be able to allocate in addition to what the process itself uses."""


def _limit_memory(megabytes: int) -> None:
    """Bound the address space, where the platform can."""
    try:
        import resource
    except ImportError:
        return
    limit = megabytes << 20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with suppress(ValueError, OSError):  # a platform that has the name but not the limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _memory_problem(megabytes: int) -> str:
    """Return what is wrong if the limit leaves no memory for tasks; made before the limit, which may leave none for a text."""
    return (
        f"a limit of {megabytes} MB leaves no memory for tasks: the worker process itself uses {_used_mb()}; "
        "allow more, and check the limit of the shell (ulimit -v)"
    )


def _has_memory() -> bool:
    """Return whether a task can allocate memory; without it every task would fail for that reason alone."""
    try:
        mmap.mmap(-1, _MIN_TASK_MB << 20).close()
    except (MemoryError, OSError):
        return False
    return True


def _used_mb() -> str:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return "most of it"
    return f"{pages * mmap.PAGESIZE >> 20} MB"


def _set_timer(seconds: float) -> None:
    """Let the kernel end this process after `seconds`; 0 stops the timer."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _main(fd: int, memory_mb: int, loader: str) -> None:
    """Serve batches until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C belongs to the parent, which then closes the socket
    connection = Connection(fd)
    try:
        handle = resolve_name(loader)(connection.recv_bytes())
    except Exception as error:  # noqa: BLE001 - a loader may raise anything; the parent raises a SetupError
        reason = f"the worker process failed to load: {format_error(error)}"
        connection.send_bytes(json.dumps({"setup_error": reason}).encode())
        return
    problem = json.dumps({"setup_error": _memory_problem(memory_mb)}).encode()
    _limit_memory(memory_mb)
    if not _has_memory():
        connection.send_bytes(problem)
        return
    connection.send_bytes(b"{}")
    while True:
        try:
            timeout, tasks = unpack_batch(connection.recv_bytes())
        except (EOFError, OSError):
            return
        for task in tasks:
            _set_timer(timeout + _GRACE)
            reply = json.dumps(handle(task)).encode()
            _set_timer(0.0)
            connection.send_bytes(reply)


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
