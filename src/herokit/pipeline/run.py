"""Score an input of any length: index it, score it batch by batch with checkpoints, write the results."""

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from herokit.errors import DataError, did_you_mean
from herokit.files.column_types import ColumnTypes
from herokit.files.external_sort import Partitions
from herokit.files.group_batches import GroupBatch, InputIndex, index_input, read_batches, read_input, spill
from herokit.files.reading import META_ROLES, read_samples
from herokit.files.writing import Output, check_columns, move_into_place, write_results
from herokit.outcome import RewardOutput
from herokit.pipeline.checkpoint import MAX_BUFFER_BYTES, Checkpoint, RunProgress
from herokit.pipeline.summary import Summary, summarize
from herokit.records import replace_surrogates
from herokit.reward_models.progress import track_progress
from herokit.rewarder import Rewarder
from herokit.sources import execution
from herokit.sources.composite import columns_read
from herokit.sources.execution import SourceOutputs
from herokit.types import Scores, Status, Verifier

__all__ = ["Job", "RunCallback", "SourceRunner", "prefetch", "result_columns", "run_in_order", "score_job"]

RunCallback: TypeAlias = Callable[[str, int, int | None], None]
"""Called with (stage, rows done, rows to do or None if unknown)."""

BatchCallback: TypeAlias = Callable[[GroupBatch, int, int], None]
"""Called with (batch, work done, work to do) while a source works on a batch."""

SourceRunner: TypeAlias = Callable[
    [Rewarder, Iterable[GroupBatch], BatchCallback], Iterator[tuple[GroupBatch, SourceOutputs]]
]
"""Runs a rewarder's sources on batches and yields each batch with its outputs, in order.

It may run them elsewhere and ahead: outputs depend on their batch alone. Only combining them needs the order.
"""

_ROW = "herokit:row"


@dataclass(frozen=True, slots=True)
class Job:
    """What to score and where to write the results.

    Attributes:
        location: the input as the user named it.
        paths: its files.
        columns: role -> column, for columns with unusual names.
        output: where the results go; None for a summary alone.
        settings: what decides about the results: scheme, versions. A resumed run must have the same.
        prefix: prepended to the names of the result columns.
        batch_groups: groups per batch; running means are updated after each batch.
        resume: whether to continue an interrupted run.
        checkpoint_every: minimum seconds between two checkpoints.
        limit: the number of rows to score; None for all.
    """

    location: str
    paths: Sequence[Path]
    columns: Mapping[str, str]
    output: Output | None = None
    settings: Mapping[str, Any] | None = None
    prefix: str = ""
    batch_groups: int = 64
    resume: bool = False
    checkpoint_every: float = 30.0
    limit: int | None = None


def run_in_order(
    rewarder: Rewarder, batches: Iterable[GroupBatch], callback: BatchCallback
) -> Iterator[tuple[GroupBatch, SourceOutputs]]:
    """Run a rewarder's sources in this thread, one batch after the other; see `SourceRunner`."""
    for batch in batches:
        with track_progress(lambda done, total, batch=batch: callback(batch, done, total)):  # type: ignore[misc]
            outputs = rewarder.run_sources(batch.samples)
        yield batch, outputs


def prefetch(count: int) -> SourceRunner:
    """Return a `SourceRunner` that works on up to `count` batches at once, each in a thread.

    Memory stays bounded: at most `count` batches are read before the first one is yielded. What a source raises for a
    batch is raised when it is that batch's turn.

    Args:
        count: batches in progress; the sources must be safe to use from as many threads.
    """

    def run(
        rewarder: Rewarder, batches: Iterable[GroupBatch], callback: BatchCallback
    ) -> Iterator[tuple[GroupBatch, SourceOutputs]]:
        del callback  # batches finish often enough to show progress
        threads = ThreadPoolExecutor(count, thread_name_prefix="herokit-prefetch")
        waiting: deque[tuple[GroupBatch, Future[SourceOutputs]]] = deque()
        try:
            for batch in batches:
                waiting.append((batch, threads.submit(rewarder.run_sources, batch.samples)))
                if len(waiting) >= count:
                    first, outputs = waiting.popleft()
                    yield first, outputs.result()
            while waiting:
                first, outputs = waiting.popleft()
                yield first, outputs.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    return run


def score_job(
    job: Job,
    rewarder: Rewarder,
    *,
    run_sources: SourceRunner = run_in_order,
    on_progress: RunCallback = lambda *_: None,
) -> RunProgress:
    """Score an input; however often it was interrupted, the results are those of one uninterrupted run.

    Args:
        job: what to score.
        rewarder: scores one batch after the other; a resumed run replaces its state.
        run_sources: runs its sources.
        on_progress: called while the job runs.

    Raises:
        DataError: the input or the output is invalid (found before anything is scored), the results cannot be written,
            or the interrupted run had other settings.
        HerokitError: a source broke its contract or cannot work at all.
        KeyboardInterrupt: interrupted; what was scored is saved if there is an output.
    """
    if job.output is None:
        with tempfile.TemporaryDirectory(prefix="herokit-") as name:
            run = _Run(job, rewarder, run_sources, on_progress, Path(name))
            return run.score(run.start())
    if job.output.path.resolve() in {path.resolve() for path in job.paths}:
        raise DataError(f"{job.output.path}: is one of the inputs; choose another output")
    settings = {
        **(job.settings or {}),
        "columns": dict(job.columns),
        "prefix": job.prefix,
        "batch_groups": job.batch_groups,
        "limit": job.limit,
    }
    with Checkpoint(job.output.work_folder, settings) as checkpoint:
        if checkpoint.exists and not job.resume:
            raise DataError(
                f"{checkpoint.folder}: contains an interrupted run. Use --resume to continue it, or delete that folder "
                "to restart"
            )
        saved = checkpoint.load(job.paths) if checkpoint.exists else None
        with _keep_results(checkpoint):
            run = _Run(job, rewarder, run_sources, on_progress, checkpoint.folder, checkpoint)
            progress = run.score(run.start() if saved is None else run.restore(*saved))
            if not progress.written:
                run.write(progress)
            if job.output.complete.exists():  # otherwise it is in place already
                move_into_place(job.output)
        checkpoint.remove()
        return progress


@contextmanager
def _keep_results(checkpoint: Checkpoint) -> Iterator[None]:
    """If the run ends early, keep its folder only if it holds results; a note on the exception says so."""
    try:
        yield
    except BaseException as error:
        if any(checkpoint.folder.glob("results-*.arrow")):
            saved = checkpoint.saved
            count = f"{saved.rows:,} of {saved.index.rows:,}" if saved else "some"
            error.add_note(f"{count} rollouts are scored and saved in {checkpoint.folder}; continue with")
        else:
            checkpoint.remove()
        raise


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a job: the folder holds its temporary files, and its checkpoint if there is an output."""

    job: Job
    rewarder: Rewarder
    run_sources: SourceRunner
    on_progress: RunCallback
    folder: Path
    checkpoint: Checkpoint | None = None

    def start(self) -> RunProgress:
        """Index the input and check it against the sources and the output."""
        job = self.job
        counter = self._row_counter("checking", None)
        index = index_input(job.location, job.paths, job.columns, self.folder, limit=job.limit, on_rows=counter)
        names = ColumnTypes(index.types).names
        _check_source_columns(self.rewarder, index, names)
        _check_references(self.rewarder, index, names)
        if job.output is not None:
            check_columns(job.output, names, [job.prefix + name for name in result_columns(self.rewarder)])
        return self._save(RunProgress(index))

    def restore(self, progress: RunProgress, state: Mapping[str, Any]) -> RunProgress:
        """Continue where an interrupted run has stopped."""
        self.rewarder.load_state_dict(state)
        return progress

    def _save(self, progress: RunProgress) -> RunProgress:
        if self.checkpoint:
            self.checkpoint.save(progress, self.rewarder.state_dict())
        return progress

    def score(self, progress: RunProgress) -> RunProgress:
        """Score the remaining rows, with a checkpoint every `Job.checkpoint_every` seconds."""
        index = progress.index
        if progress.rows == index.rows:
            return progress
        if not index.contiguous and not progress.spilled:
            spill(index, self.folder, on_rows=self._row_counter("sorting", index.rows))
            progress = self._save(replace(progress, spilled=True))
        buffer = _ResultBuffer(self, progress)
        self.on_progress("scoring", progress.rows, index.rows)
        batches = read_batches(index, self.job.batch_groups, folder=self.folder, start=progress.rows)
        begin = perf_counter()
        try:
            for batch, outputs in self.run_sources(self.rewarder, batches, self._batch_callback(index.rows)):
                record, summary = _combine(self.rewarder, batch, outputs)
                begin, seconds = perf_counter(), perf_counter() - begin
                progress = replace(
                    progress,
                    summary=progress.summary.merge(summary),
                    rows=progress.rows + len(batch.samples),
                    seconds=progress.seconds + seconds,
                )
                buffer.add(record, progress)
                self.on_progress("scoring", progress.rows, index.rows)
        finally:  # also if interrupted
            buffer.save()
        return buffer.saved

    def write(self, progress: RunProgress) -> None:
        """Write the results next to the input's columns."""
        assert self.job.output is not None  # noqa: S101 - there is no checkpoint without one
        assert self.checkpoint is not None  # noqa: S101
        index, records = progress.index, self.checkpoint.records
        empty = {f"{name}_steps" for name in progress.summary.statuses if name not in progress.summary.step_sources}
        partitions = Partitions(self.folder / "order", index.partition_rows)
        if not index.contiguous:
            shutil.rmtree(partitions.folder, ignore_errors=True)
            partitions.folder.mkdir()
            for record in records(progress):
                rows = record.column(0).to_numpy()
                partitions.add(rows, rows, record.select(record.schema.names[1:]))
            partitions.finish()

        def read_results() -> Iterator[Any]:
            count = -(-index.rows // index.partition_rows)
            for record in (
                records(progress)
                if index.contiguous
                else (batch for number in range(count) for _, _, batch in partitions.read(number))
            ):
                names = [name for name in record.schema.names if name not in empty | {_ROW}]
                yield record.select(names).rename_columns([self.job.prefix + name for name in names])

        write_results(self.job.output, index, read_results, on_rows=self._row_counter("writing", index.rows))
        self._save(replace(progress, written=True))

    def _row_counter(self, stage: str, total: int | None) -> Callable[[int], None]:
        done = 0

        def count(rows: int) -> None:
            nonlocal done
            done += rows
            self.on_progress(stage, done, total)

        return count

    def _batch_callback(self, total: int) -> BatchCallback:
        """Convert the work of a source into rows; each source begins anew, but the rows never decrease."""
        highest = 0

        def report(batch: GroupBatch, done: int, to_do: int) -> None:
            nonlocal highest
            highest = max(highest, batch.start + len(batch.samples) * done // max(1, to_do))
            self.on_progress("scoring", highest, total)

        return report


class _ResultBuffer:
    """The results since the last checkpoint, each with the progress and the rewarder's state after it."""

    def __init__(self, run: _Run, progress: RunProgress) -> None:
        self.saved = progress
        self._run = run
        self._entries: list[tuple[Any, RunProgress, Any]] = []
        self._num_bytes, self._last = 0, perf_counter()

    def add(self, record: Any, progress: RunProgress) -> None:
        # one step, because an interruption may come between any two: it must not separate results from their state
        self._entries.append((record, progress, self._run.rewarder.state))
        self._num_bytes += record.nbytes
        if self._num_bytes >= MAX_BUFFER_BYTES or perf_counter() - self._last >= self._run.job.checkpoint_every:
            self.save()

    def save(self) -> None:
        if not self._entries or self._entries[-1][1].rows == self.saved.rows:
            return
        _, progress, self._run.rewarder.state = self._entries[-1]  # drops the state of an interrupted batch
        if self._run.checkpoint:
            progress = replace(progress, digests=self.saved.digests)
            records = [record for record, _, _ in self._entries]
            progress = self._run.checkpoint.save(progress, self._run.rewarder.state_dict(), records)
        self.saved = progress
        self._entries, self._num_bytes, self._last = [], 0, perf_counter()


def _check_source_columns(rewarder: Rewarder, index: InputIndex, names: Sequence[str]) -> None:
    """Check that the input has every column that a source reads."""
    for name, source in rewarder.sources.items():
        for column in columns_read(source):
            if column not in names:
                raise DataError(
                    f"{index.location}: source {name!r} reads a column {column!r}; {did_you_mean(column, list(names))}"
                )
            if role := next(
                (r for r, chosen in index.columns.items() if chosen == column and r not in META_ROLES), None
            ):
                raise DataError(
                    f"{index.location}: source {name!r} reads column {column!r}, which is used as the {role}; name the "
                    f"{role} with --column {role}=COLUMN"
                )


def _check_references(rewarder: Rewarder, index: InputIndex, names: Sequence[str]) -> None:
    """Check, if no row has a reference, that no verifier refuses the first row for that."""
    verifiers = {name: source for name, source in rewarder.sources.items() if isinstance(source, Verifier)}
    if index.references or not verifiers:
        return
    _, block = next(read_input(index))
    sample = read_samples(block, index.columns, names)[:1]
    for name, verifier in verifiers.items():
        verdict = execution.verify(name, verifier, sample)[0]
        if verdict.status is Status.FAILED and _NO_REFERENCE in verdict.reason:
            column = index.columns.get("reference")
            why = f"column {column!r} is empty in every row" if column else "there is no column for them"
            raise DataError(
                f"{index.location}: verifier {name!r} needs references, but {why}; the columns are {', '.join(names)}. Name one with "
                "--column reference=COLUMN; a path such as reward_model.ground_truth works, too"
            )


_NO_REFERENCE = "no reference"
"""The reason of verifiers for a sample without one."""


def _combine(rewarder: Rewarder, batch: GroupBatch, outputs: SourceOutputs) -> tuple[Any, Summary]:
    """Combine one batch; return its results as an Arrow record batch that begins with the rows' numbers, and a summary."""
    import pyarrow as pa

    output = rewarder.combine(outputs, [sample.group for sample in batch.samples])
    record = pa.record_batch({_ROW: pa.array(batch.rows, pa.int64()), **_to_arrow(output)})
    return record, summarize(output, batch.rows.tolist())


def result_columns(rewarder: Rewarder) -> list[str]:
    """Return the names of the result columns, without running the sources.

    A file in which no rollout has step scores leaves out ``<source>_steps``.
    """
    verifiers = [name for name, source in rewarder.sources.items() if isinstance(source, Verifier)]
    others = [name for name in rewarder.sources if name not in verifiers]
    nothing = SourceOutputs({name: [] for name in verifiers}, {name: Scores.from_values([]) for name in others})
    return list(_to_arrow(rewarder.combine(nothing, [], update_state=False)))


def _to_arrow(output: RewardOutput) -> dict[str, Any]:
    """Return the result columns as Arrow arrays: null for no value, a list per row for scores of steps and credit.

    The group is left out: the input's own column, or its prompt, is next to the results.
    """
    import pyarrow as pa

    columns = output.columns()
    names = [f"{source}_steps" for source in (*output.verdicts, *output.scores)] + (
        ["credit"] if output.credit is not None else []
    )
    lists = {name: columns.pop(name, None) for name in names}
    arrays = {name: _to_array(values) for name, values in columns.items() if name != "group"}
    for name, rows in lists.items():
        finite = [
            row and [x if x is not None and np.isfinite(x) else None for x in row]
            for row in rows or [None] * len(output.reward)
        ]
        arrays[name] = pa.array(finite, pa.list_(pa.float64()))
    return arrays


def _to_array(values: Any) -> Any:
    """Convert numbers or booleans of an array, or a list of texts."""
    import pyarrow as pa

    if isinstance(values, np.ndarray):
        return pa.array(values) if values.dtype == bool else pa.array(values, pa.float64(), mask=~np.isfinite(values))
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([replace_surrogates(value) for value in values], pa.string())
