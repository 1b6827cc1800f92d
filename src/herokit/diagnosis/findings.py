"""The words of a diagnosis, the thresholds that they depend on, and what is said of one group."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from herokit import _segment
from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.diagnosis.log import Floats, RewardLog
from herokit.errors import ConfigError
from herokit.report.statistics import MIN_TREND_ERRORS
from herokit.types import Groups

__all__ = ["WORDS", "GroupWords", "Rows", "Thresholds", "Word", "rank_correlations", "words_of_groups"]

Word = Literal[
    "misgrouped", "failed", "hacked", "starved", "saturated", "drifting", "length-driven", "one-component", "healthy"
]
"""What a run or a group is called, the most serious first. Groups are never hacked or drifting."""

WORDS: tuple[Word, ...] = get_args(Word)

Rows: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""Row numbers, or booleans, one per group."""

MIN_ROWS = 6
"""Fewer rollouts in the strata of a group do not show whether length drives its rewards."""

TINY = 1e-9
"""Rewards that differ by less are equal."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a finding needs.

    Args:
        misgrouped: fraction of groups with more than one prompt, above which the run is misgrouped.
        failed: fraction of rows without a reward, from which the run is failed.
        no_signal: fraction of groups with equal rewards, from which the run is starved or saturated.
        decided: fraction of the pairs of a group whose order one component gives, from which it decides the group.
        contested: fraction of its pairs that another component must order the other way; without contest nothing is decided.
        one_component: fraction of groups that the same component decides, from which it decides the run.
        length_correlation: mean rank correlation of reward and length inside strata, from which the run is length-driven.
        group_length_correlation: the same for one group.
        drift: change of the mean score over the run, in its standard deviation, from which it drifts.
        score_rise: the same change upwards, from which the score rises.
        agreement_fall: fall of the reward model's AUC over the run, or of the accuracy, from which it is hacked.
        min_errors: standard errors that a trend must have; the default is that of the report's.

    Raises:
        ConfigError: a threshold is not a number or negative.
    """

    misgrouped: float = 0.01
    failed: float = 0.05
    no_signal: float = 0.5
    decided: float = 0.95
    contested: float = 0.05
    one_component: float = 0.8
    length_correlation: float = 0.4
    group_length_correlation: float = 0.9
    drift: float = 1.0
    score_rise: float = 0.25
    agreement_fall: float = 0.05
    min_errors: float = MIN_TREND_ERRORS

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0.0:
                raise ConfigError(f"threshold {field.name} must be a number from 0 up, got {value!r}")


@dataclass(frozen=True, slots=True, eq=False)
class GroupWords:
    """What is said of the groups.

    Attributes:
        words: (G,) one word for each.
        component: (G,) the component that decides it; empty if none does.
        contested: (G,) whether two components order its rollouts in different ways.
        correlation: (G,) rank correlation of reward and length inside its strata, NaN where it has none.
    """

    words: Sequence[Word]
    component: Sequence[str]
    contested: Sequence[bool]
    correlation: Floats


def words_of_groups(log: RewardLog, thresholds: Thresholds) -> GroupWords:
    """Say one word of each group."""
    groups, known = log.groups, np.isfinite(log.reward)
    inner = Groups(groups.ids[known], groups.num_groups)
    reward = log.reward[known]
    spread = _segment.reduce(reward, inner, "max") - _segment.reduce(reward, inner, "min")
    count = _segment.counts(inner, reward)
    flat = (count < 2) | ~(spread > TINY)  # noqa: PLR2004 - one rollout has no signal
    several_prompts = _several_prompts(log)
    solved = _solved(log, flat)
    correlation = group_length_correlation(log)
    rows = np.split(np.argsort(groups.ids, kind="stable"), np.cumsum(np.bincount(groups.ids))[:-1])
    words: list[Word] = []
    component: list[str] = []
    contested: list[bool] = []
    for group in range(groups.num_groups):
        decider, contest = ("", False) if flat[group] else _deciding_component(log, rows[group], thresholds)
        driven = bool(np.abs(correlation[group]) >= thresholds.group_length_correlation)
        checks: dict[Word, bool] = {
            "misgrouped": bool(several_prompts[group]),
            "failed": bool(count[group] == 0),
            "starved": bool(flat[group] and not solved[group]),
            "saturated": bool(flat[group] and solved[group]),
            "length-driven": driven,
            "one-component": bool(decider),
        }
        words.append(next((word for word, holds in checks.items() if holds), "healthy"))
        component.append(decider)
        contested.append(contest)
    return GroupWords(words, component, contested, correlation)


def _several_prompts(log: RewardLog) -> Rows:
    if log.prompt is None:
        return np.zeros(log.groups.num_groups, dtype=bool)
    prompt = log.prompt.astype(np.float64)
    low, high = (_segment.reduce(prompt, log.groups, op) for op in ("min", "max"))
    return np.asarray(low != high)


def _solved(log: RewardLog, flat: Rows) -> Rows:
    """Return which groups without a signal are solved: accepted as a whole, or at the largest reward of the run."""
    if log.verifier:
        verdict = np.nan_to_num(log.signals[log.verifier])
        return np.asarray(_segment.reduce(verdict, log.groups, "min") > CORRECT_THRESHOLD)
    finite = log.reward[np.isfinite(log.reward)]
    if not finite.size:
        return np.zeros(log.groups.num_groups, dtype=bool)
    best = finite.max()
    lowest = _segment.reduce(np.where(np.isfinite(log.reward), log.reward, -np.inf), log.groups, "min")
    return np.asarray(lowest >= best - TINY) & ~(flat.all() and finite.min() == best and best <= 0)


def group_length_correlation(log: RewardLog) -> Floats:
    """Return the mean rank correlation of reward and length over the strata of each group, (G,); NaN below `MIN_ROWS`."""
    if log.length is None:
        return np.full(log.groups.num_groups, np.nan)
    per_stratum, size = rank_correlations(log, log.reward, log.length)
    table, weight = (x.reshape(log.groups.num_groups, -1) for x in (per_stratum, size))
    weight = np.where(np.isfinite(table), weight, 0.0)
    total = weight.sum(axis=1)
    mean = (np.nan_to_num(table) * weight).sum(axis=1) / np.maximum(total, 1.0)
    return np.where(total >= MIN_ROWS, mean, np.nan)


def rank_correlations(log: RewardLog, x: Floats, y: Floats, min_rows: int = 3) -> tuple[Floats, Floats]:
    """Return Spearman's correlation in each stratum of each group, and its number of rows.

    A stratum holds the rollouts of a group with the same verdict; two for each group, in order. NaN where a stratum has
    fewer than `min_rows` rows, or where one of both does not vary.
    """
    verdict = log.signals[log.verifier] if log.verifier else np.zeros(len(log))
    known = np.isfinite(x) & np.isfinite(y)
    groups = Groups(log.groups.ids[known], log.groups.num_groups)
    strata = groups.refine((verdict[known] > CORRECT_THRESHOLD).astype(groups.ids.dtype), 2)
    ranks = [_segment.ranks(values[known], strata, shared=True) for values in (x, y)]
    a, b = (r - _segment.expand(_segment.mean(r, strata), strata) for r in ranks)
    products = [_segment.reduce(p, strata, "sum") for p in (a * b, a * a, b * b)]
    size = _segment.counts(strata, a)
    defined = (size >= min_rows) & (products[1] > 0) & (products[2] > 0)
    scale = np.sqrt(np.where(defined, products[1] * products[2], 1.0))
    return np.where(defined, products[0] / scale, np.nan), size


def _deciding_component(log: RewardLog, rows: Rows, thresholds: Thresholds) -> tuple[str, bool]:
    """Return the component that alone orders the rewards of a group, empty if none does, and whether two disagree."""
    rows = rows[np.isfinite(log.reward[rows])]
    higher, lower = np.nonzero(np.subtract.outer(log.reward[rows], log.reward[rows]) > TINY)
    agree, oppose = {}, {}
    for name, signal in log.signals.items():
        values = signal[rows]
        if np.isfinite(values).all() and np.ptp(values) > TINY:
            agree[name] = float((values[higher] > values[lower]).mean())
            oppose[name] = float((values[higher] < values[lower]).mean())
    if len(agree) < 2:  # noqa: PLR2004 - where one component varies, it decides by itself
        return "", False
    first = max(agree, key=lambda name: agree[name])
    contested = any(share >= thresholds.contested for name, share in oppose.items() if name != first)
    return first if contested and agree[first] >= thresholds.decided else "", contested
