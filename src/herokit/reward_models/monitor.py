"""Monitor the scale of reward-model scores: saturated outputs and drift. Pure numpy.

Probabilities have lost the tails of the logits they came from; and when the scale drifts as the policy moves, constants in
a scheme (the width of a squashing step, a fixed clip, a running mean of stds) mean something else. Backends pass every
batch to a `ScoreMonitor`, log its warnings once, and print it in their `report`.
"""

from collections import deque
from typing import Any

import numpy as np

from herokit._statistics import Moments

__all__ = ["ScoreMonitor", "looks_like_probabilities"]

_MIN_COUNT = 16
"""Fewer scores than this are not called saturated."""
_WINDOW = 1024
_MAX_SHIFT, _MAX_STD_RATIO = 3.0, 3.0
"""A warning is due when the mean moved by that many stds, or the std changed by that factor."""


def looks_like_probabilities(scores: Any) -> bool:
    """Return whether at least 16 finite scores all lie in (0, 1), as after a sigmoid, or are all 1, as after a softmax.

    Example:
        >>> [looks_like_probabilities(x) for x in (np.linspace(0.01, 0.99, 20), np.ones(20), np.linspace(-3, 3, 20))]
        [True, True, False]
    """
    return bool(_saturation(Moments.from_values(scores)))


def _saturation(scores: Moments) -> str:
    """Return how scores differ from raw logits, ``""`` if they do not or are too few."""
    if scores.count < _MIN_COUNT:
        return ""
    if scores.min == scores.max == 1:
        return f"all {scores.count} scores are 1, as after a softmax over one label"
    if scores.min > 0 and scores.max < 1:
        return f"all {scores.count} scores lie in (0, 1), as after a sigmoid"
    return ""


class ScoreMonitor:
    """Moments of a model's raw scores, and their drift: the last `window` scores against the first.

    ``mean_shift = (mean_last - mean_first) / std_first`` and ``std_ratio = std_last / std_first``, both NaN until two
    windows are full, or where the first scores are all equal. In training an upward shift is the aim: it is worth knowing
    and no error. Not thread safe; it belongs to one process and starts anew in the next.

    Args:
        window: scores in the reference window, and in the one that is compared with it.
        logits: whether to warn of saturated scores; False where probabilities are expected.

    Attributes:
        total: of all scores.
        first: of the first `window` scores.

    Example:
        >>> monitor = ScoreMonitor(window=4)
        >>> monitor.update([0.0, 2.0, 0.0, 2.0]), len(monitor.update([10.0, 12.0, 10.0, 12.0]))
        ([], 1)
        >>> print(monitor)
        scores 6.00 +- 5.10; last 4 against first 4: mean shift +10.0 std, std ratio 1.00
    """

    def __init__(self, window: int = _WINDOW, *, logits: bool = True) -> None:
        self.window, self.logits = window, logits
        self.total, self.first = Moments(), Moments()
        self._recent: deque[float] = deque(maxlen=window)
        self._reported: set[str] = set()

    def update(self, scores: Any) -> list[str]:
        """Add a batch of scores; return new warnings about the scale, each kind once.

        Args:
            scores: (N,) raw scores of N rows; non-finite ones are ignored.
        """
        finite = np.asarray(scores, dtype=np.float64)
        finite = finite[np.isfinite(finite)]
        self.total = self.total.merge(Moments.from_values(finite))
        self.first = self.first.merge(Moments.from_values(finite[: self.window - self.first.count]))
        self._recent.extend(finite[-self.window :].tolist())
        shift, ratio = self.mean_shift, self.std_ratio
        drifted = abs(shift) > _MAX_SHIFT or ratio > _MAX_STD_RATIO or ratio < 1 / _MAX_STD_RATIO  # NaN is neither
        warnings = {
            "combiners expect raw logits": _saturation(self.total) if self.logits else "",
            "constants in the scheme may no longer fit this scale": self._drift() if drifted else "",
        }
        new = {advice: fact for advice, fact in warnings.items() if fact and advice not in self._reported}
        self._reported |= set(new)
        return [f"{fact}; {advice}" for advice, fact in new.items()]

    @property
    def last(self) -> Moments:
        """Of the last `window` scores; empty until a second window is full, because the two would overlap."""
        full = self.total.count >= 2 * self.window
        return Moments.from_values(list(self._recent)) if full else Moments()

    @property
    def mean_shift(self) -> float:
        """How far the mean moved, in stds of the first window; NaN until it is defined."""
        last = self.last
        return (last.mean - self.first.mean) / self.first.std if last.count and self.first.std else float("nan")

    @property
    def std_ratio(self) -> float:
        """The last window's std over the first's; NaN until it is defined."""
        last = self.last
        return last.std / self.first.std if last.count and self.first.std else float("nan")

    def _drift(self) -> str:
        if np.isnan(self.mean_shift):
            return ""
        return (
            f"last {self.window} against first {self.window}: mean shift {self.mean_shift:+.1f} std, "
            f"std ratio {self.std_ratio:.2f}"
        )

    def __str__(self) -> str:
        scores = f"scores {self.total.mean:.2f} +- {self.total.std:.2f}" if self.total.count else ""
        return "; ".join(part for part in (scores, self._drift()) if part)
