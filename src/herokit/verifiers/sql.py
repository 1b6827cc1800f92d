"""SQL queries, judged by the rows they return from SQLite, in a process that is killed when a query runs too long."""

import re
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

from herokit.errors import ConfigError, check_choice, check_positive
from herokit.samples import SampleLike
from herokit.sources.process_pool import ProcessPool, ProcessPoolMixin
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.extraction import find_answers
from herokit.verifiers.text import extract_code_block

__all__ = ["RowOrder", "SqlResult"]

RowOrder = Literal["reference", "always", "never"]
_Rows: TypeAlias = list[tuple[object, ...]]

_ORDER_BY = re.compile(r"\border\s+by\b", re.IGNORECASE)
_QUERY = re.compile(r"(?:\s|--[^\n]*+(?:\n|\Z)|/\*.*?\*/)*+(?:select|with|values)\b", re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class SqlResult(ProcessPoolMixin):
    """1 if a query returns the same rows and columns as the reference's query in SQLite, else 0.

    Rows are compared as a multiset, in order if the reference sorts its result; numbers to nine significant digits;
    columns in order, whatever their names. The query is the completion's only fenced block, or its answer, and must be
    one SELECT. It runs in a worker process on a database that it can only read: every other statement, attaching files,
    PRAGMAs and loading extensions are denied by SQLite's authorizer; time, rows, lengths and memory are limited.

    Args:
        setup: SQL that creates the database; None to use ``meta["setup"]``.
        database: path of a SQLite file; None to use ``meta["database"]``. Without either the database is empty.
        order: when the order of rows matters: ``"reference"`` if the reference has an outermost ORDER BY.
        max_rows: rows that a query may return.
        timeout: wall seconds for a sample, half of them for the reference's query. Creating the database may take half as
            many more; one second later the process is killed.
        max_workers: maximum number of processes.

    Raises:
        ConfigError: both a setup and a database are given, or a number is not positive.

    Source: execution match on results as multisets, as the test-suite accuracy of Zhong et al. (arXiv 2010.02840); the
    limits as in SQLite's "Defense Against The Dark Arts".

    Example:
        >>> setup = "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1), (2), (2);"
        >>> texts = ("SELECT a FROM t ORDER BY 1 DESC", "SELECT DISTINCT a FROM t", "DROP TABLE t")
        >>> with SqlResult(setup=setup) as sql:
        ...     [v.value for v in sql.verify([Sample("?", text, 0, "SELECT a FROM t") for text in texts])]
        [1.0, 0.0, 0.0]
    """

    setup: str | None = None
    database: str | None = None
    order: RowOrder = "reference"
    max_rows: int = 10_000
    timeout: float = 5.0
    max_workers: int = 1
    _pool: ProcessPool = field(init=False, repr=False, compare=False)
    _registered_name: ClassVar[str] = "sql-result"

    def __post_init__(self) -> None:
        check_choice("order", self.order, RowOrder)
        if self.setup is not None and self.database is not None:
            raise ConfigError("give setup or database, not both")
        check_positive(self, "max_rows", "timeout", "max_workers")
        comparer = _ResultComparer(self.setup, self.database, self.order, self.max_rows, self.timeout / 2.0)
        timeout = 1.5 * self.timeout + 1.0
        pool = ProcessPool(comparer, max_workers=self.max_workers, timeout=timeout, memory_mb=1024)
        object.__setattr__(self, "_pool", pool)

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        return self._pool.verify(samples)


@dataclass(frozen=True, slots=True)
class _ResultComparer(PerSampleVerifier):
    """Runs both queries in the current process."""

    setup: str | None
    database: str | None
    order: RowOrder
    max_rows: int
    timeout: float

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if not isinstance(sample.reference, str):
            return abstain("no reference" if sample.reference is None else "reference: expected a query as text")
        setup = self.setup or sample.meta.get("setup")
        database = self.database or sample.meta.get("database")
        source = (None if setup is None else str(setup), None if database is None else str(database))
        try:
            expected = _run_query(*source, sample.reference, self.max_rows, self.timeout)
        except Exception as error:  # noqa: BLE001 - whatever it is, the data are at fault
            return abstain(f"reference: {type(error).__name__}: {error}"[:300])
        text = extract_code_block(sample.final_text, ("sql", "sqlite"), "optional")
        query = text if text is None or _QUERY.match(text) else find_answers(text)[0].text
        if query is None or not _QUERY.match(query):
            return unparsed("no query")
        try:
            rows = _run_query(*source, query, self.max_rows, self.timeout)
        except QueryTimeoutError as error:
            return Verdict(0.0, Status.TIMEOUT, str(error), query)
        except InvalidQueryError as error:
            return binary_verdict(correct=False, reason=str(error), answer=query)
        ordered = self.order == "always" or (self.order == "reference" and _is_sorted(sample.reference))
        reason = f"{len(rows)} rows, expected {len(expected)}"
        return binary_verdict(correct=_same_rows(rows, expected, ordered=ordered), reason=reason, answer=query)


def _is_sorted(query: str) -> bool:
    """Return whether a query's outermost level has an ORDER BY.

    Example:
        >>> _is_sorted("SELECT a FROM t ORDER BY a"), _is_sorted("SELECT a FROM (SELECT a FROM t ORDER BY a)")
        (True, False)
    """
    depth, outer = 0, []
    for char in _QUOTED.sub(" ", query):
        depth += (char == "(") - (char == ")")
        outer.append(char if depth == 0 else " ")
    return _ORDER_BY.search("".join(outer)) is not None


def _same_rows(rows: _Rows, expected: _Rows, *, ordered: bool) -> bool:
    if len(rows) != len(expected) or {len(row) for row in rows} != {len(row) for row in expected}:
        return False
    left, right = [_comparable(row) for row in rows], [_comparable(row) for row in expected]
    return left == right if ordered else sorted(left) == sorted(right)


def _comparable(row: tuple[object, ...]) -> tuple[tuple[str, str], ...]:
    """Return a row in a form that can be compared and sorted."""
    return tuple(
        ("number", f"{float(x) + 0.0:.9g}") if isinstance(x, float) or (isinstance(x, int) and abs(x) < 2**53)
        else (type(x).__name__, repr(x))
        for x in row
    )  # fmt: skip


_MAX_RESULT_BYTES = 10_000_000
"""Bytes of one text, blob or row, and of all texts of a result."""

_CONNECTION_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: _MAX_RESULT_BYTES,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 1_000_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
}
"""Limits of a connection, as sqlite3_limit takes them."""

_MAX_HEAP_BYTES = 512 << 20
"""Memory that SQLite may use in the process."""

_CLOCK_INTERVAL = 1_000
"""Instructions of SQLite's virtual machine between two checks of the time."""

_ALLOWED_ACTIONS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
"""The actions that a query may take, in the terms of SQLite's authorizer."""


class InvalidQueryError(Exception):
    """The query is invalid, does something that is not allowed, or returns too much."""


class QueryTimeoutError(Exception):
    """The query ran past its limit."""


def _run_query(setup: str | None, database: str | None, query: str, max_rows: int, timeout: float) -> _Rows:
    """Run one query and return its rows.

    Args:
        setup: SQL that creates the database.
        database: path of a SQLite file, opened read-only.
        query: one SELECT.
        max_rows: rows that it may return.
        timeout: wall seconds that it may take.

    Raises:
        InvalidQueryError: it is invalid, writes, or returns more.
        QueryTimeoutError: it ran longer, or the setup did.
        sqlite3.Error: the database cannot be created or opened.

    Example:
        >>> _run_query(None, None, "SELECT 1, 'a'", 10, 1.0)
        [(1, 'a')]
    """
    connection = _open_database(setup, database, timeout)
    _set_deadline(connection, timeout)
    rows: _Rows = []
    size = 0
    try:
        for row in connection.execute(query):
            rows.append(row)
            size += sum(len(x) for x in row if isinstance(x, str | bytes))
            if len(rows) > max_rows or size > _MAX_RESULT_BYTES:
                raise InvalidQueryError(f"more than {max_rows:,} rows or {_MAX_RESULT_BYTES:,} bytes")
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise QueryTimeoutError(f"stopped after {timeout:g} s") from None
        raise InvalidQueryError(f"SQLite: {error}"[:300]) from None
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        raise InvalidQueryError(f"SQLite: {error}"[:300]) from None
    finally:
        connection.set_progress_handler(None, 0)
    return rows


@lru_cache(maxsize=8)
def _open_database(setup: str | None, database: str | None, timeout: float) -> sqlite3.Connection:
    """Open a database that queries cannot change; it is reused for later queries."""
    path = ":memory:" if database is None else f"{Path(database).resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(path, uri=database is not None, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA hard_heap_limit = {_MAX_HEAP_BYTES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    if setup:
        _set_deadline(connection, timeout)
        try:
            connection.executescript(setup)
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise QueryTimeoutError(f"the setup was stopped after {timeout:g} s") from None
            raise
    for name, limit in _CONNECTION_LIMITS.items():
        connection.setlimit(name, limit)
    connection.set_authorizer(_authorize)
    return connection


def _set_deadline(connection: sqlite3.Connection, timeout: float) -> None:
    end = time.monotonic() + timeout
    connection.set_progress_handler(lambda: time.monotonic() > end, _CLOCK_INTERVAL)


def _authorize(action: int, _: str | None, name: str | None, *__: str | None) -> int:
    allowed = action in _ALLOWED_ACTIONS and name != "load_extension"
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
