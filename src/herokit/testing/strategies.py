"""What laws are tried on: batches of verdicts and scores that shrink to a few small rows."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from herokit.testing.backends import NUMPY, Backend
from herokit.testing.batches import Batch, Case, Kind
from herokit.testing.law import Choose, Span
from herokit.types import Signals

UNITS = {
    "whole": lambda k: k,
    "ties": lambda k: np.trunc(k / 4.0),
    "near ties": lambda k: 1.0 + k * 2.0**-30,
    "small units": lambda k: k * 2.0**-10,
    "large units": lambda k: 2.0**20 + 1024.0 * k,
    "a huge range": lambda k: np.sign(k) * 8.0 ** np.abs(k),
    "subnormal": lambda k: k * 5e-324,
    "astronomic": lambda k: np.sign(k) * 2.0 ** (6.0 * np.abs(k)),
}
"""How a small integer becomes a score. Most are multiples of a power of two, so that sums are exact in any order."""

SPANS: dict[Span, tuple[str, ...]] = {
    "plain": ("whole", "ties"),
    "any": ("whole", "ties", "near ties", "small units", "large units", "a huge range"),
    "wide": tuple(UNITS),
}

MOST = 8
"""The largest small integer behind a score; the smallest is its negative."""

MORE = 8
"""After each row, one chance in this many to stop."""


_ENTRIES: dict[Kind, tuple[float, ...]] = {
    "binary": (0.0, 1.0),
    "grade": (0.0, 1.0, 0.5),
    "unit": (0.0, 1.0, 0.0, 1.0, 0.5, 0.25, 0.75),  # the ends twice: that is where it matters
    "score": (0.0, *(float(sign * k) for k in range(1, MOST + 1) for sign in (1, -1))),
}
"""What one entry of a signal may be, simplest first."""


T = TypeVar("T")


def make_batch(
    choose: Choose, signals: Mapping[str, Kind], *, max_rows: int = 10, max_groups: int = 4
) -> Callable[[Span], Batch]:
    """Choose rows once, to be read as a batch of any span: ragged groups in any order, now and then a huge one.

    Example:
        >>> print(make_batch(lambda n: 0, {"verifier": "binary", "rm": "score"})("any"))
        group  verifier  rm
        a      0         0
    """
    entries = {name: _ENTRIES[kind] for name, kind in signals.items()}
    rows: list[list[float]] = []
    while not rows or (len(rows) < max_rows and choose(MORE)):
        rows.append([choose(max_groups), *(known[choose(len(known))] for known in entries.values())])
    groups = (1, 2, 2, max_groups, max_groups)[choose(5)]
    units = {name: choose(len(UNITS)) for name, kind in signals.items() if kind == "score"}
    copies = 12 if choose(10) == 9 else 1  # noqa: PLR2004 - one in ten
    table = np.tile(np.array(rows, np.float64).T, copies)
    index = table[0].astype(np.int64) % groups
    plain = dict(zip(signals, table[1:], strict=True))

    def at(span: Span) -> Batch:
        known = [UNITS[name] for name in SPANS[span]]
        scores = {name: np.asarray(known[unit % len(known)](plain[name])) for name, unit in units.items()}
        return Batch({**plain, **scores}, index, int(index.max()) + 1)

    return at


def make_case(choose: Choose, signals: Mapping[str, Kind], *, max_rows: int = 10) -> Callable[[Span], Case]:
    """Choose a batch and up to two that came before it, which are plain."""
    at = make_batch(choose, signals, max_rows=max_rows)
    earlier = tuple(make_batch(choose, signals, max_rows=6)("plain") for _ in range(choose(3)))
    return cache(lambda span: Case(at(span), earlier))


def chosen(make: Callable[[Choose], T]) -> st.SearchStrategy[T]:
    """Turn a function of choices into a strategy; every choice shrinks to 0.

    Example:
        >>> from hypothesis import find
        >>> find(chosen(lambda choose: choose(10)), lambda k: k > 3)
        4
    """

    @st.composite
    def strategy(draw: st.DrawFn) -> T:
        return make(lambda n: draw(st.integers(0, n - 1)))

    return strategy()


def batches(signals: Mapping[str, Kind], *, span: Span = "any", max_rows: int = 10) -> st.SearchStrategy[Batch]:
    """Batches of rollouts: ragged groups in any order, groups of one, empty groups, now and then a huge one.

    Args:
        signals: name -> what it holds.
        span: which scores.
        max_rows: rows at most, before the huge group's rows are repeated.

    Example:
        >>> from hypothesis import find
        >>> print(find(batches({"verifier": "binary", "rm": "score"}), lambda b: len(b) == 2))
        group  verifier  rm
        a      0         0
        a      0         0
    """
    return chosen(lambda choose: make_batch(choose, signals, max_rows=max_rows)(span))


def cases(signals: Mapping[str, Kind], *, span: Span = "any", max_rows: int = 10) -> st.SearchStrategy[Case]:
    """Batches with what came before them."""
    return chosen(lambda choose: make_case(choose, signals, max_rows=max_rows)(span))


def for_namespace(backend: Backend = NUMPY, dtype: str = "float64") -> "Bound":
    """Bind the strategies to an array library.

    Example:
        >>> from hypothesis import find
        >>> from herokit.testing.backends import find_backend
        >>> bound = for_namespace(find_backend("numpy read-only"), "float32")
        >>> found = find(bound.signals({"rm": "score"}), lambda s: len(s["rm"]) == 2)
        >>> found["rm"].dtype, found["rm"].flags.writeable
        (dtype('float32'), False)
    """
    return Bound(backend, dtype)


class Bound:
    """The strategies, for one array library and float type; made by `for_namespace`."""

    def __init__(self, backend: Backend, dtype: str) -> None:
        self.backend, self.dtype = backend, dtype

    def signals(
        self, kinds: Mapping[str, Kind], *, span: Span = "any", max_rows: int = 10
    ) -> st.SearchStrategy[Signals]:
        """Signals as a combiner gets them."""
        return batches(kinds, span=span, max_rows=max_rows).map(lambda b: self.backend.signals(b, self.dtype))
