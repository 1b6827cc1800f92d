"""Signals from arrays that people already have: lists, numpy, torch in any precision, jax, and ids of any kind."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_numpy_array, is_torch_array

from herokit.combiners.numbering import CALL_FORM, host_ids, number_groups
from herokit.combiners.ragged import RaggedParts
from herokit.combiners.row_problems import RowProblems
from herokit.conversations.views import state_key
from herokit.errors import DataError
from herokit.types import Array, Groups, Parts, Signals

__all__ = ["check_values", "copy_input", "number_states", "read_arrays", "spread_rows"]


def read_arrays(
    values: Mapping[str, Any], groups: Any, ragged: RaggedParts | None = None
) -> tuple[Signals, Array, Sequence[Hashable], RowProblems]:
    """Return the signals of the rows that have every value, which rows these are, the ids of all rows, and why rows leave.

    Args:
        values: signal -> N numbers or booleans: a list, or an array of numpy, torch or jax. Lists and numpy arrays are moved
            to the library and device of the others. NaN and None are no value. With parts there may be none.
        groups: N ids: a list of texts or numbers, or an array.
        ragged: the parts of the rows; a row leaves if one of its parts has no value, or it has no part.

    Returns:
        Signals in the inputs' library, device and floating dtype (the widest, if they differ); (N,) booleans of the same
        library; the ids; row -> why it leaves.

    Raises:
        DataError: no mapping of arrays, or lengths, shapes or libraries that do not fit; the message names the signal.
    """
    if ragged is None or values:
        check_values(values)
    if groups is None:
        raise DataError(f"the groups are missing; {CALL_FORM}")
    given = {name: _to_array(f"signal {name!r}", x) for name, x in values.items()}
    fine = {} if ragged is None else {name: _to_array(f"the parts of {name!r}", x) for name, x in ragged.values.items()}
    moved = iter(_to_one_library([*given.items(), *fine.items()]))
    arrays, fine = ({name: next(moved) for name in level} for level in (given, fine))
    _check_lengths(arrays, groups, ragged)
    first = next(iter((arrays or fine).values()), np.zeros(0))
    xp = array_namespace(first)
    ids: Any = groups.ids if isinstance(groups, Groups) else groups
    host: Any = host_ids(ids)
    problems = RowProblems.find(arrays, ragged, fine)
    valid = xp.ones(len(host), dtype=xp.bool, device=first.device)
    rows: Any = None
    if problems:
        mask = np.ones(len(host), dtype=bool)
        mask[problems.rows] = False
        rows, valid = np.flatnonzero(mask), xp.asarray(mask, device=first.device)
        arrays = {name: x[valid] for name, x in arrays.items()}
        ids = host[rows] if isinstance(host, np.ndarray) else [host[r] for r in rows]
    numbered = _to_library(number_groups(ids), first)
    parts = None if ragged is None else _make_parts(ragged, fine, host, rows, first)
    return Signals(arrays, numbered, parts), valid, host, problems


def _make_parts(ragged: RaggedParts, values: Mapping[str, Array], ids: Any, rows: Any, first: Array) -> Parts:
    """Return the parts of some rows, of all with None, in the library of an array."""
    counts, states = ragged.counts, ragged.states
    keys = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    number = np.repeat(np.arange(len(counts)), counts)
    if rows is not None:
        kept = np.isin(number, rows)
        values = {name: x[array_namespace(x).asarray(kept, device=x.device)] for name, x in values.items()}
        states = None if states is None else [state for state, here in zip(states, kept, strict=True) if here]
        counts, number = counts[rows], number[kept]
    built = Parts.from_counts(counts)
    if states is not None:
        states = [state_key(state, "states") for state in states]
    named = None if states is None else number_states([keys[row] for row in number.tolist()], number.tolist(), states)
    xp = array_namespace(first)
    return Parts(
        values,
        _to_library(built.rollouts, first),
        xp.asarray(built.positions, device=first.device),
        built.max_parts,
        None if named is None else _to_library(named, first),
    )


def number_states(
    group_keys: Iterable[Hashable], rows: Iterable[int], states: Iterable[Hashable | None]
) -> Groups | None:
    """Number the states of S parts: parts of one group with equal states share a number, one without a state has its own.

    Args:
        group_keys: the group of every part.
        rows: the rollout of every part.
        states: its state, None if it is unknown.

    Example:
        >>> number_states("ppp", [0, 0, 1], ["a", None, "a"]).ids.tolist()
        [0, 1, 0]
    """
    keys = [
        (group, True, state) if state is not None else (row, False, place)
        for place, (group, row, state) in enumerate(zip(group_keys, rows, states, strict=True))
    ]
    return Groups.from_keys(keys) if any(known for _, known, _ in keys) else None


def _to_library(groups: Groups, first: Array) -> Groups:
    if is_numpy_array(first):
        return groups
    return Groups(array_namespace(first).asarray(groups.ids, device=first.device), groups.num_groups)


def check_values(values: Any) -> None:
    """Check that values have names.

    Raises:
        DataError: they have none; the message says what to write.

    Example:
        >>> check_values({"rm": [0.5]})
    """
    if not isinstance(values, Mapping) or not values or not all(isinstance(name, str) for name in values):
        text = " ".join(repr(values).split())
        raise DataError(
            f"expected a mapping from signal to values, got {type(values).__name__} {text:.60}; {CALL_FORM}"
        )


def copy_input(x: Array, signals: Signals) -> Array:
    """Return `x`, or a copy if it is a signal itself, which is the caller's array.

    Example:
        >>> rm = np.array([1.0])
        >>> copy_input(rm, Signals({"rm": rm}, Groups(np.array([0]), 1))) is rm
        False
    """
    owned = all(x is not signal for signal in signals.values.values())
    return x if owned else array_namespace(x).asarray(x, copy=True)


def spread_rows(x: Array, valid: Array) -> Array:
    """Spread the values of the valid rows over all rows, NaN elsewhere; x itself if all are valid.

    Example:
        >>> spread_rows(np.array([1.0]), np.array([False, True])).tolist()
        [nan, 1.0]
    """
    if x.shape[0] == valid.shape[0]:
        return x
    xp = array_namespace(x, valid)
    full = xp.full(valid.shape, float("nan"), dtype=x.dtype, device=x.device)
    if x.shape[0] == 0:
        return full
    place = xp.cumulative_sum(xp.astype(valid, xp.int32)) - 1
    return xp.where(valid, xp.take(x, xp.where(valid, place, xp.zeros_like(place))), full)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType"  # of pandas


def _to_array(name: str, values: Any) -> Array:
    """Return values as an array of floats, (N,)."""
    if hasattr(values, "to_numpy"):  # a series of pandas or polars
        values = values.to_numpy()
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    if is_numpy_array(values) and values.dtype.kind in "OUS":
        values = values.tolist()
    if not is_array_api_obj(values):
        try:
            values = np.array([np.nan if _is_missing(v) else float(v) for v in values], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name} must be N numbers, got {values!r:.80}: {error}; {CALL_FORM}") from None
        except OverflowError:
            raise DataError(f"{name} has an integer that is too large for a float; {CALL_FORM}") from None
    if not array_namespace(values).isdtype(values.dtype, ("bool", "integral", "real floating")):
        raise DataError(f"{name} must be N numbers, got an array of {values.dtype}; {CALL_FORM}")
    if values.ndim != 1:
        raise DataError(
            f"{name} has shape {tuple(values.shape)}; expected one value for each row: reshape(-1), with an id for each"
        )
    return values.detach() if is_torch_array(values) else values


def _to_one_library(arrays: Sequence[tuple[str, Array]]) -> list[Array]:
    """Return all arrays in one library, device and floating dtype; lists and numpy follow the others."""
    if not arrays:
        return []
    lead = next((x for _, x in arrays if not is_numpy_array(x)), arrays[0][1])
    xp = array_namespace(lead)
    moved = []
    for name, x in arrays:
        if not is_numpy_array(x) and type(x) is not type(lead) and array_namespace(x) is not xp:
            raise DataError(f"signal {name!r} is a {type(x).__module__} array, another one of {type(lead).__module__}")
        moved.append(xp.asarray(x, device=lead.device) if is_numpy_array(x) and not is_numpy_array(lead) else x)
        if moved[-1].device != lead.device:
            raise DataError(f"signal {name!r} is on {moved[-1].device}, another one on {lead.device}")
    native = [y.dtype for (_, x), y in zip(arrays, moved, strict=True) if is_numpy_array(x) == is_numpy_array(lead)]
    floats = [dtype for dtype in native if xp.isdtype(dtype, "real floating")]
    if floats:
        dtype = xp.result_type(*floats)
    else:
        dtype = np.float64 if is_numpy_array(lead) else xp.__array_namespace_info__().default_dtypes()["real floating"]
    return [xp.astype(x, dtype, copy=False) for x in moved]


def _check_lengths(arrays: Mapping[str, Array], groups: Any, ragged: RaggedParts | None) -> None:
    lengths = {f"signal {name!r}": x.shape[0] for name, x in arrays.items()}
    lengths["groups"] = len(host_ids(groups.ids if isinstance(groups, Groups) else groups))
    if ragged is not None:
        lengths["parts"] = len(ragged.counts)
    if len(set(lengths.values())) > 1:
        raise DataError(f"lengths differ: expected one value for each row in each, got {lengths}")
