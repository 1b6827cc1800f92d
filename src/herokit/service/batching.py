"""Requests become batches: a bounded queue, one worker thread, answers handed back to whoever still waits."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias, TypeVar

from herokit.service.limits import Limits
from herokit.service.metrics import Metrics
from herokit.types import Sample

T = TypeVar("T")
Run: TypeAlias = Callable[[Hashable, Sequence[Sequence[Sample]]], Sequence[Any]]
"""Answers the requests of one batch, in order: a value for each, or the exception it deserves."""


class QueueFullError(Exception):
    """No room for a request; come back in `retry_after` seconds."""

    def __init__(self, retry_after: int, why: str) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class TooLateError(Exception):
    """A request ran out of time; `scored` tells whether it was being scored by then."""

    def __init__(self, *, scored: bool) -> None:
        super().__init__("being scored" if scored else "waiting")
        self.scored = scored


@dataclass(slots=True, eq=False)
class _Job:
    key: Hashable
    samples: Sequence[Sample]
    answer: "asyncio.Future[Any]"
    taken: bool = False


class Batcher:
    """Collects requests and runs them in batches, first come first served.

    Requests with equal keys that follow each other run together, up to `Limits.batch` rows; a request is never split.
    Batches run one after the other in one thread, so what runs needs no lock. A request that nobody waits for any more
    is dropped unless its batch runs already.

    Args:
        run: answers a batch, in the worker thread.
        limits: how many rows may wait and run together.
        metrics: is told of batches and of the queue's length.
    """

    def __init__(self, run: Run, limits: Limits, metrics: Metrics) -> None:
        self.run, self.limits, self.metrics = run, limits, metrics
        self.waiting = 0
        self.rate = 0.0  # rows a second, of late
        self._queue: deque[_Job] = deque()
        self._more = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="herokit-rewarder")
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def open(self) -> None:
        """Begin to take batches; call it inside the event loop."""
        self._task = asyncio.create_task(self._work())

    async def ask(self, key: Hashable, samples: Sequence[Sample]) -> Any:
        """Wait for the answer to one request.

        Args:
            key: requests with equal keys may run together.
            samples: its rows, whole groups.

        Raises:
            QueueFullError: its rows do not fit into the queue.
            TooLateError: `Limits.seconds` went by.
            Exception: what `run` gave for it.
        """
        self.check_room(len(samples))
        job = _Job(key, samples, asyncio.get_running_loop().create_future())
        self._queue.append(job)
        self._wait(len(samples))
        job.answer.add_done_callback(lambda _: self._drop(job))
        self._more.set()
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await job.answer
        except TimeoutError:
            raise TooLateError(scored=job.taken) from None

    def check_room(self, rows: int, held: int = 0) -> None:
        """Refuse rows that the queue has no room for.

        Args:
            rows: how many more there are.
            held: rows that wait elsewhere and will come to the queue.

        Raises:
            QueueFullError: there is no room.
        """
        ahead = self.waiting + held
        if ahead and ahead + rows > self.limits.queue:
            seconds = math.ceil(ahead / self.rate) if self.rate else 1
            raise QueueFullError(min(max(seconds, 1), 60), f"{ahead} rows wait, the queue holds {self.limits.queue}")

    async def alone(self, do: Callable[[], T]) -> T:
        """Run something in the worker thread, between two batches."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, do)

    async def close(self) -> None:
        """Finish what waits, then stop."""
        self._closing = True
        self._more.set()
        if self._task:
            await self._task
        await asyncio.to_thread(self._thread.shutdown)

    @property
    def works(self) -> bool:
        """Whether batches are taken."""
        return self._task is not None and not self._task.done()

    def _wait(self, rows: int) -> None:
        self.waiting += rows
        self.metrics.waiting.set(self.waiting)

    def _drop(self, job: _Job) -> None:
        """Forget a request that nobody waits for."""
        if not job.taken:
            self._wait(-len(job.samples))
            job.samples = ()

    async def _work(self) -> None:
        while self._queue or not self._closing:
            await self._more.wait()
            if self.limits.linger and self.waiting < self.limits.batch:
                await asyncio.sleep(self.limits.linger)
            jobs = self._take()
            if not self._queue and not self._closing:
                self._more.clear()
            if jobs:
                await self._answer(jobs)

    def _take(self) -> list[_Job]:
        jobs: list[_Job] = []
        rows = 0
        while self._queue:
            job = self._queue[0]
            if job.answer.done():  # nobody waits for it any more
                self._queue.popleft()
                continue
            if jobs and (job.key != jobs[0].key or rows + len(job.samples) > self.limits.batch):
                break
            self._queue.popleft()
            job.taken = True
            jobs.append(job)
            rows += len(job.samples)
        self._wait(-rows)
        return jobs

    async def _answer(self, jobs: list[_Job]) -> None:
        rows = sum(len(job.samples) for job in jobs)
        begun = perf_counter()
        try:
            found = await self.alone(lambda: self.run(jobs[0].key, [job.samples for job in jobs]))
        except Exception as error:  # noqa: BLE001 - the batch fails, its requests hear why, the worker goes on
            found = [error] * len(jobs)
        seconds = perf_counter() - begun
        self.rate = rows / max(seconds, 1e-6)
        self.metrics.batch(rows, seconds)
        for job, answer in zip(jobs, found, strict=True):
            if job.answer.done():
                continue
            if isinstance(answer, Exception):
                job.answer.set_exception(answer)
            else:
                job.answer.set_result(answer)
