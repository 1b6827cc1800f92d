"""Which rows of arrays have no reward, and why: the text is written when somebody asks, because a batch may have millions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from herokit.combiners.numbering import to_numpy
from herokit.combiners.ragged import RaggedParts
from herokit.types import MAX_ABS_SCORE, Array, is_valid_score

__all__ = ["RowProblems"]

_MAX_PLACES = 3
"""Parts that a reason names."""


@dataclass(frozen=True, slots=True, eq=False)
class RowProblems(Mapping[int, str]):
    """Why rows have no reward: row -> reason.

    Attributes:
        rows: the numbers of these rows, increasing.
        bad_values: signal -> (N,) booleans of numpy: which rows have no value; only signals that lack one.
        bad_parts: signal -> the places without a value among all parts, increasing.
        ends: (N,) where the parts of each row end among all parts; None without parts.
    """

    rows: Any
    bad_values: Mapping[str, Any]
    bad_parts: Mapping[str, Any]
    ends: Any = None

    @classmethod
    def find(cls, values: Mapping[str, Array], ragged: RaggedParts | None, parts: Mapping[str, Array]) -> "RowProblems":
        """Find the rows without a finite value in every signal, of every part, or without parts.

        Args:
            values: signal -> (N,) floats.
            ragged: how many parts each row has; None without parts.
            parts: signal -> (S,) floats of the parts.

        Example:
            >>> dict(RowProblems.find({"rm": np.array([1.0, np.nan])}, None, {}))
            {1: "signal 'rm' has no finite value"}
        """
        bad = {name: ~to_numpy(_is_valid(x)) for name, x in values.items() if not _all_valid(x)}
        bad_parts = {name: np.flatnonzero(~to_numpy(_is_valid(x))) for name, x in parts.items() if not _all_valid(x)}
        rows = [np.flatnonzero(mask) for mask in bad.values()]
        ends: Any = None if ragged is None else np.cumsum(ragged.counts)
        if ragged is not None:
            rows += [np.flatnonzero(ragged.counts == 0)]
            rows += [np.searchsorted(ends, places, side="right") for places in bad_parts.values()]
        return cls(np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *rows])), bad, bad_parts, ends)

    def __getitem__(self, row: int) -> str:
        """Return the reason of one row: each signal without a value, and which parts of it."""
        place = np.searchsorted(self.rows, row)
        if place == len(self.rows) or self.rows[place] != row:
            raise KeyError(row)
        reasons = [f"signal {name!r} has no finite value" for name, mask in self.bad_values.items() if mask[row]]
        if self.ends is not None:
            start = self.ends[row - 1] if row else 0
            reasons += ["it has no part"] if self.ends[row] == start else []
            for name, places in self.bad_parts.items():
                low, high = np.searchsorted(places, [start, self.ends[row]])
                reasons += [_describe(name, (places[low:high] - start).tolist())] if high > low else []
        return "; ".join(reasons)

    def __iter__(self) -> Iterator[int]:
        return iter(self.rows.tolist())

    def __len__(self) -> int:
        return len(self.rows)


def _describe(name: str, places: list[int]) -> str:
    """Name the parts of a row that have no value, as `Rewarder` does, from 1.

    Example:
        >>> _describe("turn", [1, 2])
        "parts 2, 3 of 'turn' have no finite value; leave out parts that only pad the row"
    """
    more = f" and {len(places) - _MAX_PLACES} more" if len(places) > _MAX_PLACES else ""
    named = ", ".join(str(place + 1) for place in places[:_MAX_PLACES])
    several = len(places) > 1
    return (
        f"part{'s' * several} {named}{more} of {name!r} {'have' if several else 'has'} no finite value; "
        "leave out parts that only pad the row"
    )


def _is_valid(x: Array) -> Array:
    xp = array_namespace(x)
    return is_valid_score(x) if x.dtype == xp.float64 else xp.isfinite(x)  # narrower floats do not reach the limit


def _all_valid(x: Array) -> bool:
    """Return whether one pass shows that every value is finite and within the limit; False says nothing."""
    xp = array_namespace(x)
    if x.dtype not in (xp.float32, xp.float64):  # a sum of squares overflows in half precision
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return float(x @ x) <= MAX_ABS_SCORE**2  # no value exceeds the root of the sum of squares
