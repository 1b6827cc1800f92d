"""Waiting until the siblings of a group are there, for a limited time.

For trainers that score one rollout a call with all siblings in flight in one process. Nothing hangs: a cohort whose
siblings do not come is closed as failed when its time is over, and those who come later are told so at once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from herokit.errors import ConfigError

Item = TypeVar("Item")
Result = TypeVar("Result")

REMEMBERED = 10_000
"""How many closed cohorts are remembered, to tell a late sibling from the first of a new cohort."""


@dataclass(slots=True)
class _Cohort(Generic[Item, Result]):
    deadline: float
    items: list[Item] = field(default_factory=list)
    futures: "list[Future[Result]]" = field(default_factory=list)


class Cohorts(Generic[Item, Result]):
    """Collects the `size` siblings of each group, then works on them at once.

    Use `collect` from threads, `acollect` from an event loop; both may serve one cohort at the same time. `work` and
    `fail` run one at a time, in the caller's thread or a worker thread of the loop, so a `Rewarder` needs no lock.

    Args:
        size: siblings a group.
        work: items in order of arrival -> one result each; called once a whole cohort. It has no time limit, so ask
            sources before, one sibling at a time, and leave only the combining to it.
        fail: items and the reason -> one result each; called when a cohort's time is over, and for late siblings.
        limit: seconds from the first sibling's arrival until the cohort is closed.

    Raises:
        ConfigError: `size` below 1 or `limit` not above 0.

    Example:
        >>> cohorts = Cohorts(2, lambda items: [max(items)] * 2, lambda items, why: [why] * len(items), limit=0.05)
        >>> cohorts.collect("lonely", 1)
        '1 of 2 siblings arrived within 0.05 s'
        >>> async def both():
        ...     return await asyncio.gather(cohorts.acollect("pair", 3), cohorts.acollect("pair", 4))
        >>> asyncio.run(both())
        [4, 4]
    """

    def __init__(
        self,
        size: int,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        fail: Callable[[Sequence[Item], str], Sequence[Result]],
        *,
        limit: float,
    ) -> None:
        if size < 1:
            raise ConfigError(f"Cohorts: size = {size}; expected at least 1")
        if not limit > 0:
            raise ConfigError(f"Cohorts: limit = {limit}; expected seconds above 0")
        self.size, self.work, self.fail, self.limit = size, work, fail, limit
        self._open: dict[Hashable, _Cohort[Item, Result]] = {}
        self._closed: OrderedDict[Hashable, str] = OrderedDict()
        self._lock, self._turn = Lock(), Lock()

    def collect(self, key: Hashable, item: Item) -> Result:
        """Add one sibling and wait for the cohort; returns this sibling's result.

        Args:
            key: names one cohort, once: a prompt drawn again needs a new key.
            item: what `work` needs of this sibling.

        Raises:
            Exception: whatever `work` or `fail` raised, for every sibling of the cohort.
        """
        cohort, future, whole = self._add(key, item)
        if whole:
            self._finish(cohort, None)
        if not wait([future], timeout=max(0.0, cohort.deadline - monotonic())).done:
            self._expire(key, cohort)
        return future.result()

    async def acollect(self, key: Hashable, item: Item) -> Result:
        """Do what `collect` does without blocking the event loop."""
        cohort, future, whole = self._add(key, item)
        if whole:
            await asyncio.to_thread(self._finish, cohort, None)
        waiting = asyncio.wrap_future(future)
        done, _ = await asyncio.wait([waiting], timeout=max(0.0, cohort.deadline - monotonic()))
        if not done:
            await asyncio.to_thread(self._expire, key, cohort)
        return await waiting

    def _add(self, key: Hashable, item: Item) -> "tuple[_Cohort[Item, Result], Future[Result], bool]":
        """Put a sibling into its cohort; says whether that made it whole. A late one makes a cohort of its own, failed."""
        future: Future[Result] = Future()
        future.set_running_or_notify_cancel()  # a waiter that is cancelled leaves its siblings' cohort as it is
        with self._lock:
            why = self._closed.get(key)
            if why is None:
                cohort = self._open.setdefault(key, _Cohort(monotonic() + self.limit))
                cohort.items.append(item)
                cohort.futures.append(future)
                whole = len(cohort.items) == self.size
                if whole:
                    del self._open[key]
                return cohort, future, whole
        late = _Cohort[Item, Result](monotonic(), [item], [future])
        self._finish(late, f"arrived after its group was closed: {why}")
        return late, future, False

    def _expire(self, key: Hashable, cohort: _Cohort[Item, Result]) -> None:
        """Close a cohort whose time is over, unless it became whole or a sibling has closed it."""
        with self._lock:
            if self._open.get(key) is not cohort:
                return
            del self._open[key]
            why = f"{len(cohort.items)} of {self.size} siblings arrived within {self.limit:g} s"
            self._closed[key] = why
            while len(self._closed) > REMEMBERED:
                self._closed.popitem(last=False)
        self._finish(cohort, why)

    def _finish(self, cohort: _Cohort[Item, Result], why: str | None) -> None:
        """Give every sibling its result, or the error."""
        try:
            with self._turn:
                results = self.work(cohort.items) if why is None else self.fail(cohort.items, why)
            for future, result in zip(cohort.futures, results, strict=True):
                future.set_result(result)
        except Exception as error:  # noqa: BLE001 - it is handed to every sibling, none waits for ever
            for future in cohort.futures:
                if not future.done():
                    future.set_exception(error)
