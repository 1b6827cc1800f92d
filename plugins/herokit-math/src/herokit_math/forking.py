"""Decide tasks in a forked child of a worker process: a task past its limit costs a fork, not a new start of sympy."""

import ctypes
import gc
import json
import os
import signal
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from herokit_math.symbolic import load_parser

__all__ = ["load_forking_parser"]

_Decide: TypeAlias = Callable[[bytes], dict[str, Any]]
"""The function from a task to its reply."""

_GRACE = 1.0
"""Seconds past the limit after which the kernel ends a child whose parent is gone."""

_PR_SET_PDEATHSIG = 1
_FIRST_FD, _LAST_FD = 3, 256


def load_forking_parser(payload: bytes) -> _Decide:
    r"""Return the function by which a worker process decides a pair; `payload` is the parser's name and a limit in seconds.

    A reply has the key ``timeout`` if the limit was reached. Without `os.fork` the worker itself decides.

    Example:
        >>> decide = load_forking_parser(b'["latex2sympy2_extended", 20.0]')
        >>> decide(json.dumps(["1", r"\int_0^1 2x\,dx"]).encode())["equal"]
        True
    """
    parser, timeout = json.loads(payload)
    decide = load_parser(parser.encode())
    return _ForkedDecision(decide, timeout) if hasattr(os, "fork") else decide


class _ForkedDecision:
    """A child process that decides tasks, and its replacement after one that was too slow."""

    def __init__(self, decide: _Decide, timeout: float) -> None:
        self._decide = decide
        self._timeout = timeout
        self._child = 0
        self._connection: Connection | None = None

    def __call__(self, task: bytes) -> dict[str, Any]:
        """Return the reply to a task; end this process too if the child dies, so that the pool counts a death."""
        connection = self._connection or self._fork()
        try:
            connection.send_bytes(task)
            if connection.poll(self._timeout):
                reply: dict[str, Any] = json.loads(connection.recv_bytes())
                return reply
        except (EOFError, OSError):
            os._exit(1)
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        connection.close()
        self._connection = None
        return {"timeout": f"killed after {self._timeout:g} s"}

    def _fork(self) -> Connection:
        parent, child = Pipe()
        gc.freeze()  # what is loaded stays shared
        self._child = os.fork()
        if self._child == 0:
            _serve(child, self._decide, self._timeout)
        child.close()
        self._connection = parent
        return parent


def _serve(connection: Connection, decide: _Decide, timeout: float) -> None:
    """Answer tasks until the parent is gone; never return."""
    fd = connection.fileno()
    os.closerange(_FIRST_FD, fd)
    os.closerange(fd + 1, _LAST_FD)  # the sockets of the worker, whose end its parent must see
    if hasattr(ctypes.CDLL(None), "prctl"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        while True:
            task = connection.recv_bytes()
            signal.setitimer(signal.ITIMER_REAL, timeout + _GRACE)
            reply = json.dumps(decide(task)).encode()
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.send_bytes(reply)
    finally:
        os._exit(0)
