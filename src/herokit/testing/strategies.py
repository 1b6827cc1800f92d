"""What laws are tried on: batches of verdicts and scores that shrink to a few small rows."""

from collections.abc import Callable, Mapping
from functools import cache
from math import prod

import numpy as np
from hypothesis import strategies as st

from herokit.testing.backends import NUMPY, Backend
from herokit.testing.case import Batch, Case, Kind, Numbers
from herokit.testing.law import Span
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


def scores(size: int, *, span: Span = "any") -> st.SearchStrategy[Numbers]:
    """Scores of one reward model for `size` rollouts: ties, near-ties, other units, huge ranges, subnormals.

    Example:
        >>> from hypothesis import find
        >>> find(scores(2), lambda x: x[0] < x[1]).tolist()
        [0.0, 1.0]
    """
    whole = st.lists(st.integers(-MOST, MOST), min_size=size, max_size=size).map(lambda k: np.array(k, np.float64))
    return st.tuples(st.sampled_from(SPANS[span]), whole).map(lambda drawn: np.asarray(UNITS[drawn[0]](drawn[1])))


_ENTRIES: dict[Kind, tuple[float, ...]] = {
    "binary": (0.0, 1.0),
    "grade": (0.0, 1.0, 0.5),
    "unit": tuple(k / MOST for k in range(MOST + 1)),
    "score": (0.0, *(float(sign * k) for k in range(1, MOST + 1) for sign in (1, -1))),
}
"""What one entry of a signal may be, simplest first."""


@st.composite
def _spans(draw: st.DrawFn, signals: Mapping[str, Kind], max_rows: int, max_groups: int) -> Callable[[Span], Batch]:
    """Draw rows once, to be read as a batch of any span."""
    scored = [name for name, kind in signals.items() if kind == "score"]
    coarse = [name for name in signals if name not in scored]
    entries = {name: np.array(_ENTRIES[kind]) for name, kind in signals.items()}
    choices = [max_groups, *(len(entries[name]) for name in coarse)]  # group and verdicts of a row are one integer
    row = st.tuples(st.integers(0, prod(choices) - 1), *(st.integers(0, len(entries[name]) - 1) for name in scored))
    drawn = np.array(draw(st.lists(row, min_size=1, max_size=max_rows)))
    index, *digits = np.unravel_index(drawn[:, 0], choices, order="F")
    index = index % draw(st.sampled_from([1, 2, max_groups]))
    units = {name: draw(st.integers(0, len(UNITS) - 1)) for name in scored}
    copies = draw(st.sampled_from([1] * 9 + [12]))
    picks = {**dict(zip(coarse, digits, strict=True)), **dict(zip(scored, drawn[:, 1:].T, strict=True))}
    plain = {name: np.tile(entries[name][picks[name]], copies) for name in signals}

    def at(span: Span) -> Batch:
        known = [UNITS[name] for name in SPANS[span]]
        scores = {name: np.asarray(known[unit % len(known)](plain[name])) for name, unit in units.items()}
        return Batch({**plain, **scores}, np.tile(index, copies), int(index.max()) + 1)

    return at


def batches(
    signals: Mapping[str, Kind], *, span: Span = "any", max_rows: int = 10, max_groups: int = 4
) -> st.SearchStrategy[Batch]:
    """Batches of rollouts: ragged groups in any order, groups of one, empty groups, now and then a huge one.

    Args:
        signals: name -> what it holds.
        span: which scores.
        max_rows: rows at most, before the huge group's rows are repeated.
        max_groups: groups at most.

    Example:
        >>> from hypothesis import find
        >>> print(find(batches({"verifier": "binary", "rm": "score"}), lambda b: len(b) == 2))
        group  verifier  rm
        a      0         0
        a      0         0
    """
    return _spans(signals, max_rows, max_groups).map(lambda at: at(span))


def cases(
    signals: Mapping[str, Kind], *, max_rows: int = 10, max_earlier: int = 2
) -> st.SearchStrategy[Callable[[Span], Case]]:
    """Batches with what came before them, drawn once and read at any span; what came before is plain."""
    earlier = st.lists(_spans(signals, 6, 4).map(lambda at: at("plain")), max_size=max_earlier).map(tuple)

    def case(at: Callable[[Span], Batch], before: tuple[Batch, ...]) -> Callable[[Span], Case]:
        return cache(lambda span: Case(at(span), before))

    return st.builds(case, _spans(signals, max_rows, 4), earlier)


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
