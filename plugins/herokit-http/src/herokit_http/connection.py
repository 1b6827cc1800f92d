"""What a source opens on first use, keeps between calls, and never takes along when it is pickled."""

import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError
from typing import Any, Self

from herokit.reward_models.monitor import ScoreMonitor
from herokit_http.client import Link
from herokit_http.loop import Loop
from herokit_http.request_policy import Reach
from herokit_http.rows import Call, Lost, Memory, ask_rows


class Cell:
    """A link in a loop of its own, the memory of answers, and counts."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.rows = self.lost = 0
        self.monitor = ScoreMonitor()
        self._open: tuple[Loop, Link, Memory[Any]] | None = None
        self._shut: Any = None

    def __reduce__(self) -> tuple[Callable[[], "Cell"], tuple[()]]:
        return Cell, ()

    def ask(
        self, rows: Sequence[Hashable], call: Callable[[Link], Call[Any]], *, url: str, reach: Reach,
        batch: int = 1, cache: int = 0,
    ) -> list[Any | Lost]:  # fmt: skip
        """Ask for N rows, opening the link if need be; N answers or reasons.

        Args:
            rows: what is asked.
            call: given the link, how some of them are asked.
            url: where.
            reach: how hard to try.
            batch: rows a request.
            cache: answers to remember.

        Raises:
            ConfigError: the URL is none, or the token's variable is not set.
        """
        loop, link, memory = self._opened(url, reach, cache)
        try:
            found = loop.run(ask_rows(link, rows, call(link), batch=batch, memory=memory))
        except CancelledError:
            found = [Lost("closed while it was asked")] * len(rows)
        with self.lock:
            self.rows += len(found)
            self.lost += sum(isinstance(answer, Lost) for answer in found)
        return found

    def said(self) -> str:
        """Say in a line what was done."""
        with self.lock:
            text = f"{self.rows} rows, {self.lost} without an answer"
            if self._open is not None:
                _, link, memory = self._open
                text += f", {link.count.requests} requests in {link.count.tries} tries"
                text += f", {memory.hits} answers remembered" if memory.hits else ""
            return "; ".join(filter(None, (text, str(self.monitor))))

    def close(self) -> None:
        """Close the connections; the next call opens them anew."""
        with self.lock:
            if self._shut is not None:
                self._shut()
            self._open = self._shut = None

    def _opened(self, url: str, reach: Reach, cache: int) -> tuple[Loop, Link, Memory[Any]]:
        with self.lock:
            if self._open is None or not self._open[0].alive:  # a forked child has no loop's thread
                loop = Loop()

                async def link() -> Link:
                    return Link(url, reach)

                try:
                    opened = loop.run(link())
                except BaseException:
                    loop.close()
                    raise
                self._open = (loop, opened, Memory(cache))
                self._shut = weakref.finalize(self, _shut, loop, opened)
            return self._open


class Reaching:
    """Base of the sources that reach a server: their links stand in a `Cell`, `_cell`."""

    _cell: Cell

    def close(self) -> None:
        """Close the connections; the next call opens them again."""
        self._cell.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _shut(loop: Loop, link: Link) -> None:
    """Close what nobody will ask again, also when its owner is forgotten or the process ends."""
    if loop.alive:
        loop.cancel()
        loop.run(link.close())
        loop.close()
