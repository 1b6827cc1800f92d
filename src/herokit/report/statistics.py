"""The numbers behind the pictures: areas under curves, shares, trends; plain arrays in, plain numbers out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit import _segment
from herokit.combiners import CORRECT_THRESHOLD
from herokit.report.results import Floats, Results
from herokit.types import Groups

SILENT = 1e-9
PIECES = 40
"""Pieces of the input, in its order, over which trends are drawn."""
TREND = 3.0
"""Standard errors that a slope must differ from zero by to be called a trend."""


def auc(score: Floats, right: Any) -> float:
    """Return the probability that a right rollout scores above a wrong one, ties counted half; NaN without both.

    Example:
        >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
        0.75
    """
    known = np.isfinite(score)
    score, right = score[known], np.asarray(right, dtype=bool)[known]
    n_right, n_wrong = int(right.sum()), int((~right).sum())
    if not (n_right and n_wrong):
        return float("nan")
    places = _segment.ranks(score, Groups(np.zeros(len(score), dtype=np.int64), 1), shared=True)
    return float((places[right].sum() - n_right * (n_right - 1) / 2.0) / (n_right * n_wrong))


def auc_in_groups(score: Floats, right: Any, groups: Groups) -> float:
    """Return the mean over mixed groups of the area under the curve inside the group; NaN without any.

    Example:
        >>> score = np.array([1.0, 2.0, 9.0, 8.0])
        >>> auc_in_groups(score, np.array([0, 1, 0, 1]), Groups.from_keys("aabb"))
        0.5
    """
    known = np.isfinite(score)
    score, right, within = (
        score[known],
        np.asarray(right, dtype=bool)[known],
        Groups(groups.ids[known], groups.num_groups),
    )
    places = _segment.ranks(score, within, shared=True)
    one = right.astype(float)
    n_right, size = _segment.reduce(one, within, "sum"), _segment.counts(within, one)
    total = _segment.reduce(places * one, within, "sum")
    mixed = (n_right > 0) & (n_right < size)
    if not mixed.any():
        return float("nan")
    area = (total - n_right * (n_right - 1) / 2.0)[mixed] / (n_right * (size - n_right))[mixed]
    return float(area.mean())


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through values in their order.

    Attributes:
        slope: the change from the first to the last, in the values' unit.
        errors: the slope in its standard errors.
    """

    slope: float
    errors: float

    @property
    def direction(self) -> int:
        """1 for rising, -1 for falling, 0 where noise would explain it."""
        return 0 if abs(self.errors) < TREND else int(np.sign(self.slope))


def trend(values: Floats) -> Trend:
    """Fit a line by least squares.

    Example:
        >>> trend(np.arange(10.0)).direction, trend(np.ones(10)).direction
        (1, 0)
    """
    known = np.isfinite(values)
    y = values[known]
    x = np.linspace(0.0, 1.0, len(values))[known]
    if len(y) < 3:  # noqa: PLR2004 - a line through two points has no error
        return Trend(0.0, 0.0)
    x = x - x.mean()
    slope = float((x * y).sum() / (x * x).sum())
    rest = y - y.mean() - slope * x
    error = float(np.sqrt((rest * rest).sum() / (len(y) - 2) / (x * x).sum()))
    return Trend(slope, slope / error if error > 0 else (0.0 if abs(slope) < SILENT else np.sign(slope) * np.inf))


@dataclass(frozen=True, slots=True)
class Course:
    """What the input holds from its start to its end, in up to `PIECES` pieces of whole groups, or by training step.

    Attributes:
        at: (P,) where each piece ends: a row, or a training step.
        by_step: whether it is a training step.
        accuracy: (P,) share of right rollouts among those judged.
        score: (P,) mean score of the first reward model.
        spread: (P,) its standard deviation.
        area: (P,) its area under the curve against the verdicts.
    """

    at: Floats
    by_step: bool
    accuracy: Floats
    score: Floats
    spread: Floats
    area: Floats

    def hacked(self) -> bool:
        """Return whether the score rises while accuracy, or the score's power to tell right from wrong, falls."""
        falling = min(trend(self.accuracy).direction, trend(self.area).direction)
        return trend(self.score).direction > 0 and falling < 0


def course(results: Results) -> Course | None:
    """Follow scores and accuracy through the input; None without both a verifier and a reward model."""
    if results.verdict is None or not results.scores or not len(results):
        return None
    score = next(iter(results.scores.values()))
    if results.step is not None and len(np.unique(results.step[np.isfinite(results.step)])) > 1:
        place, by_step = np.nan_to_num(results.step, nan=np.nanmin(results.step)), True
        edges = np.unique(place)
        edges = edges[np.unique(np.linspace(0, len(edges) - 1, PIECES).astype(int))]
        piece = np.searchsorted(edges, place)
    else:
        by_step = False
        piece = np.minimum(results.groups.ids * PIECES // max(results.groups.num_groups, 1), PIECES - 1)
        _, piece = np.unique(piece, return_inverse=True)
        edges = np.array([np.flatnonzero(piece == p)[-1] + 1 for p in range(piece.max() + 1)], dtype=float)
    columns = [[], [], [], []]  # type: list[list[float]]
    for p in range(len(edges)):
        rows = piece == p
        verdict, here = results.verdict[rows], score[rows]
        judged, scored = verdict[np.isfinite(verdict)], here[np.isfinite(here)]
        columns[0].append(float((judged > CORRECT_THRESHOLD).mean()) if len(judged) else np.nan)
        columns[1].append(float(scored.mean()) if len(scored) else np.nan)
        columns[2].append(float(scored.std()) if len(scored) else np.nan)
        known = np.isfinite(verdict)
        columns[3].append(auc(here[known], verdict[known] > CORRECT_THRESHOLD))
    return Course(edges.astype(float), by_step, *(np.array(c) for c in columns))


@dataclass(frozen=True, slots=True)
class PerGroup:
    """One value a group.

    Attributes:
        size: (G,) rollouts.
        judged: (G,) those with a verdict.
        right: (G,) right ones among these.
        spread: (G,) standard deviation of the first reward model's scores, NaN where there are none.
        weight: (G,) mean weight, NaN where there is none.
        pull: (G,) mean absolute advantage; a rollout without one pulls nothing.
    """

    size: Floats
    judged: Floats
    right: Floats
    spread: Floats
    weight: Floats
    pull: Floats

    @property
    def silent(self) -> Any:
        """(G,) whether the verdicts of a group are all the same; false where there are none."""
        return (self.judged > 0) & ((self.right == 0) | (self.right == self.judged))

    @property
    def share(self) -> Any:
        """(G,) the share of right ones among those judged, 0 where there are none."""
        return self.right / np.maximum(self.judged, 1)


def per_group(results: Results) -> PerGroup:
    """Reduce the rows to groups; what is missing is left out."""
    groups, none = results.groups, np.full(len(results), np.nan)
    verdict = none if results.verdict is None else results.verdict
    judged, which = _known(verdict, groups)
    return PerGroup(
        _segment.counts(groups, none),
        _segment.counts(which, judged),
        _segment.reduce((judged > CORRECT_THRESHOLD).astype(float), which, "sum"),
        _where_any(_segment.std, next(iter(results.scores.values()), none), groups),
        _where_any(_segment.mean, results.weight, groups),
        _segment.mean(np.abs(np.nan_to_num(results.advantage)), groups),
    )


def _known(values: Floats, groups: Groups) -> tuple[Floats, Groups]:
    """Leave out the rows that hold no value."""
    known = np.isfinite(values)
    return values[known], Groups(groups.ids[known], groups.num_groups)


def _where_any(reduce: Callable[[Floats, Groups], Any], values: Floats, groups: Groups) -> Floats:
    """Reduce the values that are there, NaN for a group that has none."""
    known, which = _known(values, groups)
    return np.where(_segment.counts(which, known) > 0, reduce(known, which), np.nan)
