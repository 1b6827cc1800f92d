"""The inputs laws are tried on: small batches of numbers that print as a table, and what came before them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np

from herokit.types import Sample

Kind = Literal["binary", "grade", "unit", "score"]
"""What a signal holds: 0 or 1; 0, 0.5 or 1; anything in [0, 1]; any finite number."""

Numbers = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """N rollouts as numbers: one array a signal, and the group of each row.

    Attributes:
        values: signal -> (N,) float64.
        index: (N,) integers in [0, count).
        count: the number of groups; a group may be empty.

    Example:
        >>> print(Batch({"rm": np.array([1.0, 2.0])}, np.array([0, 0]), 1))
        group  rm
        a      1
        a      2
    """

    values: Mapping[str, Numbers]
    index: Numbers
    count: int

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: Any) -> Self:
        """Return some rows, or all in another order; group numbers stay."""
        return replace(self, values={k: x[rows] for k, x in self.values.items()}, index=self.index[rows])

    def replace(self, **values: Numbers) -> Self:
        """Return the batch with other values for some signals."""
        return replace(self, values={**self.values, **values})

    def members(self) -> list[Numbers]:
        """Return the row numbers of each group that has rows."""
        return [np.flatnonzero(self.index == g) for g in np.unique(self.index)]

    def labels(self) -> list[str]:
        """Name the groups a, b, c ... in order of appearance, one name a row."""
        seen: dict[int, str] = {}
        return [seen.setdefault(g, _name(len(seen))) for g in self.index.tolist()]

    def samples(self) -> list[Sample]:
        """Return one sample a row, its numbers in `meta`."""
        return [
            Sample(
                f"prompt {group}", f"completion {row}", group, "reference", {k: x[row] for k, x in self.values.items()}
            )
            for row, group in enumerate(self.index.tolist())
        ]

    def __str__(self) -> str:
        return table({"group": self.labels(), **{k: x.tolist() for k, x in self.values.items()}})


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What one trial of a combiner's law gets: a batch, and the batches whose state it starts from."""

    batch: Batch
    earlier: tuple[Batch, ...] = ()

    def __repr__(self) -> str:
        return "\n".join(["", *(f"earlier:\n{batch}" for batch in self.earlier), str(self.batch)])


def _name(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else f"g{number}"  # noqa: PLR2004 - letters of the alphabet


def number(value: Any) -> str:
    """Write a value as short as it can be read.

    Example:
        >>> number(0.30000000000000004), number(2.0), number("a"), number(1e-9)
        ('0.3', '2', 'a', '1e-09')
    """
    return f"{value:.5g}" if isinstance(value, float | int | np.number) and not isinstance(value, bool) else str(value)


def table(columns: Mapping[str, Sequence[Any]]) -> str:
    """Lay columns out as text.

    Example:
        >>> print(table({"group": ["a", "b"], "reward": [0.5, 1.0]}))
        group  reward
        a      0.5
        b      1
    """
    cells = {name: [number(v) for v in column] for name, column in columns.items()}
    widths = {name: max(len(name), *map(len, column)) if column else len(name) for name, column in cells.items()}
    lines = [[name.ljust(widths[name]) for name in cells]]
    lines += [
        [cell.ljust(width) for cell, width in zip(row, widths.values(), strict=True)]
        for row in zip(*cells.values(), strict=True)
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)
