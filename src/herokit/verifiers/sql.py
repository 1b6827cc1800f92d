"""SQL queries, judged by what they return from SQLite, in a process that is killed when one runs on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from herokit.errors import ConfigError, check_choice
from herokit.sources.process_pool import Pooled, ProcessPool
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.extraction import extract_code_block, find_answer
from herokit.verifiers.sqlite import NotAllowedError, Rows, TookTooLongError, run

Order = Literal["reference", "always", "never"]

_ORDER_BY = re.compile(r"\border\s+by\b", re.IGNORECASE)
_QUERY = re.compile(r"(?:\s|--[^\n]*+(?:\n|\Z)|/\*.*?\*/)*+(?:select|with|values)\b", re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Compare(PerSampleVerifier):
    """The work itself."""

    setup: str | None
    database: str | None
    order: Order
    rows: int
    seconds: float

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if sample.reference is None:
            return abstain()
        setup = self.setup or sample.meta.get("setup")
        database = self.database or sample.meta.get("database")
        place = (None if setup is None else str(setup), None if database is None else str(database))
        text = extract_code_block(sample.completion, ("sql", "sqlite"), "optional")
        query = text if text is None or _QUERY.match(text) else find_answer(text)
        try:
            gold = run(*place, sample.reference, self.rows, self.seconds)
        except Exception as error:  # noqa: BLE001 - whatever it is, the data are at fault
            return abstain(f"reference: {type(error).__name__}: {error}"[:300])
        if query is None or not _QUERY.match(query):
            return unparsed("no query")
        try:
            said = run(*place, query, self.rows, self.seconds)
        except TookTooLongError as error:
            return Verdict(0.0, Status.TIMEOUT, str(error), query)
        except NotAllowedError as error:
            return binary_verdict(correct=False, reason=str(error), answer=query)
        ordered = self.order == "always" or (self.order == "reference" and _sorts(sample.reference))
        return binary_verdict(
            correct=_same(said, gold, ordered=ordered), reason=f"{len(said)} rows for {len(gold)}", answer=query
        )


@dataclass(frozen=True)
class SqlResult(Pooled):
    """Right where a query returns what the reference's query returns: the same rows of the same columns, in SQLite.

    Rows are compared as a multiset, in order where the reference sorts its result; numbers to nine significant digits,
    columns in order and whatever their names. The query is the completion's one fenced block, or its answer, and is one
    SELECT. It works in a worker process on a database it can only read: every other statement, attaching files, PRAGMAs
    and loading extensions are refused by SQLite's authorizer; time, rows, lengths and memory are limited.

    Args:
        setup: SQL that makes the database; else ``meta["setup"]``.
        database: path of a SQLite file; else ``meta["database"]``. Without either the database is empty.
        order: whether the order of rows counts: ``"reference"`` where the reference has an outermost ORDER BY.
        rows: rows that a query may return.
        timeout: wall seconds for a sample, half of them for the reference's query; half as many more to make the
            database. One more second and its process is killed.
        max_workers: processes at most.

    Raises:
        ConfigError: both a setup and a database, or a number that is not positive.

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
    order: Order = "reference"
    rows: int = 10_000
    timeout: float = 5.0
    max_workers: int = 1
    _pool: ProcessPool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_choice("order", self.order, Order)
        if self.setup is not None and self.database is not None:
            raise ConfigError("a setup or a database, not both")
        if self.rows <= 0 or self.timeout <= 0 or self.max_workers <= 0:
            raise ConfigError(
                f"rows, timeout and workers are positive, got {self.rows}, {self.timeout}, {self.max_workers}"
            )
        work = _Compare(self.setup, self.database, self.order, self.rows, self.timeout / 2.0)
        object.__setattr__(
            self,
            "_pool",
            ProcessPool(work, max_workers=self.max_workers, timeout=1.5 * self.timeout + 1.0, memory_mb=1024),
        )

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        return self._pool.verify(samples)

    def report(self) -> str:
        """Say how many samples went to a process and how many were killed."""
        return self._pool.report().replace("pool", "sql", 1)


def _sorts(query: str) -> bool:
    """Whether a query's outermost level has an ORDER BY.

    Example:
        >>> _sorts("SELECT a FROM t ORDER BY a"), _sorts("SELECT a FROM (SELECT a FROM t ORDER BY a)")
        (True, False)
    """
    depth, outer = 0, []
    for char in _QUOTED.sub(" ", query):
        depth += (char == "(") - (char == ")")
        outer.append(char if depth == 0 else " ")
    return _ORDER_BY.search("".join(outer)) is not None


def _same(said: Rows, gold: Rows, *, ordered: bool) -> bool:
    if len(said) != len(gold) or {len(row) for row in said} != {len(row) for row in gold}:
        return False
    one, other = [_plain(row) for row in said], [_plain(row) for row in gold]
    return one == other if ordered else sorted(one) == sorted(other)


def _plain(row: tuple[object, ...]) -> tuple[tuple[str, str], ...]:
    """Bring a row to a form that can be compared and sorted."""
    return tuple(
        ("number", f"{float(x) + 0.0:.9g}") if isinstance(x, float) or (isinstance(x, int) and abs(x) < 2**53)
        else (type(x).__name__, repr(x))
        for x in row
    )  # fmt: skip
