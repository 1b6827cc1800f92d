"""Where a cache keeps verdicts: in memory, least recently used first out, and in a SQLite file that processes share."""

import json
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import closing

from herokit.errors import SetupError
from herokit.types import Status, Verdict

LOOKUP = 500
"""Keys a query; SQLite takes at least 999 parameters."""

BUSY = 10.0
"""Seconds to wait for another process that writes."""

PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)
"""Errors that pass: another process holds the file, or the disk is full."""


class Memory:
    """Verdicts by key, at most `size` of them.

    Example:
        >>> memory = Memory(1)
        >>> memory.put({b"a": Verdict(1.0)}); memory.put({b"b": Verdict(0.0)})
        >>> sorted(memory.get([b"a", b"b"]))
        [b'b']
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[bytes, Verdict] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Iterable[bytes]) -> dict[bytes, Verdict]:
        """Return what is known of keys."""
        found = {}
        with self._lock:
            for key in keys:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    found[key] = self._kept[key]
        return found

    def put(self, verdicts: Mapping[bytes, Verdict]) -> None:
        """Keep verdicts; the least recently used make room."""
        with self._lock:
            self._kept.update(verdicts)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


class Disk:
    """Verdicts by key in a SQLite file, at most about `size` of them, the oldest first out.

    Each call opens the file anew, so that threads, forks and pickles need no care. Verdicts are kept as JSON: opening a
    cache never runs anything.

    Args:
        path: the file; its folder must exist. Not on a network file system, whose locks SQLite cannot trust.
        size: rows to keep.

    Raises:
        SetupError: asked, and the file cannot be opened or is no such cache.
        sqlite3.Error: it is locked, full or spoilt.
    """

    def __init__(self, path: str, size: int) -> None:
        self._path = path
        self._size = size
        self._ready = -1

    def get(self, keys: Iterable[bytes]) -> dict[bytes, Verdict]:
        """Return what is known of keys."""
        wanted, found = list(keys), {}
        with closing(self._open()) as db:
            for low in range(0, len(wanted), LOOKUP):
                part = wanted[low : low + LOOKUP]
                marks = ",".join("?" * len(part))
                rows = db.execute(f"SELECT key, verdict FROM verdicts WHERE key IN ({marks})", part)  # noqa: S608 - marks
                for key, text in rows:
                    value, status, reason, answer = json.loads(text)
                    found[bytes(key)] = Verdict(value, Status(status), reason, answer)
        return found

    def put(self, verdicts: Mapping[bytes, Verdict]) -> None:
        """Keep verdicts."""
        rows = [(key, json.dumps([v.value, v.status.value, v.reason, v.answer])) for key, v in verdicts.items()]
        with closing(self._open()) as db, db:
            db.executemany("INSERT OR REPLACE INTO verdicts (key, verdict) VALUES (?, ?)", rows)
            newest = db.execute("SELECT max(rowid) FROM verdicts").fetchone()[0] or 0
            db.execute("DELETE FROM verdicts WHERE rowid <= ?", (newest - self._size,))

    def _open(self) -> sqlite3.Connection:
        db: sqlite3.Connection | None = None
        try:
            db = sqlite3.connect(self._path, timeout=BUSY)
            if self._ready != os.getpid():
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("CREATE TABLE IF NOT EXISTS verdicts (key BLOB UNIQUE, verdict TEXT NOT NULL)")
                self._ready = os.getpid()
        except sqlite3.Error as error:
            if db is not None:
                db.close()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in PASSING:
                raise
            raise SetupError(f"the cache {self._path} cannot be used: {error}") from error
        return db
