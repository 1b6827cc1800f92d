"""A SQLite database that a query can only read, within limits."""

import sqlite3
import time
from functools import lru_cache
from pathlib import Path

Rows = list[tuple[object, ...]]

BYTES = 10_000_000
"""Bytes of one text, blob or row, and of all texts of a result."""

LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: BYTES,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 1_000_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
}
"""Limits of a connection, as sqlite3_limit takes them."""

HEAP = 512 << 20
"""Bytes that SQLite may take in the process."""

STEPS = 1_000
"""Steps of SQLite's machine between two looks at the clock."""

READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
"""What a query may do."""


class NotAllowedError(Exception):
    """The query is wrong, does what it may not, or returns too much."""


class TookTooLongError(Exception):
    """The query ran past its limit."""


def run(setup: str | None, database: str | None, query: str, rows: int, seconds: float) -> Rows:
    """Run one query and return its rows.

    Args:
        setup: SQL that makes the database.
        database: path of a SQLite file, which is opened to be read only.
        query: one SELECT.
        rows: the most it may return.
        seconds: wall time it may take.

    Raises:
        NotAllowedError: it is wrong, writes, or returns more.
        TookTooLongError: it ran longer, or the setup did.
        sqlite3.Error: the database cannot be made or opened.

    Example:
        >>> run(None, None, "SELECT 1, 'a'", 10, 1.0)
        [(1, 'a')]
    """
    connection = _open(setup, database, seconds)
    _limit(connection, seconds)
    found: Rows = []
    size = 0
    try:
        for row in connection.execute(query):
            found.append(row)
            size += sum(len(x) for x in row if isinstance(x, str | bytes))
            if len(found) > rows or size > BYTES:
                raise NotAllowedError(f"more than {rows:,} rows or {BYTES:,} bytes")
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise TookTooLongError(f"stopped after {seconds:g} s") from None
        raise NotAllowedError(f"SQLite: {error}"[:300]) from None
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        raise NotAllowedError(f"SQLite: {error}"[:300]) from None
    finally:
        connection.set_progress_handler(None, 0)
    return found


@lru_cache(maxsize=8)
def _open(setup: str | None, database: str | None, seconds: float) -> sqlite3.Connection:
    """Open a database that nothing can change, for the queries to come."""
    where = ":memory:" if database is None else f"{Path(database).resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(where, uri=database is not None, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA hard_heap_limit = {HEAP}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    if setup:
        _limit(connection, seconds)
        try:
            connection.executescript(setup)
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise TookTooLongError(f"the setup was stopped after {seconds:g} s") from None
            raise
    for name, limit in LIMITS.items():
        connection.setlimit(name, limit)
    connection.set_authorizer(_may)
    return connection


def _limit(connection: sqlite3.Connection, seconds: float) -> None:
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)


def _may(action: int, _: str | None, name: str | None, *__: str | None) -> int:
    allowed = action in READS and name != "load_extension"
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
