"""Verdicts and scores computed earlier, read from a column of the input."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np

from herokit.conversations.columns import to_list
from herokit.samples import SampleLike, as_samples
from herokit.types import Scores, Status, Verdict

__all__ = ["ScoreColumn", "VerdictColumn"]


@dataclass(frozen=True, slots=True)
class VerdictColumn:
    """Read verdicts from a column, to run another scheme on a scored file or to use a verifier that ran elsewhere.

    The column holds numbers in [0, 1] or booleans; a row with anything else fails, and the reason shows the value. A list of
    them judges the parts of a rollout, such as turns, and their mean the rollout.

    Args:
        column: name of the column, a key of `Sample.meta`.

    Example:
        >>> from herokit import Sample
        >>> rows = [Sample("p", "c", "q", meta={"correct": True}), Sample("p", "c", "q", meta={"correct": "yes"})]
        >>> [(v.value, v.reason) for v in VerdictColumn("correct").verify(rows)]
        [(1.0, ''), (None, "column 'correct' holds 'yes', expected a number in [0, 1]")]
    """

    column: str = "verifier"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that must be present."""
        return (self.column,)

    def verify(self, samples: Sequence[SampleLike], /) -> list[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        return [self._verdict(sample.meta.get(self.column)) for sample in samples]

    def _verdict(self, value: Any) -> Verdict:
        value = to_list(value)
        if isinstance(value, list) and value:
            parts = tuple(map(self._verdict, value))
            known = [part.value for part in parts if part.value is not None]
            return Verdict(sum(known) / len(known) if known else None, parts=parts)
        if isinstance(value, Real | np.bool_) and 0.0 <= float(value) <= 1.0:
            return Verdict(float(value))
        return Verdict(None, Status.FAILED, _mismatch(self.column, value, "a number in [0, 1]"))


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """Read scores from a column, to run another scheme on a scored file or to use a reward model that ran elsewhere.

    A row without a finite number fails, and the reason shows the value. A list of numbers scores the steps of a rollout, and their
    mean the rollout.

    Args:
        column: name of the column, a key of `Sample.meta`.

    Example:
        >>> from herokit import Sample
        >>> rows = [Sample("p", "c", "q", meta={"rm": -1.5}), Sample("p", "c", "q")]
        >>> scores = ScoreColumn().score(rows)
        >>> scores.values.tolist(), scores.reasons
        ([-1.5, nan], ('', "column 'rm' is empty in this row"))
    """

    column: str = "rm"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that must be present."""
        return (self.column,)

    def score(self, samples: Sequence[SampleLike], /) -> Scores:
        """Return N scores for N samples."""
        samples = as_samples(samples)
        raw = [to_list(sample.meta.get(self.column)) for sample in samples]
        steps = [value if isinstance(value, list) and _are_finite(value) else None for value in raw]
        raw = [value if row is None else sum(row) / len(row) for value, row in zip(raw, steps, strict=True)]
        valid = [isinstance(value, Real) and isfinite(value) for value in raw]
        values = [value if is_valid else float("nan") for value, is_valid in zip(raw, valid, strict=True)]
        reasons = [
            "" if is_valid else _mismatch(self.column, value, "a finite number")
            for value, is_valid in zip(raw, valid, strict=True)
        ]
        statuses = tuple(Status.JUDGED if is_valid else Status.FAILED for is_valid in valid)
        has_steps = any(row is not None for row in steps)
        return Scores(Scores.from_values(values).values, statuses, tuple(reasons), steps if has_steps else None)


def _are_finite(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(x, Real) and isfinite(x) for x in values)


def _mismatch(column: str, value: Any, expected: str) -> str:
    if value is None:
        return f"column {column!r} is empty in this row"
    return f"column {column!r} holds {value!r:.80}, expected {expected}"
