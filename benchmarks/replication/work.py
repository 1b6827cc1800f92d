"""Making what a grid needs: processes with one thread each, progress, and whatever the cache holds left alone."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from benchmarks.replication import pipeline
from benchmarks.replication.plan import Base, Run
from benchmarks.replication.stepwise import StepwiseModel
from benchmarks.replication.store import Store
from benchmarks.replication.text import Codec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def _one_thread() -> None:
    torch.set_num_threads(1)


def _make_policy(root: Path, base: Base) -> None:
    Store(root).keep_policy(base, pipeline.fine_tune([base])[0])


def _make_model(root: Path, base: Base) -> None:
    store = Store(root)
    model, measures = pipeline.reward_model(base, store.policy(base) or {})
    store.keep_model(base, model.weights, measures)


def _make_run(root: Path, run: Run) -> None:
    store, codec = Store(root), Codec(pipeline.task_of(run.base.task, run.base.world))
    policy, model = store.policy(run.base), store.model(run.base)
    if policy is None or model is None:
        raise RuntimeError(f"the cache lost the base of {run}")
    stepwise = StepwiseModel(codec, codec.shape(run.base.width, run.base.layers), model[0])
    store.keep_run(run, pipeline.run_stack([run], [policy], [stepwise])[0])


def make(root: Path, runs: Iterable[Run], processes: int = 2) -> None:
    """Make every run that the cache lacks, and the policies and reward models they start from.

    Stopped at any moment, it goes on where it was. A failure is raised, after the work that had begun is kept.

    Args:
        root: of the cache.
        runs: the grid.
        processes: how many work at once; 0 works in this process.
    """
    store, runs = Store(root), list(dict.fromkeys(runs))
    bases = list(dict.fromkeys(run.base for run in runs if store.run(run) is None))
    policies = {b.policy_key: b for b in bases if store.policy(b) is None}
    phases: list[tuple[str, Callable[..., None], Sequence[Any]]] = [
        ("policies", _make_policy, list(policies.values())),
        ("reward models", _make_model, [b for b in bases if store.model(b) is None]),
        ("runs", _make_run, [run for run in runs if store.run(run) is None]),
    ]
    columns = (
        TextColumn("{task.description:>14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for name, work, plans in phases:
            if not plans:
                continue
            bar = progress.add_task(name, total=len(plans))
            if not processes:
                for plan in plans:
                    work(root, plan)
                    progress.advance(bar)
                continue
            with ProcessPoolExecutor(processes, get_context("spawn"), _one_thread) as pool:
                waiting: list[Future[None]] = [pool.submit(work, root, plan) for plan in plans]
                try:
                    for done in as_completed(waiting):
                        done.result()
                        progress.advance(bar)
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
