"""How a law says that it does not hold, or that there was nothing to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit.testing.batches import Batch, table


@dataclass(frozen=True, slots=True)
class Counterexample:
    """The smallest input found on which a law does not hold.

    Attributes:
        columns: name -> one entry a row: labels, signals, rewards, advantages and what the law compared.
        earlier: the batches whose state it starts from, as text.

    Example:
        >>> print(Counterexample({"group": ["a"], "reward": [0.5]}))
        group  reward
        a      0.5
    """

    columns: Mapping[str, Sequence[Any]]
    earlier: tuple[str, ...] = ()

    def __str__(self) -> str:
        before = "".join(f"after a batch of\n{batch}\nthis one:\n" for batch in self.earlier)
        return before + table(self.columns)


class Broken(AssertionError):  # noqa: N818 - read as "law broken", beside `Moot`
    """A law does not hold.

    Args:
        message: what is wrong, in words, for this input.
        batch: the rollouts, when the law is about rollouts.
        columns: what was compared, one entry a row.
    """

    def __init__(self, message: str, batch: Batch | None = None, **columns: Any) -> None:
        shown: dict[str, Sequence[Any]] = {}
        if batch is not None:
            shown = {"group": batch.labels(), **{k: x.tolist() for k, x in batch.values.items()}}
        shown |= {k.replace("_", " "): np.asarray(v).tolist() for k, v in columns.items()}
        self.message = message
        self.counterexample = Counterexample(shown)
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\n{self.counterexample}"


class Moot(Exception):  # noqa: N818 - no error: a law had nothing to look at
    """This input says nothing about the law."""
