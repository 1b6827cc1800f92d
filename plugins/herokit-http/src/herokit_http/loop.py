"""An event loop in a daemon thread: callers may be synchronous, or live in an event loop of their own."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, wait
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """Runs coroutines for synchronous callers.

    Example:
        >>> loop = Loop()
        >>> loop.run(asyncio.sleep(0, "done"))
        'done'
        >>> loop.close()
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="herokit-http", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it runs, in this process, and in another thread than this one."""
        return self._thread.is_alive() and threading.current_thread() is not self._thread

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop's thread and return its result.

        Raises:
            Exception: what the coroutine raised.
            CancelledError: it was cancelled, or the loop closed.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # closed just now
            work.close()
            raise CancelledError from None
        try:
            while not wait((future,), timeout=1.0).done:
                if not self.alive:  # closed from another thread
                    future.cancel()
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def cancel(self) -> None:
        """Cancel all that runs in it."""

        async def leave() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.run(leave())

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
