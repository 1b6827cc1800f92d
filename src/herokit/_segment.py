"""Reductions over ragged groups: the only module that knows numpy from torch from jax.

The array API standard has no segment reduction, so each library's own is used: `numpy.ufunc.at` and `bincount`,
torch's `scatter_reduce`. A new library is one more branch in `reduce`; everything above speaks the array API.
"""

from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace, is_numpy_array, is_torch_array

from herokit.types import Array, Groups

Op = Literal["sum", "min", "max"]

_IDENTITY: dict[Op, float] = {"sum": 0.0, "min": float("inf"), "max": -float("inf")}
_NUMPY: dict[Op, Any] = {"min": np.minimum, "max": np.maximum}
_TORCH: dict[Op, str] = {"sum": "sum", "min": "amin", "max": "amax"}


def namespace(*arrays: Array) -> Any:
    """Return the array-API namespace the arrays share."""
    return array_namespace(*arrays)


def reduce(x: Array, groups: Groups, op: Op) -> Array:
    """Reduce `x` (N,) to one value a group, (G,); an empty group holds the identity (0, inf, -inf).

    Example:
        >>> reduce(np.array([2.0, 4.0, 1.0]), Groups(np.array([0, 0, 1]), 2), "max").tolist()
        [4.0, 1.0]
    """
    index, count = groups.index, groups.count
    if is_numpy_array(x):
        if op == "sum":
            return np.bincount(index, x, count).astype(x.dtype, copy=False)
        out = np.full(count, _IDENTITY[op], dtype=x.dtype)
        _NUMPY[op].at(out, index, x)
        return out
    if is_torch_array(x):
        return x.new_full((count,), _IDENTITY[op]).scatter_reduce(0, index, x, _TORCH[op])
    xp = array_namespace(x)  # a library without a branch: right, through the host, and slow
    host = reduce(np.asarray(x), Groups(np.asarray(index), count), op)
    return xp.asarray(host)


def rows(values: Array, groups: Groups) -> Array:
    """Hand each row its group's value: (G,) to (N,).

    Example:
        >>> rows(np.array([5.0, 7.0]), Groups(np.array([1, 0, 1]), 2)).tolist()
        [7.0, 5.0, 7.0]
    """
    if is_numpy_array(values):
        return values[groups.index]
    return array_namespace(values).take(values, groups.index)


def sizes(groups: Groups, like: Array) -> Array:
    """Count the rows of each group, (G,), in the dtype and on the device of `like` (N,)."""
    xp = array_namespace(like)
    return reduce(xp.ones_like(like), groups, "sum")


def mean(x: Array, groups: Groups) -> Array:
    """Average `x` (N,) over each group, (G,); an empty group gives 0."""
    xp = array_namespace(x)
    count = sizes(groups, x)
    return reduce(x, groups, "sum") / xp.where(count > 0, count, xp.ones_like(count))


def std(x: Array, groups: Groups, *, ddof: int = 0) -> Array:
    """Spread of `x` (N,) in each group, (G,): two passes; 0 where a group has `ddof` rows or fewer.

    Example:
        >>> std(np.array([1.0, 3.0, 5.0]), Groups(np.array([0, 0, 1]), 2)).tolist()
        [1.0, 0.0]
    """
    xp = array_namespace(x)
    count = sizes(groups, x)
    some = xp.where(count > 0, count, xp.ones_like(count))
    away = x - rows(reduce(x, groups, "sum") / some, groups)
    free = xp.where(count > ddof, count - ddof, xp.ones_like(count))
    return xp.sqrt(reduce(away * away, groups, "sum") / free)
