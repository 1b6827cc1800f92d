"""Groups out of rollouts that arrive one by one: each waits until its siblings are here."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from herokit.types import Sample


class TooFewError(Exception):
    """Not enough rollouts of a prompt arrived in time."""


@dataclass(slots=True, eq=False)
class _Member:
    sample: Sample
    answer: "asyncio.Future[Any]"


class Cohorts:
    """Gathers rollouts of the same prompt and reference until there are `size`, then asks for them as one group.

    A rollout whose client went away leaves; one whose siblings do not come in time is told so, and never scored. Two
    groups of one prompt that are under way at the same time may exchange rollouts, which share prompt and policy.

    Args:
        ask: answers a whole group, one row a sample.
        size: rollouts a group.
        seconds: how long a rollout waits for its siblings.
    """

    def __init__(self, ask: Callable[[Sequence[Sample]], Awaitable[Sequence[Any]]], size: int, seconds: float) -> None:
        self.ask, self.size, self.seconds = ask, size, seconds
        self._waiting: dict[Hashable, list[_Member]] = {}
        self._running: set[asyncio.Task[None]] = set()

    @property
    def rows(self) -> int:
        """How many rollouts wait for siblings."""
        return sum(len(members) for members in self._waiting.values())

    async def join(self, sample: Sample) -> Any:
        """Wait with one rollout for its group's answer, and return its own row.

        Raises:
            TooFewError: the group was not complete in time.
            Exception: what `ask` raised for the group.
        """
        key = (sample.prompt, sample.reference)
        member = _Member(sample, asyncio.get_running_loop().create_future())
        members = self._waiting.setdefault(key, [])
        members.append(member)
        if len(members) == self.size:
            del self._waiting[key]
            task = asyncio.create_task(self._answer(members))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        here = len(members)
        try:
            await asyncio.wait({member.answer}, timeout=self.seconds)
        except asyncio.CancelledError:
            self._leave(key, member)
            member.answer.cancel()
            raise
        if not member.answer.done() and self._leave(key, member):
            raise TooFewError(f"{here} of {self.size} rollouts of this prompt arrived within {self.seconds:g} s")
        return await member.answer

    def release(self) -> None:
        """Tell every rollout that waits for siblings that they will not come."""
        for members in self._waiting.values():
            for member in members:
                if not member.answer.done():
                    member.answer.set_exception(TooFewError("the service is shutting down"))
        self._waiting.clear()

    def _leave(self, key: Hashable, member: _Member) -> bool:
        """Take a rollout out of a group that is not complete; False if it is complete."""
        members = self._waiting.get(key, [])
        if member not in members:
            return False
        members.remove(member)
        if not members:
            del self._waiting[key]
        return True

    async def _answer(self, members: list[_Member]) -> None:
        group = id(members)
        try:
            rows: Sequence[Any] = await self.ask([replace(m.sample, group=group) for m in members])
        except Exception as error:  # noqa: BLE001 - every rollout of the group hears why
            rows = [error] * len(members)
        for member, row in zip(members, rows, strict=True):
            if member.answer.done():
                continue
            if isinstance(row, Exception):
                member.answer.set_exception(row)
            else:
                member.answer.set_result(row)
