"""One worker process seen from its parent: started, given tasks under a wall-clock limit, killed."""

import errno
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from herokit.errors import SetupError

__all__ = ["WorkerDiedError", "WorkerProcess", "WorkerStartError", "WorkerTimeoutError", "unpack_batch"]

_START_TIMEOUT = 60.0
"""Seconds to import herokit and what the loader needs (sympy, say) on a busy machine."""

_EXIT_TIMEOUT = 1.0
"""Seconds that a process may take to end after its socket closed."""

_MIN_WAIT = 1.0
"""Seconds at least that a message may take to pass, however small the limit of a task is."""

_MAX_STREAM = 2
"""The largest descriptor of the standard streams."""

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS}
"""Errors of a system that has no resources left at the moment."""


class WorkerTimeoutError(Exception):
    """No reply came within the limit; the process has been killed."""


class WorkerStartError(Exception):
    """The system has no descriptor, process or memory left to start a process; later it may have."""


class WorkerDiedError(Exception):
    """The process ended before it replied: killed from outside, out of memory, or crashed."""


class WorkerProcess:
    """A `herokit.workers.main` process and the socket to it.

    It is a plain subprocess: it neither forks the caller nor imports the caller's main module. Tasks are bytes in the
    encoding that the loader expects; replies are JSON objects, so nothing the process holds is ever unpickled here.

    Args:
        loader: ``"module:function"``; the process calls it with `payload`, and it returns the function from a task
            (bytes) to a reply (a JSON object).
        payload: what the loader needs.
        memory_mb: limit of the process's address space.
        python: its interpreter, None for this one; another one finds the loader in its own environment.

    Raises:
        SetupError: the interpreter cannot be started.
        WorkerStartError: the system has no resources left for a process.
    """

    def __init__(self, loader: str, payload: bytes, memory_mb: int, python: str | None = None) -> None:
        self.ready = False
        self.num_replies = 0
        self._wait_limit = 0.0
        self._payload = payload
        path = {} if python else {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        program = [python or sys.executable, "-P", "-m", "herokit.workers.main"]
        try:
            parent_socket, child_socket = _socket_pair()
            self._connection = Connection(parent_socket.detach())
            with child_socket:
                self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                    [*program, str(child_socket.fileno()), str(memory_mb), loader],
                    pass_fds=(child_socket.fileno(),),
                    env=os.environ | path | {"OPENBLAS_NUM_THREADS": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        except OSError as error:
            kind = WorkerStartError if error.errno in _EXHAUSTED else SetupError
            raise kind(f"cannot start a worker process with {program[0]}: {error}") from error

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Send the payload and wait until the process has loaded it.

        Raises:
            SetupError: the process cannot load it, ended by itself, or took longer than a minute.
            WorkerDiedError: a signal ended the process; another one may come up.
        """
        try:
            self._limit_waits(_START_TIMEOUT)
            self._send(self._payload)
            self._receive(_START_TIMEOUT)
        except WorkerTimeoutError as error:
            raise SetupError(f"a worker process did not start: {error}") from None
        except WorkerDiedError as error:
            if self._process.returncode < 0:
                raise
            raise SetupError(f"a worker process did not start: {error}") from None
        self.ready = True

    def send_batch(self, tasks: Sequence[bytes], timeout: float) -> None:
        """Send tasks; the process replies to one after the other, each within `timeout` seconds.

        Raises:
            WorkerDiedError: the process is gone, or has not read the tasks within the limit of one.
        """
        header = json.dumps([timeout, [len(task) for task in tasks]]).encode()
        self._limit_waits(max(timeout, _MIN_WAIT))
        self._send(b"\n".join([header, b"".join(tasks)]))

    def has_reply(self, timeout: float) -> bool:
        """Return whether a reply, or the end of the process, comes within `timeout` seconds."""
        try:
            return self._connection.poll(timeout)
        except OSError:
            return True  # `receive` says what has happened

    def receive(self, timeout: float) -> dict[str, Any]:
        """Return the next reply.

        Raises:
            WorkerTimeoutError: none came within `timeout` seconds; the process has been killed.
            WorkerDiedError: the process ended first.
            SetupError: the process says that it can answer no task at all.
        """
        reply = self._receive(timeout)
        self.num_replies += 1
        return reply

    def _limit_waits(self, seconds: float) -> None:
        """Let a send or receive fail when the process has stopped in mid-message for so long."""
        if seconds == self._wait_limit:
            return
        limit = struct.pack("@ll", int(seconds), int(seconds % 1.0 * 1e6))
        handle = socket.socket(fileno=self._connection.fileno())
        try:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        finally:
            handle.detach()
        self._wait_limit = seconds

    def _send(self, data: bytes) -> None:
        try:
            self._connection.send_bytes(data)
        except OSError:
            self._raise_died()

    def _receive(self, timeout: float) -> dict[str, Any]:
        try:
            if not self._connection.poll(timeout):
                if _is_stopped(self.pid):  # by a signal from outside: that is not the task's fault
                    self._raise_died()
                self.kill()
                raise WorkerTimeoutError(f"no reply within {timeout:g} s")
            reply: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self._raise_died()
        if "setup_error" in reply:
            self.kill()
            raise SetupError(str(reply["setup_error"]))
        return reply

    def _raise_died(self) -> NoReturn:
        if _is_stopped(self.pid):
            self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_TIMEOUT)  # it may close the socket a moment before it ends by itself
        self.kill()
        raise WorkerDiedError(f"the process ended with code {self._process.returncode}")

    def close_socket(self) -> None:
        """Close our end in a forked child; the process belongs to the parent."""
        self._connection.close()

    def stop(self) -> None:
        """Send the kill signal, from any thread; the thread that waits for a reply sees the process die."""
        self._process.kill()

    def kill(self) -> None:
        """End the process and reap it; only for the thread that uses it."""
        self._process.kill()
        self._process.wait()
        self._connection.close()


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return a pair of sockets whose descriptors are above those of the standard streams.

    Where the caller has closed 0, 1 or 2, a socket gets their number: the worker's own streams would replace it, and
    whatever this process prints would go to the worker.
    """
    reserved: list[int] = []
    try:
        while True:
            pair = socket.socketpair()
            if min(each.fileno() for each in pair) > _MAX_STREAM:
                return pair
            reserved += [each.detach() for each in pair]
    finally:
        for descriptor in reserved:
            os.close(descriptor)


def _is_stopped(pid: int) -> bool:
    """Return whether a signal has stopped a process; False where there is no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"
    except (OSError, IndexError):
        return False


def unpack_batch(frame: bytes) -> tuple[float, Iterator[bytes]]:
    """Return the time limit and the tasks of a message that `WorkerProcess.send_batch` made.

    Example:
        >>> timeout, tasks = unpack_batch(b"[0.5, [1, 2]]" + bytes([10]) + b"abb")
        >>> timeout, list(tasks)
        (0.5, [b'a', b'bb'])
    """
    header, _, body = frame.partition(b"\n")
    timeout, sizes = json.loads(header)
    return timeout, _split(body, sizes)


def _split(body: bytes, sizes: list[int]) -> Iterator[bytes]:
    start = 0
    for size in sizes:
        yield body[start : start + size]
        start += size
