"""A thread-safe pool of worker processes: hard time limits, retries, replacement, recycling."""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from herokit.errors import SetupError, format_error
from herokit.types import Status
from herokit.workers.counters import Counters
from herokit.workers.process import WorkerDiedError, WorkerProcess, WorkerStartError, WorkerTimeoutError

__all__ = ["TaskFailure", "WorkerPool"]

_MAX_ATTEMPTS = 3
"""Workers that a task is given to when they die under it."""

_MAX_STARTS = 30
"""Workers that are started one after the other when something kills them before any has a task."""

_CLOSED = "no result: the pool was closed"
_LATE = "no result: the time limit of the call was reached"


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a task has no reply.

    Attributes:
        status: TIMEOUT: its worker was killed at the limit. CRASHED: worker after worker died under it. FAILED: it has
            no result, because no worker starts, the call's time was over or the pool was closed.
        reason: the same in words.
        is_setup_error: whether no worker can start at all.
    """

    status: Status
    reason: str
    is_setup_error: bool = False

    @property
    def value(self) -> float | None:
        """The value of a verdict on the task: 0 where the task caused the failure, None where it did not."""
        return None if self.status is Status.FAILED else 0.0


Reply: TypeAlias = dict[str, Any] | TaskFailure


class WorkerPool:
    """Worker processes that answer tasks, each within a hard limit of wall-clock time.

    Processes start when tasks wait and none is idle. One that runs past the limit, dies or has answered
    `max_tasks_per_child` tasks is replaced. When the first task takes long or the first process is replaced, a spare
    process is started, and from then on one is kept ready, so that a kill costs no other task the time of a start. A
    task under which a worker dies is given to the next one, three times. Usable from threads and after a fork (a child starts processes of its own); a pickle or a copy has no processes;
    `close`, garbage collection or the interpreter's end kills them.

    Args:
        start: starts a process, for instance ``partial(WorkerProcess, loader, payload, memory_mb)``; it must be
            picklable where the pool is pickled.
        max_workers: processes that work at once; the spare one comes in addition.
        timeout: wall seconds for one task.
        max_tasks_per_child: tasks after which a process is replaced.
    """

    def __init__(
        self, start: Callable[[], WorkerProcess], *, max_workers: int, timeout: float, max_tasks_per_child: int
    ) -> None:
        self.counters = Counters()
        self._settings = (start, max_workers, timeout, max_tasks_per_child)
        self._lock = threading.Lock()
        self._opened: _OpenPool | None = None
        self._finalizer: weakref.finalize[Any, WorkerPool] | None = None
        _POOLS.add(self)

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that are ready for tasks."""
        return [] if self._opened is None else [worker.pid for worker in list(self._opened.workers) if worker.ready]

    def run(self, tasks: Sequence[bytes], *, chunk_size: int = 1, deadline: float | None = None) -> list[Reply]:
        """Return the reply to every task, in order, or why there is none.

        Args:
            tasks: what the workers' loader understands.
            chunk_size: tasks that go to one worker at once; a larger number costs fewer messages.
            deadline: the moment (`time.monotonic`) at which the call ends: tasks that are running are killed, and all
                tasks without a reply are FAILED.
        """
        chunks = [_Chunk(tasks[low : low + chunk_size], deadline) for low in range(0, len(tasks), chunk_size)]
        try:
            for chunk in chunks:
                self._open().submit(chunk)
            return [reply for chunk in chunks for reply in chunk.wait()]
        except BaseException:  # an interrupt, say: the replies to these tasks must reach no later call
            for chunk in chunks:
                chunk.abandon()
            raise

    def close(self) -> None:
        """Kill the processes; tasks that wait fail. The next `run` starts new processes."""
        with self._lock:
            finalizer, self._opened, self._finalizer = self._finalizer, None, None
        if finalizer is not None:
            finalizer()

    def _open(self) -> "_OpenPool":
        with self._lock:
            if self._opened is None:
                self._opened = _OpenPool(self.counters, *self._settings)
                self._finalizer = weakref.finalize(self, self._opened.close)
            return self._opened

    def _reset_after_fork(self) -> None:
        self._lock = threading.Lock()  # a thread of the parent may have held it
        if self._opened is not None:
            for worker in list(self._opened.workers):
                worker.close_socket()
        if self._finalizer is not None:
            self._finalizer.detach()
        self._opened = self._finalizer = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, self._settings


def _restore(
    start: Callable[[], WorkerProcess], max_workers: int, timeout: float, max_tasks_per_child: int
) -> WorkerPool:
    return WorkerPool(start, max_workers=max_workers, timeout=timeout, max_tasks_per_child=max_tasks_per_child)


@dataclass(eq=False, slots=True)
class _Chunk:
    """Tasks that one worker answers one after the other, and what came of them."""

    tasks: Sequence[bytes]
    deadline: float | None
    replies: list[Reply] = field(default_factory=list)
    worker: WorkerProcess | None = None
    num_deaths: int = 0
    abandoned: bool = False
    future: "Future[list[Reply]]" = field(default_factory=Future)

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for replies any more."""
        return self.abandoned or (self.deadline is not None and time.monotonic() >= self.deadline)

    @property
    def num_left(self) -> int:
        return len(self.tasks) - len(self.replies)

    def fail_rest(self, failure: TaskFailure) -> None:
        self.replies += [failure] * self.num_left

    def wait(self) -> list[Reply]:
        """Return the replies; at the deadline, stop the work and return those that are there."""
        try:
            return self.future.result(None if self.deadline is None else max(0.0, self.deadline - time.monotonic()))
        except TimeoutError:
            replies = list(self.replies)  # the pool's thread may still add to its list
            self.abandon()
        return replies + [TaskFailure(Status.FAILED, _LATE)] * (len(self.tasks) - len(replies))

    def abandon(self) -> None:
        """Stop work for a caller that is gone."""
        self.abandoned = True
        self.future.cancel()
        worker = self.worker
        if worker is not None:
            worker.stop()


class _OpenPool:
    """Queue, threads and processes of a pool; each thread serves one process.

    It holds no reference to the `WorkerPool`, so that a pool nobody holds is collected and thereby closed.
    """

    def __init__(
        self,
        counters: Counters,
        start: Callable[[], WorkerProcess],
        max_workers: int,
        timeout: float,
        max_tasks_per_child: int,
    ) -> None:
        self.workers: set[WorkerProcess] = set()
        self._start_process = start
        self._max_workers = max_workers
        self._timeout = timeout
        self._max_tasks_per_child = max_tasks_per_child
        self._counters = counters
        self._changed = threading.Condition()  # its lock is reentrant, as garbage collection may close the pool here
        self._queue: deque[_Chunk] = deque()
        self._threads: list[threading.Thread] = []
        self._spare: Future[WorkerProcess | None] | None = None
        self._num_serving = 0
        self._num_idle = 0
        self._closed = False

    def submit(self, chunk: _Chunk) -> None:
        """Queue tasks; start a thread, and with it a process, where none is idle."""
        with self._changed:
            if self._closed:
                chunk.fail_rest(TaskFailure(Status.FAILED, _CLOSED))
                chunk.future.set_result(chunk.replies)
                return
            self._queue.append(chunk)
            if self._num_idle < len(self._queue) and self._num_serving < self._max_workers:
                try:
                    self._start_thread(self._serve)
                    self._num_serving += 1
                except RuntimeError as error:  # no more threads; those that there are serve these tasks as well
                    if not self._num_serving:
                        self._queue.remove(chunk)
                        chunk.fail_rest(TaskFailure(Status.FAILED, f"no thread for a worker process: {error}"))
                        chunk.future.set_result(chunk.replies)
            self._changed.notify()

    def close(self) -> None:
        """Kill every process and end the threads; tasks that wait fail."""
        with self._changed:
            self._closed = True
            while self._queue:
                chunk = self._queue.popleft()
                if chunk.future.set_running_or_notify_cancel():
                    chunk.fail_rest(TaskFailure(Status.FAILED, _CLOSED))
                    chunk.future.set_result(chunk.replies)
            self._changed.notify_all()
        for worker in list(self.workers):
            worker.stop()
        if threading.current_thread() in self._threads:  # where garbage collection may close the pool
            return
        for thread in self._threads:
            thread.join()
        with self._changed:
            spare, self._spare = self._spare, None
        ready = None if spare is None else spare.result()
        if ready is not None:
            self._discard(ready)

    def _start_thread(self, target: Callable[[], None]) -> None:
        """Start a thread; `RuntimeError` if the system has none left."""
        thread = threading.Thread(target=target, name="herokit-worker", daemon=True)
        thread.start()
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]

    def _next_chunk(self) -> _Chunk | None:
        """Wait for tasks; None when the pool is closed."""
        with self._changed:
            self._num_idle += 1
            while not self._queue and not self._closed:
                self._changed.wait()
            self._num_idle -= 1
            try:
                return self._queue.popleft()
            except IndexError:
                return None

    def _serve(self) -> None:
        """Run one thread: answer chunks with this thread's process, and replace the process when it must be."""
        worker: WorkerProcess | None = None
        while (chunk := self._next_chunk()) is not None:
            if not chunk.future.set_running_or_notify_cancel():
                continue
            try:
                worker = self._answer(chunk, worker)
                chunk.fail_rest(TaskFailure(Status.FAILED, _CLOSED if self._closed else _LATE))
            except Exception as error:  # noqa: BLE001 - a caller must never wait for ever, whatever happened here
                if chunk.worker is not None:
                    self._discard(chunk.worker)
                worker = None
                is_transient = isinstance(error, WorkerStartError)
                reason = str(error) if is_transient or isinstance(error, SetupError) else format_error(error)
                chunk.fail_rest(TaskFailure(Status.FAILED, reason, is_setup_error=not is_transient))
            chunk.worker = None
            chunk.future.set_result(chunk.replies)
        if worker is not None:
            self._discard(worker)

    def _answer(self, chunk: _Chunk, worker: WorkerProcess | None) -> WorkerProcess | None:
        """Answer a chunk's tasks; return the process unless it is gone.

        Raises:
            SetupError: no process can start, or one says that it can answer no task.
        """
        while chunk.num_left and not (self._closed or chunk.is_over):
            if worker is None:
                if (worker := self._take_spare() or self._start()) is None:
                    break
                continue  # that took time
            chunk.worker = worker
            if not self._exchange(chunk, worker):
                self._discard(worker)
                worker = None
                self._prepare_spare()
        return worker

    def _exchange(self, chunk: _Chunk, worker: WorkerProcess) -> bool:
        """Send the tasks that are left and collect replies; return whether the process can take more tasks."""
        num_before = len(chunk.replies)
        try:
            worker.send_batch(chunk.tasks[num_before:], self._timeout)
            while chunk.num_left:
                limit = self._timeout
                if not worker.has_reply(limit / 2):  # it will probably be killed
                    self._prepare_spare()
                    limit /= 2
                chunk.replies.append(worker.receive(limit))
                if self._closed or chunk.is_over:
                    break
        except WorkerTimeoutError:
            self._counters.add(killed=1)
            chunk.replies.append(TaskFailure(Status.TIMEOUT, f"killed after {self._timeout:g} s"))
            chunk.num_deaths = 0
            return False
        except WorkerDiedError:
            self._counters.add(**{"killed" if chunk.abandoned else "died": 1})
            chunk.num_deaths = 1 if len(chunk.replies) > num_before else chunk.num_deaths + 1
            if chunk.num_deaths == _MAX_ATTEMPTS:
                reason = f"the worker process died {_MAX_ATTEMPTS} times on this sample"
                chunk.replies.append(TaskFailure(Status.CRASHED, reason))
                chunk.num_deaths = 0
            return False
        return not chunk.num_left and worker.num_replies < self._max_tasks_per_child

    def _start(self) -> WorkerProcess | None:
        """Return a process that is ready; None when the pool is closed meanwhile."""
        for _ in range(_MAX_STARTS):
            worker = self._start_process()
            self.workers.add(worker)
            try:
                if not self._closed:  # `close` sets it before it stops the `workers`
                    worker.wait_until_ready()
                    return worker
            except WorkerDiedError:
                pass
            except BaseException:
                self._discard(worker)
                raise
            self._discard(worker)
            if self._closed:
                return None
        raise SetupError(f"{_MAX_STARTS} worker processes in a row were killed while they started")

    def _take_spare(self) -> WorkerProcess | None:
        """Return the spare process, wait for it if it is starting, and prepare the next; None if there is none."""
        with self._changed:
            spare, self._spare = self._spare, None
        worker = None if spare is None else spare.result()
        if worker is None:
            return None
        if not worker.is_alive:
            self._discard(worker)
            return None
        self._prepare_spare()
        return worker

    def _prepare_spare(self) -> None:
        """Start the spare process in a thread, unless there is one."""
        with self._changed:
            if self._closed or self._spare is not None:
                return
            future: Future[WorkerProcess | None] = Future()
            try:
                self._start_thread(lambda: future.set_result(self._start_quietly()))
            except RuntimeError:  # no more threads: the next task waits for a start
                return
            self._spare = future

    def _start_quietly(self) -> WorkerProcess | None:
        try:
            return self._start()
        except Exception:  # noqa: BLE001 - the task that needs the process starts one, and reports what is wrong
            return None

    def _discard(self, worker: WorkerProcess) -> None:
        self.workers.discard(worker)
        worker.kill()


_POOLS: "weakref.WeakSet[WorkerPool]" = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_POOLS):
        pool._reset_after_fork()  # noqa: SLF001 - the module's own class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
