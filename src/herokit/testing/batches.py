"""Small batches of numbers that laws are tried on: how they are drawn, shrunk, printed and read back by sources."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, Self, TypeAlias, TypeVar

import numpy as np
from hypothesis import strategies as st

from herokit.types import RewardModel, Sample, Verdict, Verifier

__all__ = [
    "Batch",
    "Draw",
    "MetaRewardModel",
    "MetaVerifier",
    "Numbers",
    "ScoreRange",
    "SignalKind",
    "batches",
    "draw_batch",
    "draw_batches",
    "drawn",
    "format_table",
    "hypothesis_draw",
    "meta_sources",
]

SignalKind = Literal["binary", "grade", "unit", "score", "cost"]
"""What a signal holds: 0 or 1; 0, 0.5 or 1; any number in [0, 1]; any finite number; one from 0 up of which less is better."""

ScoreRange = Literal["any", "plain", "wide"]
"""Which scores a batch holds: all but extreme ones, small exact ones, or extreme ones too."""

Draw: TypeAlias = Callable[[int], int]
"""``draw(n)`` returns an integer in [0, n). Hypothesis shrinks it to 0."""

Numbers = np.ndarray[Any, np.dtype[Any]]

MAX_STEP = 8
"""A score is made from an integer between the negative of this and this."""

SCORE_UNITS: dict[str, Callable[[Any], Any]] = {
    "integers": lambda k: k,
    "ties": lambda k: np.trunc(k / 4.0),
    "near ties": lambda k: 1.0 + k * 2.0**-30,
    "small units": lambda k: k * 2.0**-10,
    "large units": lambda k: 2.0**20 + 1024.0 * k,
    "a huge range": lambda k: np.sign(k) * 8.0 ** np.abs(k),
    "subnormal": lambda k: k * 5e-324,
    "extreme": lambda k: np.sign(k) * 2.0 ** (6.0 * np.abs(k)),
}
"""How a small integer becomes a score. Most are multiples of a power of two, so that sums are exact in any order."""

UNITS_OF_RANGE: dict[ScoreRange, tuple[str, ...]] = {
    "plain": ("integers", "ties"),
    "any": ("integers", "ties", "near ties", "small units", "large units", "a huge range"),
    "wide": tuple(SCORE_UNITS),
}

MEAN_ROWS = 8
"""After each row, one draw in this many ends the batch."""

MAX_DROPPED_SINGLY = 20
"""Of a larger batch, halves are dropped too."""

REPEATS = 12
"""How often the rows of a large batch are repeated; one batch in ten is large."""

_ENTRIES: dict[SignalKind, tuple[float, ...]] = {
    "binary": (0.0, 1.0),
    "grade": (0.0, 1.0, 0.5),
    "unit": (0.0, 1.0, 0.0, 1.0, 0.5, 0.25, 0.75),  # the ends twice, because most faults show there
    "score": (0.0, *(float(sign * k) for k in range(1, MAX_STEP + 1) for sign in (1, -1))),
    "cost": tuple(map(float, range(MAX_STEP + 1))),
}
"""The entries of a signal, simplest first."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """N rollouts as numbers: one array per signal, and the group of each row.

    Attributes:
        values: signal -> (N,) float64.
        group_ids: (N,) integers in [0, num_groups).
        num_groups: the number of groups; a group may be empty.

    Example:
        >>> print(Batch({"rm": np.array([1.0, 2.0])}, np.array([0, 0]), 1))
        group  rm
        a      1
        a      2
    """

    values: Mapping[str, Numbers]
    group_ids: Numbers
    num_groups: int

    def __len__(self) -> int:
        return len(self.group_ids)

    def take(self, rows: Any) -> Self:
        """Return the rows with these numbers, in this order; group ids do not change."""
        return replace(self, values={k: x[rows] for k, x in self.values.items()}, group_ids=self.group_ids[rows])

    def replace(self, **values: Numbers) -> Self:
        """Return the batch with other values for some signals."""
        return replace(self, values={**self.values, **values})

    def rows_by_group(self) -> list[Numbers]:
        """Return the row numbers of each group that is not empty."""
        return [np.flatnonzero(self.group_ids == group) for group in np.unique(self.group_ids)]

    def labels(self) -> list[str]:
        """Return a label per row: groups are called a, b, c ... in order of appearance."""
        labels: dict[int, str] = {}
        return [labels.setdefault(group, _label(len(labels))) for group in self.group_ids.tolist()]

    def columns(self) -> dict[str, list[Any]]:
        """Return the group labels and the signals, one entry per row."""
        return {"group": self.labels(), **{name: x.tolist() for name, x in self.values.items()}}

    def lists(self) -> dict[str, list[float]]:
        """Return the signals as lists."""
        return {name: x.tolist() for name, x in self.values.items()}

    def reductions(self) -> Iterator[Self]:
        """Yield the batch without half of its rows or without a row, and with simpler numbers."""
        rows = np.arange(len(self))
        halves = [rows[: len(self) // 2], rows[len(self) // 2 :]] if len(self) > MAX_DROPPED_SINGLY else []
        for kept in (*halves, *(np.delete(rows, row) for row in rows[::-1][:MAX_DROPPED_SINGLY])):
            if len(kept):
                yield self.take(kept)
        for name, x in self.values.items():
            for simpler in (np.zeros_like(x), np.sign(x), np.trunc(x)):
                if not np.array_equal(simpler, x):
                    yield self.replace(**{name: simpler})

    def samples(self) -> list[Sample]:
        """Return one sample per row with the row's numbers in `meta`; `meta_sources` reads them back."""
        return [
            Sample(
                f"prompt {group}", f"completion {row}", group, "reference", {k: x[row] for k, x in self.values.items()}
            )
            for row, group in enumerate(self.group_ids.tolist())
        ]

    def __str__(self) -> str:
        return format_table(self.columns())


def draw_batch(
    draw: Draw, signals: Mapping[str, SignalKind], *, max_rows: int = 10, max_groups: int = 4
) -> Callable[[ScoreRange], Batch]:
    """Draw the rows once; the returned function gives them scores of any range.

    Groups are ragged and their rows lie in any order; one batch in ten is large.

    Example:
        >>> print(draw_batch(lambda n: 0, {"verifier": "binary", "rm": "score"})("any"))
        group  verifier  rm
        a      0         0
    """
    entries = {name: _ENTRIES[kind] for name, kind in signals.items()}
    rows: list[list[float]] = []
    while not rows or (len(rows) < max_rows and draw(MEAN_ROWS)):
        rows.append([draw(max_groups), *(values[draw(len(values))] for values in entries.values())])
    num_groups = (1, 2, 2, max_groups, max_groups)[draw(5)]
    units = {name: draw(len(SCORE_UNITS)) for name, kind in signals.items() if kind == "score"}
    repeats = REPEATS if draw(10) == 9 else 1  # noqa: PLR2004 - one in ten
    columns = np.tile(np.array(rows, np.float64).T, repeats)
    group_ids = columns[0].astype(np.int64) % num_groups
    values = dict(zip(signals, columns[1:], strict=True))

    def in_range(score_range: ScoreRange) -> Batch:
        functions = [SCORE_UNITS[name] for name in UNITS_OF_RANGE[score_range]]
        scores = {name: np.asarray(functions[unit % len(functions)](values[name])) for name, unit in units.items()}
        return Batch({**values, **scores}, group_ids, int(group_ids.max()) + 1)

    return in_range


def draw_batches(
    draw: Draw, signals: Mapping[str, SignalKind], *, max_rows: int = 10
) -> Callable[[ScoreRange], tuple[Batch, tuple[Batch, ...]]]:
    """Draw a batch and up to two earlier ones with plain scores."""
    in_range = draw_batch(draw, signals, max_rows=max_rows)
    earlier = tuple(draw_batch(draw, signals, max_rows=6)("plain") for _ in range(draw(3)))
    return lambda score_range: (in_range(score_range), earlier)


def drawn(make: Callable[[Draw], T]) -> st.SearchStrategy[T]:
    """Turn a function of draws into a strategy; every draw shrinks to 0.

    Example:
        >>> from hypothesis import find
        >>> find(drawn(lambda draw: draw(10)), lambda k: k > 3)
        4
    """

    @st.composite
    def strategy(draw: st.DrawFn) -> T:
        return make(hypothesis_draw(draw))

    return strategy()


def hypothesis_draw(draw: Callable[[st.SearchStrategy[int]], int]) -> Draw:
    """Return a `Draw` whose choices hypothesis makes and shrinks."""
    return lambda n: draw(_below(n))


@cache
def _below(n: int) -> st.SearchStrategy[int]:
    return st.integers(0, n - 1)


def batches(
    signals: Mapping[str, SignalKind], *, score_range: ScoreRange = "any", max_rows: int = 10
) -> st.SearchStrategy[Batch]:
    """Return a strategy for batches: ragged groups in any order, groups of one, empty groups, a few large batches.

    Args:
        signals: name -> what the signal holds.
        score_range: which scores.
        max_rows: the largest number of rows, before the rows of a large batch are repeated.

    Example:
        >>> from hypothesis import find
        >>> print(find(batches({"verifier": "binary", "rm": "score"}), lambda b: len(b) == 2))
        group  verifier  rm
        a      0         0
        a      0         0
    """
    return drawn(lambda draw: draw_batch(draw, signals, max_rows=max_rows)(score_range))


@dataclass(frozen=True, slots=True)
class MetaVerifier:
    """A stub verifier that returns ``sample.meta[name]`` as the verdict's value."""

    name: str

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return one verdict per sample."""
        return [Verdict(float(sample.meta[self.name])) for sample in samples]


@dataclass(frozen=True, slots=True)
class MetaRewardModel:
    """A stub reward model that returns ``sample.meta[name]`` as the score.

    Example:
        >>> MetaRewardModel("rm").score([Sample("p", "c", "g", meta={"rm": 2.0})])
        [2.0]
    """

    name: str

    def score(self, samples: Sequence[Sample], /) -> list[float]:
        """Return one score per sample."""
        return [float(sample.meta[self.name]) for sample in samples]


def meta_sources(signals: Mapping[str, SignalKind]) -> dict[str, Verifier | RewardModel]:
    """Return one stub source per signal: a reward model for a score, else a verifier."""
    return {
        name: MetaRewardModel(name) if kind in ("score", "cost") else MetaVerifier(name)
        for name, kind in signals.items()
    }


def format_table(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return columns as aligned text.

    Example:
        >>> print(format_table({"group": ["a", "b"], "reward": [0.30000000000000004, 1e-9]}))
        group  reward
        a      0.3
        b      1e-09
    """
    cells = {name: [_format_cell(value) for value in column] for name, column in columns.items()}
    widths = {name: max(map(len, (name, *column))) for name, column in cells.items()}
    lines = [[name.ljust(widths[name]) for name in cells]]
    lines += [
        [cell.ljust(width) for cell, width in zip(row, widths.values(), strict=True)]
        for row in zip(*cells.values(), strict=True)
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _format_cell(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float | int | np.number) and not isinstance(value, bool) else str(value)


def _label(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else f"g{number}"  # noqa: PLR2004 - letters of the alphabet
