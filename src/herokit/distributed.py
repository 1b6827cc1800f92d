"""Propagate a rank's failure to the ranks that wait for it in an all-reduce."""

import asyncio
import contextlib
import math
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from herokit.combiners import Chain, Mean, Sync, initial_reward
from herokit.combiners.base import no_sync
from herokit.errors import SetupError
from herokit.types import Groups, Signals

__all__ = ["abort_peers", "abort_peers_on_error", "raise_on_peer_failure", "run_sources_in_thread"]


def raise_on_peer_failure(sync: Sync) -> Sync:
    """Wrap a sync so that it raises when another rank has failed.

    Example:
        >>> raise_on_peer_failure(lambda local: Mean(1, float("nan")))(Mean(1, 2.0))
        Traceback (most recent call last):
        ...
        herokit.errors.SetupError: a source failed on another rank; see that rank's log
    """
    if sync is no_sync:
        return no_sync

    def merge(local: Mean, /) -> Mean:
        merged = sync(local)
        if not math.isfinite(merged.value):
            raise SetupError("a source failed on another rank; see that rank's log")
        return merged

    return merge


def abort_peers(combiner: Chain, sources: Iterable[str], state: Any, sync: Sync) -> None:
    """Send NaN to the collective so that other ranks raise instead of waiting; does nothing for a chain without one.

    Args:
        combiner: the chain of all ranks.
        sources: the names of its signals.
        state: the state of the chain.
        sync: merges a running mean across ranks.
    """
    if sync is no_sync:
        return

    def send_nan(local: Mean, /) -> Mean:  # noqa: ARG001 - this rank has no mean
        sync(Mean(1, math.nan))
        raise _PeersAbortedError

    empty = Signals({name: np.zeros(0) for name in sources}, Groups.from_keys(()))
    with contextlib.suppress(_PeersAbortedError):  # the other ranks raise at the first mean, too
        combiner.trace(initial_reward(empty), empty, state, sync=send_nan)


class _Synced(Protocol):
    """What `abort_peers_on_error` reads of a `Rewarder`."""

    combiner: Chain
    sources: Any
    state: Any
    sync: Sync


@contextlib.contextmanager
def abort_peers_on_error(rewarder: _Synced) -> Iterator[None]:
    """Call `abort_peers` when the block raises or its coroutine is cancelled, then let the error pass.

    Put into it what a rank does between two calls of `Rewarder.combine`, such as reading rows. Leave `combine` itself
    outside, and `Rewarder.run_sources`, which aborts the peers by itself: one failure must reach one collective. A coroutine
    that runs the sources in a thread calls `run_sources_in_thread`.
    """
    try:
        yield
    except (Exception, asyncio.CancelledError):
        abort_peers(rewarder.combiner, rewarder.sources, rewarder.state, rewarder.sync)
        raise


async def run_sources_in_thread(rewarder: Any, samples: Any) -> Any:
    """Return ``rewarder.run_sources(samples)``, run in a thread; if the coroutine is cancelled, the other ranks raise.

    A trainer that gathers coroutines cancels this one when another fails, and `Rewarder.combine` is never reached.
    """
    try:
        return await asyncio.to_thread(rewarder.run_sources, samples)
    except asyncio.CancelledError:
        abort_peers(rewarder.combiner, rewarder.sources, rewarder.state, rewarder.sync)
        raise


class _PeersAbortedError(Exception):
    """The other ranks have received NaN."""
