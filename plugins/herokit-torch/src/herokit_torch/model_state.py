"""What a reward model holds once it is open, and the cell that keeps it out of pickles."""

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, Self, TypeAlias

from herokit.errors import SetupError
from herokit.reward_models.batching import InferenceStats, MicroBatch, plan_batches, run_with_oom_retry
from herokit.reward_models.monitor import ScoreMonitor
from herokit.reward_models.progress import ProgressCallback, report_progress
from herokit_torch.text import Encoded, Encoder

Rows: TypeAlias = Sequence[list[int]]


class Engine(Protocol):
    """Plans jobs over rows and runs them; the results are (P, L) logits for P positions and L labels a row."""

    @property
    def how(self) -> str:
        """How rows run, in a word or two."""
        ...

    def plan(self, rows: Rows, families: Sequence[Hashable], todo: Sequence[int], budget: int) -> Sequence[MicroBatch]:
        """Cut the rows named in `todo` into jobs of at most `budget` tokens, padding included."""
        ...

    def run(self, rows: Rows, positions: Rows, job: Any) -> list[Any]:
        """Run one of its own jobs."""
        ...


@dataclass(slots=True)
class Opened:
    """An open model; `budget` shrinks when memory runs out."""

    encoder: Encoder
    engine: Engine
    budget: int

    def logits(self, encoded: Encoded, progress: ProgressCallback | None) -> tuple[list[Any], InferenceStats]:
        """Return (P, L) logits for every row, None for one that does not fit in memory, and what ran for them."""
        begun = perf_counter()
        plan = plan_batches(encoded.rows, max_batch_tokens=self.budget)
        first = plan.unique.tolist()
        rows, positions = [encoded.rows[i] for i in first], [encoded.positions[i] for i in first]
        families = [encoded.families[i] for i in first]
        done, tokens = 0, 0

        def ran(job: MicroBatch) -> None:
            nonlocal done, tokens
            done += len(job.rows)
            tokens += job.tokens
            report_progress(done, len(rows), callback=progress)

        def order(todo: Sequence[int], budget: int) -> Sequence[MicroBatch]:
            return self.engine.plan(rows, families, todo, budget)

        def run(job: Any) -> list[Any]:
            return self.engine.run(rows, positions, job)

        results, self.budget = run_with_oom_retry(len(rows), order, run, self.budget, ran, _release)
        ran_all = InferenceStats(
            rows=len(encoded.rows),
            unique=len(rows),
            real_tokens=plan.real_tokens,
            run_tokens=tokens,
            truncated=sum(map(bool, encoded.reasons)),
            seconds=perf_counter() - begun,
        )
        return [results[int(i)] for i in plan.inverse], ran_all


class Cell:
    """Where a model keeps what it opened: equal to every other cell, and empty after pickling or copying."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.opened: Opened | None = None
        self.stats = InferenceStats()
        self.monitor = ScoreMonitor()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


def tokens_that_fit(asked: int | None, config: Any, model: str) -> int:
    """Return the longest input in tokens: what was asked for, at most what the model's positions allow.

    Raises:
        SetupError: more was asked for than the model has positions.
    """
    most = getattr(config.get_text_config(), "max_position_embeddings", None) or 32768
    if asked is not None and asked > most:
        raise SetupError(f"{model}: max_tokens = {asked}, but the model has {most} positions")
    return int(asked or most)


def _release() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
