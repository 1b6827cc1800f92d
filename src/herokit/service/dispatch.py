"""What the endpoints share: the keeper of the rewarder, the queue before it, the cohorts before that."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from fastapi import HTTPException, Request

from herokit.service.batching import Batcher
from herokit.service.engine import Ask, Keeper, Reward
from herokit.service.gather import Cohorts
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics
from herokit.service.serialize import Row
from herokit.types import Sample

T = TypeVar("T")


class Desk:
    """What the endpoints share: the keeper, the queue, the cohorts.

    Args:
        keeper: holds the rewarder.
        limits: bounds of requests and queue.
        metrics: what is counted.
    """

    def __init__(self, keeper: Keeper, limits: Limits, metrics: Metrics) -> None:
        self.keeper, self.limits, self.metrics = keeper, limits, metrics
        self.batcher = Batcher(keeper.run, limits, metrics)
        self.cohorts = Cohorts(lambda group: self.batcher.ask(Reward(), group), limits.cohort, limits.seconds)
        self.draining = False
        self._kept_rows = 0
        self._kept: OrderedDict[str, tuple[asyncio.Task[list[Row]], int]] = OrderedDict()

    def drain(self) -> None:
        """Take nothing new from now on; what is in the queue is answered."""
        self.draining = True
        self.cohorts.release()

    async def ask(self, request: Request | None, key: Reward | Ask, samples: Sequence[Sample]) -> list[Row]:
        """Queue a request's samples and return their rows; None for a request that nothing can end early."""
        if len(samples) > self.limits.rows:
            raise HTTPException(413, f"a request may have {self.limits.rows} rows, got {len(samples)}")
        work = self.batcher.ask(key, samples)
        found: list[Row] = await (work if request is None else _unless_gone(request, work))
        return found

    async def ask_once(self, request: Request, name: str, key: Reward, samples: Sequence[Sample]) -> list[Row]:
        """Do the same for a request with a name: sent again, it waits for, or gets, the answer that is there.

        It is not dropped when its client goes away, for the client may come back. Answers are kept until as many rows
        as the queue holds have come after them; a request that failed is forgotten.
        """
        if name not in self._kept:
            task = asyncio.create_task(self.ask(None, key, samples))
            self._kept[name] = (task, len(samples))
            self._kept_rows += len(samples)
            task.add_done_callback(lambda done: self._settle(name, done))
        return await _unless_gone(request, asyncio.shield(self._kept[name][0]))

    def _settle(self, name: str, done: "asyncio.Task[list[Row]]") -> None:
        """Forget a request that failed, and the oldest answers where there are too many."""
        if done.cancelled() or done.exception() is not None:
            self._kept_rows -= self._kept.pop(name)[1]
        while self._kept_rows > self.limits.queue:
            oldest, (task, rows) = next(iter(self._kept.items()))
            if not task.done() or oldest == name:
                break
            del self._kept[oldest]
            self._kept_rows -= rows

    async def join(self, request: Request, sample: Sample) -> Row:
        """Let one rollout wait for its siblings, and return its row."""
        self.batcher.check_room(1, self.cohorts.rows)
        found: Row = await _unless_gone(request, self.cohorts.join(sample))
        return found


async def _unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Wait for work, and give it up when the client goes away."""
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise HTTPException(499, "the client went away")
    finally:
        for waiting in (task, gone):
            waiting.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
