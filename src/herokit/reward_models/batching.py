"""Plan the work of a local model: score equal inputs once, pad little, restore the order. Pure numpy.

Every backend that runs a model in this process shares it: sort by length, cut into batches whose padded size fits a
token budget, and scatter the results back. A `Plan` knows nothing of models; it deals in token ids. Backends call `tell`
after every batch; whoever shows progress wraps the scoring in `watched`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from herokit.errors import ConfigError, SetupError

Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Progress: TypeAlias = Callable[[int, int], None]
"""Hears (distinct inputs done, distinct inputs to do) of the `score` that is under way."""

_WATCHER: ContextVar[Progress | None] = ContextVar("herokit_progress", default=None)


@contextmanager
def watched(progress: Progress) -> Iterator[None]:
    """Hear how far every local model gets that scores inside, whatever it is wrapped in.

    Equal inputs run once, so a batch of N rows ends at (D, D) with D <= N: a bar over rows moves by ``N * done / to_do``.
    Two models in one `Rewarder` report one after the other, each from its beginning. The innermost `watched` of a thread
    hears, and a thread that is started inside hears nothing of it; what `progress` raises stops the scoring.

    Args:
        progress: called after every batch, with (distinct inputs done, distinct inputs to do).

    Example:
        >>> with watched(print):
        ...     tell(1, 2)
        1 2
        >>> tell(2, 2)
    """
    token = _WATCHER.set(progress)
    try:
        yield
    finally:
        _WATCHER.reset(token)


@contextmanager
def progress_bar() -> Iterator[None]:
    """Show a bar of how far local models get inside: in a terminal or a notebook; pipes and files see nothing.

    Raises:
        SetupError: tqdm is not installed.

    Example:
        >>> with progress_bar():
        ...     tell(1, 2)
    """
    try:
        from tqdm.auto import tqdm
    except ModuleNotFoundError:
        raise SetupError("progress_bar needs tqdm: pip install tqdm") from None
    with tqdm(disable=None, unit=" rows") as bar:

        def hear(done: int, to_do: int) -> None:
            bar.total, bar.n = to_do, done
            bar.refresh()

        with watched(hear):
            yield


def tell(done: int, to_do: int, *, also: Progress | None = None) -> None:
    """Say how far a model got: to whoever is `watched`, and to the model's own callback.

    Args:
        done: distinct inputs that have run.
        to_do: distinct inputs of this `score`.
        also: the model's own `progress`, if it has one.
    """
    for hear in (also, _WATCHER.get()):
        if hear is not None:
            hear(done, to_do)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Which distinct inputs run together, and which row each result belongs to.

    Attributes:
        distinct: (D,) for every distinct input, the first row that has it.
        owner: (N,) for every row, the position of its input in `distinct`.
        batches: arrays of positions in `distinct`, longest inputs first; together a permutation of 0..D-1.
        real_tokens: tokens of the distinct inputs.
        padded_tokens: tokens that run, padding included.

    Example:
        >>> plan = plan_batches([[5, 6], [7], [5, 6]], budget=8)
        >>> plan.distinct.tolist(), plan.owner.tolist(), [b.tolist() for b in plan.batches]
        ([0, 1], [0, 1, 0], [[0, 1]])
    """

    distinct: Ints
    owner: Ints
    batches: tuple[Ints, ...]
    real_tokens: int
    padded_tokens: int

    def restore(self, results: Any) -> Any:
        """Give every row its result: (D, ...) in the order of `distinct` becomes (N, ...).

        Example:
            >>> plan_batches([[1], [2], [1]], budget=1).restore(np.array([0.5, 0.7])).tolist()
            [0.5, 0.7, 0.5]
        """
        return np.asarray(results)[self.owner]


@dataclass(frozen=True, slots=True)
class Stats:
    """What a local model has run; two of them add up.

    Attributes:
        rows: rows asked for.
        distinct: rows that were run, equal ones once.
        real_tokens: tokens of the distinct rows.
        run_tokens: tokens that ran: more than `real_tokens` by padding, fewer by what rows shared.
        truncated: rows that lost tokens.
        seconds: wall time of the runs.

    Example:
        >>> both = Stats(2, 2, 100, 120, 0, 0.5) + Stats(1, 1, 50, 60, 1, 0.5)
        >>> both.tokens_per_second, both.run_over_real, both.truncated
        (150.0, 1.2, 1)
        >>> print(both)
        3 rows, 3 distinct, 150 tokens, 1.20 run for each, 150 tokens/s, 1 truncated
    """

    rows: int = 0
    distinct: int = 0
    real_tokens: int = 0
    run_tokens: int = 0
    truncated: int = 0
    seconds: float = 0.0

    @property
    def tokens_per_second(self) -> float:
        """Real tokens a second; 0 before anything ran."""
        return self.real_tokens / self.seconds if self.seconds else 0.0

    @property
    def run_over_real(self) -> float:
        """Tokens that ran over real tokens: above 1 padding, below 1 sharing; 1 before anything ran."""
        return self.run_tokens / self.real_tokens if self.real_tokens else 1.0

    def __add__(self, other: "Stats") -> "Stats":
        return Stats(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Stats)))

    def __str__(self) -> str:
        return (
            f"{self.rows} rows, {self.distinct} distinct, {self.real_tokens} tokens, {self.run_over_real:.2f} run for "
            f"each, {self.tokens_per_second:.0f} tokens/s, {self.truncated} truncated"
        )


def plan_batches(inputs: Sequence[Sequence[int]], *, budget: int, limit: int = 256) -> Plan:
    """Group inputs of similar length into batches of at most `budget` padded tokens.

    A batch of b inputs, the longest of length L, costs ``b * L <= budget``; an input longer than the budget runs alone.
    The longest come first, so a model that does not fit in memory fails on the first batch, not the last.

    Args:
        inputs: token ids of N rows; equal rows run once.
        budget: padded tokens a batch, at least 1.
        limit: inputs a batch, at least 1.

    Raises:
        ConfigError: `budget` or `limit` is below 1.

    Example:
        >>> [b.tolist() for b in plan_batches([[1], [2, 2, 2, 2], [3, 3, 3], [4, 4]], budget=8).batches]
        [[1, 2], [3, 0]]
        >>> plan_batches([], budget=8).batches
        ()
    """
    if budget < 1 or limit < 1:
        raise ConfigError(f"a batch holds at least one token and one input, got budget={budget}, limit={limit}")
    seen: dict[tuple[int, ...], int] = {}
    owner = np.fromiter((seen.setdefault(tuple(ids), len(seen)) for ids in inputs), np.int64, len(inputs))
    distinct = np.unique(owner, return_index=True)[1].astype(np.int64)
    lengths = np.fromiter(map(len, seen), np.int64, len(seen))
    order = np.argsort(-lengths, kind="stable")
    batches = tuple(_cut(order, lengths, budget, limit))
    padded = sum(int(lengths[batch[0]]) * len(batch) for batch in batches)
    return Plan(distinct, owner, batches, int(lengths.sum()), padded)


def _cut(order: Ints, lengths: Ints, budget: int, limit: int) -> Iterator[Ints]:
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        size = min(limit, max(1, budget // longest))
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
