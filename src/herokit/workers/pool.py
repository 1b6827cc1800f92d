"""A bounded number of worker processes that threads borrow, use and give back or replace."""

import os
import pickle
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field

from herokit.errors import SetupError
from herokit.types import Sample, Status, Verdict, Verifier
from herokit.workers.counters import Tally
from herokit.workers.process import Worker, WorkerDiedError, WorkerTimeoutError

ATTEMPTS = 3
"""How often a sample is given to a worker when workers die under it, and how often one is started anew."""


@dataclass(eq=False)
class Crew:
    """The workers of one pool in one process.

    Attributes:
        verifier: what works in them.
        size: how many at most.
        timeout: wall seconds a sample may take.
        memory_mb: address space of each.
        recycle: samples after which one is replaced.
        tally: what happened.
    """

    verifier: Verifier
    size: int
    timeout: float
    memory_mb: int
    recycle: int
    tally: Tally
    idle: list[Worker] = field(default_factory=list)
    working: set[Worker] = field(default_factory=set)
    closed: bool = False
    owner: int = field(default_factory=os.getpid)

    def __post_init__(self) -> None:
        self._free = threading.Semaphore(self.size)
        self._lock = threading.Lock()
        self.finalizer = weakref.finalize(self, _end, self.idle, self.working, self.owner)

    def judge(self, samples: Sequence[Sample], until: float | None) -> list[Verdict]:
        """Judge samples in order in one borrowed worker, replaced where it is killed.

        Args:
            samples: what to judge.
            until: the moment (`time.monotonic`) after which no further sample is begun.

        Raises:
            SetupError: the verifier cannot work in a process at all.
        """
        packed = [pickle.dumps(sample) for sample in samples]
        verdicts: list[Verdict] = []
        if self._free.acquire(timeout=None if until is None else max(0.0, until - time.monotonic())):
            try:
                self._judge(packed, verdicts, until)
            finally:
                self._free.release()
        why = "not begun: " + ("the pool was closed" if self.closed else "the time of the whole call was over")
        return verdicts + [Verdict(None, Status.FAILED, why)] * (len(samples) - len(verdicts))

    def _judge(self, packed: Sequence[bytes], verdicts: list[Verdict], until: float | None) -> None:
        """Add the verdicts, until all are there, the time is over or the pool closed."""
        worker: Worker | None = None
        deaths = 0
        try:
            while len(verdicts) < len(packed) and not (
                self.closed or (until is not None and time.monotonic() >= until)
            ):
                worker = worker or self._borrow()
                worker, ended = self._run(worker, packed, verdicts, until)
                deaths = deaths + 1 if ended == len(verdicts) else int(ended is not None)
                if ended is not None and deaths >= ATTEMPTS:
                    verdicts.append(Verdict(0.0, Status.FAILED, f"a worker process died under it {deaths} times"))
                    deaths = 0
        except BaseException:  # an interrupt, say: the worker may still answer, and nobody will have asked
            if worker is not None:
                self._discard(worker)
            raise
        if worker is not None:
            self._give_back(worker)

    def _run(
        self, worker: Worker, packed: Sequence[bytes], verdicts: list[Verdict], until: float | None
    ) -> tuple[Worker | None, int | None]:
        """Let a worker answer what is left; returns it unless it is gone, and the row under which it died."""
        try:
            worker.give(packed[len(verdicts) :], self.timeout)
            while len(verdicts) < len(packed):
                verdicts.append(_read(worker.receive(self.timeout), self.verifier))
                if len(verdicts) < len(packed) and until is not None and time.monotonic() >= until:
                    self._discard(worker)
                    return None, None
        except WorkerTimeoutError:
            self.tally.add(killed=1)
            verdicts.append(Verdict(0.0, Status.TIMEOUT, f"killed after {self.timeout:g} s"))
            self._discard(worker)
            return None, None
        except WorkerDiedError:
            self.tally.add(died=1)
            self._discard(worker)
            return None, len(verdicts)
        return worker, None

    def _borrow(self) -> Worker:
        with self._lock:
            worker = self.idle.pop() if self.idle else None
        for _ in range(ATTEMPTS):
            try:
                worker = worker or Worker(self.verifier, self.memory_mb)
            except WorkerDiedError:
                continue
            self.working.add(worker)
            return worker
        raise SetupError(f"worker processes for {type(self.verifier).__name__} are killed while they start")

    def _give_back(self, worker: Worker) -> None:
        self.working.discard(worker)
        with self._lock:
            keep = worker.judged < self.recycle and not self.closed
            if keep:
                self.idle.append(worker)
        if not keep:
            worker.kill()

    def _discard(self, worker: Worker) -> None:
        self.working.discard(worker)
        worker.kill()

    def close(self) -> None:
        """Kill every worker; samples still waiting end as failed."""
        self.closed = True
        self.finalizer()


def _end(idle: list[Worker], working: set[Worker], owner: int) -> None:
    """Kill workers; in a forked child, only drop our copies of their sockets."""
    for worker in [*idle, *working]:
        if owner != os.getpid():
            worker.forget()
        elif worker in working:
            worker.stop()
        else:
            worker.kill()
    idle.clear()


def _read(reply: dict[str, object], verifier: Verifier) -> Verdict:
    if "setup" in reply:
        raise SetupError(str(reply["setup"]))
    if "raised" in reply:
        return Verdict(None, Status.FAILED, f"{type(verifier).__name__} raised {reply['raised']}")
    value, answer = reply["value"], reply["answer"]
    return Verdict(
        value if isinstance(value, int | float) else None,
        Status(reply["status"]),
        str(reply["reason"]),
        None if answer is None else str(answer),
    )
