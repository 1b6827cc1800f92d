"""One worker process seen from the parent: started, asked with a hard wall limit, killed."""

import json
import os
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from typing import Any, NoReturn

START_LIMIT = 60.0  # seconds to import sympy on a busy machine


class WorkerTimeoutError(Exception):
    """The job ran past its wall limit; the process has been killed."""


class WorkerDiedError(Exception):
    """The process ended while it had the job: killed from outside, out of memory, or crashed."""


class WorkerBrokenError(Exception):
    """The process cannot start at all; no retry would help."""


class Worker:
    """A `herokit_math.worker` process and the socket to it.

    Started with a plain subprocess: it neither forks the caller nor imports the caller's main module.

    Args:
        memory_mb: its address-space limit.
        parser: which LaTeX parser it uses.
        python: its interpreter, None for this one; another one finds herokit-math in its own environment.

    Raises:
        WorkerBrokenError: it did not come up; the message says why.
        WorkerDiedError: something killed it while it started.
    """

    def __init__(self, memory_mb: int, *, parser: str, python: str | None) -> None:
        self.jobs = 0
        ours, theirs = socket.socketpair()
        with theirs:
            module = ["-P", "-m", "herokit_math.worker"]
            command = [python or sys.executable, *module, str(theirs.fileno()), str(memory_mb), parser]
            path = {} if python else {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                pass_fds=(theirs.fileno(),),
                env=os.environ | path | {"OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._connection = Connection(ours.detach())
        try:
            greeting = self._receive(START_LIMIT)
        except (WorkerDiedError, WorkerTimeoutError) as error:
            if isinstance(error, WorkerDiedError) and self._process.returncode < 0:
                raise  # killed from outside while it started: worth another try
            raise WorkerBrokenError(f"the worker process did not start: {error}") from None
        if "broken" in greeting:
            self.kill()
            raise WorkerBrokenError(f"the worker process did not start: {greeting['broken']}")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, job: dict[str, Any], limit: float) -> dict[str, Any]:
        """Return the reply to one job.

        Args:
            job: plain JSON values.
            limit: seconds of wall time, after which the process is killed.

        Raises:
            WorkerTimeoutError: the limit passed.
            WorkerDiedError: the process ended first.
        """
        self.jobs += 1
        try:
            self._connection.send_bytes(json.dumps(job | {"timeout": limit}).encode())
        except OSError:
            self._died()
        return self._receive(limit)

    def _receive(self, limit: float) -> dict[str, Any]:
        deadline = time.monotonic() + limit
        try:
            if not self._connection.poll(max(0.0, deadline - time.monotonic())):
                self.kill()
                raise WorkerTimeoutError(f"no reply in {limit:g} s")
            reply: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self._died()
        return reply

    def _died(self) -> NoReturn:
        self.kill()
        raise WorkerDiedError(f"the worker process ended with code {self._process.returncode}")

    def forget(self) -> None:
        """Close our end in a forked child; the process belongs to the parent."""
        self._connection.close()

    def stop(self) -> None:
        """End the process now, from any thread; the thread that serves it sees it die and calls `kill`."""
        self._process.kill()

    def kill(self) -> None:
        """End the process now and reap it; only for the thread that asks it."""
        self._process.kill()
        self._process.wait()
        self._connection.close()
