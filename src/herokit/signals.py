"""Rows of numbers at one or two levels: the groups of rollouts, the parts of rollouts, and the signals that steps read.

A level is only another set of rows: a part of a rollout, such as a turn or a step, is a row whose rollout has a number.
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeAlias

import numpy as np
from typing_extensions import TypeVar

from herokit.errors import DataError, SignalError, did_you_mean

__all__ = ["Array", "Groups", "Parts", "Signals", "group_key"]

Array: TypeAlias = Any
"""An array of any supported library; one namespace, dtype and device per `Signals`."""

ArrayT = TypeVar("ArrayT", default=Any)
"""The array type of a step that is written for one library: ``Stateless[torch.Tensor]``."""


def group_key(value: Any, row: int) -> Hashable:
    """Return the key of a row's group as a value that equals that of the other rows; numbers in arrays become numbers.

    Args:
        value: a text, a number, an array without dimensions, or anything else that can be hashed.
        row: for messages.

    Raises:
        DataError: it cannot be hashed, it is an array of several values, or NaN, which equals nothing.

    Example:
        >>> group_key(np.array(3), 0), group_key("q1", 1)
        (3, 'q1')
    """
    if type(value) is str or type(value) is int:
        return value
    if hasattr(value, "ndim") and hasattr(value, "tolist"):  # arrays hash by identity: each row a group of its own
        if value.ndim != 0:
            raise DataError(
                f"row {row}: group is an array of shape {tuple(value.shape)}; expected one value for each row"
            )
        value = value.tolist()
    if value != value:  # noqa: PLR0124 - NaN
        raise DataError(
            f"row {row}: group is NaN, which equals no other; expected the same id for all rollouts of a prompt"
        )
    try:
        hash(value)
    except TypeError as error:
        raise DataError(f"row {row}: group {value!r:.100} cannot be a key: {error}") from None
    return value  # type: ignore[no-any-return] # it can be hashed


def _number_keys(keys: Sequence[Hashable]) -> tuple[Any, Collection[Hashable]]:
    """Number keys in order of first appearance, in one pass: the number of each row, and the distinct keys."""
    numbers: defaultdict[Hashable, int] = defaultdict(itertools.count().__next__)
    return np.fromiter(map(numbers.__getitem__, keys), dtype=np.int64, count=len(keys)), numbers


@dataclass(frozen=True, slots=True, eq=False)
class Groups(Generic[ArrayT]):
    """Which group each row belongs to: flat ids, no padding, any order, any sizes.

    Attributes:
        ids: (N,) integers in [0, num_groups), in the same array library as the signals.
        num_groups: the number of groups G; a group may be empty.
        weights: (N,) how much each row counts in means and deviations, in the signals' float type; None for 1 each.
        width: kept by reductions: the size of equal groups that lie one after the other, 0 if they do not, None
            while nobody has looked.

    Example:
        >>> groups = Groups.from_keys(["a", "b", "a"])
        >>> groups.ids.tolist(), groups.num_groups
        ([0, 1, 0], 2)
    """

    ids: ArrayT
    num_groups: int
    weights: ArrayT | None = field(default=None, repr=False)
    width: int | None = field(default=None, init=False, repr=False)

    @classmethod
    def from_keys(cls, keys: Iterable[Hashable]) -> Self:
        """Number the distinct keys in order of first appearance.

        Args:
            keys: one per row; equal keys share a group.

        Raises:
            DataError: a key cannot be hashed, or is NaN; the message names the row.
        """
        listed = list(keys)
        with suppress(TypeError):  # a key that cannot be hashed; below it is named
            ids, distinct = _number_keys(listed)
            if set(map(type, distinct)) <= {str, int}:
                return cls(ids, len(distinct))
        ids, distinct = _number_keys([group_key(key, row) for row, key in enumerate(listed)])
        return cls(ids, len(distinct))

    def refine(self, labels: ArrayT, n_labels: int) -> "Groups[ArrayT]":
        """Split every group by label, (N,) integers in [0, n_labels): a stratum is only a finer group.

        Example:
            >>> Groups(np.array([0, 0, 1]), 2).refine(np.array([0, 1, 1]), 2).ids.tolist()
            [0, 1, 3]
        """
        ids: Any = self.ids
        return Groups(ids * n_labels + labels, self.num_groups * n_labels, self.weights)


@dataclass(frozen=True, slots=True, eq=False)
class Parts(Generic[ArrayT]):
    """The parts of rollouts, such as turns or steps: a finer level of rows, S of them.

    The parts of one rollout lie one after the other, in their order; the rollouts may follow each other in any order.

    Attributes:
        values: source name -> (S,) finite floats, for the sources that judge parts.
        rollouts: the rollout of every part: the number of its row in the signals, N of them.
        positions: (S,) integers: the place of the part in its rollout, from 0.
        max_parts: no rollout has more parts than this.
        states: parts of one prompt group that saw the same situation share a group of these; None if nobody knows.

    Example:
        >>> parts = Parts.from_counts([2, 1], {"step": [0.5, 1.0, 0.25]})
        >>> parts.rollouts.ids.tolist(), parts.positions.tolist(), parts.max_parts
        ([0, 0, 1], [0, 1, 0], 2)
    """

    values: Mapping[str, ArrayT]
    rollouts: "Groups[ArrayT]"
    positions: ArrayT
    max_parts: int
    states: "Groups[ArrayT] | None" = None

    @classmethod
    def from_counts(
        cls, counts: Any, values: Mapping[str, Any] | None = None, *, states: "Groups | None" = None
    ) -> "Parts":
        """Make the parts of N rollouts in the order of their rows, in numpy.

        Args:
            counts: (N,) integers: how many parts each rollout has.
            values: source name -> S numbers, the parts of the first rollout first.
            states: see the attribute.

        Raises:
            DataError: a number of values differs from the number of parts; the message says both.
        """
        sizes: Any = np.asarray(counts, dtype=np.int64)
        ids: Any = np.repeat(np.arange(len(sizes)), sizes)
        positions: Any = np.arange(len(ids)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        arrays: dict[str, Any] = {name: np.asarray(x, dtype=np.float64) for name, x in (values or {}).items()}
        for name, x in arrays.items():
            if x.shape != ids.shape:
                raise DataError(f"signal {name!r} has {len(x)} values for {len(ids)} parts")
        return cls(arrays, Groups(ids, len(sizes)), positions, int(sizes.max(initial=0)), states)

    def take(self, kept: Any, rollouts: "Groups[ArrayT]") -> "Parts[ArrayT]":
        """Return some of the parts.

        Args:
            kept: (S,) booleans: which parts stay.
            rollouts: the rollouts of those.
        """
        positions: Any = self.positions
        values: Any = self.values
        states: Any = self.states
        if states is not None:
            states = Groups(states.ids[kept], states.num_groups)
        return Parts({name: x[kept] for name, x in values.items()}, rollouts, positions[kept], self.max_parts, states)


@dataclass(frozen=True, slots=True, eq=False)
class Signals(Generic[ArrayT]):
    """What a combiner may look at: one finite array a source, and the groups. Read-only by agreement.

    Attributes:
        values: source name -> (N,) finite floats.
        groups: the group of every row.
        parts: the parts of the rollouts, for steps that give credit to turns or steps; None without any.
        level: where the rows are in their rollouts, if the rows are parts; None if each row is a rollout.

    Example:
        >>> Signals({"rm": np.array([1.0, 2.0])}, Groups.from_keys("aa"))["rm"].tolist()
        [1.0, 2.0]
    """

    values: Mapping[str, ArrayT]
    groups: "Groups[ArrayT]"
    parts: "Parts[ArrayT] | None" = None
    level: "Parts[ArrayT] | None" = None

    def __getitem__(self, name: str) -> ArrayT:
        """Return the (N,) values of one source.

        Raises:
            SignalError: no source of that name; the message offers the nearest.
        """
        if name not in self.values:
            raise SignalError(f"no signal {name!r} in this batch; {did_you_mean(name, list(self.values))}")
        return self.values[name]
