"""Propagate a rank's failure to the ranks that wait for it in an all-reduce."""

import contextlib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from herokit.combiners import Chain, Mean, Sync, initial_reward, no_sync
from herokit.errors import SetupError
from herokit.types import Groups, Signals


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
        combiner: the chain that they combine by.
        sources: the names of its signals.
        state: the chain's state.
        sync: what they meet in.
    """
    if sync is no_sync:
        return

    def missing(local: Mean, /) -> Mean:  # noqa: ARG001 - there is none
        sync(Mean(1, math.nan))
        raise _LeftError

    nothing = Signals({name: np.zeros(0) for name in sources}, Groups.from_keys(()))
    with contextlib.suppress(_LeftError):  # the peers leave at the first mean, too
        combiner.trace(initial_reward(nothing), nothing, state, sync=missing)


class _LeftError(Exception):
    """The peers know."""
