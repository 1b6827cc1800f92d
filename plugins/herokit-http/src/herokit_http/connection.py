"""Base of sources behind HTTP: a connection that opens on first use, in an event loop of its own."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Hashable, Sequence
from concurrent.futures import CancelledError
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any, ClassVar, Self, TypeVar

from herokit.errors import ConfigError
from herokit.reward_models.lazy import LazyResource, ResourceOwner
from herokit.reward_models.monitor import ScoreMonitor
from herokit.sources.cache import LRUCache
from herokit.types import Status
from herokit_http.batches import Failure, SendBatch, send_rows
from herokit_http.client import Client, parse_urls, redact_url
from herokit_http.request_policy import RequestPolicy

__all__ = ["Connection", "EventLoopThread", "HttpSource"]

T = TypeVar("T")


class EventLoopThread:
    """An event loop in a daemon thread, for callers that are synchronous or have an event loop of their own.

    Example:
        >>> thread = EventLoopThread()
        >>> thread.run(asyncio.sleep(0, "done"))
        'done'
        >>> thread.close(lambda: asyncio.sleep(0))
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="herokit-http", daemon=True)
        self._lock = threading.Lock()
        self._is_closing = False
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and return its result.

        Raises:
            Exception: raised by the coroutine.
            CancelledError: it was cancelled, or the thread is closing.
        """
        with self._lock:  # what is submitted before `close` is cancelled by it, and nothing is submitted after
            if self._is_closing:
                coroutine.close()
                raise CancelledError
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:  # an interrupt
            future.cancel()
            raise

    def close(self, clean_up: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Cancel what runs in the loop, run a last coroutine, and stop; does nothing in the loop's own thread."""
        if threading.current_thread() is self._thread:  # garbage collection there: it cannot wait for itself
            return
        with self._lock:
            is_closing, self._is_closing = self._is_closing, True
        if is_closing or not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        asyncio.run_coroutine_threadsafe(clean_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Connection:
    """An open client in an event loop of its own, and a cache of answers.

    Args:
        url: see `Client`.
        policy: how hard to try.
        cache_size: answers to store.

    Raises:
        ConfigError: an invalid URL, or the token's variable is not set.
    """

    def __init__(self, url: str, policy: RequestPolicy, cache_size: int) -> None:
        self.client = Client(url, policy)
        self.thread = EventLoopThread()
        self.cache = LRUCache[Hashable, Any](cache_size)

    def send(self, rows: Sequence[Hashable], send: SendBatch[Any], batch_size: int) -> list[Any | Failure]:
        """Return N answers for N rows, or why there is none."""
        try:
            return self.thread.run(send_rows(self.client, rows, send, batch_size=batch_size, cache=self.cache))
        except CancelledError:
            return [Failure("closed during the call")] * len(rows)

    def close(self) -> None:
        """End the calls that run, and close the client; also called at garbage collection and at exit."""
        self.thread.close(self.client.close)


class _Record:
    """What a source remembers of its work; a pickled or copied one starts anew."""

    def __init__(self) -> None:
        self.rows = self.failed = 0
        self.monitor = ScoreMonitor()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


@dataclass(frozen=True)
class HttpSource(ResourceOwner, ABC):
    """A source behind HTTP. Its connection opens on first use; pickling drops connection, cache and statistics.

    Attributes:
        url: of the server; several that do the same are separated by commas.
        request: how hard to try, and when to give up.
    """

    url: str
    _: KW_ONLY
    request: RequestPolicy = field(default_factory=RequestPolicy)
    _resource: LazyResource[Connection] = field(
        default_factory=partial(LazyResource, Connection.close), init=False, repr=False, compare=False
    )
    _record: _Record = field(default_factory=_Record, init=False, repr=False, compare=False)
    _unit: ClassVar[str] = "rows"

    def __post_init__(self) -> None:
        parse_urls(self.url)

    @abstractmethod
    def _describe(self) -> str:
        """Name the source and its server, for the report."""

    def report(self) -> str:
        """Describe in one line what was sent, how often, and the scale of the scores; `herokit score` prints it."""
        with self._resource.lock:
            record, connection = self._record, self._resource.value
            parts = [f"{record.rows} {self._unit}, {record.failed} failed"]
            if connection is not None:
                stats, hits = connection.client.stats, connection.cache.hits
                parts[0] += f", {stats.requests} requests in {stats.attempts} attempts"
                parts[0] += f", {hits} from the cache" if hits else ""
            return "; ".join(filter(None, (self._describe(), *parts, str(record.monitor))))

    @property
    def _public_url(self) -> str:
        return redact_url(self.url)

    def _check_at_least(self, name: str, minimum: float) -> None:
        value = getattr(self, name)
        if not value >= minimum:
            raise ConfigError(f"{type(self).__name__}: {name} = {value}; expected at least {minimum}")

    def _send(
        self,
        rows: Sequence[Hashable | Failure],
        make_sender: Callable[[Client], SendBatch[Any]],
        *,
        batch_size: int = 1,
        cache_size: int = 0,
    ) -> list[Any | Failure]:
        """Return N answers for N rows, or why there is none.

        Args:
            rows: what to send, or why a row cannot be sent.
            make_sender: given the client, returns what sends a batch.
            batch_size: rows per request.
            cache_size: answers to store.

        Raises:
            ConfigError: the token's variable is not set.
        """
        connection = self._resource.get(lambda: Connection(self.url, self.request, cache_size))
        sent = [row for row in rows if not isinstance(row, Failure)]
        received = iter(connection.send(sent, make_sender(connection.client), batch_size))
        answers = [row if isinstance(row, Failure) else next(received) for row in rows]
        with self._resource.lock:
            self._record.rows += len(answers)
            self._record.failed += sum(isinstance(x, Failure) and x.status is Status.FAILED for x in answers)
        return answers
