"""Verdicts and scores that somebody has computed already: read from a column, nothing is judged or scored again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np

from herokit.types import Sample, Scores, Status, Verdict


@dataclass(frozen=True, slots=True)
class VerdictColumn:
    """Read verdicts from a column: another scheme over a scored file, or a verifier that ran elsewhere.

    A number in [0, 1], or true and false; a row that holds nothing or anything else fails, with what it holds.

    Args:
        column: its name; a key of `Sample.meta`.

    Example:
        >>> rows = [Sample("p", "c", "q", meta={"correct": True}), Sample("p", "c", "q", meta={"correct": "yes"})]
        >>> [(v.value, v.reason) for v in VerdictColumn("correct").verify(rows)]
        [(1.0, ''), (None, "column 'correct' holds 'yes', no number in [0, 1]")]
    """

    column: str = "verifier"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns it needs."""
        return (self.column,)

    def verify(self, samples: Sequence[Sample], /) -> list[Verdict]:
        """Return N verdicts for N samples."""
        return [self._verdict(sample.meta.get(self.column)) for sample in samples]

    def _verdict(self, value: Any) -> Verdict:
        if isinstance(value, Real | np.bool_) and 0.0 <= float(value) <= 1.0:
            return Verdict(float(value))
        return Verdict(None, Status.FAILED, _lacks(self.column, value, "no number in [0, 1]"))


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """Read scores from a column: another scheme over a scored file, or a reward model that ran elsewhere.

    A row that holds no finite number fails, with what it holds.

    Args:
        column: its name; a key of `Sample.meta`.

    Example:
        >>> rows = [Sample("p", "c", "q", meta={"rm": -1.5}), Sample("p", "c", "q")]
        >>> scores = ScoreColumn().score(rows)
        >>> scores.values.tolist(), scores.reasons
        ([-1.5, nan], ('', "column 'rm' holds nothing"))
    """

    column: str = "rm"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns it needs."""
        return (self.column,)

    def score(self, samples: Sequence[Sample], /) -> Scores:
        """Return N scores for N samples."""
        found = [sample.meta.get(self.column) for sample in samples]
        usable = [isinstance(value, Real) and isfinite(value) for value in found]
        values = [value if ok else float("nan") for value, ok in zip(found, usable, strict=True)]
        reasons = [
            "" if ok else _lacks(self.column, value, "no finite number")
            for value, ok in zip(found, usable, strict=True)
        ]
        statuses = tuple(Status.JUDGED if ok else Status.FAILED for ok in usable)
        return Scores(Scores.from_values(values).values, statuses, tuple(reasons))


def _lacks(column: str, value: Any, wanted: str) -> str:
    return f"column {column!r} holds nothing" if value is None else f"column {column!r} holds {value!r:.80}, {wanted}"


def columns_read(source: Any) -> Iterator[str]:
    """Name the columns without which a source cannot work, its own and those of the sources it is made of.

    Example:
        >>> from herokit.sources import Vote
        >>> list(columns_read(Vote((VerdictColumn("a"), VerdictColumn("b")))))
        ['a', 'b']
    """
    if isinstance(source, tuple | list):
        for part in source:
            yield from columns_read(part)
    elif isinstance(source, Mapping):
        yield from columns_read(list(source.values()))
    elif is_dataclass(source) and not isinstance(source, type):
        yield from getattr(source, "reads", ())
        yield from columns_read([getattr(source, item.name) for item in fields(source)])
