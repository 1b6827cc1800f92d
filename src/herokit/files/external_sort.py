"""Whether every group's rows lie together, and if not, where each row belongs when they do; on disk, in sqlite.

One record a run of rows of the same group, so memory is bounded however many groups there are.
"""

import hashlib
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import numpy as np

from herokit.reward_models.batching import Ints

CHUNK = 1 << 16


class Runs:
    """The runs of an input: maximal stretches of rows with one group.

    Args:
        path: the database; made anew unless it is `kept`.
        kept: go on from a database that is complete.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Runs(Path(folder, "runs")) as runs:
        ...     runs.add(["a", "a", "b", "a"])
        ...     runs.finish(), [p.tolist() for p in runs.places()]
        ((2, False, 3), [[0, 1, 3, 2]])
    """

    def __init__(self, path: Path, *, kept: bool = False) -> None:
        if not kept:
            path.unlink(missing_ok=True)
        self._base = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", "cache_size = -32768"):
            self._base.execute(f"PRAGMA {setting}")
        if not kept:
            self._base.execute("CREATE TABLE runs (start INTEGER PRIMARY KEY, key BLOB, length INTEGER)")
            self._base.execute("BEGIN")
        self._pending: list[tuple[int, bytes, int]] = []
        self._key: Any = self  # equals no group
        self._start = self._row = 0

    def add(self, keys: Sequence[Any]) -> None:
        """Take note of the groups of the next rows."""
        for row, key in enumerate(keys, self._row):
            if key != self._key:
                self._end(row)
                self._key, self._start = key, row
        self._row += len(keys)
        if len(self._pending) >= CHUNK:
            self._write()

    def _end(self, row: int) -> None:
        if row > self._start:
            self._pending.append((self._start, digest(self._key), row - self._start))

    def _write(self) -> None:
        self._base.executemany("INSERT INTO runs VALUES (?, ?, ?)", self._pending)
        self._pending.clear()

    def finish(self) -> tuple[int, bool, int]:
        """End the last run; return how many groups there are, whether each lies together, and the largest's rows."""
        self._end(self._row)
        self._start = self._row
        self._write()
        self._base.execute("CREATE INDEX by_key ON runs (key, start, length)")
        self._base.execute("COMMIT")
        totals = "SELECT count(*) AS runs, sum(length) AS total FROM runs GROUP BY key"
        found = self._base.execute(f"SELECT count(*), max(runs), max(total) FROM ({totals})").fetchone()  # noqa: S608 - constants
        return int(found[0]), (found[1] or 1) == 1, int(found[2] or 0)

    def places(self) -> Generator[Ints, None, None]:
        """Yield, for all rows in their order, the place of each when groups lie together in order of first appearance."""
        found = (
            "SELECT length, sum(length) OVER (ORDER BY first, start) - length"
            " FROM (SELECT start, length, min(start) OVER (PARTITION BY key) AS first FROM runs)"
            " ORDER BY start"
        )
        with closing(self._base.execute(found)) as rows:
            while some := rows.fetchmany(CHUNK):
                lengths, places = np.array(some, np.int64).T
                before = np.cumsum(lengths) - lengths
                yield np.repeat(places - before, lengths) + np.arange(lengths.sum())

    def close(self) -> None:
        """Close the database."""
        self._base.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def digest(key: Any) -> bytes:
    """Return 16 bytes that stand for a group; numbers that are equal have the same.

    Example:
        >>> digest(1) == digest(1.0), digest(1) == digest("1")
        (True, False)
    """
    if isinstance(key, str):
        text = "text " + key
    elif isinstance(key, int | float):
        text = f"number {int(key) if key == int(key) else key!r}" if abs(key) < float("inf") else f"number {key}"
    else:
        text = f"{type(key).__name__} {key!r}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
