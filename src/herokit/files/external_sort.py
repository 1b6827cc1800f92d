"""Sort rows on disk so that the rows of a group lie together.

`GroupRuns` finds the position of every row in sqlite, `Partitions` moves the rows there.
"""

import hashlib
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from herokit.conversations.prompts import content_key
from herokit.types import Closeable

__all__ = ["GroupRuns", "Ints", "Partitions"]

Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

RUNS_PER_QUERY = 1 << 16
MAX_BUFFER_BYTES = 1 << 25
"""Rows held in memory before they are written to their partitions."""

_POSITION, _ROW = "herokit:position", "herokit:row"


class GroupRuns(Closeable):
    """The runs of an input: maximal stretches of consecutive rows of one group.

    Memory is bounded however many groups there are: each run is a record of a database.

    Args:
        path: the database; replaced unless `existing`.
        existing: open a database that `finish` completed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, GroupRuns(Path(folder, "runs")) as runs:
        ...     runs.add(["a", "a", "b", "a"])
        ...     runs.finish(), [p.tolist() for p in runs.positions()]
        ((2, False, 3), [[0, 1, 3, 2]])
    """

    def __init__(self, path: Path, *, existing: bool = False) -> None:
        if not existing:
            path.unlink(missing_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", "cache_size = -32768"):
            self._database.execute(f"PRAGMA {setting}")
        if not existing:
            self._database.execute(
                "CREATE TABLE runs (start INTEGER PRIMARY KEY, key BLOB, length INTEGER, prompt INTEGER)"
            )
            self._database.execute("BEGIN")
        self._pending: list[tuple[int, bytes, int, int]] = []
        self._group: Any = self  # equals no group
        self._prompt: Any = None
        self._conflict: tuple[int, int] | None = None
        self._start = self._row = 0

    def add(self, groups: Sequence[Any], prompts: Sequence[Any] | None = None) -> None:
        """Add the groups of the next rows, and their prompts if a group can have several."""
        for i, group in enumerate(groups):
            if group != self._group:
                self._end_run(self._row + i)
                self._group, self._start = group, self._row + i
                self._prompt = prompts[i] if prompts is not None else None
            elif prompts is not None and prompts[i] != self._prompt and self._conflict is None:
                self._conflict = (self._start, self._row + i)
        self._row += len(groups)
        if len(self._pending) >= RUNS_PER_QUERY:
            self._write()

    def _end_run(self, row: int) -> None:
        if row > self._start:
            prompt = 0 if self._prompt is None else _prompt_number(self._prompt)
            self._pending.append((self._start, _digest(self._group), row - self._start, prompt))

    def _write(self) -> None:
        self._database.executemany("INSERT INTO runs VALUES (?, ?, ?, ?)", self._pending)
        self._pending.clear()

    def finish(self) -> tuple[int, bool, int]:
        """End the last run; return the number of groups, whether each is one run, and the rows of the largest group."""
        self._end_run(self._row)
        self._start = self._row
        self._write()
        self._database.execute("CREATE INDEX by_key ON runs (key, start, length, prompt)")
        self._database.execute("COMMIT")
        totals = "SELECT count(*) AS runs, sum(length) AS total FROM runs GROUP BY key"
        query = f"SELECT count(*), max(runs), max(total) FROM ({totals})"  # noqa: S608 - constants
        groups, most_runs, largest = self._database.execute(query).fetchone()
        return int(groups), (most_runs or 1) == 1, int(largest or 0)

    def find_conflict(self) -> tuple[int, int] | None:
        """Return two rows that have one group and different prompts, None if there are none; after `finish`."""
        if self._conflict is None:
            keys = "SELECT key FROM runs GROUP BY key HAVING min(prompt) < max(prompt) LIMIT 1"
            query = f"SELECT min(start) FROM runs WHERE key = ({keys}) GROUP BY prompt ORDER BY 1 LIMIT 2"  # noqa: S608 - constants
            starts = [start for (start,) in self._database.execute(query)]
            self._conflict = (starts[0], starts[1]) if starts else None
        return self._conflict

    def positions(self) -> Generator[Ints, None, None]:
        """Yield the position of every row, in row order, once groups lie together in order of first appearance."""
        query = (
            "SELECT length, sum(length) OVER (ORDER BY first, start) - length"
            " FROM (SELECT start, length, min(start) OVER (PARTITION BY key) AS first FROM runs)"
            " ORDER BY start"
        )
        with closing(self._database.execute(query)) as cursor:
            while runs := cursor.fetchmany(RUNS_PER_QUERY):
                lengths, starts = np.array(runs, np.int64).T
                before = np.cumsum(lengths) - lengths
                yield np.repeat(starts - before, lengths) + np.arange(lengths.sum())

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def _digest(group: Any) -> bytes:
    """Return 16 bytes that identify a group; equal numbers have equal bytes.

    Example:
        >>> _digest(1) == _digest(1.0), _digest(1) == _digest("1")
        (True, False)
    """
    if isinstance(group, str):
        text = "text " + group
    elif isinstance(group, int | float):
        is_integer = abs(group) < float("inf") and group == int(group)
        text = f"number {int(group) if is_integer else repr(group)}"
    else:
        text = f"{type(group).__name__} {group!r}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _prompt_number(prompt: Any) -> int:
    """Return 8 bytes of a prompt's digest as a number of sqlite."""
    data = content_key(prompt).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


class Partitions:
    """Move N rows to the positions 0 to N - 1, on disk: each goes to the partition of its position, to be sorted there.

    Args:
        folder: an empty folder, or one with complete partitions.
        partition_rows: positions per partition; one partition is read at a time.

    Example:
        >>> import tempfile, pyarrow as pa
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     partitions = Partitions(Path(folder), partition_rows=2)
        ...     partitions.add(np.array([2, 0, 1]), np.arange(3), pa.record_batch({"x": ["c", "a", "b"]}))
        ...     partitions.finish()
        ...     [b.column("x").to_pylist() for p in range(2) for _, _, b in partitions.read(p)]
        [['a', 'b'], ['c']]
    """

    def __init__(self, folder: Path, partition_rows: int) -> None:
        self.folder, self.partition_rows = folder, partition_rows
        self._buffer: list[Any] = []
        self._num_bytes = 0

    def add(self, positions: Ints, rows: Ints, batch: Any) -> None:
        """Add rows.

        Args:
            positions: (n,) the position of each.
            rows: (n,) the input row of each, kept with it.
            batch: the n rows, an Arrow record batch.
        """
        import pyarrow as pa

        batch = pa.record_batch(
            [pa.array(positions), pa.array(rows), *batch.columns], names=[_POSITION, _ROW, *batch.schema.names]
        )
        if self._buffer and self._buffer[0].schema != batch.schema:
            self.finish()
        self._buffer.append(batch)
        self._num_bytes += batch.nbytes
        if self._num_bytes >= MAX_BUFFER_BYTES:
            self.finish()

    def finish(self) -> None:
        """Write the rows held in memory."""
        import pyarrow as pa

        if not self._buffer:
            return
        table = pa.Table.from_batches(self._buffer)
        positions = table.column(0).to_numpy()
        order = np.argsort(positions, kind="stable")
        partitions = positions[order] // self.partition_rows
        ends = np.flatnonzero(np.diff(partitions, append=-1)) + 1
        for low, high in zip([0, *ends[:-1]], ends, strict=True):
            path = self._path(int(partitions[low]))
            with path.open("ab") as file, pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table.take(pa.array(order[low:high])))
        self._buffer, self._num_bytes = [], 0

    def _path(self, partition: int) -> Path:
        return self.folder / f"{partition:06}.arrow"

    def read(self, partition: int) -> Iterator[tuple[Ints, Ints, Any]]:
        """Yield the positions, the input rows and the record batch of one partition, sorted.

        Rows with different schemas come in one batch per schema.
        """
        import pyarrow as pa

        tables: list[Any] = []
        with pa.OSFile(str(self._path(partition))) as file:
            while file.tell() < file.size():
                with pa.ipc.open_stream(file) as stream:
                    table = stream.read_all()
                if tables and tables[-1].schema == table.schema:
                    tables[-1] = pa.concat_tables([tables[-1], table])
                else:
                    tables.append(table)
        for table in tables:
            order = np.argsort(table.column(0).to_numpy(), kind="stable")
            batch = table.take(pa.array(order)).combine_chunks().to_batches()[0]
            yield batch.column(0).to_numpy(), batch.column(1).to_numpy(), batch.select(batch.schema.names[2:])
