"""Coroutines in code that is not: one event loop for all of them, in a thread of its own."""

import inspect
import threading
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Any

from herokit.reward_models.lazy import LazyResource

if TYPE_CHECKING:
    import asyncio

__all__ = ["MAX_CONCURRENT", "await_result", "gather_outcomes", "run_coroutine"]

MAX_CONCURRENT = 64
"""Coroutines of one batch that run at the same time."""


def await_result(returned: Any) -> Any:
    """Return what a function returned; the result of a coroutine, if that is what it returned.

    Example:
        >>> async def double(x):
        ...     return 2 * x
        >>> await_result(double(2)), await_result(3)
        (4, 3)
    """
    return run_coroutine(returned) if inspect.isawaitable(returned) else returned


def run_coroutine(awaitable: Awaitable[Any]) -> Any:
    """Run a coroutine to its end and return its result, from any thread, also from one whose event loop is running.

    All coroutines of a process share one loop, so a client that a function keeps between calls stays usable.

    Example:
        >>> async def double(x):
        ...     return 2 * x
        >>> run_coroutine(double(2))
        4
    """
    import asyncio  # on first use: it is slow to import, and few sources need it

    loop = _LOOP.get(_start_loop)
    if _running_loop() is loop:  # a coroutine called code that waits: the shared loop cannot wait for itself
        return asyncio.run_coroutine_threadsafe(_finish(awaitable), _start_loop()).result()
    future = asyncio.run_coroutine_threadsafe(_finish(awaitable), loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def gather_outcomes(awaitables: Iterable[Awaitable[Any]]) -> list[Any]:
    """Return for each coroutine its result, or the exception that it raised; `MAX_CONCURRENT` run at the same time.

    Example:
        >>> async def invert(x):
        ...     return 1 / x
        >>> run_coroutine(gather_outcomes([invert(2), invert(0)]))
        [0.5, ZeroDivisionError('division by zero')]
    """
    import asyncio

    limit = asyncio.Semaphore(MAX_CONCURRENT)

    async def run(awaitable: Awaitable[Any]) -> Any:
        async with limit:
            return await awaitable

    return await asyncio.gather(*map(run, awaitables), return_exceptions=True)


async def _finish(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _running_loop() -> "asyncio.AbstractEventLoop | None":
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _start_loop() -> "asyncio.AbstractEventLoop":
    import asyncio

    loop = asyncio.new_event_loop()
    threading.Thread(target=_run_loop, args=(loop,), name="herokit-coroutines", daemon=True).start()
    return loop


def _run_loop(loop: "asyncio.AbstractEventLoop") -> None:
    loop.run_forever()
    loop.close()


def _stop_loop(loop: "asyncio.AbstractEventLoop") -> None:
    loop.call_soon_threadsafe(loop.stop)


_LOOP: "LazyResource[asyncio.AbstractEventLoop]" = LazyResource(_stop_loop)
