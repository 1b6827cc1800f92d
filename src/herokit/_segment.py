"""Reductions over ragged groups: the only module that knows numpy from torch from jax.

The array API standard has no segment reduction, so each library's own is used: `numpy.ufunc.at` and `bincount`,
torch's `scatter_reduce`, `jax.ops.segment_*`. A new library is one more branch in `reduce`; everything above speaks
the array API. On numpy, groups that lie one after the other with equal sizes (as trainers deliver them) are reduced
column by column, which the benchmark shows to be the fastest.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace, is_jax_array, is_numpy_array, is_torch_array

from herokit.types import Array, Groups

__all__ = [
    "apply_groupwise",
    "counts",
    "equal_groups",
    "expand",
    "group_width",
    "intersect",
    "mean",
    "namespace",
    "previous",
    "quantiles",
    "ranks",
    "reduce",
    "std",
    "sum_to_go",
    "to_host",
]

_Op = Literal["sum", "min", "max"]

_IDENTITY: dict[_Op, float] = {"sum": 0.0, "min": float("inf"), "max": -float("inf")}
_NUMPY: dict[_Op, Any] = {"sum": np.add, "min": np.minimum, "max": np.maximum}
_TORCH: dict[_Op, str] = {"sum": "sum", "min": "amin", "max": "amax"}

_MIN_FREE_WEIGHT = 1e-3
"""A group's weight exceeds `ddof` by more than this, or it has no deviation."""

_MIN_WIDE_GROUP = 64
"""Groups wider than this are reduced by the library's own row reduction, not column by column."""


def namespace(*arrays: Array) -> Any:
    """Return the array-API namespace the arrays share."""
    return array_namespace(*arrays)


def reduce(x: Array, groups: Groups, op: _Op) -> Array:
    """Reduce `x` (N,) to one value a group, (G,); an empty group holds the identity (0, inf, -inf).

    Example:
        >>> reduce(np.array([2.0, 4.0, 1.0]), Groups(np.array([0, 0, 1]), 2), "max").tolist()
        [4.0, 1.0]
    """
    index, count = groups.ids, groups.num_groups
    if is_numpy_array(x):
        return _reduce_numpy(x, groups, op)
    if is_torch_array(x):
        return x.new_full((count,), _IDENTITY[op]).scatter_reduce(0, index, x, _TORCH[op])
    if is_jax_array(x):
        import jax

        return getattr(jax.ops, f"segment_{op}")(x, index, num_segments=count)
    xp = array_namespace(x)  # a library without a branch: right, through the host, and slow
    host = reduce(np.asarray(x), Groups(np.asarray(index), count), op)
    return xp.asarray(host)


def _reduce_numpy(x: Any, groups: Groups, op: _Op) -> Any:
    width = group_width(groups)
    if width:
        table = x.reshape(groups.num_groups, width)
        if width > _MIN_WIDE_GROUP:
            return _NUMPY[op].reduce(table, axis=1)
        out = table[:, 0].copy()
        for column in range(1, width):
            _NUMPY[op](out, table[:, column], out=out)
        return out
    if op == "sum":
        return np.bincount(groups.ids, x, groups.num_groups).astype(x.dtype, copy=False)
    out = np.full(groups.num_groups, _IDENTITY[op], dtype=x.dtype)
    _NUMPY[op].at(out, groups.ids, x)
    return out


def group_width(groups: Groups) -> int:
    """Return the size of equal groups that lie one after the other in a numpy index, 0 if they do not; looked at once."""
    if groups.width is None:
        index, count = groups.ids, groups.num_groups
        width = len(index) // count if count and len(index) % count == 0 and len(index) else 0
        # the first group, the last row and then all: a look at few rows refuses most layouts
        if width and (index[:width].any() or index[-1] != count - 1 or not _in_order(index, count, width)):
            width = 0
        object.__setattr__(groups, "width", width)
    return groups.width or 0


def _in_order(index: Any, count: int, width: int) -> bool:
    """Return whether each row of `width` rows holds its number: its two ends do, and nothing changes between."""
    numbers = np.arange(count)
    ends = (index[::width] == numbers).all() and (index[width - 1 :: width] == numbers).all()
    return bool(ends and np.count_nonzero(index[1:] != index[:-1]) == count - 1)


def equal_groups(ids: Any, num_groups: int, width: int) -> Groups:
    """Return groups that are known to have `width` rows each, one group after the other, so that nobody looks again.

    Example:
        >>> group_width(equal_groups(np.array([0, 0, 1, 1]), 2, 2))
        2
    """
    groups = Groups(ids, num_groups)
    object.__setattr__(groups, "width", width)
    return groups


def to_host(x: Array) -> list[float]:
    """Bring a small array to the host: the one thing that waits for a device."""
    return [float(v) for v in (x.tolist() if hasattr(x, "tolist") else np.asarray(x))]


def expand(values: Array, groups: Groups) -> Array:
    """Hand each row its group's value: (G,) to (N,).

    Example:
        >>> expand(np.array([5.0, 7.0]), Groups(np.array([1, 0, 1]), 2)).tolist()
        [7.0, 5.0, 7.0]
    """
    if is_numpy_array(values):
        width = group_width(groups)
        return np.repeat(values, width) if width else values[groups.ids]
    return array_namespace(values).take(values, groups.ids)


def apply_groupwise(
    op: Literal["subtract", "divide", "multiply"], x: Array, values: Array, groups: Groups, *, own: bool = False
) -> Array:
    """Combine each row with its group's value, e.g. ``x - expand(values)``: (N,) and (G,) to (N,).

    Making arrays costs more than the arithmetic on them, so one is made at most, and none if `x` is the caller's
    `own` and may be overwritten.

    Example:
        >>> apply_groupwise("subtract", np.array([5.0, 7.0]), np.array([1.0, 2.0]), Groups(np.array([1, 0]), 2)).tolist()
        [3.0, 6.0]
    """
    if is_numpy_array(x):
        apply = getattr(np, op)
        width = group_width(groups)
        if width:
            table = x.reshape(groups.num_groups, width)
            return apply(table, values[:, None], out=table if own else None).reshape(-1)
        out = values[groups.ids]
        return apply(x, out, out=x if own else out)
    return getattr(array_namespace(x), op)(x, expand(values, groups))


def counts(groups: Groups, like: Array) -> Array:
    """Count the rows of each group, (G,), in the dtype and on the device of `like` (N,)."""
    if is_numpy_array(like):
        width = group_width(groups)
        if width:
            return np.full(groups.num_groups, width, dtype=like.dtype)
        return np.bincount(groups.ids, minlength=groups.num_groups).astype(like.dtype)
    xp = array_namespace(like)
    return reduce(xp.ones_like(like), groups, "sum")


def mean(x: Array, groups: Groups) -> Array:
    """Average `x` (N,) over each group, (G,); an empty group gives 0, and rows count by their weights if they have any.

    Example:
        >>> mean(np.array([0.0, 4.0, 4.0]), Groups(np.array([0, 0, 0]), 1, weights=np.array([1.0, 0.5, 0.5]))).tolist()
        [2.0]
    """
    if groups.weights is not None:
        return reduce(x * groups.weights, groups, "sum") / _total_weight(groups)
    xp = array_namespace(x)
    count = counts(groups, x)
    return reduce(x, groups, "sum") / xp.where(count > 0, count, xp.ones_like(count))


def _total_weight(groups: Groups) -> Array:
    total = reduce(groups.weights, groups, "sum")
    xp = array_namespace(total)
    return xp.where(total > 0, total, xp.ones_like(total))


def std(x: Array, groups: Groups, *, ddof: int = 0) -> Array:
    """Spread of `x` (N,) in each group, (G,): two passes; 0 where a group has `ddof` rows or fewer.

    Rows with weights count by them: ``sqrt(sum w (x - mean)^2 / (sum w - ddof))``.

    Example:
        >>> std(np.array([1.0, 3.0, 5.0]), Groups(np.array([0, 0, 1]), 2)).tolist()
        [1.0, 0.0]
    """
    xp = array_namespace(x)
    count = counts(groups, x) if groups.weights is None else reduce(groups.weights, groups, "sum")
    some = xp.where(count > 0, count, xp.ones_like(count))
    total = reduce(x if groups.weights is None else x * groups.weights, groups, "sum")
    away = apply_groupwise("subtract", x, total / some, groups)
    away *= away  # its own array, made above
    if groups.weights is not None:
        away = away * groups.weights
        ddof_left = count > ddof + _MIN_FREE_WEIGHT  # weights such as 1/3 sum to 1 up to rounding
        free = xp.where(ddof_left, count - ddof, xp.ones_like(count))
        return xp.where(ddof_left, xp.sqrt(reduce(away, groups, "sum") / free), xp.zeros_like(free))
    free = xp.where(count > ddof, count - ddof, xp.ones_like(count))
    return xp.sqrt(reduce(away, groups, "sum") / free)


def sum_to_go(x: Array, segments: Groups, gamma: float, max_length: int) -> Array:
    """Sum each row and the later rows of its segment, discounted: ``y_t = sum_{k >= t} gamma^(k - t) x_k``, (S,).

    Doubles the reach of every row until it covers a segment, so that no number of another segment enters a sum, which a
    difference of cumulative sums would do. The rows of a segment lie one after the other.

    Args:
        x: (S,) the values.
        segments: the segment of every row.
        gamma: the discount per row.
        max_length: no segment has more rows than this.

    Example:
        >>> sum_to_go(np.array([1.0, 2.0, 4.0, 8.0]), Groups(np.array([0, 0, 0, 1]), 2), 0.5, 3).tolist()
        [3.0, 4.0, 4.0, 8.0]
    """
    xp, ids = array_namespace(x), segments.ids
    reach = 1
    if is_numpy_array(x):  # in place: making arrays costs more than the arithmetic
        x = x.copy()
        while reach < min(max_length, len(x)):
            later = x[reach:] * (ids[:-reach] == ids[reach:])
            later *= gamma**reach
            x[:-reach] += later
            reach *= 2
        return x
    while reach < min(max_length, x.shape[0]):
        later = gamma**reach * x[reach:]
        later = xp.where(ids[:-reach] == ids[reach:], later, xp.zeros_like(later))
        x = xp.concat([x[:-reach] + later, x[-reach:]])
        reach *= 2
    return x


def previous(x: Array, segments: Groups, first: Array) -> Array:
    """Return the value of the row before, (S,), and `first` (S,) for the first row of a segment.

    Example:
        >>> previous(np.array([1.0, 2.0, 4.0]), Groups(np.array([0, 0, 1]), 2), np.zeros(3)).tolist()
        [0.0, 1.0, 0.0]
    """
    xp, ids = array_namespace(x), segments.ids
    return xp.concat([first[:1], xp.where(ids[1:] == ids[:-1], x[:-1], first[1:])])


def intersect(first: Groups, second: Groups) -> Groups:
    """Return the groups of rows that agree in both; their numbers are below the number of rows.

    Example:
        >>> intersect(Groups(np.array([0, 0, 1, 0]), 2), Groups(np.array([0, 1, 1, 0]), 2)).ids.tolist()
        [0, 1, 2, 0]
    """
    xp = array_namespace(first.ids)
    order = xp.argsort(second.ids, stable=True)
    order = xp.take(order, xp.argsort(xp.take(first.ids, order), stable=True))
    a, b = xp.take(first.ids, order), xp.take(second.ids, order)
    new = xp.astype((a[1:] != a[:-1]) | (b[1:] != b[:-1]), a.dtype)
    run = xp.concat([xp.zeros_like(a[:1]), xp.cumulative_sum(new)])
    return Groups(xp.take(run, xp.argsort(order, stable=True)), order.shape[0], first.weights)


def _sorted(x: Array, groups: Groups) -> tuple[Array, Groups, Array]:
    """Sort by group and then by value: the order (N,), the groups of the sorted rows, each group's first place (G,)."""
    xp = array_namespace(x, groups.ids)
    order = xp.argsort(x, stable=True)
    order = xp.take(order, xp.argsort(xp.take(groups.ids, order), stable=True))
    rows = counts(groups, groups.ids)  # whole numbers: half precision cannot count rows beyond 256
    first = xp.cumulative_sum(rows) - rows
    return order, Groups(xp.take(groups.ids, order), groups.num_groups), first


def ranks(x: Array, groups: Groups, *, shared: bool = False) -> Array:
    """Place of each row when its group is sorted, (N,), from 0.

    Args:
        x: (N,) what to sort by.
        groups: the group of every row.
        shared: equal values share their mean place (a rank), instead of keeping the order of their rows.

    Example:
        >>> groups = Groups(np.array([0, 0, 0, 1]), 2)
        >>> ranks(np.array([5.0, 1.0, 5.0, 2.0]), groups).tolist()
        [1.0, 0.0, 2.0, 0.0]
        >>> ranks(np.array([5.0, 1.0, 5.0, 2.0]), groups, shared=True).tolist()
        [1.5, 0.0, 1.5, 0.0]
    """
    xp = array_namespace(x)
    order, ordered, first = _sorted(x, groups)
    place = xp.astype(xp.cumulative_sum(xp.ones_like(ordered.ids)) - 1 - expand(first, ordered), x.dtype)
    if shared:
        value, index = xp.take(x, order), ordered.ids
        new = (value[1:] != value[:-1]) | (index[1:] != index[:-1])
        run = xp.concat([xp.zeros_like(index[:1]), xp.cumulative_sum(xp.astype(new, index.dtype))])
        runs = Groups(run, x.shape[0])
        place = expand(mean(place, runs), runs)
    return xp.take(place, xp.argsort(order, stable=True))


def quantiles(x: Array, groups: Groups, shares: Sequence[float]) -> list[Array]:
    """Linearly interpolated quantiles of each group, one (G,) for each share in [0, 1]; an empty group gives 0.

    Example:
        >>> quantiles(np.array([1.0, 3.0, 9.0]), Groups(np.array([0, 0, 1]), 2), [0.5])[0].tolist()
        [2.0, 9.0]
    """
    xp = array_namespace(x)
    order, _, first = _sorted(x, groups)
    one = xp.zeros_like(xp.sum(x, keepdims=True))
    value = xp.concat([xp.take(x, order), one])  # one more, for places past the end
    last = xp.clip(counts(groups, x) - 1, 0, None)
    parts = []
    for share in shares:
        place = share * last
        below = xp.floor(place)
        low, high = (
            xp.take(value, first + xp.astype(p, groups.ids.dtype)) for p in (below, xp.minimum(below + 1, last))
        )
        some = counts(groups, x) > 0
        parts.append(xp.where(some, low + (place - below) * (high - low), xp.zeros_like(low)))
    return parts
