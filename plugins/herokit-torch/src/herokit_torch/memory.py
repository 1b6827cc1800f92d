"""Run batches; when memory runs out, halve the budget and go on."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from herokit_torch.packing import Job

LOG = logging.getLogger(__name__)
CPU_WORDS = ("not enough memory", "can't allocate memory")


def out_of_memory(error: RuntimeError) -> bool:
    """Say whether an error means that memory ran out, on any device.

    Example:
        >>> import torch
        >>> out_of_memory(torch.OutOfMemoryError("CUDA out of memory")), out_of_memory(RuntimeError("bad shape"))
        (True, False)
    """
    import torch

    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in CPU_WORDS)


def run_all(
    count: int,
    plan: Callable[[Sequence[int], int], Sequence[Job]],
    run: Callable[[Job], Sequence[Any]],
    budget: int,
    tell: Callable[[Job], None],
) -> tuple[list[Any], int]:
    """Run rows 0..count-1 in planned jobs; a row that does not fit in memory even alone has the result None.

    Args:
        count: the number of rows.
        plan: rows still to run and a token budget -> jobs.
        run: one job -> one result a row.
        budget: tokens a job to begin with.
        tell: hears of every job that has run.

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
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                reason = str(error)
            else:
                for row, result in zip(job.rows, found, strict=True):
                    results[row] = result
                done.update(job.rows)
                tell(job)
                continue
            _release()
            if len(job.rows) == 1:
                done.update(job.rows)
                LOG.warning("a row does not fit in memory even alone: %s", reason)
            else:
                budget = max(1, budget // 2)
                LOG.warning("out of memory; going on with %d tokens a job: %s", budget, reason)
                break
        todo = [row for row in todo if row not in done]
    return results, budget


def _release() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
