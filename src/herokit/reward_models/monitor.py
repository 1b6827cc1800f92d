"""Is a reward model's scale what combiners think it is: raw logits, and the same ones as an hour ago? Pure numpy.

A raw logit has lost its tails when it comes out as a probability; and a scale that drifts as the policy moves makes
constants in a scheme (a squash's width, a fixed clip, a running mean of spreads) mean something else. Backends show every
batch to a `Scale`, log what it finds once, and print it in their `report`.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

FEWEST = 16
"""From how many scores on a squashed scale is believed."""
WINDOW = 1024
FAR, WIDE = 3.0, 3.0
"""A drift worth a warning: the mean moved by that many deviations, or the spread changed by that factor."""


def squashed(scores: Any) -> str:
    """Say why finite scores do not look like raw logits; ``""`` when they do, or when there are fewer than 16.

    Example:
        >>> squashed(np.linspace(0.01, 0.99, 20))
        'all 20 scores lie in (0, 1), as after a sigmoid'
        >>> squashed(np.ones(20))
        'all 20 scores are 1, as after a softmax over one label'
        >>> squashed(np.linspace(-3, 3, 20))
        ''
    """
    return Moments.of(scores).squashed()


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean, spread and range of finite scores; two of them add up to those of both.

    Attributes:
        count: finite scores seen.
        mean: their mean, 0 of none.
        squares: the sum of squared deviations from the mean.
        low: the least, infinity of none.
        high: the greatest, minus infinity of none.

    Example:
        >>> both = Moments.of([1.0, 2.0]) + Moments.of([3.0, float("nan"), 6.0])
        >>> both.count, both.mean, round(both.std, 3)
        (4, 3.0, 1.871)
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")

    @classmethod
    def of(cls, scores: Any) -> Self:
        """Count scores; non-finite ones are left out."""
        found = np.asarray(scores, dtype=np.float64)
        found = found[np.isfinite(found)]
        if not len(found):
            return cls()
        mean = float(found.mean())
        return cls(len(found), mean, float(((found - mean) ** 2).sum()), float(found.min()), float(found.max()))

    @property
    def std(self) -> float:
        """The population's standard deviation ``sqrt(squares / count)``; 0 of none."""
        return float(np.sqrt(self.squares / self.count)) if self.count else 0.0

    def squashed(self) -> str:
        """Say why these do not look like raw logits; see the function of this name."""
        if self.count < FEWEST:
            return ""
        if self.low == self.high == 1:
            return f"all {self.count} scores are 1, as after a softmax over one label"
        if self.low > 0 and self.high < 1:
            return f"all {self.count} scores lie in (0, 1), as after a sigmoid"
        return ""

    def __add__(self, other: "Moments") -> "Moments":
        count = self.count + other.count
        if not count:
            return self
        apart = other.mean - self.mean
        return Moments(
            count,
            self.mean + apart * other.count / count,
            self.squares + other.squares + apart**2 * self.count * other.count / count,
            min(self.low, other.low),
            max(self.high, other.high),
        )


class Scale:
    """Where a model's raw scores lie, and whether they drift: its last `window` scores against its first.

    ``shift = (mean_last - mean_first) / std_first`` and ``stretch = std_last / std_first``, both NaN until two windows
    are full, or where the first scores are all equal. In training a shift upwards is what reward is for: it is a fact to
    look at, no error. Not thread safe; lives in a process and starts anew in the next.

    Args:
        window: scores in the reference window, and in the one that is compared with it.
        logits: whether squashed scores are worth a word; they are not where probabilities are meant.

    Example:
        >>> scale = Scale(window=4)
        >>> scale.see([0.0, 2.0, 0.0, 2.0]), len(scale.see([10.0, 12.0, 10.0, 12.0]))
        ([], 1)
        >>> print(scale)
        scores 6.00 +- 5.10; the last 4 against the first 4: mean +10.0 of their std, spread x 1.00
    """

    def __init__(self, window: int = WINDOW, *, logits: bool = True) -> None:
        self.window, self.logits = window, logits
        self.all, self.first = Moments(), Moments()
        self._recent: deque[float] = deque(maxlen=window)
        self._said: set[str] = set()

    def see(self, scores: Any) -> list[str]:
        """Count a batch of scores; return what is doubtful about the scale, each kind once.

        Args:
            scores: (N,) raw scores of N rows; non-finite ones are left out.
        """
        found = np.asarray(scores, dtype=np.float64)
        found = found[np.isfinite(found)]
        self.all += Moments.of(found)
        self.first += Moments.of(found[: self.window - self.first.count])
        self._recent.extend(found[-self.window :].tolist())
        shift, stretch = self.shift, self.stretch
        drifted = abs(shift) > FAR or stretch > WIDE or stretch < 1 / WIDE  # NaN is neither
        doubts = {
            "combiners want raw logits": self.all.squashed() if self.logits else "",
            "fixed numbers in a scheme now mean something else": self._drift() if drifted else "",
        }
        new = {why: doubt for why, doubt in doubts.items() if doubt and why not in self._said}
        self._said |= set(new)
        return [f"{doubt}; {why}" for why, doubt in new.items()]

    @property
    def last(self) -> Moments:
        """The last `window` scores; none until a second window is full, for the two would overlap."""
        return Moments.of(list(self._recent)) if self.all.count >= 2 * self.window else Moments()

    @property
    def shift(self) -> float:
        """How far the mean moved, in deviations of the first window; NaN before that can be said."""
        last = self.last
        return (last.mean - self.first.mean) / self.first.std if last.count and self.first.std else float("nan")

    @property
    def stretch(self) -> float:
        """The last window's deviation over the first's; NaN before that can be said."""
        last = self.last
        return last.std / self.first.std if last.count and self.first.std else float("nan")

    def _drift(self) -> str:
        if np.isnan(self.shift):
            return ""
        return (
            f"the last {self.window} against the first {self.window}: mean {self.shift:+.1f} of their std, "
            f"spread x {self.stretch:.2f}"
        )

    def __str__(self) -> str:
        said = f"scores {self.all.mean:.2f} +- {self.all.std:.2f}" if self.all.count else ""
        return "; ".join(part for part in (said, self._drift()) if part)
