"""Gather the rollouts of a group that arrive one by one, for a limited time.

For trainers and protocols that score one rollout per call while the other rollouts of its prompt are in flight.
"""

import asyncio
import inspect
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any, Generic, TypeVar, cast

from herokit.errors import ConfigError, HerokitError

__all__ = ["GroupGatherer", "IncompleteGroupError"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_MAX_CLOSED_KEYS = 10_000
"""Keys of expired groups to remember, so that a late rollout is not taken for the first of a new group."""


class IncompleteGroupError(HerokitError):
    """The other rollouts of a group did not arrive in time."""


@dataclass(slots=True, eq=False)
class _Member(Generic[Item, Result]):
    item: Item
    deadline: float
    future: "Future[Result]" = field(default_factory=Future)


class GroupGatherer(Generic[Item, Result]):
    """Collect the rollouts of each group until it is complete, then process them together.

    Threads call `collect`, event loops `acollect`; both may serve the same group. No call waits forever: a rollout whose
    group is not complete in time raises.

    Args:
        process: the items of a complete group in order of arrival -> one result per item. A function runs for one group at a
            time, in the thread of the last rollout or in a worker thread of its event loop, so a `Rewarder` needs no lock; a
            coroutine function runs in the event loop and needs `acollect`. It has no time limit.
        timeout: seconds to wait for the other rollouts.
        unique_keys: True if a key names one group, once: the time of all its rollouts is over when that of the first one is,
            later ones raise at once, and a rollout stays in its group if its caller is cancelled. False if a key, such as the
            text of a prompt, names one group after the other: a rollout leaves alone when its time is over or its caller is
            cancelled.

    Raises:
        ConfigError: `timeout` is not positive.

    Example:
        >>> gatherer = GroupGatherer(lambda items: [max(items)] * len(items), timeout=0.05)
        >>> async def both():
        ...     return await asyncio.gather(gatherer.acollect("a", 3, size=2), gatherer.acollect("a", 4, size=2))
        >>> asyncio.run(both())
        [4, 4]
        >>> gatherer.collect("b", 1, size=2)
        Traceback (most recent call last):
        ...
        herokit.adapters.common.gather.IncompleteGroupError: 1 of 2 rollouts of the group arrived within 0.05 s
    """

    def __init__(
        self,
        process: Callable[[Sequence[Item]], Sequence[Result] | Awaitable[Sequence[Result]]],
        timeout: float,
        *,
        unique_keys: bool = True,
    ) -> None:
        if not timeout > 0:
            raise ConfigError(f"GroupGatherer: timeout = {timeout}; expected seconds above 0")
        self.process, self.timeout, self.unique_keys = process, timeout, unique_keys
        self._groups: dict[Hashable, list[_Member[Item, Result]]] = {}
        self._closed: OrderedDict[Hashable, str] = OrderedDict()
        self._lock, self._process_lock = Lock(), Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def num_waiting(self) -> int:
        """The number of rollouts that wait for others of their group."""
        with self._lock:
            return sum(map(len, self._groups.values()))

    def collect(self, key: Hashable, item: Item, size: int) -> Result:
        """Add one rollout, wait for its group and return its result.

        Args:
            key: the group; see `unique_keys`.
            item: the part of the rollout that `process` needs.
            size: rollouts in the group.

        Raises:
            IncompleteGroupError: the group was not complete in time.
            Exception: raised by `process`, for every rollout of the group.
        """
        member, group = self._add(key, item, size)
        if group:
            self._process(group)
        if not wait([member.future], timeout=max(0.0, member.deadline - monotonic())).done:
            self._expire(key, member, size)
        return member.future.result()

    async def acollect(self, key: Hashable, item: Item, size: int) -> Result:
        """Do the same as `collect` without blocking the event loop."""
        member, group = self._add(key, item, size)
        if group:  # a task of its own, so that the group is processed even if this caller is cancelled
            is_async = inspect.iscoroutinefunction(self.process)
            task = asyncio.create_task(self._aprocess(group) if is_async else asyncio.to_thread(self._process, group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        waiting = asyncio.wrap_future(member.future)
        try:
            done, _ = await asyncio.wait([waiting], timeout=max(0.0, member.deadline - monotonic()))
        except asyncio.CancelledError:
            if not self.unique_keys:
                with self._lock:
                    self._remove(key, [member])
            waiting.cancel()
            raise
        if not done:
            self._expire(key, member, size)
        return await waiting

    def close(self, reason: str) -> None:
        """Raise `IncompleteGroupError` for every rollout that waits.

        Args:
            reason: the message.
        """
        with self._lock:
            groups, self._groups = self._groups, {}
        for group in groups.values():
            _fail(group, IncompleteGroupError(reason))

    def _add(self, key: Hashable, item: Item, size: int) -> tuple[_Member[Item, Result], list[_Member[Item, Result]]]:
        """Add a member to its group; the second value is the group if it is complete now, else empty."""
        with self._lock:
            if key in self._closed:
                raise IncompleteGroupError(f"arrived after its group was closed: {self._closed[key]}")
            group = self._groups.setdefault(key, [])
            is_first = not group or not self.unique_keys
            member = _Member[Item, Result](item, monotonic() + self.timeout if is_first else group[0].deadline)
            member.future.set_running_or_notify_cancel()  # only this class ends it
            group.append(member)
            if len(group) < size:
                return member, []
            del self._groups[key]
            return member, group

    def _remove(self, key: Hashable, members: Sequence[_Member[Item, Result]]) -> None:
        """Take members out of a group that is not complete; the caller holds the lock."""
        group = [member for member in self._groups.pop(key, []) if member not in members]
        if group:
            self._groups[key] = group

    def _expire(self, key: Hashable, member: _Member[Item, Result], size: int) -> None:
        """End the wait of a member, and of its whole group if keys are unique, unless the group is complete."""
        with self._lock:
            group = self._groups.get(key, [])
            if member not in group:
                return
            reason = f"{len(group)} of {size} rollouts of the group arrived within {self.timeout:g} s"
            if self.unique_keys:
                self._closed[key] = reason
                if len(self._closed) > _MAX_CLOSED_KEYS:
                    self._closed.popitem(last=False)
            expired = group if self.unique_keys else [member]
            self._remove(key, expired)
        _fail(expired, IncompleteGroupError(reason))

    def _process(self, group: list[_Member[Item, Result]]) -> None:
        try:
            with self._process_lock:
                results = cast("Sequence[Result]", self.process([member.item for member in group]))
            _deliver(group, results)
        except Exception as error:  # noqa: BLE001 - raised in every caller, so that none waits forever
            _fail(group, error)

    async def _aprocess(self, group: list[_Member[Item, Result]]) -> None:
        try:
            _deliver(group, await cast("Awaitable[Sequence[Result]]", self.process([member.item for member in group])))
        except Exception as error:  # noqa: BLE001 - raised in every caller, so that none waits forever
            _fail(group, error)


def _deliver(group: Sequence[_Member[Any, Result]], results: Sequence[Result]) -> None:
    for member, result in zip(group, results, strict=True):
        member.future.set_result(result)


def _fail(group: Sequence[_Member[Any, Any]], error: Exception) -> None:
    for member in group:
        if not member.future.done():
            member.future.set_exception(error)
