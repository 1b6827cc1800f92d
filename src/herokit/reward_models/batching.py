"""Batch the work of a local reward model: run equal inputs once, pad little, restore the order, survive a lack of memory.

Pure numpy on token ids; the model itself is a function that the backend passes in.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias, TypeVar

import numpy as np

from herokit.errors import ConfigError

__all__ = [
    "OUT_OF_MEMORY",
    "BatchPlan",
    "InferenceStats",
    "Ints",
    "MicroBatch",
    "pad_right",
    "plan_batches",
    "plan_micro_batches",
    "run_with_oom_retry",
    "unique_rows",
]

LOG = logging.getLogger(__name__)

Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

OUT_OF_MEMORY = "does not fit in memory even alone"
"""The reason of a row that runs out of memory in a batch of its own."""

_OOM_MESSAGES = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "failed to allocate memory",
    "bad_alloc",
)


@dataclass(frozen=True, slots=True, eq=False)
class BatchPlan:
    """Which unique inputs run together, and which unique input each row has.

    Attributes:
        unique: (U,) for every unique input, the first row that has it.
        inverse: (N,) for every row, the position of its input in `unique`.
        batches: arrays of positions in `unique`, longest inputs first; together a permutation of 0..U-1.
        real_tokens: tokens of the unique inputs.
        padded_tokens: tokens that run, padding included.

    Example:
        >>> plan = plan_batches([[5, 6], [7], [5, 6]], max_batch_tokens=8)
        >>> plan.unique.tolist(), plan.inverse.tolist(), [b.tolist() for b in plan.batches]
        ([0, 1], [0, 1, 0], [[0, 1]])
    """

    unique: Ints
    inverse: Ints
    batches: tuple[Ints, ...]
    real_tokens: int
    padded_tokens: int

    def restore(self, results: Any) -> Any:
        """Give every row its result: (U, ...) in the order of `unique` becomes (N, ...).

        Example:
            >>> plan_batches([[1], [2], [1]], max_batch_tokens=1).restore(np.array([0.5, 0.7])).tolist()
            [0.5, 0.7, 0.5]
        """
        return np.asarray(results)[self.inverse]


def unique_rows(inputs: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Return `unique` and `inverse` of `BatchPlan`: the first row of every unique input, and the unique input of every row.

    Example:
        >>> [x.tolist() for x in unique_rows([[5, 6], [7], [5, 6]])]
        [[0, 1], [0, 1, 0]]
    """
    positions: dict[tuple[int, ...], int] = {}
    inverse = np.fromiter((positions.setdefault(tuple(ids), len(positions)) for ids in inputs), np.int64, len(inputs))
    return np.unique(inverse, return_index=True)[1].astype(np.int64), inverse


def plan_batches(inputs: Sequence[Sequence[int]], *, max_batch_tokens: int, max_batch_size: int = 256) -> BatchPlan:
    """Group inputs of similar length into batches of at most `max_batch_tokens` padded tokens.

    A batch of b inputs, the longest of length L, costs ``b * L <= max_batch_tokens``; an input above that runs alone.
    The longest come first, so a model that does not fit in memory fails on the first batch, not the last.

    Args:
        inputs: token ids of N rows; equal rows run once.
        max_batch_tokens: padded tokens per batch, at least 1.
        max_batch_size: inputs per batch, at least 1.

    Raises:
        ConfigError: a limit is below 1.

    Example:
        >>> [b.tolist() for b in plan_batches([[1], [2, 2, 2, 2], [3, 3, 3], [4, 4]], max_batch_tokens=8).batches]
        [[1, 2], [3, 0]]
        >>> plan_batches([], max_batch_tokens=8).batches
        ()
    """
    for name, limit in (("max_batch_tokens", max_batch_tokens), ("max_batch_size", max_batch_size)):
        if limit < 1:
            raise ConfigError(f"{name} must be at least 1, got {limit}")
    unique, inverse = unique_rows(inputs)
    lengths = np.fromiter((len(inputs[i]) for i in unique), np.int64, len(unique))
    order = np.argsort(-lengths, kind="stable")
    batches = tuple(_cut(order, lengths, max_batch_tokens, max_batch_size))
    padded = sum(int(lengths[batch[0]]) * len(batch) for batch in batches)
    return BatchPlan(unique, inverse, batches, int(lengths.sum()), padded)


def _cut(order: Ints, lengths: Ints, max_batch_tokens: int, max_batch_size: int) -> Iterator[Ints]:
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        size = min(max_batch_size, max(1, max_batch_tokens // longest))
        yield order[start : start + size]
        start += size


def pad_right(rows: Sequence[Sequence[int]], *, pad: int = 0) -> tuple[Ints, Ints]:
    """Write rows into one array, padded on the right.

    Args:
        rows: token ids of B inputs.
        pad: the id that fills the rest.

    Returns:
        (B, S) token ids and (B, S) mask, 1 where a token is real; S is at least 1.

    Example:
        >>> ids, mask = pad_right([[4, 5], [6]])
        >>> ids.tolist(), mask.tolist()
        ([[4, 5], [6, 0]], [[1, 1], [1, 0]])
    """
    width = max(1, *map(len, rows)) if rows else 1
    ids = np.full((len(rows), width), pad, np.int64)
    mask = np.zeros((len(rows), width), np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask


@dataclass(frozen=True, slots=True)
class InferenceStats:
    """What a local model has run; two of them add up.

    Attributes:
        rows: rows scored.
        unique: rows that were run, equal ones once.
        real_tokens: tokens of the unique rows.
        run_tokens: tokens that ran: more than `real_tokens` by padding, fewer where rows shared a prefix.
        truncated: rows that lost tokens.
        seconds: wall time of the runs.

    Example:
        >>> both = InferenceStats(2, 2, 100, 120, 0, 0.5) + InferenceStats(1, 1, 50, 60, 1, 0.5)
        >>> both.tokens_per_second, both.run_ratio, both.truncated
        (150.0, 1.2, 1)
        >>> print(both)
        3 rows (3 unique), 150 tokens, 20% padding overhead, 150 tokens/s, 1 truncated
        >>> print(InferenceStats(8, 8, 200, 100, 0, 1.0))
        8 rows (8 unique), 200 tokens, 50% saved by shared prefixes, 200 tokens/s, 0 truncated
    """

    rows: int = 0
    unique: int = 0
    real_tokens: int = 0
    run_tokens: int = 0
    truncated: int = 0
    seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Real tokens per second; 0 before anything ran."""
        return self.real_tokens / self.seconds if self.seconds else 0.0

    @property
    def run_ratio(self) -> float:
        """Tokens that ran over real tokens: above 1 padding, below 1 shared prefixes; 1 before anything ran."""
        return self.run_tokens / self.real_tokens if self.real_tokens else 1.0

    def __add__(self, other: "InferenceStats") -> "InferenceStats":
        return InferenceStats(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(InferenceStats)))

    def __str__(self) -> str:
        ratio = self.run_ratio
        overhead = f"{ratio - 1:.0%} padding overhead" if ratio >= 1 else f"{1 - ratio:.0%} saved by shared prefixes"
        return (
            f"{self.rows} rows ({self.unique} unique), {self.real_tokens} tokens, {overhead}, "
            f"{self.tokens_per_second:.0f} tokens/s, {self.truncated} truncated"
        )


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Rows that run at once.

    Attributes:
        rows: row numbers, in the order of the results.
        tokens: tokens that run, padding included.
    """

    rows: tuple[int, ...]
    tokens: int


B = TypeVar("B", bound=MicroBatch)


def plan_micro_batches(
    rows: Sequence[Sequence[int]], pending: Sequence[int], max_batch_tokens: int, *, max_batch_size: int = 256
) -> list[MicroBatch]:
    """Cut rows of similar length into micro-batches of at most `max_batch_tokens` padded tokens, the longest first.

    Args:
        rows: token ids of unique rows.
        pending: the rows to run.
        max_batch_tokens: padded tokens per micro-batch; a longer row runs alone.
        max_batch_size: rows per micro-batch.

    Example:
        >>> plan_micro_batches([[1], [2, 2, 2], [3, 3]], [0, 1, 2], 6)
        [MicroBatch(rows=(1, 2), tokens=6), MicroBatch(rows=(0,), tokens=1)]
    """
    plan = plan_batches([rows[i] for i in pending], max_batch_tokens=max_batch_tokens, max_batch_size=max_batch_size)
    members = [tuple(pending[int(i)] for i in batch) for batch in plan.batches]
    return [MicroBatch(batch, len(batch) * len(rows[batch[0]])) for batch in members]


def run_with_oom_retry(
    count: int,
    plan: Callable[[Sequence[int], int], Sequence[B]],
    run: Callable[[B], Sequence[Any]],
    max_batch_tokens: int,
    on_done: Callable[[B], None],
    release: Callable[[], None] = lambda: None,
) -> tuple[list[Any], int]:
    """Run rows 0..count-1 in micro-batches; halve the token limit and plan again whenever memory runs out.

    Args:
        count: the number of rows.
        plan: (rows still to run, token limit) -> micro-batches.
        run: one micro-batch -> one result per row.
        max_batch_tokens: the limit to begin with.
        on_done: called with every micro-batch that has run.
        release: frees what a failed micro-batch left behind.

    Returns:
        the results in order, None for a row that does not fit in memory even alone; and the final token limit.
    """
    results: list[Any] = [None] * count
    pending = list(range(count))
    while pending:
        done: set[int] = set()
        for batch in plan(pending, max_batch_tokens):
            reason = _run_batch(batch, run, results)
            if reason is None:
                done.update(batch.rows)
                on_done(batch)
                continue
            release()
            if len(batch.rows) > 1:
                max_batch_tokens = max(1, max_batch_tokens // 2)
                LOG.warning("out of memory; retrying with %d tokens per batch: %s", max_batch_tokens, reason)
                break
            done.update(batch.rows)
            LOG.warning("a row %s: %s", OUT_OF_MEMORY, reason)
        pending = [row for row in pending if row not in done]
    return results, max_batch_tokens


def _run_batch(batch: B, run: Callable[[B], Sequence[Any]], results: list[Any]) -> str | None:
    """Write the results of one micro-batch; return the error's text when memory ran out, else None."""
    try:
        batch_results = run(batch)
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        return " ".join(str(error).split())[:300]
    for row, result in zip(batch.rows, batch_results, strict=True):
        results[row] = result
    return None


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether an error means that memory ran out, on any device and in any runtime.

    Example:
        >>> _is_out_of_memory(RuntimeError("CUDA out of memory. Tried")), _is_out_of_memory(RuntimeError("bad shape"))
        (True, False)
    """
    text = str(error).lower()
    by_type = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return by_type or any(message in text for message in _OOM_MESSAGES)
