"""Many rows through one link: batches, equal rows once, a memory, a deadline, and no row lost for another's sake."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from herokit_http.client import Link, UnansweredError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lost:
    """A row has no answer, and why."""

    why: str


Call: TypeAlias = Callable[[Sequence[Any]], Awaitable[Sequence[T | Lost]]]
"""Asks for some rows at once and returns an answer for each."""


class Memory(Generic[T]):
    """The answers to the last `size` distinct rows.

    Example:
        >>> memory = Memory(1)
        >>> memory.keep("a", 1.0), memory.keep("b", 2.0), memory.find("a"), memory.find("b")
        (None, None, None, 2.0)
    """

    def __init__(self, size: int) -> None:
        self.size, self.hits = size, 0
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def find(self, key: Hashable) -> T | None:
        """Return the answer to a row, None if it is not known."""
        if key not in self._kept:
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        return self._kept[key]

    def keep(self, key: Hashable, answer: T) -> None:
        """Remember an answer, and forget the one that was not asked for the longest time."""
        self._kept[key] = answer
        while len(self._kept) > self.size:
            self._kept.popitem(last=False)


async def ask_rows(
    link: Link, rows: Sequence[Hashable], call: Call[T], *, batch: int, memory: Memory[T]
) -> list[T | Lost]:
    """Ask for N rows; N answers, or the reasons why there is none.

    Args:
        link: how the server is reached.
        rows: what is asked, in a form that `call` sends; equal rows are asked once.
        call: asks for some of them.
        batch: rows a request. A request that the server refuses for its content is halved until the rows that it
            refuses stand alone.
        memory: what was answered before.
    """
    known: dict[Hashable, T | Lost | None] = {row: memory.find(row) for row in rows}
    asked = [row for row, answer in known.items() if answer is None]
    parts = [asked[i : i + batch] for i in range(0, len(asked), batch)]
    tasks = [asyncio.create_task(_some(link, part, call)) for part in parts]
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=link.reach.deadline)
        late = Lost(f"no answer within the deadline of {link.reach.deadline:g} s")
        for part, task in zip(parts, tasks, strict=True):
            answers = task.result() if task.done() else [late] * len(part)
            known.update(zip(part, answers, strict=True))
            for row, answer in zip(part, answers, strict=True):
                if not isinstance(answer, Lost):
                    memory.keep(row, answer)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [found for row in rows if (found := known[row]) is not None]


async def _some(link: Link, part: Sequence[Any], call: Call[T]) -> list[T | Lost]:
    try:
        found = whole(list(await call(part)), len(part))
    except UnansweredError as error:
        if error.content and len(part) > 1:
            middle = len(part) // 2
            return [*await _some(link, part[:middle], call), *await _some(link, part[middle:], call)]
        if error.false:
            link.believe(str(error))
        return [Lost(str(error))] * len(part)
    link.believe()
    return found


def whole(found: list[T | Lost], count: int) -> list[T | Lost]:
    """Refuse a wrong number of answers: nobody can say whose they are, and a part of the rows might fit by accident.

    Raises:
        UnansweredError: there are more or fewer than rows.
    """
    if len(found) != count:
        hint = "; a server that takes one row at a time needs batch = 1" if len(found) == 1 else ""
        raise UnansweredError(f"{len(found)} answers to {count} rows{hint}", false=True)
    return found
