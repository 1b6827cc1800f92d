"""Pairs of rollouts of one group, by what their signals say."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from herokit.testing.batches import Batch, Numbers


def stand_above(batch: Batch, names: Sequence[str], *, among: Sequence[str] = ()) -> tuple[Numbers, Numbers]:
    """Return row numbers (above, below): at least as high in every signal of `names` and higher in one.

    Args:
        batch: the rollouts.
        names: the signals that are compared.
        among: signals in which both must be equal.

    Example:
        >>> batch = Batch({"v": np.array([0.0, 1.0, 1.0])}, np.array([0, 0, 1]), 2)
        >>> [rows.tolist() for rows in stand_above(batch, ["v"])]
        [[1], [0]]
    """
    if not names:
        return np.array([], int), np.array([], int)
    table = np.stack([batch.values[name] for name in names], axis=1)
    more = (table[:, None] >= table[None]).all(axis=2) & (table[:, None] > table[None]).any(axis=2)
    rows = np.nonzero(more & _mates(batch, among))
    return rows[0], rows[1]


def equals(batch: Batch, names: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Return row numbers of pairs of one group that agree in every signal of `names`.

    Example:
        >>> batch = Batch({"v": np.array([1.0, 1.0, 0.0])}, np.array([0, 0, 0]), 1)
        >>> [rows.tolist() for rows in equals(batch, ["v"])]
        [[0], [1]]
    """
    rows = np.nonzero(np.triu(_mates(batch, names), k=1))
    return rows[0], rows[1]


def _mates(batch: Batch, names: Sequence[str]) -> Any:
    """Which pairs share a group and every signal of `names`, (N, N)."""
    mates = batch.index[:, None] == batch.index[None]
    for name in names:
        mates &= batch.values[name][:, None] == batch.values[name][None]
    return mates
