"""Comparing what two runs made of the same rollouts."""

from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from herokit.testing.batches import Batch, Numbers
from herokit.testing.verdict import Broken

CLOSE = 1e-6
"""Rewards nearer than this, relative to the larger one or 1, count as equal: rounding, not a difference."""


def far(a: Numbers, b: Numbers, tolerance: float = CLOSE) -> Any:
    """Return which entries differ; NaN equals NaN.

    Example:
        >>> far(np.array([1.0, np.nan]), np.array([1.1, np.nan])).tolist()
        [True, False]
    """
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= tolerance * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    return ~(near | (a == b) | (np.isnan(a) & np.isnan(b)))


def same(batch: Batch, message: str, tolerance: float = CLOSE, **columns: Numbers) -> None:
    """Raise `Broken` unless two columns, given by name, agree in every row.

    Example:
        >>> batch = Batch({}, np.array([0]), 1)
        >>> same(batch, "differs", reward=np.array([1.0]), reward_later=np.array([2.0]))
        Traceback (most recent call last):
        ...
        herokit.testing.verdict.Broken: differs
        group  reward  reward later
        a      1       2
    """
    first, second = columns.values()
    if far(first, second, tolerance).any():
        raise Broken(message, batch, **columns)


def plain(state: Any) -> Any:
    """Write a state as nested lists of numbers."""
    if isinstance(state, tuple | list):
        return [plain(part) for part in state]
    if is_dataclass(state) and not isinstance(state, type):
        return plain(list(asdict(state).values()))
    if isinstance(state, dict):
        return plain(list(state.values()))
    return state


def states_differ(a: Any, b: Any) -> bool:
    """Return whether two states differ by more than rounding.

    Example:
        >>> states_differ((None, 1.0), (None, 1.0 + 1e-12)), states_differ((1,), (2,))
        (False, True)
    """
    a, b = plain(a), plain(b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) != len(b) or any(states_differ(x, y) for x, y in zip(a, b, strict=True))
    try:
        return bool(far(np.asarray(a, np.float64), np.asarray(b, np.float64), 1e-9).any())
    except (TypeError, ValueError):
        return bool(a != b)
