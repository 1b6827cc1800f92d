"""The groups of rows, from ids of any kind: texts and numbers, in lists and in arrays of any library."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj, is_torch_array

from herokit._segment import equal_groups
from herokit.errors import DataError
from herokit.signals import group_key
from herokit.types import Array, Groups

__all__ = ["CALL_FORM", "host_ids", "number_groups", "to_numpy"]

CALL_FORM = 'write combine({"verifier": v, "rm": s}, groups=ids, combiner=hero())'

_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)
"""Odd numbers of 64 bits without a pattern, one for each round of `_first_rows`."""


def number_groups(ids: Any) -> Groups:
    """Number the groups of ids, (N,), in numpy.

    Integers that span less than N, unless the rows of each group lie together, are numbered by their distance from the
    smallest, with an empty group for each number that is missing; all other ids in order of first appearance.

    Raises:
        DataError: an id is None or NaN, cannot be hashed, or is an array of several values; the message names the row.

    Example:
        >>> number_groups(["b", "b", "a", "b"])
        Groups(ids=array([0, 0, 1, 0]), num_groups=2)
        >>> number_groups([7, 7, 9, 7])
        Groups(ids=array([0, 0, 2, 0]), num_groups=3)
    """
    host = host_ids(ids)
    if not isinstance(host, np.ndarray) or host.dtype.kind not in "iufb":
        host = _check_keys(host)
    if not isinstance(host, np.ndarray):
        return Groups.from_keys(host)
    if host.dtype.kind == "f" and np.isnan(host).any():
        group_key(float("nan"), int(np.flatnonzero(np.isnan(host))[0]))
    if not len(host):
        return Groups(np.zeros(0, dtype=np.int64), 0)
    new = host[1:] != host[:-1]
    runs = 1 + int(np.count_nonzero(new))
    width = len(host) // runs
    if width > 1 and width * runs == len(host) and new[width - 1 :: width].all():
        numbers, count = _number_values(host[::width])
        numbered = host.dtype == np.int64 and (host[::width] == numbers).all()
        whole = host if numbered else np.repeat(numbers, width)
        return equal_groups(whole, count, width) if count == runs else Groups(whole, count)
    if host.dtype.kind in "iu":
        low, high = int(host.min()), int(host.max())
        if high - low < len(host):
            return Groups((host - low if low else host).astype(np.int64, copy=False), high - low + 1)
    if width == 1:
        return Groups(*_number_values(host))
    begins = np.flatnonzero(np.concatenate([[True], new]))
    numbers, count = _number_values(host[begins])
    return Groups(np.repeat(numbers, np.diff(begins, append=len(host))), count)


def _check_keys(ids: Any) -> Any:
    """Return ids as a list, or integers of 64 bits as an array; None is no id."""
    keys = ids.tolist() if isinstance(ids, np.ndarray) else ids
    kinds = set(map(type, keys))
    if type(None) in kinds:
        row = list(keys).index(None)
        raise DataError(f"row {row}: group is None, which is no id; expected the same id for all rollouts of a prompt")
    whole = np.asarray(keys) if kinds == {int} else None
    return keys if whole is None or whole.dtype.kind not in "iu" else whole


def _number_values(values: Any) -> tuple[Any, int]:
    """Number the distinct values in order of first appearance: the number of each row, and how many there are.

    Example:
        >>> _number_values(np.array([2**40, 5, 2**40]))
        (array([0, 1, 0]), 2)
    """
    if (values[1:] > values[:-1]).all():
        return np.arange(len(values)), len(values)
    is_integer = values.dtype.kind in "iu"
    first = _first_rows(values.astype(np.int64, copy=False).view(np.uint64)) if is_integer else _first_by_sort(values)
    numbers = np.cumsum(first == np.arange(len(first))) - 1
    return numbers[first], int(numbers[-1]) + 1


def _first_rows(keys: Any) -> Any:
    """Return for each row the first row with its key, by hashing, in a few rounds over the rows that are left.

    Rows with one key share a slot of the table, and the first row of a slot wins it. Rows with another key than the winner's
    are left for the next round, which hashes in another way; keys that are made to collide in every round are sorted.

    Example:
        >>> _first_rows(np.array([7, 9, 7], dtype=np.uint64)).tolist()
        [0, 1, 0]
    """
    bits = len(keys).bit_length()
    table = np.empty(1 << bits, dtype=np.int64)
    first, left = np.empty(len(keys), dtype=np.int64), np.arange(len(keys))
    for multiplier in _MULTIPLIERS:
        slots = (keys[left] * np.uint64(multiplier) >> np.uint64(64 - bits)).view(np.int64)
        table[slots[::-1]] = left[::-1]  # of several values for one place, the last stays
        first[left] = table[slots]
        left = left[keys[first[left]] != keys[left]]
        if not len(left):
            return first
    first[left] = left[_first_by_sort(keys[left])]
    return first


def _first_by_sort(keys: Any) -> Any:
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]


def host_ids(ids: Any) -> Sequence[Hashable] | Any:
    """Return ids as a numpy array, or as a list of keys."""
    if isinstance(ids, str) or not hasattr(ids, "__len__"):
        raise DataError(f"groups must be one id for each row, got {ids!r:.80}; {CALL_FORM}")
    if hasattr(ids, "to_numpy"):
        ids = ids.to_numpy()
    if not is_array_api_obj(ids):
        is_list_of_arrays = len(ids) > 0 and isinstance(ids, Sequence) and is_array_api_obj(ids[0])
        return [group_key(key, row) for row, key in enumerate(ids)] if is_list_of_arrays else ids
    host = to_numpy(ids)
    if host.ndim != 1:
        raise DataError(f"groups have shape {host.shape}; expected one id for each row: reshape(-1)")
    return host


def to_numpy(x: Array) -> Any:
    """Return an array of any library in numpy."""
    return x.detach().cpu().numpy() if is_torch_array(x) else np.asarray(x)
