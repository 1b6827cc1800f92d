"""An input of any length: looked over once, then read in batches of whole groups, however its rows lie."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from herokit.errors import DataError
from herokit.files.blocks import Batch, Block, Lines, read_blocks
from herokit.files.columns import Types
from herokit.files.external_sort import Runs
from herokit.files.inputs import fingerprint, settle
from herokit.files.partitions import Partitions
from herokit.files.reading import choose_fields, read_parts, read_samples
from herokit.reward_models.batching import Ints
from herokit.types import Sample

PART = 1 << 26
"""Bytes sorted or written at a time, about."""

LARGEST = 1 << 17
"""Rollouts a group, at most: a group is held in memory."""

LINE = "herokit:line"
RUNS, SPILL = "runs.sqlite", "spill"


def _silent(_: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look over all rows of an input has found; plain values, to be kept beside a checkpoint.

    Attributes:
        where: the input as the user named it.
        files: each file's `fingerprint`, and its number of ``rows``.
        fields: which column plays which part.
        types: the columns and their types, as `Types.dumps` writes them.
        rows: rollouts.
        groups: prompts.
        together: whether every group's rows lie together.
        part: rows that make up about 64 MB.
    """

    where: str
    files: list[dict[str, Any]]
    fields: dict[str, str]
    types: str
    rows: int
    groups: int
    together: bool
    part: int

    def label(self, row: int) -> str:
        """Name a row as the user would look for it: from 1, and with its file where there are several.

        Args:
            row: the row in the whole input, from 0.
        """
        for file in self.files:
            if row < file["rows"]:
                return f"{row + 1}" if len(self.files) == 1 else f"{row + 1} of {file['path']}"
            row -= file["rows"]
        return f"{row + 1}"


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Whole groups, to be scored at a time.

    Attributes:
        place: how many rows are scored before it.
        rows: (N,) where each stands in the input, from 0.
        samples: N samples; a group's lie together.
    """

    place: int
    rows: Ints
    samples: Sequence[Sample]


def survey(
    where: str, paths: Sequence[Path], fields: Mapping[str, str], folder: Path, *, tell: Callable[[int], None] = _silent
) -> Survey:
    """Look over an input: check every row, find its columns, their types, and how its groups lie.

    Args:
        where: the input as the user named it, for messages.
        paths: its files, in order.
        fields: part -> column, for columns whose names are not the usual ones.
        folder: where to keep note of the groups; `spill` reads it.
        tell: called with the number of rows after each block.

    Raises:
        DataError: there is no row, no column for a part that is needed, a row that cannot be read, a group of more
            than 131,072 rollouts.
    """
    first = next((block for path in paths for block in read_blocks(path)), None)
    if first is None:
        raise DataError(f"{where}: the file{'s hold' if len(paths) > 1 else ' holds'} no rows")
    names = list(first.names())
    if not set(names).issuperset(fields.values()):  # it may stand in later rows alone
        names = list(dict.fromkeys(name for path in paths for block in read_blocks(path) for name in block.names()))
    while True:
        chosen = choose_fields(where, names, fields)
        with _disk(folder), Runs(folder / RUNS) as runs:
            types, counts, size = _look(paths, chosen, runs, tell)
            groups, together, largest = runs.finish()
            settle(folder / RUNS)
        if choose_fields(where, types.names, fields) == chosen:
            break
        names = types.names  # a column that plays a part appeared late
    if largest > LARGEST:
        raise DataError(
            f"{where}: one group has {largest:,} rollouts, more than the {LARGEST:,} that are held in memory at a "
            "time; is the right column its group? name it with --field group=COLUMN"
        )
    files = [fingerprint(path) | {"rows": count} for path, count in zip(paths, counts, strict=True)]
    part = max(256, min(1 << 16, PART * sum(counts) // max(1, size)))
    return Survey(where, files, chosen, types.dumps(), sum(counts), groups, together, part)


def _look(
    paths: Sequence[Path], fields: Mapping[str, str], runs: Runs, tell: Callable[[int], None]
) -> tuple[Types, list[int], int]:
    """Read all rows; return the columns' types, the rows of each file and the bytes of all."""
    types, counts, size = Types(), [0] * len(paths), 0
    for number, path in enumerate(paths):
        for block in read_blocks(path):
            types.see_block(block)
            runs.add(read_parts(block, fields).keys)
            counts[number] += len(block)
            size += block.size
            tell(len(block))
    return types, counts, size


def blocks_of(found: Survey, start: int = 0) -> Iterator[tuple[int, Block]]:
    """Read an input's rows in order, from one on: where each block starts in the whole input, and the block.

    Raises:
        DataError: a file has another number of rows than when it was looked over.
    """
    before = 0
    for file in found.files:
        path, count = Path(file["path"]), file["rows"]
        if start < before + count:
            end = max(0, start - before)
            for block in read_blocks(path, end):
                end = block.first + len(block)
                if end <= count:
                    yield before + block.first, block
            if end != count:
                raise DataError(f"{path}: has {end:,} rows and had {count:,}: it was changed while it was being scored")
        before += count


def spill(found: Survey, folder: Path, *, tell: Callable[[int], None] = _silent) -> None:
    """Write an input's rows to disk, ordered so that groups lie together, in order of first appearance.

    Args:
        found: the input, looked over.
        folder: the one `survey` was given.
        tell: called with the number of rows after each block.
    """
    parts = Partitions(folder / SPILL, found.part)
    places = np.empty(0, np.int64)
    with _disk(folder), Runs(folder / RUNS, kept=True) as runs, closing(runs.places()) as coming:
        shutil.rmtree(folder / SPILL, ignore_errors=True)
        (folder / SPILL).mkdir()
        for start, block in blocks_of(found):
            while len(places) < len(block):
                places = np.concatenate([places, next(coming)])
            parts.add(places[: len(block)], np.arange(start, start + len(block)), _packed(block))
            places = places[len(block) :]
            tell(len(block))
        parts.finish()
        for path in (folder / SPILL).iterdir():
            settle(path)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Say where what could not be written: reading an input raises `DataError` by itself."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise DataError(f"{folder}: cannot be written: {getattr(error, 'strerror', None) or error}") from error


def _packed(block: Block) -> Any:
    import pyarrow as pa

    if isinstance(block, Batch):
        return block.batch
    assert isinstance(block, Lines)  # noqa: S101 - there are two kinds of blocks
    return pa.record_batch({LINE: pa.array([json.dumps(row) for row in block.rows], pa.large_string())})


def _unpacked(batch: Any) -> Block:
    nowhere = Path()
    if batch.schema.names != [LINE]:
        return Batch(nowhere, 0, batch)
    return Lines(nowhere, 0, [json.loads(line) for line in batch.column(0).to_pylist()], batch.nbytes)


def pieces(found: Survey, groups_each: int, *, folder: Path, start: int = 0) -> Iterator[Piece]:
    """Read an input in batches of whole groups, groups in order of first appearance.

    Args:
        found: the input, looked over.
        groups_each: groups a batch.
        folder: the one `survey` was given; `spill` has been called unless groups lie together.
        start: how many rows to leave out: the end of an earlier batch.
    """
    stretches = _lying_together(found, start) if found.together else _spilled(found, start, folder / SPILL)
    rows: list[int] = []
    samples: list[Sample] = []
    groups, last = 0, object()
    for numbers, some in stretches:
        for row, sample in zip(numbers.tolist(), some, strict=True):
            if sample.group != last:
                if groups == groups_each:
                    yield Piece(start, np.array(rows), samples)
                    start, rows, samples, groups = start + len(rows), [], [], 0
                groups, last = groups + 1, sample.group
            rows.append(row)
            samples.append(sample)
    if samples:
        yield Piece(start, np.array(rows), samples)


def _lying_together(found: Survey, start: int) -> Iterator[tuple[Ints, list[Sample]]]:
    names = Types(found.types).names
    for first, block in blocks_of(found, start):
        yield np.arange(first, first + len(block)), read_samples(block, found.fields, names)


def _spilled(found: Survey, start: int, folder: Path) -> Iterator[tuple[Ints, list[Sample]]]:
    names = Types(found.types).names
    parts = Partitions(folder, found.part)
    for part in range(start // found.part, -(-found.rows // found.part)):
        read = [(p, r, read_samples(_unpacked(b), found.fields, names)) for p, r, b in parts.read(part)]
        places = np.concatenate([p for p, _, _ in read])
        rows = np.concatenate([r for _, r, _ in read])
        samples = [sample for _, _, some in read for sample in some]
        order = np.argsort(places, kind="stable")
        order = order[places[order] >= start]
        yield rows[order], [samples[i] for i in order.tolist()]
