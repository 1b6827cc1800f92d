"""Score an input of any length in this process: look it over, score it batch by batch, keep what is done, write it."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from herokit.errors import DataError, did_you_mean
from herokit.files.columns import Types
from herokit.files.group_batches import Piece, Survey, pieces, spill, survey
from herokit.files.partitions import Partitions
from herokit.files.writing import Output, check_columns, put_in_place, write_results
from herokit.pipeline.checkpoint import HELD, Checkpoint, Progress
from herokit.pipeline.scoring import combine_batch, result_columns
from herokit.reward_models.progress import track_progress
from herokit.rewarder import Rewarder
from herokit.sources.column import columns_read
from herokit.sources.execution import SourceOutputs

Watch = Callable[[str, int, int | None], None]
"""Hears what is being done, the rows done, and the rows to do if they are known."""

Hear = Callable[[Piece, int, int], None]
"""Hears how far a source is with a batch: how much is done, of how much."""

Ask = Callable[[Rewarder, Iterable[Piece], Hear], Iterator[tuple[Piece, SourceOutputs]]]
"""Asks a rewarder's sources for batches and yields them with the answers, in their order.

It may ask elsewhere and ahead: answers depend on the batch alone. Combining them needs the order, and is done here.
"""

ROW = "herokit:row"


@dataclass(frozen=True, slots=True)
class Job:
    """What to score and where to.

    Attributes:
        where: the input as the user named it.
        paths: its files.
        fields: part -> column, for columns whose names are not the usual ones.
        output: where the results go; None for a summary alone.
        run: what decides about the results: scheme, versions. A resumed run must have the same.
        prefix: put before the names of the result columns.
        groups_each: groups scored at a time; the running means move after each batch.
        resume: whether to go on where an interrupted run has stopped.
        every: seconds between two checkpoints, at least.
    """

    where: str
    paths: Sequence[Path]
    fields: Mapping[str, str]
    output: Output | None = None
    run: Mapping[str, Any] | None = None
    prefix: str = ""
    groups_each: int = 64
    resume: bool = False
    every: float = 30.0


def ask_here(rewarder: Rewarder, coming: Iterable[Piece], hear: Hear) -> Iterator[tuple[Piece, SourceOutputs]]:
    """Ask the rewarder's sources in this process, one batch after the other; see `Ask`."""
    for piece in coming:
        with track_progress(lambda part, whole, piece=piece: hear(piece, part, whole)):  # type: ignore[misc]
            answers = rewarder.run_sources(piece.samples)
        yield piece, answers


def score_job(job: Job, rewarder: Rewarder, *, ask: Ask = ask_here, watch: Watch = lambda *_: None) -> Progress:
    """Score an input: the results are those of one uninterrupted run, however often it was interrupted.

    Args:
        job: what to score.
        rewarder: asked a batch at a time; its state is overwritten.
        ask: asks its sources.
        watch: hears how far it is.

    Raises:
        DataError: something is wrong with the input or the output, found before anything is scored; the results
            cannot be written; or the run to be resumed was another.
        HerokitError: a source broke its contract or cannot work at all.
        KeyboardInterrupt: interrupted; what was scored is kept, if there is an output.
    """
    if job.output is None:
        with tempfile.TemporaryDirectory(prefix="herokit-") as folder:
            progress = _begin(job, rewarder, Path(folder), watch)
            return _score(job, rewarder, progress, Path(folder), None, ask, watch)
    settings = {**(job.run or {}), "fields": dict(job.fields), "prefix": job.prefix, "batch_groups": job.groups_each}
    if job.output.path.resolve() in {path.resolve() for path in job.paths}:
        raise DataError(f"{job.output.path}: is among the inputs; put the results elsewhere")
    with Checkpoint(job.output.work, settings) as checkpoint:
        if checkpoint.begun and not job.resume:
            raise DataError(
                f"{checkpoint.folder}: holds an interrupted run; go on with it: --resume; or delete that folder to "
                "begin anew"
            )
        before = checkpoint.load(job.paths) if checkpoint.begun else None
        with _kept(checkpoint):
            progress = before or _begin(job, rewarder, checkpoint.folder, watch)
            checkpoint.save(progress)
            progress = _score(job, rewarder, progress, checkpoint.folder, checkpoint, ask, watch)
            if not progress.written:
                _write(job, progress, checkpoint, watch)
                checkpoint.save(replace(progress, written=True))
            if job.output.made.exists():  # it may be in place already
                put_in_place(job.output)
        checkpoint.remove()
        return progress


@contextmanager
def _kept(checkpoint: Checkpoint) -> Iterator[None]:
    """Leave the folder behind only if it holds something scored; what ends the run then says so in a note."""
    try:
        yield
    except BaseException as error:
        if any(checkpoint.folder.glob("results-*.arrow")):
            saved = checkpoint.saved
            told = f"{saved.done:,} of {saved.survey.rows:,} rollouts" if saved else "what"
            error.add_note(f"{told} are scored and kept in {checkpoint.folder}; go on with")
        else:
            checkpoint.remove()
        raise


def _begin(job: Job, rewarder: Rewarder, folder: Path, watch: Watch) -> Progress:
    found = survey(job.where, job.paths, job.fields, folder, tell=_counter(watch, "checking", None))
    names = Types(found.types).names
    _check_reads(job, rewarder, found, names)
    if job.output is not None:
        check_columns(job.output, names, [job.prefix + name for name in result_columns(rewarder)])
    return Progress(found, rewarder.state_dict())


def _check_reads(job: Job, rewarder: Rewarder, found: Survey, names: list[str]) -> None:
    """Refuse an input that lacks a column which a source reads."""
    for name, source in rewarder.sources.items():
        for column in columns_read(source):
            if column not in names:
                raise DataError(
                    f"{job.where}: source {name!r} reads a column {column!r}; {did_you_mean(column, names)}"
                )
            if part := next((part for part, played in found.fields.items() if played == column), None):
                raise DataError(
                    f"{job.where}: source {name!r} reads column {column!r}, which is taken for the {part}; name the "
                    f"{part} with --field {part}=COLUMN"
                )


def _score(
    job: Job,
    rewarder: Rewarder,
    progress: Progress,
    folder: Path,
    checkpoint: Checkpoint | None,
    ask: Ask,
    watch: Watch,
) -> Progress:
    """Score what is left, keeping what is done every `job.every` seconds."""
    found = progress.survey
    if progress.done == found.rows:
        return progress
    if not found.together and not progress.spilled:
        spill(found, folder, tell=_counter(watch, "sorting", found.rows))
        progress = replace(progress, spilled=True)
        if checkpoint:
            checkpoint.save(progress)
    keeper = _Keeper(checkpoint, progress, job.every)
    watch("scoring", progress.done, found.rows)
    coming = pieces(found, job.groups_each, folder=folder, start=progress.done)
    begun = perf_counter()
    try:
        for piece, answers in ask(rewarder, coming, _share(watch, found.rows)):
            record, progress = _combine(rewarder, piece, answers, progress)
            begun, spent = perf_counter(), perf_counter() - begun
            progress = replace(progress, wall=progress.wall + spent)
            keeper.add(record, progress)
            watch("scoring", progress.done, found.rows)
    finally:  # interrupted or failed: what is done is kept
        keeper.save()
    return keeper.saved


def _combine(rewarder: Rewarder, piece: Piece, answers: SourceOutputs, progress: Progress) -> tuple[Any, Progress]:
    """Combine one batch: the record of its results, with the rows they belong to, and the progress that counts them."""
    import pyarrow as pa

    scored = combine_batch(rewarder, answers, piece.samples, piece.rows.tolist(), progress.state)
    columns = [pa.array(piece.rows, pa.int64()), *scored.record.columns]
    record = pa.record_batch(columns, names=[ROW, *scored.record.schema.names])
    merged = progress.summary.merge(scored.summary)
    done = progress.done + len(piece.samples)
    return record, replace(progress, state=scored.state, summary=merged, done=done)


class _Keeper:
    """Holds results until they are written down, as one shard."""

    def __init__(self, checkpoint: Checkpoint | None, progress: Progress, every: float) -> None:
        self.saved = progress
        self._checkpoint, self._every = checkpoint, every
        self._held: list[tuple[Any, Progress]] = []
        self._size, self._last = 0, perf_counter()

    def add(self, record: Any, progress: Progress) -> None:
        self._held.append((record, progress))  # together: an interruption may come between any two steps
        self._size += record.nbytes
        if self._size >= HELD or perf_counter() - self._last >= self._every:
            self.save()

    def save(self) -> None:
        if not self._held or self._held[-1][1].done == self.saved.done:
            return
        progress = self._held[-1][1]
        if self._checkpoint:
            progress = replace(progress, shards=self.saved.shards + 1)
            self._checkpoint.save(progress, [record for record, _ in self._held])
        self.saved = progress
        self._held, self._size, self._last = [], 0, perf_counter()


def _write(job: Job, progress: Progress, checkpoint: Checkpoint, watch: Watch) -> None:
    """Write the results beside the input's columns."""
    import pyarrow as pa

    assert job.output is not None  # noqa: S101 - there is no checkpoint without one
    found = progress.survey
    order = checkpoint.folder / "order"
    parts = Partitions(order, found.part)
    silent = {f"{name}_steps" for name in progress.summary.statuses if name not in progress.summary.stepwise}
    if not found.together:
        shutil.rmtree(order, ignore_errors=True)
        order.mkdir()
        for record in checkpoint.records(progress):
            rows = record.column(0).to_numpy()
            parts.add(rows, rows, record.select(record.schema.names[1:]))
        parts.finish()

    def records() -> Iterator[Any]:
        if found.together:
            ordered: Iterable[Any] = (r.select(r.schema.names[1:]) for r in checkpoint.records(progress))
        else:
            ordered = (b for part in range(-(-found.rows // found.part)) for _, _, b in parts.read(part))
        for record in ordered:
            names = [name for name in record.schema.names if name not in silent]
            yield pa.record_batch(record.select(names).columns, names=[job.prefix + name for name in names])

    write_results(job.output, found, records, tell=_counter(watch, "writing", found.rows))


def _counter(watch: Watch, what: str, to_do: int | None) -> Callable[[int], None]:
    done = 0

    def tell(rows: int) -> None:
        nonlocal done
        done += rows
        watch(what, done, to_do)

    return tell


def _share(watch: Watch, to_do: int) -> Hear:
    """Turn how far sources are with a batch into rows; of several sources each begins anew, and the bar does not go back."""
    most = 0

    def hear(piece: Piece, part: int, whole: int) -> None:
        nonlocal most
        most = max(most, piece.place + len(piece.samples) * part // max(1, whole))
        watch("scoring", most, to_do)

    return hear
