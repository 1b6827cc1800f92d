"""Index the input files and iterate over batches of complete groups, wherever the rows of a group lie."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from herokit.conversations.columns import is_message_text
from herokit.errors import DataError
from herokit.files.blocks import ArrowBlock, Block, JsonBlock, read_blocks
from herokit.files.column_types import ColumnTypes
from herokit.files.external_sort import GroupRuns, Ints, Partitions
from herokit.files.inputs import fingerprint, fsync_file
from herokit.files.reading import (
    check_prompts_as_groups,
    choose_columns,
    find_list_column,
    list_paths,
    parse_rows,
    read_samples,
    rename_list_column,
)
from herokit.types import Sample

__all__ = ["RUNS_FILE", "GroupBatch", "InputIndex", "index_input", "read_batches", "read_input", "spill"]

PARTITION_BYTES = 1 << 26
"""Approximate size of what is sorted or written at a time."""

MAX_GROUP_ROWS = 1 << 17
"""A group is held in memory."""

RUNS_FILE, SPILL_FOLDER = "runs.sqlite", "spill"

_LINE = "herokit:line"
"""The only column of a spilled `JsonBlock`: each row as JSON."""


def _ignore(_: int) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True)
class InputIndex:
    """What one pass over all rows of an input finds; plain values, saved with a checkpoint.

    Attributes:
        location: the input, as the user named it.
        files: each file's `fingerprint`, and its number of ``rows``.
        columns: role -> column.
        types: the columns and their types, as `ColumnTypes.dumps` returns them.
        rows: number of rollouts.
        groups: number of groups.
        contiguous: whether the rows of every group lie together.
        partition_rows: rows of about 64 MB.
        list_column: the column of lists of completions, each of which became a row; "" for none.
        references: rows that have a reference.
        limit: the number of rows that were read; None for all.
        message_texts: the roles, prompt or completion, whose values are chat messages as text in every row.
    """

    location: str
    files: list[dict[str, Any]]
    columns: dict[str, str]
    types: str
    rows: int
    groups: int
    contiguous: bool
    partition_rows: int
    list_column: str = ""
    references: int = 0
    limit: int | None = None
    message_texts: Sequence[str] = ()

    def row_label(self, row: int) -> str:
        """Return a row as people count it: from 1 in its file, with the file's name if there are several.

        Args:
            row: the row in the whole input, from 0.
        """
        return _row_label([(file["path"], file["rows"]) for file in self.files], row)


def _row_label(files: Sequence[tuple[Any, int]], row: int) -> str:
    for path, count in files:
        if row < count:
            return f"{row + 1}" if len(files) == 1 else f"{row + 1} of {path}"
        row -= count
    return f"{row + 1}"


@dataclass(frozen=True, slots=True, eq=False)
class GroupBatch:
    """Complete groups that are scored together.

    Attributes:
        start: number of rows in earlier batches.
        rows: (N,) the position of each row in the input, from 0.
        samples: N samples; the samples of a group lie together.
    """

    start: int
    rows: Ints
    samples: Sequence[Sample]


def index_input(
    location: str,
    paths: Sequence[Path],
    columns: Mapping[str, str],
    folder: Path,
    *,
    limit: int | None = None,
    on_rows: Callable[[int], None] = _ignore,
) -> InputIndex:
    """Read an input once: check every row, find its columns, their types, and where its groups lie.

    Args:
        location: the input as the user named it, for messages.
        paths: its files, in order.
        columns: role -> column, for columns with unusual names.
        folder: where to store the runs of the groups, for `spill`.
        limit: the number of rows to read; None for all.
        on_rows: called with the number of rows of each block.

    Raises:
        DataError: the input has no row, a row that cannot be read, no column for a required role, a group with two prompts,
            or a group of more than 131,072 rollouts.
    """
    before = [_version(path) for path in paths]
    dotted = list_paths(columns)
    first, names = _first_names(location, paths, columns, dotted)
    while True:
        chosen = choose_columns(location, names, columns)
        list_column = find_list_column(first, chosen)
        with _write_errors(folder), GroupRuns(folder / RUNS_FILE) as runs:
            roles = rename_list_column(chosen) if list_column else chosen
            scan = _read_all(_limit_rows(paths, list_column, dotted, limit), len(paths), roles, runs, on_rows)
            groups, contiguous, largest = runs.finish()
            conflict = runs.find_conflict()
            fsync_file(folder / RUNS_FILE)
        names = [*scan.types.names, *scan.paths]
        if choose_columns(location, names, columns) == chosen:
            break  # otherwise a column with a role begins in a later block
    counts = scan.counts
    if conflict:
        raise _conflict_error(location, list(zip(paths, counts, strict=True)), roles, list_column, conflict)
    _check_group_size(location, largest)
    files = [fingerprint(path) | {"rows": count} for path, count in zip(paths, counts, strict=True)]
    _check_unchanged(paths, before)
    partition_rows = max(256, min(1 << 16, PARTITION_BYTES * sum(counts) // max(1, scan.num_bytes)))
    where = (groups, contiguous, partition_rows, list_column)
    return InputIndex(
        location, files, roles, scan.types.dumps(), sum(counts), *where, scan.references, limit, scan.message_texts
    )


def _check_unchanged(paths: Sequence[Path], before: Sequence[tuple[int, int]]) -> None:
    for path, version in zip(paths, before, strict=True):
        if _version(path) != version:
            raise DataError(f"{path}: changed while it was being read; start again when nothing writes to it")


def _check_group_size(location: str, largest: int) -> None:
    if largest > MAX_GROUP_ROWS:
        raise DataError(
            f"{location}: a group has {largest:,} rollouts, but at most {MAX_GROUP_ROWS:,} fit in memory. Is the group "
            "column right? Name it with --column group=COLUMN"
        )


def _first_names(
    location: str, paths: Sequence[Path], columns: Mapping[str, str], dotted: Sequence[str]
) -> tuple[Block, list[str]]:
    """Return the first block and its columns, or all columns if those that the user names begin later."""
    first = next((block for path in paths for block in read_blocks(path)), None)
    if first is None:
        raise DataError(f"{location}: the file{'s contain' if len(paths) > 1 else ' contains'} no rows")
    names = [*first.column_names(), *first.paths(dotted)]
    if not set(names).issuperset(columns.values()):  # a named column may begin in a later block
        blocks = (block for path in paths for block in read_blocks(path))
        names = list(dict.fromkeys(name for b in blocks for name in (*b.column_names(), *b.paths(dotted))))
    return first, names


def _conflict_error(
    location: str,
    files: Sequence[tuple[Path, int]],
    columns: Mapping[str, str],
    list_column: str,
    conflict: tuple[int, int],
) -> DataError:
    """Return the error of two rows that have one group and different prompts."""
    rows_in_conflict = []
    for row in conflict:
        start = 0
        for path, count in files:
            if start <= row < start + count:
                block = next(iter(read_blocks(path, row - start, list_column=list_column)))
                rows_in_conflict.append(parse_rows(block, columns))
            start += count
    group = rows_in_conflict[0].groups[0]
    prompts = " and ".join(repr(rows.prompts[0])[:100] for rows in rows_in_conflict)
    first, second = (_row_label(files, row) for row in conflict)
    return DataError(
        f"{location}: rows {first} and {second} are in group {group!r:.60}, but their prompts differ: {prompts}. Is an id used "
        "for two prompts, for example in two files that both count from 0? Name another column with --column group=COLUMN"
    )


def _version(path: Path) -> tuple[int, int]:
    """Return a file's size and time of change."""
    try:
        stat = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return stat.st_size, stat.st_mtime_ns


@dataclass(slots=True)
class _Scan:
    """What reading all rows finds: types, paths with values, rows of each file, references, bytes, and roles of message texts."""

    types: ColumnTypes
    paths: dict[str, None]
    counts: list[int]
    references: int = 0
    num_bytes: int = 0
    message_texts: tuple[str, ...] = ("prompt", "completion")


def _limit_rows(
    paths: Sequence[Path], list_column: str, dotted: Sequence[str], limit: int | None
) -> Iterator[tuple[int, list[str], Block]]:
    """Yield the number of each file, paths with values and blocks, up to a number of rows in all."""
    total = 0
    for number, path in enumerate(paths):
        first_row = 0
        for raw in read_blocks(path):
            block = raw.explode(list_column, first_row) if list_column else raw
            first_row += len(block)
            if limit is not None:
                block = block.slice(0, min(len(block), limit - total))
            total += len(block)
            yield number, raw.paths(dotted), block
            if total == limit:
                return


def _read_all(
    blocks: Iterable[tuple[int, list[str], Block]],
    num_files: int,
    columns: Mapping[str, str],
    runs: GroupRuns,
    on_rows: Callable[[int], None],
) -> _Scan:
    """Read all rows of the blocks of an input."""
    scan = _Scan(ColumnTypes(), {}, [0] * num_files)
    for number, dotted, block in blocks:
        scan.paths |= dict.fromkeys(dotted)
        scan.types.update_block(block)
        rows = parse_rows(block, columns)
        if "group" not in columns:
            check_prompts_as_groups(rows.groups, block.path, block.first_row)
        runs.add(rows.groups, rows.prompts if "group" in columns else None)
        values = {"prompt": rows.prompts, "completion": rows.completions}
        scan.message_texts = tuple(role for role in scan.message_texts if all(map(is_message_text, values[role])))
        scan.counts[number] += len(block)
        scan.references += sum(reference is not None for reference in rows.references)
        scan.num_bytes += block.num_bytes
        on_rows(len(block))
    return scan


def read_input(index: InputIndex, start: int = 0) -> Iterator[tuple[int, Block]]:
    """Yield an input's blocks in order, from one row on, each with its position in the whole input.

    Raises:
        DataError: a file's number of rows has changed since it was indexed.
    """
    offset = 0
    for file in index.files:
        path, count = Path(file["path"]), file["rows"]
        if start < offset + count:
            end = max(0, start - offset)
            for block in read_blocks(path, end, list_column=index.list_column):
                if index.limit is not None:
                    block = block.slice(0, min(len(block), count - block.first_row))  # noqa: PLW2901 - the rest is not read
                end = block.first_row + len(block)
                if end <= count:
                    yield offset + block.first_row, block
                if end == count and index.limit is not None:
                    break
            if end != count:
                raise DataError(f"{path}: has {end:,} rows, had {count:,}: the file changed while it was being scored")
        offset += count


def spill(index: InputIndex, folder: Path, *, on_rows: Callable[[int], None] = _ignore) -> None:
    """Write an input's rows to disk so that groups lie together, in order of first appearance.

    Args:
        index: the input.
        folder: the folder that `index_input` got.
        on_rows: called with the number of rows of each block.
    """
    partitions = Partitions(folder / SPILL_FOLDER, index.partition_rows)
    positions = np.empty(0, np.int64)
    with (
        _write_errors(folder),
        GroupRuns(folder / RUNS_FILE, existing=True) as runs,
        closing(runs.positions()) as more_positions,
    ):
        shutil.rmtree(folder / SPILL_FOLDER, ignore_errors=True)
        (folder / SPILL_FOLDER).mkdir()
        for start, block in read_input(index):
            while len(positions) < len(block):
                positions = np.concatenate([positions, next(more_positions)])
            partitions.add(positions[: len(block)], np.arange(start, start + len(block)), _to_arrow(block))
            positions = positions[len(block) :]
            on_rows(len(block))
        partitions.finish()
        for path in (folder / SPILL_FOLDER).iterdir():
            fsync_file(path)


@contextmanager
def _write_errors(folder: Path) -> Iterator[None]:
    """Name the folder that cannot be written; errors of reading are `DataError` already."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise DataError(f"{folder}: cannot be written: {getattr(error, 'strerror', None) or error}") from error


def _to_arrow(block: Block) -> Any:
    import pyarrow as pa

    if isinstance(block, ArrowBlock):
        return block.batch
    assert isinstance(block, JsonBlock)  # noqa: S101 - there are two kinds of blocks
    return pa.record_batch({_LINE: pa.array([json.dumps(row) for row in block.rows], pa.large_string())})


def _from_arrow(batch: Any) -> Block:
    if batch.schema.names != [_LINE]:
        return ArrowBlock(Path(), 0, batch)
    return JsonBlock(Path(), 0, [json.loads(line) for line in batch.column(0).to_pylist()], batch.nbytes)


def read_batches(index: InputIndex, batch_groups: int, *, folder: Path, start: int = 0) -> Iterator[GroupBatch]:
    """Read an input in batches of complete groups, in order of first appearance.

    Args:
        index: the input.
        batch_groups: groups per batch.
        folder: the folder that `index_input` got; `spill` must have run unless groups are contiguous.
        start: number of rows to skip: the end of an earlier batch.
    """
    chunks = _read_contiguous(index, start) if index.contiguous else _read_spilled(index, start, folder / SPILL_FOLDER)
    rows: list[int] = []
    samples: list[Sample] = []
    groups, last = 0, object()
    for chunk_rows, chunk in chunks:
        for row, sample in zip(chunk_rows.tolist(), chunk, strict=True):
            if sample.group != last:
                if groups == batch_groups:
                    yield GroupBatch(start, np.array(rows), samples)
                    start, rows, samples, groups = start + len(rows), [], [], 0
                groups, last = groups + 1, sample.group
            rows.append(row)
            samples.append(sample)
    if samples:
        yield GroupBatch(start, np.array(rows), samples)


def _read_contiguous(index: InputIndex, start: int) -> Iterator[tuple[Ints, list[Sample]]]:
    names = ColumnTypes(index.types).names
    for first, block in read_input(index, start):
        yield np.arange(first, first + len(block)), read_samples(block, index.columns, names)


def _read_spilled(index: InputIndex, start: int, folder: Path) -> Iterator[tuple[Ints, list[Sample]]]:
    names = ColumnTypes(index.types).names
    partitions = Partitions(folder, index.partition_rows)
    for partition in range(start // index.partition_rows, -(-index.rows // index.partition_rows)):
        parts = [(p, r, read_samples(_from_arrow(b), index.columns, names)) for p, r, b in partitions.read(partition)]
        positions = np.concatenate([p for p, _, _ in parts])
        rows = np.concatenate([r for _, r, _ in parts])
        samples = [sample for _, _, part in parts for sample in part]
        order = np.argsort(positions, kind="stable")
        order = order[positions[order] >= start]
        yield rows[order], [samples[i] for i in order.tolist()]
