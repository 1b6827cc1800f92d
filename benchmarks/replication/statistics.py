"""Means and paired differences over seeds, with intervals of Student's t; equivalence, and Holm's correction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over n seeds and the half-width of its 95 % interval; infinite for one seed.

    Example:
        >>> print(interval([0.1, 0.2, 0.3]))
        +0.200 [-0.048, +0.448]
    """

    mean: float
    half: float
    n: int

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.mean + self.half

    @property
    def p(self) -> float:
        """Two-sided p-value of Student's t against a mean of 0; 1 for one seed."""
        if not math.isfinite(self.half):
            return 1.0
        error = self.half / stats.t.ppf(0.975, self.n - 1)
        if error == 0.0:
            return float(self.mean == 0.0)
        return float(2 * stats.t.sf(abs(self.mean) / error, self.n - 1))

    @property
    def narrow(self) -> "Interval":
        """The 90 % interval: inside a margin on both sides, it shows equivalence at 5 % (two one-sided tests)."""
        if not math.isfinite(self.half):
            return self
        ratio = stats.t.ppf(0.95, self.n - 1) / stats.t.ppf(0.975, self.n - 1)
        return Interval(self.mean, float(self.half * ratio), self.n)

    def within(self, margin: float) -> bool:
        """Return whether the whole 90 % interval lies inside ± margin.

        Example:
            >>> Interval(-0.025, 0.015, 8).within(0.03), Interval(0.014, 0.007, 8).within(0.03)
            (False, True)
        """
        return -margin < self.narrow.low and self.narrow.high < margin

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def interval(values: Sequence[float]) -> Interval:
    """Return the mean of independent values, one a seed, and its interval."""
    x = np.asarray(values, float)
    if len(x) < 2:  # noqa: PLR2004 - one value has no spread
        return Interval(float(x.mean()) if len(x) else math.nan, math.inf, len(x))
    t = stats.t.ppf(0.975, len(x) - 1)
    return Interval(float(x.mean()), float(t * x.std(ddof=1) / math.sqrt(len(x))), len(x))


def paired(a: Sequence[float], b: Sequence[float]) -> Interval:
    """Return the interval of ``a - b``, value by value: what is common to a seed cancels.

    Example:
        >>> round(paired([0.3, 0.6], [0.2, 0.5]).half, 6)
        0.0
    """
    return interval([x - y for x, y in zip(a, b, strict=True)])


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down method, in the order given.

    Example:
        >>> [round(p, 3) for p in holm([0.04, 0.01, 0.03])]
        [0.06, 0.03, 0.06]
    """
    corrected, largest = [1.0] * len(values), 0.0
    for rank, i in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[i]))
        corrected[i] = largest
    return corrected
