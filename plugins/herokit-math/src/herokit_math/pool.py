"""Worker processes behind a queue: hard wall limits, replacements, recycling; safe from threads and forks."""

import os
import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from functools import partial

from herokit_math.process import Worker, WorkerBrokenError, WorkerDiedError, WorkerTimeoutError

ATTEMPTS = 4  # how often a pair is given to a worker when workers die under it
STARTS = 30  # how often a worker is started anew when something kills it while it starts; no pair's doing


class End(Enum):
    """How a job ended."""

    REPLIED = "replied"
    TIMEOUT = "timeout"
    DIED = "died"  # every worker that had it died
    BROKEN = "broken"  # workers cannot start, or the pool was closed


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one job.

    Attributes:
        end: how it ended.
        equal: the worker's verdict; None when it could not decide or did not reply.
        reason: in words.
        gold: whether the worker could read the reference.
    """

    end: End
    equal: bool | None
    reason: str
    gold: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    gold: str
    answer: str
    future: "Future[Reply]"


class _Crew:
    """What the serving threads share. It knows no `ProcessPool`, so that a pool nobody holds is collected and closed."""

    def __init__(self, *, timeout: float, recycle: int, start: Callable[[], Worker]) -> None:
        self.timeout = timeout
        self.start = start
        self.recycle = recycle
        self.owner = os.getpid()
        self.jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.workers: set[Worker] = set()
        self.threads: list[threading.Thread] = []
        self.closed = False

    def serve(self) -> None:
        """Run one thread: take a job, give it to this thread's worker, replace the worker when it must be."""
        worker: Worker | None = None
        while (job := self.jobs.get()) is not None:
            reply = Reply(End.BROKEN, None, "the pool is closed")
            for _ in range(0 if self.closed else ATTEMPTS):
                try:
                    if worker is None:
                        worker = self._started()
                        self.workers.add(worker)
                    said = worker.ask({"gold": job.gold, "answer": job.answer}, self.timeout)
                    reply = Reply(End.REPLIED, said["equal"], said["reason"], said.get("gold", True))
                except WorkerTimeoutError:
                    reply = Reply(End.TIMEOUT, None, f"killed after {self.timeout:g} s")
                except WorkerBrokenError as error:
                    reply = Reply(End.BROKEN, None, str(error))
                except WorkerDiedError as error:
                    reply = Reply(End.DIED, None, f"{error}, {ATTEMPTS} times")
                worker = self._keep(worker, reply)
                if reply.end is not End.DIED or self.closed:
                    break
            job.future.set_result(reply)
            if worker is None and reply.end is not End.BROKEN and not self.closed:
                worker = self._replacement()
        if worker is not None:
            self.workers.discard(worker)
            worker.kill()

    def _replacement(self) -> Worker | None:
        """Start a worker before the next job comes, so that no job waits for the one that was killed."""
        try:
            worker = self._started()
        except WorkerBrokenError:
            return None  # the next job says so
        self.workers.add(worker)
        return worker

    def _started(self) -> Worker:
        for _ in range(STARTS):
            try:
                return self.start()
            except WorkerDiedError:
                continue
        raise WorkerBrokenError(f"{STARTS} worker processes were killed while they started")

    def _keep(self, worker: Worker | None, reply: Reply) -> Worker | None:
        if worker is not None and (reply.end is not End.REPLIED or worker.jobs >= self.recycle):
            self.workers.discard(worker)
            worker.kill()
            return None
        return worker


def _close(crew: _Crew) -> None:
    """End the threads and kill every worker of `crew`; in a forked child, only drop our copies of its sockets."""
    if crew.owner != os.getpid():
        return
    crew.closed = True
    for _ in crew.threads:
        crew.jobs.put(None)
    for worker in list(crew.workers):
        worker.stop()
    for thread in crew.threads:
        thread.join()


class Pool:
    """A fixed number of worker processes, opened one by one as jobs arrive.

    Args:
        max_workers: how many processes at most.
        timeout: wall seconds a job may take; its process is then killed.
        memory_mb: address space of each process.
        max_tasks_per_child: jobs after which a process is replaced.
        parser: which LaTeX parser the processes use.
        python: their interpreter, None for this one.
    """

    def __init__(
        self, *, workers: int, timeout: float, memory_mb: int, recycle: int, parser: str, python: str | None
    ) -> None:
        start = partial(Worker, memory_mb, parser=parser, python=python)
        self._crew = _Crew(timeout=timeout, recycle=recycle, start=start)
        self._size = workers
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, _close, self._crew)
        _POOLS.add(self)

    @property
    def mine(self) -> bool:
        """Whether this process opened it: a pool inherited through fork is not usable."""
        return self._crew.owner == os.getpid()

    @property
    def pids(self) -> list[int]:
        """The worker processes alive now."""
        return [worker.pid for worker in list(self._crew.workers)]

    def submit(self, gold: str, answer: str) -> "Future[Reply]":
        """Queue one pair; the future never raises."""
        future: Future[Reply] = Future()
        with self._lock:
            if self._crew.closed:
                future.set_result(Reply(End.BROKEN, None, "the pool is closed"))
                return future
            if len(self._crew.threads) < self._size:
                thread = threading.Thread(target=self._crew.serve, name="herokit-math", daemon=True)
                self._crew.threads.append(thread)
                thread.start()
            self._crew.jobs.put(_Job(gold, answer, future))
        return future

    def close(self) -> None:
        """Kill the workers; jobs still queued end as broken or died."""
        self._finalizer()


_POOLS: "weakref.WeakSet[Pool]" = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_POOLS):
        for worker in pool._crew.workers:  # noqa: SLF001 - the module's own class
            worker.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
