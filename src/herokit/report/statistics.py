"""Statistics of scored rollouts: areas under ROC curves, trends, one value per group."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from herokit import _segment
from herokit.combiners.base import CORRECT_THRESHOLD, ZERO_ADVANTAGE
from herokit.report.results import Floats, Results
from herokit.types import Groups

__all__ = [
    "GroupStatistics",
    "Timeline",
    "auc",
    "auc_within_groups",
    "correlation_within_groups",
    "fit_trend",
    "group_statistics",
    "make_timeline",
    "round_floats",
]

Booleans: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]
Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

MAX_SEGMENTS = 40
"""Segments of the input over which trends are drawn."""
MIN_TREND_ERRORS = 2.7
"""A slope of fewer standard errors is noise: over 40 segments, noise falls by as many once in 200 times (Student's t)."""
MIN_SLOPE = 1e-9
"""A smaller slope is rounding."""


def auc(scores: Floats, correct: Any) -> float:
    """Return the probability that a correct rollout scores above an incorrect one, ties counted half.

    It is NaN unless there are rollouts of both kinds. Rollouts without a score are left out.

    Example:
        >>> auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
        0.75
    """
    return auc_within_groups(scores, correct, Groups(np.zeros(len(scores), dtype=np.int64), 1))


def auc_within_groups(scores: Floats, correct: Any, groups: Groups) -> float:
    """Return the mean `auc` of the groups with correct and incorrect rollouts; NaN if there are none.

    Example:
        >>> scores = np.array([1.0, 2.0, 9.0, 8.0])
        >>> auc_within_groups(scores, np.array([0, 1, 0, 1]), Groups.from_keys("aabb"))
        0.5
    """
    areas = _auc_of_groups(scores, correct, groups)
    return float(np.nanmean(areas)) if np.isfinite(areas).any() else float("nan")


def _auc_of_groups(scores: Floats, correct: Any, groups: Groups) -> Floats:
    """Return the `auc` of every group, NaN unless it has correct and incorrect rollouts."""
    scored = np.isfinite(scores)
    positive = np.asarray(correct, dtype=bool)[scored].astype(float)
    groups = Groups(groups.ids[scored], groups.num_groups)
    ranks = _segment.ranks(scores[scored], groups, shared=True)
    num_correct, size = _segment.reduce(positive, groups, "sum"), _segment.counts(groups, positive)
    rank_sum = _segment.reduce(ranks * positive, groups, "sum")
    pairs = num_correct * (size - num_correct)
    wins = rank_sum - num_correct * (num_correct - 1) / 2.0
    areas: Floats = np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)
    return areas


def correlation_within_groups(first: Floats, second: Floats, groups: Groups) -> float:
    """Return the rank correlation of two values inside groups: ranks, ties shared, less the mean rank of their group.

    Differences between groups do not count. It is NaN if one of the two is constant in every group. Rows that lack a value are left out.

    Example:
        >>> lengths, advantages = np.array([10.0, 20.0, 900.0, 800.0]), np.array([-1.0, 1.0, 1.0, -1.0])
        >>> correlation_within_groups(lengths, advantages, Groups.from_keys("aabb"))
        1.0
    """
    known = np.isfinite(first) & np.isfinite(second)
    groups = Groups(groups.ids[known], groups.num_groups)
    ranks = [_segment.ranks(values[known], groups, shared=True) for values in (first, second)]
    a, b = (rank - _segment.mean(rank, groups)[groups.ids] for rank in ranks)
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / scale) if scale > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line fitted to values in their order.

    Attributes:
        slope: the change from the first value to the last.
        errors: the slope divided by its standard error.
    """

    slope: float
    errors: float

    @property
    def direction(self) -> int:
        """1 if the values rise, -1 if they fall, 0 if noise explains the slope."""
        return 0 if abs(self.errors) < MIN_TREND_ERRORS else int(np.sign(self.slope))


def fit_trend(values: Floats) -> Trend:
    """Fit a line by least squares; NaN is left out.

    Example:
        >>> fit_trend(np.arange(10.0)).direction, fit_trend(np.ones(10)).direction
        (1, 0)
    """
    finite = np.isfinite(values)
    y = values[finite]
    x = np.linspace(0.0, 1.0, len(values))[finite]
    if len(y) < 3:  # noqa: PLR2004 - a line through two points has no error
        return Trend(0.0, 0.0)
    x = x - x.mean()
    slope = float((x * y).sum() / (x * x).sum())
    residuals = y - y.mean() - slope * x
    error = float(np.sqrt((residuals * residuals).sum() / (len(y) - 2) / (x * x).sum()))
    if abs(slope) < MIN_SLOPE:
        return Trend(slope, 0.0)
    return Trend(slope, slope / error if error > 0 else float(np.sign(slope) * np.inf))


@dataclass(frozen=True, slots=True)
class Timeline:
    """Accuracy and scores from the start of the input to its end, in up to `MAX_SEGMENTS` segments.

    A segment consists of complete groups, or of training steps if the input has them.

    Attributes:
        segments: (N,) the segment of each row.
        start: (S,) the first row or training step of each segment.
        end: (S,) the last one.
        by_step: whether they are training steps.
        accuracy: (S,) fraction of judged rollouts that are correct.
        mean_score: (S,) mean score of the first reward model.
        score_std: (S,) standard deviation of its scores.
        auc: (S,) its `auc`.
    """

    segments: Ints
    start: Floats
    end: Floats
    by_step: bool
    accuracy: Floats
    mean_score: Floats
    score_std: Floats
    auc: Floats

    def suggests_hacking(self) -> bool:
        """Return whether the score rises while accuracy or AUC falls."""
        falling = min(fit_trend(self.accuracy).direction, fit_trend(self.auc).direction)
        return fit_trend(self.mean_score).direction > 0 and falling < 0


def make_timeline(results: Results) -> Timeline | None:
    """Follow accuracy and scores through the input; None without a verifier and a reward model."""
    if results.verdict is None or not results.scores or not len(results):
        return None
    scores = next(iter(results.scores.values()))
    segments, positions, by_step = _split(results)
    rows = []
    for number in range(int(segments.max()) + 1):
        verdict, score = results.verdict[segments == number], scores[segments == number]
        judged = np.isfinite(verdict)
        correct, known = verdict[judged] > CORRECT_THRESHOLD, score[np.isfinite(score)]
        rows.append(
            (
                positions[segments == number].min(),
                positions[segments == number].max(),
                float(correct.mean()) if len(correct) else np.nan,
                float(known.mean()) if len(known) else np.nan,
                float(known.std()) if len(known) else np.nan,
                auc(score[judged], correct),
            )
        )
    start, end, *curves = np.array(rows, dtype=np.float64).T
    return Timeline(segments, start, end, by_step, *curves)


def _split(results: Results) -> tuple[Ints, Floats, bool]:
    """Return the segment of every row, its place in the run, and whether that is a training step or the number of the row."""
    if results.step is not None and len(np.unique(results.step[np.isfinite(results.step)])) > 1:
        steps = np.nan_to_num(results.step, nan=np.nanmin(results.step))
        ends = np.unique(steps)
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, MAX_SEGMENTS).astype(int))]
        return np.searchsorted(ends, steps), steps, True
    segments = np.minimum(results.groups.ids * MAX_SEGMENTS // max(results.groups.num_groups, 1), MAX_SEGMENTS - 1)
    return np.unique(segments, return_inverse=True)[1], np.arange(1.0, len(results) + 1), False


@dataclass(frozen=True, slots=True)
class GroupStatistics:
    """One value per group.

    Attributes:
        size: (G,) rollouts.
        judged: (G,) rollouts with a verdict.
        correct: (G,) correct rollouts.
        score_std: (G,) standard deviation of the first reward model's scores, NaN if there are none.
        weight: (G,) mean weight, NaN if there is none.
        mean_abs_advantage: (G,) mean absolute advantage; a rollout without an advantage counts as 0.
        inversions: (G,) the fraction of pairs of a correct and an incorrect rollout in which the first reward model
            prefers the incorrect one, ties counted half; NaN without such pairs.
    """

    size: Floats
    judged: Floats
    correct: Floats
    score_std: Floats
    weight: Floats
    mean_abs_advantage: Floats
    inversions: Floats

    @property
    def silent(self) -> Booleans:
        """(G,) whether all advantages of the group are zero: it gives no signal."""
        silent: Booleans = self.mean_abs_advantage <= ZERO_ADVANTAGE
        return silent

    @property
    def uniform(self) -> Booleans:
        """(G,) whether all judged rollouts are correct, or all incorrect; False if none is judged."""
        uniform: Booleans = (self.judged > 0) & ((self.correct == 0) | (self.correct == self.judged))
        return uniform

    @property
    def accuracy(self) -> Floats:
        """(G,) the fraction of judged rollouts that are correct, 0 if none is judged."""
        return self.correct / np.maximum(self.judged, 1)

    def zero_signal_rate(self) -> float:
        """Return the fraction of groups whose advantages are all zero."""
        return float(self.silent[self.size > 0].mean())


def group_statistics(results: Results) -> GroupStatistics:
    """Reduce the rows of each group to one value; missing values are left out."""
    groups, missing = results.groups, np.full(len(results), np.nan)
    verdict, judged_groups = _drop_missing(missing if results.verdict is None else results.verdict, groups)
    score = next(iter(results.scores.values()), missing)
    judged = np.zeros(len(results), dtype=bool) if results.verdict is None else np.isfinite(results.verdict)
    return GroupStatistics(
        _segment.counts(groups, missing),
        _segment.counts(judged_groups, verdict),
        _segment.reduce((verdict > CORRECT_THRESHOLD).astype(float), judged_groups, "sum"),
        _reduce_known(_segment.std, score, groups),
        _reduce_known(_segment.mean, results.weight, groups),
        _segment.mean(np.abs(np.nan_to_num(results.advantage)), groups),
        1.0 - _auc_of_groups(score[judged], verdict > CORRECT_THRESHOLD, judged_groups),
    )


def _drop_missing(values: Floats, groups: Groups) -> tuple[Floats, Groups]:
    known = np.isfinite(values)
    return values[known], Groups(groups.ids[known], groups.num_groups)


def _reduce_known(reduce: Callable[[Floats, Groups], Any], values: Floats, groups: Groups) -> Floats:
    """Reduce the known values of each group; NaN for a group without any."""
    known, known_groups = _drop_missing(values, groups)
    return np.where(_segment.counts(known_groups, known) > 0, reduce(known, known_groups), np.nan)


def round_floats(values: Floats) -> list[float | None]:
    """Return numbers with six significant digits; None for those that are not finite."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]
