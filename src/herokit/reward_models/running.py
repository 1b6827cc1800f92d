"""Run planned work on a local model; when memory runs out, halve the budget and go on."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from herokit.reward_models.batching import plan_batches

LOG = logging.getLogger(__name__)
TOO_BIG = "does not fit in memory even alone"
"""What a row is told that no budget could help."""
WORDS = ("out of memory", "not enough memory", "can't allocate memory", "failed to allocate memory", "bad_alloc")


@dataclass(frozen=True, slots=True)
class Job:
    """What runs at once: row numbers in the order of the results, and the tokens that run, padding included."""

    rows: tuple[int, ...]
    tokens: int


J = TypeVar("J", bound=Job)


def padded_jobs(rows: Sequence[Sequence[int]], todo: Sequence[int], budget: int, *, limit: int = 256) -> list[Job]:
    """Cut rows of similar length into jobs of at most `budget` padded tokens, the longest first.

    Args:
        rows: token ids; distinct ones.
        todo: which of them to run.
        budget: padded tokens a job; a row above it runs alone.
        limit: rows a job.

    Example:
        >>> padded_jobs([[1], [2, 2, 2], [3, 3]], [0, 1, 2], 6)
        [Job(rows=(1, 2), tokens=6), Job(rows=(0,), tokens=1)]
    """
    batches = plan_batches([rows[i] for i in todo], budget=budget, limit=limit).batches
    named = [tuple(todo[int(i)] for i in batch) for batch in batches]
    return [Job(job, len(job) * len(rows[job[0]])) for job in named]


def out_of_memory(error: Exception) -> bool:
    """Say whether an error means that memory ran out, on any device and in any runtime.

    Example:
        >>> out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate")), out_of_memory(RuntimeError("bad shape"))
        (True, False)
    """
    said = str(error).lower()
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or any(words in said for words in WORDS)


def run_all(
    count: int,
    plan: Callable[[Sequence[int], int], Sequence[J]],
    run: Callable[[J], Sequence[Any]],
    budget: int,
    ran: Callable[[J], None],
    release: Callable[[], None] = lambda: None,
) -> tuple[list[Any], int]:
    """Run rows 0..count-1 in planned jobs; a row that does not fit in memory even alone has the result None.

    Args:
        count: the number of rows.
        plan: rows still to run and a token budget -> jobs.
        run: one job -> one result a row.
        budget: tokens a job to begin with.
        ran: hears of every job that has run.
        release: gives back what a failed job left behind.

    Returns:
        the results in order, and the budget that was left in the end.
    """
    results: list[Any] = [None] * count
    todo = list(range(count))
    while todo:
        done: set[int] = set()
        for job in plan(todo, budget):
            try:
                found = run(job)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                reason = " ".join(str(error).split())[:300]
            else:
                for row, result in zip(job.rows, found, strict=True):
                    results[row] = result
                done.update(job.rows)
                ran(job)
                continue
            release()
            if len(job.rows) == 1:
                done.update(job.rows)
                LOG.warning("a row %s: %s", TOO_BIG, reason)
            else:
                budget = max(1, budget // 2)
                LOG.warning("out of memory; going on with %d tokens a job: %s", budget, reason)
                break
        todo = [row for row in todo if row not in done]
    return results, budget
