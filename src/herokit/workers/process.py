"""One worker process seen from the caller: started, asked with a hard wall limit, killed."""

import json
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from herokit.errors import SetupError
from herokit.types import Verifier

START_LIMIT = 60.0
"""Seconds to import herokit and the verifier's own packages on a busy machine."""


class WorkerTimeoutError(Exception):
    """A sample ran past its wall limit; the process has been killed."""


class WorkerDiedError(Exception):
    """The process ended while it had a sample: killed from outside, out of memory, or crashed."""


class Worker:
    """A `herokit.workers.main` process and the socket to it.

    Started with a plain subprocess: it neither forks the caller nor imports the caller's main module.

    Args:
        verifier: what works in it; pickled, so its class must be importable by name.
        memory_mb: its address-space limit.

    Raises:
        SetupError: the verifier cannot be pickled, or the process cannot load it; the message says why.
        WorkerDiedError: something killed the process while it started.
    """

    judged: int = 0

    def __init__(self, verifier: Verifier, memory_mb: int) -> None:
        try:
            packed = pickle.dumps(verifier)
        except Exception as error:
            raise SetupError(f"{type(verifier).__name__} cannot be sent to a worker process: {error}") from error
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "herokit.workers.main", str(theirs.fileno()), str(memory_mb)],
                pass_fds=(theirs.fileno(),),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._connection = Connection(ours.detach())
        try:
            self._send(packed)
            greeting = self.receive(START_LIMIT)
        except WorkerTimeoutError as error:
            raise SetupError(f"the worker process did not start: {error}") from None
        if "broken" in greeting:
            self.kill()
            raise SetupError(f"a worker process cannot load {type(verifier).__name__}: {greeting['broken']}")
        self.judged = 0

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def give(self, packed: Sequence[bytes], limit: float) -> None:
        """Hand over samples, each pickled by itself; it answers them one by one, each within `limit` seconds.

        Raises:
            WorkerDiedError: the process is gone.
        """
        self._send(pickle.dumps((limit, list(packed))))

    def receive(self, limit: float) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            WorkerTimeoutError: none came within `limit` seconds; the process has been killed.
            WorkerDiedError: the process ended first.
        """
        deadline = time.monotonic() + limit
        try:
            if not self._connection.poll(max(0.0, deadline - time.monotonic())):
                self.kill()
                raise WorkerTimeoutError(f"no reply in {limit:g} s")
            reply: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self._died()
        self.judged += 1
        return reply

    def _send(self, data: bytes) -> None:
        try:
            self._connection.send_bytes(data)
        except OSError:
            self._died()

    def _died(self) -> NoReturn:
        self.kill()
        raise WorkerDiedError(f"the worker process ended with code {self._process.returncode}")

    def forget(self) -> None:
        """Close our end in a forked child; the process belongs to the parent."""
        self._connection.close()

    def stop(self) -> None:
        """End the process now, from any thread; the thread that waits for it sees it die."""
        self._process.kill()

    def kill(self) -> None:
        """End the process now and reap it; only for the thread that has it."""
        self._process.kill()
        self._process.wait()
        self._connection.close()
