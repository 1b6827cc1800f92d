"""Working through a large batch in blocks of whole groups, so that every temporary array stays in the cache."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from array_api_compat import is_numpy_array, is_torch_array

from herokit._segment import namespace
from herokit.combiners.base import Mean, Sync
from herokit.types import Array, Groups, Signals

ROWS = 131_072
"""Rows of a block, at least: HERO took the same time a rollout from 65 to 262 thousand (`benchmarks/combiners.py`)."""

Apply = Callable[[Array, Signals, Any, Sync], tuple[Array, Any]]


def edges(reward: Array, signals: Signals) -> list[tuple[int, int]]:
    """Return the first row and first group of each block, and the end of the last; empty if the batch stays whole.

    A batch is cut in the processor's memory only (numpy, torch on a CPU), and only where the groups' ids do not fall
    from row to row: an accelerator has no such caches, and jax fuses the steps itself.
    """
    index, count, rows = signals.groups.index, signals.groups.count, reward.shape[0]
    if rows < 2 * ROWS or not (_on_cpu(reward) and _on_cpu(index)):
        return []
    index = np.asarray(index)  # the same memory
    if (index[1:] < index[:-1]).any():
        return []
    groups = np.unique(index[ROWS::ROWS])
    starts = np.searchsorted(index, groups)
    return [(0, 0), *((int(r), int(g)) for r, g in zip(starts, groups, strict=True) if r), (rows, count)]


def _on_cpu(x: Array) -> bool:
    return is_numpy_array(x) or (is_torch_array(x) and x.device.type == "cpu")


def in_blocks(apply: Apply, reward: Array, signals: Signals, state: Any, sync: Sync) -> tuple[Array, Any] | None:
    """Apply steps for which groups do not see each other to one block after the other; None if it stays whole.

    Every block reads the same state, and what the steps would have synchronized is merged over the blocks first, so
    `sync` is called as often as without blocks. The result differs from the whole batch's by the order of a sum.
    """
    cuts = edges(reward, signals)
    if len(cuts) < 3:  # noqa: PLR2004 - fewer than two blocks
        return None
    out = None
    merged: list[Mean] = []
    for (row, group), (row_end, group_end) in pairwise(cuts):
        part = Signals(
            {name: x[row:row_end] for name, x in signals.values.items()},
            Groups(signals.groups.index[row:row_end] - group, group_end - group),
        )
        local: list[Mean] = []
        done, _ = apply(reward[row:row_end], part, state, _collect(local))
        out = namespace(done).empty(reward.shape, dtype=done.dtype) if out is None else out
        out[row:row_end] = done
        merged = [a.merge(b) for a, b in zip(merged, local, strict=True)] if merged else local
    nothing = Signals({name: x[:0] for name, x in signals.values.items()}, Groups(signals.groups.index[:0], 0))
    _, after = apply(reward[:0], nothing, state, _replay(iter(merged), sync))
    return out, after


def _collect(into: list[Mean]) -> Sync:
    def sync(local: Mean, /) -> Mean:
        into.append(local)
        return local

    return sync


def _replay(merged: Iterator[Mean], sync: Sync) -> Sync:
    def one(_: Mean, /) -> Mean:
        return sync(next(merged))

    return one
