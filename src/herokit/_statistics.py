"""Moments of values, and rates with their confidence intervals."""

from dataclasses import dataclass
from math import sqrt
from typing import Any, Self

import numpy as np

__all__ = ["Interval", "Moments", "f1_interval", "format_rate", "wilson_interval"]

Interval = tuple[float, float, float]
"""A rate with its 95 % interval: estimate, low, high."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean, std and range of finite values; two of them merge.

    Attributes:
        count: how many values.
        mean: their mean; 0 while `count` is 0.
        sum_squares: the sum of squared deviations from the mean.
        min: the smallest value; 0 while `count` is 0.
        max: the largest value; 0 while `count` is 0.

    Source: T. Chan, G. Golub and R. LeVeque, Updating formulae and a pairwise algorithm for computing sample variances
    (1979).

    Example:
        >>> both = Moments.from_values([1.0, 2.0]).merge(Moments.from_values([3.0, float("nan"), 6.0]))
        >>> both.count, both.mean, round(both.std, 3), both.max
        (4, 3.0, 1.871, 6.0)
    """

    count: int = 0
    mean: float = 0.0
    sum_squares: float = 0.0
    min: float = 0.0
    max: float = 0.0

    @classmethod
    def from_values(cls, values: Any) -> Self:
        """Return the moments of values (N,); non-finite ones are ignored."""
        finite = np.asarray(values, dtype=np.float64)
        finite = finite[np.isfinite(finite)]
        if not len(finite):
            return cls()
        mean = float(finite.mean())
        squares = float(((finite - mean) ** 2).sum())
        return cls(len(finite), mean, squares, float(finite.min()), float(finite.max()))

    @property
    def std(self) -> float:
        """The population's standard deviation ``sqrt(sum_squares / count)``; 0 while `count` is 0."""
        return sqrt(self.sum_squares / self.count) if self.count else 0.0

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both."""
        if not (self.count and other.count):
            return self if self.count else other
        count = self.count + other.count
        delta = other.mean - self.mean
        return Moments(
            count,
            self.mean + delta * other.count / count,
            self.sum_squares + other.sum_squares + delta**2 * self.count * other.count / count,
            min(self.min, other.min),
            max(self.max, other.max),
        )


def wilson_interval(part: int, whole: int, z: float = 1.96) -> Interval:
    """Return a rate and its Wilson interval; for 0 trials, (1, 0, 1).

    Source: E. B. Wilson, JASA 22 (1927), 209-212.

    Example:
        >>> [round(x, 3) for x in wilson_interval(95, 100)]
        [0.95, 0.888, 0.978]
    """
    if not whole:
        return 1.0, 0.0, 1.0
    p = part / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return p, max(0.0, middle - half), min(1.0, middle + half)


def f1_interval(true_positives: int, false_positives: int, false_negatives: int) -> Interval:
    """Return F1 and its interval; (1, 0, 1) if there is nothing positive.

    ``F1 = 2 s / (1 + s)`` where ``s = TP / (TP + FP + FN)`` is a share of pairs, so its Wilson interval maps over.

    Source: Hand, Christen and Kirielle, "F*: an interpretable transformation of the F-measure", Machine Learning 110
    (2021), 451-456.

    Example:
        >>> [round(x, 3) for x in f1_interval(90, 5, 5)]
        [0.947, 0.904, 0.972]
    """
    share = wilson_interval(true_positives, true_positives + false_positives + false_negatives)
    estimate, low, high = (2 * s / (1 + s) for s in share)
    return estimate, low, high


def format_rate(name: str, part: int, whole: int) -> str:
    """Format a rate with its interval for a report.

    Example:
        >>> format_rate("false positives", 1, 40)
        'false positives: 1 of 40 = 0.025 (0.004 to 0.129)'
        >>> format_rate("false positives", 0, 0)
        'false positives: 0 of 0'
    """
    if not whole:
        return f"{name}: 0 of 0"
    estimate, low, high = wilson_interval(part, whole)
    return f"{name}: {part:,} of {whole:,} = {estimate:.3f} ({low:.3f} to {high:.3f})"
