"""Micro-batches: requests that wait while a batch runs form the next batch.

Trainers that score one rollout per call, and clients of the service, make many calls at once. A reward model is slow with
batches of one, and not every source may run in several threads: here one thread runs them for all that wait.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from time import perf_counter, sleep
from typing import Generic, TypeVar

from herokit.adapters.common.base import RewarderLike, to_rewarder
from herokit.adapters.common.rows import Row, run_sources
from herokit.reward_models.lazy import LazyResource
from herokit.rewarder import Rewarder
from herokit.types import Sample

__all__ = ["BatchQueue", "MicroBatcher", "QueueFullError"]

Item = TypeVar("Item")
Result = TypeVar("Result")
T = TypeVar("T")


class QueueFullError(Exception):
    """A request does not fit into the queue.

    Attributes:
        retry_after: seconds after which it may fit.
    """

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(slots=True, eq=False)
class _Request(Generic[Item, Result]):
    key: Hashable
    items: Sequence[Item]
    future: "Future[Result]"
    started: bool = False


class BatchQueue(Generic[Item, Result]):
    """Run the requests that wait as batches in one worker thread, first come first served.

    Consecutive requests with equal keys run together, up to `max_batch_rows` items; a request is never split. A request whose
    future is cancelled before its batch starts is dropped. The thread starts with the first request and after `close` with the
    next one; a forked child has its own.

    Args:
        run: key and requests of a batch -> one result per request, or the exception to raise for it.
        max_batch_rows: items of a batch; a larger request runs alone.
        max_queue_rows: items that may wait; an empty queue accepts a request of any size.
        batch_wait: seconds to wait for more requests while a batch is not full.

    Example:
        >>> queue = BatchQueue(lambda key, requests: [sum(items) for items in requests])
        >>> queue.submit([1, 2]).result(), queue.num_waiting
        (3, 0)
        >>> queue.close()
    """

    def __init__(
        self,
        run: Callable[[Hashable, Sequence[Sequence[Item]]], Sequence[Result | Exception]],
        *,
        max_batch_rows: float = math.inf,
        max_queue_rows: float = math.inf,
        batch_wait: float = 0.0,
    ) -> None:
        self.run, self.max_batch_rows, self.max_queue_rows = run, max_batch_rows, max_queue_rows
        self.batch_wait = batch_wait
        self.num_waiting = 0
        self._rows_per_second = 0.0  # of the last batch
        self._requests: deque[_Request[Item, Result]] = deque()
        self._lock = Lock()
        self._thread = LazyResource[ThreadPoolExecutor]()

    def submit(self, items: Sequence[Item], key: Hashable = None) -> "Future[Result]":
        """Add a request and return its future.

        Args:
            items: its rows.
            key: requests with equal keys may run together.

        Raises:
            QueueFullError: the queue has no room for them.
        """
        request = _Request[Item, Result](key, items, Future())
        with self._lock:
            self.check_room(len(items))
            self._requests.append(request)
            self.num_waiting += len(items)
            self._open_thread().submit(self._run_batch)
        request.future.add_done_callback(lambda _: self._drop(request))
        return request.future

    def check_room(self, rows: int, outside: int = 0) -> None:
        """Check that the queue has room.

        Args:
            rows: items to add.
            outside: items that wait elsewhere and will be added later.

        Raises:
            QueueFullError: it has none.
        """
        waiting = self.num_waiting + outside
        if waiting and waiting + rows > self.max_queue_rows:
            seconds = math.ceil(waiting / self._rows_per_second) if self._rows_per_second else 1
            message = f"the queue is full: {waiting} rows wait, {rows} more exceed the limit of {self.max_queue_rows}"
            raise QueueFullError(message, retry_after=min(max(seconds, 1), 60))

    def run_alone(self, function: Callable[[], T]) -> "Future[T]":
        """Run a function in the worker thread between two batches."""
        with self._lock:
            return self._open_thread().submit(function)

    def close(self) -> None:
        """Run the requests that wait, then end the thread."""
        with self._lock:
            thread = self._thread.value
            self._thread.close()
        if thread is not None:
            thread.shutdown()

    def _open_thread(self) -> ThreadPoolExecutor:
        return self._thread.get(lambda: ThreadPoolExecutor(1, "herokit-batches"))

    def _drop(self, request: _Request[Item, Result]) -> None:
        """Release the rows of a request that was cancelled."""
        with self._lock:
            if not request.started:
                request.started = True
                self.num_waiting -= len(request.items)
                request.items = ()

    def _run_batch(self) -> None:
        """Run one batch. Every request schedules one call; calls that find no request do nothing."""
        if self.batch_wait and 0 < self.num_waiting < self.max_batch_rows:
            sleep(self.batch_wait)
        with self._lock:
            batch = self._take_batch()
        if not batch:
            return
        start = perf_counter()
        try:
            results = self.run(batch[0].key, [request.items for request in batch])
            for request, result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    request.future.set_exception(result)
                else:
                    request.future.set_result(result)
        except BaseException as error:  # noqa: BLE001 - raised in every caller, so that none waits forever
            for request in batch:
                if not request.future.done():
                    request.future.set_exception(error)
        self._rows_per_second = sum(len(request.items) for request in batch) / max(perf_counter() - start, 1e-6)

    def _take_batch(self) -> list[_Request[Item, Result]]:
        batch: list[_Request[Item, Result]] = []
        rows = 0
        while self._requests:
            request = self._requests[0]
            if not request.future.cancelled():
                if batch and (request.key != batch[0].key or rows + len(request.items) > self.max_batch_rows):
                    break
                if request.future.set_running_or_notify_cancel():
                    request.started = True
                    batch.append(request)
                    rows += len(request.items)
            self._requests.popleft()
        self.num_waiting -= rows
        return batch


class MicroBatcher:
    """Run a rewarder's sources for callers in any thread or event loop; the state of the rewarder is not used.

    A pickled `MicroBatcher` is its rewarder.

    Args:
        rewarder: the sources.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> batcher = MicroBatcher(Rewarder({"rm": Length()}, Select("rm")))
        >>> batcher.run([Sample("p", "abc", "q")])
        [{'rm': 3.0, 'rm_status': 'judged', 'rm_reason': ''}]
        >>> batcher.close()
    """

    def __init__(self, rewarder: RewarderLike) -> None:
        self.rewarder = to_rewarder(rewarder, takes_credit=True)  # it combines nothing
        self._queue = BatchQueue[Sample, list[Row]](self._run_sources)

    def run(self, samples: Sequence[Sample]) -> list[Row]:
        """Return one row of source results per sample; blocks until the sources have run.

        Raises:
            PluginError: a source broke its contract.
            SetupError: a source cannot work at all.
        """
        return self._queue.submit(samples).result()

    async def arun(self, samples: Sequence[Sample]) -> list[Row]:
        """Do the same as `run` without blocking the event loop."""
        return await asyncio.wrap_future(self._queue.submit(samples))

    def close(self) -> None:
        """End the thread; the next call starts one. The rewarder's sources stay open."""
        self._queue.close()

    def __reduce__(self) -> "tuple[type[MicroBatcher], tuple[Rewarder]]":
        return MicroBatcher, (self.rewarder,)

    def _run_sources(self, _: Hashable, requests: Sequence[Sequence[Sample]]) -> list[list[Row]]:
        rows = iter(run_sources(self.rewarder, [sample for samples in requests for sample in samples]))
        return [[next(rows) for _ in samples] for samples in requests]
