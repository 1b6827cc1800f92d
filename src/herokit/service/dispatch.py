"""Shared request state: engine, batching queue, group gatherer, answers to requests that may be sent again."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

from fastapi import HTTPException, Request

from herokit.adapters.common.gather import GroupGatherer
from herokit.adapters.common.microbatch import BatchQueue
from herokit.records import Row
from herokit.service.engine import Engine, ScoreKey, SourceKey
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics
from herokit.service.schemas import to_json
from herokit.types import Sample

__all__ = ["Dispatcher", "IdInUseError", "RequestTimeoutError"]

T = TypeVar("T")

_ANSWER_OVERHEAD = 1024
"""Bytes that a stored answer takes in addition to its text."""


class RequestTimeoutError(Exception):
    """A request ran out of time.

    Attributes:
        started: whether it was being scored by then; otherwise it is never scored.
    """

    def __init__(self, timeout: float, *, started: bool) -> None:
        super().__init__(f"out of time after {timeout:g} s while {'being scored' if started else 'waiting'}")
        self.started = started


class IdInUseError(Exception):
    """Another request had the same id."""


@dataclass(slots=True)
class _Answer:
    """The answer to a request with an id.

    Attributes:
        digest: of the request's body.
        task: what makes it.
        num_bytes: its size once it is there.
    """

    digest: bytes
    task: "asyncio.Task[bytes]"
    num_bytes: int = 0


class Dispatcher:
    """Shared request state of the endpoints.

    Args:
        engine: holds the rewarder.
        limits: of requests and queue.
        metrics: counts batches and rows that wait.
    """

    def __init__(self, engine: Engine, limits: Limits, metrics: Metrics) -> None:
        self.engine, self.limits, self.metrics = engine, limits, metrics
        self.queue = BatchQueue[Sample, list[Row]](
            self._run_batch,
            max_batch_rows=limits.max_batch_rows,
            max_queue_rows=limits.max_queue_rows,
            batch_wait=limits.batch_wait_s,
        )
        self.gatherer = GroupGatherer[Sample, Row](self._score_group, limits.timeout_s, unique_keys=False)
        self.draining = False
        self.final_save_failed = False
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._answer_bytes = 0
        metrics.waiting_rows.set_function(lambda: self.queue.num_waiting)

    def drain(self) -> None:
        """Accept nothing new; what is in the queue is answered, rollouts that wait for their group get an error."""
        self.draining = True
        self.gatherer.close("the service is shutting down")

    async def run_alone(self, function: Callable[[], T]) -> T:
        """Run a function between two batches, in their thread."""
        return await asyncio.wrap_future(self.queue.run_alone(function))

    async def close(self) -> None:
        """Run what is in the queue, then end its thread."""
        await asyncio.to_thread(self.queue.close)

    async def run(self, request: Request, key: ScoreKey | SourceKey, samples: Sequence[Sample]) -> list[Row]:
        """Queue the samples of a request and return their rows; the request is dropped when its client goes away."""
        return await _until_disconnect(request, self._submit(key, samples))

    async def run_once(
        self, request: Request, name: str, digest: bytes, key: ScoreKey, samples: Sequence[Sample]
    ) -> bytes:
        """Do the same for a request with a name, and return JSON: sent again, it gets the answer to the first one.

        It is not dropped when its client goes away, because the client may come back. The latest answers are stored, as
        many bytes of them as the limits allow; a request that failed is forgotten.

        Args:
            request: the request.
            name: its id.
            digest: of its body.
            key: as for `run`.
            samples: of the request.

        Raises:
            IdInUseError: a request with this id had another body.
        """
        if name not in self._answers:
            answer = _Answer(digest, asyncio.create_task(self._answer(key, samples)))
            self._answers[name] = answer
            answer.task.add_done_callback(lambda _: self._store(name, answer))
        elif self._answers[name].digest != digest:
            raise IdInUseError(f"the id {name!r} belongs to a request with another body; draw a new one at random")
        return await _until_disconnect(request, asyncio.shield(self._answers[name].task))

    async def _answer(self, key: ScoreKey, samples: Sequence[Sample]) -> bytes:
        return to_json({"rows": await self._submit(key, samples)})

    async def run_in_group(self, request: Request, sample: Sample) -> Row:
        """Wait until all rollouts of a group have arrived, and return the row of this one."""
        self.queue.check_room(1, self.gatherer.num_waiting)
        return await _until_disconnect(request, self.gatherer.acollect(sample.group, sample, self.limits.group_size))

    async def _submit(self, key: Hashable, samples: Sequence[Sample]) -> list[Row]:
        if len(samples) > self.limits.max_request_rows:
            raise HTTPException(
                413, f"{len(samples)} rows; expected at most {self.limits.max_request_rows} per request"
            )
        future = self.queue.submit(samples, key)
        waiting = asyncio.wrap_future(future)
        try:
            done, _ = await asyncio.wait([waiting], timeout=self.limits.timeout_s)
        finally:  # leave the queue, after a timeout or a cancellation
            dropped = future.cancel()
            waiting.cancel()
        if not done:
            raise RequestTimeoutError(self.limits.timeout_s, started=not dropped)
        return waiting.result()

    async def _score_group(self, samples: Sequence[Sample]) -> list[Row]:
        return await self._submit(ScoreKey(), samples)

    def _run_batch(self, key: Hashable, requests: Sequence[Sequence[Sample]]) -> list[list[Row] | Exception]:
        start = perf_counter()
        results = self.engine.run(key, requests)
        self.metrics.count_batch(sum(map(len, requests)), perf_counter() - start)
        return results

    def _store(self, name: str, answer: _Answer) -> None:
        """Count the bytes of an answer, forget it if the request failed, and the oldest answers if there are too many."""
        if answer.task.cancelled() or answer.task.exception() is not None:
            del self._answers[name]
            return
        answer.num_bytes = len(answer.task.result()) + _ANSWER_OVERHEAD
        self._answer_bytes += answer.num_bytes
        while self._answer_bytes > self.limits.max_answer_bytes:
            oldest = next(iter(self._answers))
            if not self._answers[oldest].task.done():
                return
            self._answer_bytes -= self._answers.pop(oldest).num_bytes


async def _until_disconnect(request: Request, work: Awaitable[T]) -> T:
    """Wait for work, and cancel it when the client goes away."""
    task = asyncio.ensure_future(work)
    disconnected = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({task, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise HTTPException(499, "the client went away")
    finally:
        for waiting in (task, disconnected):
            waiting.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
