"""The parts of rollouts from arrays that people already have: a list of arrays, or one flat array with offsets."""

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_torch_array

from herokit.errors import DataError

__all__ = ["RaggedParts", "read_parts"]

_FORM = (
    'write combine(values, groups, chain, parts={"turn": [[0.1, 0.9], [0.4]]}), a list for each row, or parts={"turn": flat}, '
    "offsets=[0, 2, 3]"
)
_NO_LISTS = (str, bytes, Mapping, AbstractSet)
"""What can be iterated but has no values in an order."""


@dataclass(frozen=True, slots=True, eq=False)
class RaggedParts:
    """The parts of N rollouts as flat columns; those of the first row come first.

    Attributes:
        counts: (N,) integers of numpy: how many parts each row has.
        values: signal -> S values, not yet converted: a list or an array.
        states: S keys; None if nobody knows.
    """

    counts: Any
    values: Mapping[str, Any]
    states: Sequence[Hashable] | None


def read_parts(parts: Any, offsets: Any, states: Any) -> RaggedParts | None:
    """Read the parts of rollouts; None if none are given.

    Args:
        parts: signal -> for each of N rows the values of its parts; with offsets S values, the parts of the first row first.
        offsets: N + 1 integers: row i has the parts from ``offsets[i]`` to before ``offsets[i + 1]``.
        states: what each part saw, in the same layout: equal keys in one group are one state, None is unknown.

    Raises:
        DataError: the layouts do not fit each other; the message names the signal, the row and both numbers.

    Example:
        >>> read = read_parts({"turn": [[0.5, 1.0], [0.0]]}, None, [["a", "b"], ["a"]])
        >>> read.counts.tolist(), read.values, read.states
        ([2, 1], {'turn': [0.5, 1.0, 0.0]}, ['a', 'b', 'a'])
        >>> read_parts({"turn": [0.5, 1.0, 0.0]}, [0, 2, 3], None).counts.tolist()
        [2, 1]
    """
    if parts is None and offsets is None and states is None:
        return None
    if parts is not None and not isinstance(parts, Mapping):
        raise DataError(f"parts must be a mapping from signal to values, got {type(parts).__name__}; {_FORM}")
    columns = {f"the parts of {name!r}": values for name, values in (parts or {}).items()}
    columns |= {} if states is None else {"states": states}
    read = {
        what: _read_flat(what, x, offsets) if offsets is not None else _read_rows(what, x)
        for what, x in columns.items()
    }
    if not read and offsets is None:
        raise DataError(f"parts has no signal; {_FORM}")
    if not read:
        read = {"offsets": (None, _read_offsets(offsets))}
    (first, (_, counts)), *others = read.items()
    for what, (_, sizes) in others:
        _check_equal(first, counts, what, sizes)
    values = {name: read[f"the parts of {name!r}"][0] for name in parts or {}}
    return RaggedParts(counts, values, None if states is None else read["states"][0])


def _read_rows(what: str, rows: Any) -> tuple[Any, Any]:
    """Return the values of all parts, and the number of parts of each row."""
    try:
        rows = list(rows)
        counts = np.array([len(row) for row in rows], dtype=np.int64)
    except TypeError:
        raise DataError(f"{what} must be a list of values for each row, got {rows!r:.80}; {_FORM}") from None
    if any(isinstance(row, _NO_LISTS) for row in rows):
        raise DataError(f"{what} must be a list of values for each row, got {rows!r:.80}; {_FORM}")
    arrays = [row for row in rows if is_array_api_obj(row)]
    if len(arrays) != len(rows) or not rows:
        return list(chain.from_iterable(row.tolist() if is_array_api_obj(row) else row for row in rows)), counts
    wrong = next((number for number, row in enumerate(rows) if row.ndim != 1), None)
    if wrong is not None:
        raise DataError(f"{what}: row {wrong} has shape {tuple(rows[wrong].shape)}; expected one value for each part")
    try:
        joined = array_namespace(*rows).concat(rows)
    except TypeError as error:
        raise DataError(f"{what}: rows of several array libraries: {error}") from None
    return joined.detach() if is_torch_array(joined) else joined, counts


def _read_flat(what: str, values: Any, offsets: Any) -> tuple[Any, Any]:
    counts = _read_offsets(offsets)
    try:
        size, total = len(values), int(counts.sum())
    except TypeError:
        size = total = -1
    if size < 0 or isinstance(values, _NO_LISTS):
        raise DataError(f"{what} must be a list or an array of values, got {values!r:.80}; {_FORM}")
    if size != total:
        raise DataError(f"{what} are {size} values, but offsets end at {total}; {_FORM}")
    return values, counts


def _read_offsets(offsets: Any) -> Any:
    """Return the numbers of parts between offsets."""
    try:
        host = offsets.tolist() if hasattr(offsets, "tolist") else list(offsets)
        places = np.asarray(host)
    except (TypeError, ValueError):
        raise DataError(f"offsets must be N + 1 integers, got {offsets!r:.80}; {_FORM}") from None
    if places.ndim != 1 or not len(places) or places.dtype.kind not in "iu" or places[0] != 0:
        raise DataError(f"offsets must be N + 1 integers from 0 to the number of parts, got {host!r:.80}; {_FORM}")
    counts = np.diff(places.astype(np.int64))
    if (counts < 0).any():
        row = int(np.flatnonzero(counts < 0)[0])
        raise DataError(
            f"offsets fall from {places[row]} to {places[row + 1]} at row {row}; they are in the order of the rows"
        )
    return counts


def _check_equal(first: str, counts: Any, what: str, sizes: Any) -> None:
    if len(counts) != len(sizes):
        raise DataError(f"{first} are of {len(counts)} rows, {what} of {len(sizes)}")
    wrong = np.flatnonzero(counts != sizes)
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"row {row} has {counts[row]} parts in {first}, but {sizes[row]} in {what}; expected the same number"
        )
