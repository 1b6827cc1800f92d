"""Shares and their intervals: what a rate estimated from counts is worth."""

from math import sqrt

Interval = tuple[float, float, float]
"""A share with its 95 % interval: estimate, low, high."""


def wilson(part: int, whole: int, z: float = 1.96) -> Interval:
    """Return a share and its Wilson interval; of nothing it is 1 and anything.

    Source: E. B. Wilson, JASA 22 (1927), 209-212.

    Example:
        >>> [round(x, 3) for x in wilson(95, 100)]
        [0.95, 0.888, 0.978]
    """
    if not whole:
        return 1.0, 0.0, 1.0
    p = part / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return p, max(0.0, middle - half), min(1.0, middle + half)


def f_measure(true_positives: int, false_positives: int, false_negatives: int) -> Interval:
    """Return F1 and its interval; 1 and anything where there is nothing positive.

    ``F1 = 2 s / (1 + s)`` where ``s = TP / (TP + FP + FN)`` is a share of pairs, so its Wilson interval maps over.

    Source: Hand, Christen and Kirielle, "F*: an interpretable transformation of the F-measure", Machine Learning 110
    (2021), 451-456.

    Example:
        >>> [round(x, 3) for x in f_measure(90, 5, 5)]
        [0.947, 0.904, 0.972]
    """
    share = wilson(true_positives, true_positives + false_positives + false_negatives)
    estimate, low, high = (2 * s / (1 + s) for s in share)
    return estimate, low, high


def told(name: str, part: int, whole: int) -> str:
    """Write a rate as a report does.

    Example:
        >>> told("accepts a wrong one", 1, 40)
        'accepts a wrong one: 1 of 40 = 0.025 (0.004 to 0.129)'
        >>> told("accepts a wrong one", 0, 0)
        'accepts a wrong one: 0 of 0'
    """
    if not whole:
        return f"{name}: 0 of 0"
    estimate, low, high = wilson(part, whole)
    return f"{name}: {part:,} of {whole:,} = {estimate:.3f} ({low:.3f} to {high:.3f})"
