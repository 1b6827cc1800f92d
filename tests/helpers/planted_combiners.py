"""Combiners with one fault each, beside a correct twin: what the laws of combiners are measured on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from herokit import _segment
from herokit.combiners import ProducesAdvantage, Select, Standardize, Stateless, chain
from herokit.types import Groups

__all__ = ["COMBINERS", "Pair"]


@dataclass(frozen=True)
class Formula(Stateless):
    """A step that is a function of scores, verdicts and groups."""

    f: Callable[..., Any]

    def __call__(self, reward, signals):
        return self.f(signals["rm"], signals["verifier"], signals.groups)


@dataclass(frozen=True)
class AdvantageFormula(ProducesAdvantage, Formula):
    """The same, with an advantage as its output."""


@dataclass(frozen=True)
class CostFormula(Stateless):
    """A step that is a function of verdicts and numbers of tokens."""

    f: Callable[..., Any]

    def __call__(self, reward, signals):
        return self.f(signals["tokens"], signals["verifier"], signals.groups)


@dataclass(frozen=True)
class Pair:
    """A faulty combiner and its correct twin."""

    faulty: Any
    twin: Any
    signals: dict[str, str] = field(default_factory=lambda: {"rm": "score", "verifier": "binary"})


def reward(faulty, twin):
    return Pair(Formula(faulty), Formula(twin))


def advantage(faulty, twin):
    return Pair(AdvantageFormula(faulty), AdvantageFormula(twin))


def rows(x, g, op):
    return _segment.expand(_segment.reduce(x, g, op), g)


def mean(x, g):
    return _segment.expand(_segment.mean(x, g), g)


def size(x, g):
    return _segment.expand(_segment.counts(g, x), g)


def number(x, condition):
    return array_namespace(x).astype(condition, x.dtype)


def strata(v, g):
    return g.refine(array_namespace(v).astype(v > 0.5, g.ids.dtype), 2)


def min_max(x, g, eps=1e-6):
    low = rows(x, g, "min")
    return (x - low) / (rows(x, g, "max") - low + eps)


def deviation(x, g, ddof=0):
    return _segment.expand(_segment.std(x, g, ddof=ddof), g)


def hero(x, v, g, eps=1e-6):
    return number(x, v > 0.5) + 0.1 * (2.0 * min_max(x, strata(v, g), eps) - 1.0)


def center(x, v, g):
    return v - mean(v, g)


def z_score(x, v, g):
    return (v - mean(v, g)) / (deviation(v, g) + 1e-4)


def soft_bonus(x, v, g):
    return v + 0.1 * array_namespace(x).tanh(x / 8.0)


def ranked(x, v, g):
    n = size(x, g)
    return v + 0.1 * _segment.expand(_segment.counts(g, x) * 0.0, g) + 0.1 * _segment.ranks(x, g, shared=True) / n


def spread_in_group(x, v, g):
    return v - 0.05 * array_namespace(x).tanh(deviation(x, g) / (1.0 + deviation(x, g)))


def whole_batch_min_max(x, v, g):
    return hero(x, v, Groups(g.ids * 0, 1))


def wide_bands(x, v, g):
    return v + 1.2 * (min_max(x, strata(v, g)) - 0.5)


def swapped(x, v, g):
    return hero(x, 1.0 - v, g)


def lower_is_better(x, v, g):
    return hero(-x, v, g)


def no_eps(x, v, g):
    return hero(x, v, g, eps=0.0)


def huge_eps(x, v, g):
    return hero(x, v, g, eps=1.0)


def clipped(x, v, g):
    return hero(array_namespace(x).clip(x, -3.0, 3.0), v, g)


def rounded(x, v, g):
    xp = array_namespace(x)
    return number(x, v > 0.5) + 0.1 * (2.0 * xp.round(2.0 * min_max(x, strata(v, g))) / 2.0 - 1.0)


def truncated_scores(x, v, g):
    xp = array_namespace(x)
    return hero(xp.trunc(x / 4.0), v, g)


def absolute(x, v, g):
    return hero(array_namespace(x).abs(x), v, g)


def squared_distance(x, v, g):
    away = x - mean(x, g)
    return hero(away * away, v, g)


def half_precision(x, v, g):
    xp = array_namespace(x)
    return hero(xp.astype(x, xp.float16 if hasattr(xp, "float16") else xp.float32), v, g) + 0.0 * x


def mean_of_squares(x, v, g):
    variance = mean(x * x, g) - mean(x, g) ** 2
    xp = array_namespace(x)
    return v + 0.1 * xp.tanh((x - mean(x, g)) / (xp.sqrt(xp.clip(variance, 0.0)) + 1e-4))


def squares_of_deviations(x, v, g):
    return v + 0.1 * array_namespace(x).tanh((x - mean(x, g)) / (deviation(x, g) + 1e-4))


def sample_deviation(x, v, g):
    away, n = (v - mean(v, g)) ** 2, size(v, g)
    return (v - mean(v, g)) / (array_namespace(v).sqrt(rows(away, g, "sum") / (n - 1.0)) + 1e-4)


def softmax(x, v, g):
    e = array_namespace(x).exp(x)
    return v + 0.1 * e / rows(e, g, "sum")


def safe_softmax(x, v, g):
    e = array_namespace(x).exp(x - rows(x, g, "max"))
    return v + 0.1 * e / rows(e, g, "sum")


def ranks_by_position(x, v, g):
    return v + 0.1 * _segment.ranks(x, g) / size(x, g)


def argsort_once(x, v, g):
    xp = array_namespace(x)
    return v + 0.1 * xp.astype(xp.argsort(x, stable=True), x.dtype) / x.shape[0]


def equal_sizes(x, v, g):
    if v.shape[0] % g.num_groups:
        return center(x, v, g)
    table = array_namespace(v).reshape(v, (g.num_groups, -1))
    return array_namespace(v).reshape(table - array_namespace(v).mean(table, axis=1)[:, None], (-1,))


def next_group(x, v, g):
    return v - mean_of(v, g, (g.ids + 1) % g.num_groups)


def mean_of(v, g, ids):
    return array_namespace(v).take(_segment.mean(v, g), ids)


def group_zero_is_padding(x, v, g):
    return center(x, v, g) * number(v, g.ids > 0)


def last_group_forgotten(x, v, g):
    return array_namespace(v).where(g.ids < max(g.num_groups - 1, 1), center(x, v, g), v)


def per_number_of_groups(x, v, g):
    return soft_bonus(x, v, g) / g.num_groups


def singleton_from_batch(x, v, g):
    xp = array_namespace(v)
    return xp.where(size(v, g) > 1, center(x, v, g), v - xp.mean(v))


def singleton_keeps_its_reward(x, v, g):
    return array_namespace(v).where(size(v, g) > 1, center(x, v, g), v)


def below_best(x, v, g):
    return v - rows(v, g, "max")


def baseline_of_incorrect(x, v, g):
    return v - mean(v * 0.0, g) - 0.5 * mean(number(v, v > 0.5), g)


def positive_part(x, v, g):
    return array_namespace(v).clip(center(x, v, g), 0.0)


def one_sided_scale(x, v, g):
    a = center(x, v, g)
    return array_namespace(v).where(a > 0, 2.0 * a, a)


def constant_baseline(x, v, g):
    return v - 0.5


def verdict_as_index(x, v, g):
    xp = array_namespace(v)
    table = {0.0: -1.0, 1.0: 1.0}
    return xp.asarray([table[value] for value in v.tolist()], dtype=v.dtype)


def verdict_by_threshold(x, v, g):
    return 2.0 * number(v, v > 0.5) - 1.0


def two_levels_only(x, v, g):
    return 0.2 * number(v, v == 0.0) + 1.0 * number(v, v == 1.0)


def two_levels(x, v, g):
    return 0.2 + 0.8 * v


def log_of_verdict(x, v, g):
    xp = array_namespace(v)
    return xp.where(v > 0.99, xp.ones_like(v), xp.log(xp.where(v > 0.0, 1.0 - 2.0 * v, xp.ones_like(v))))


def log_odds(x, v, g):
    xp = array_namespace(v)
    return xp.log((v + 0.1) / (1.1 - v))


def first_row(x, v, g):
    return v - v[0]


def maximum_of_batch(x, v, g):
    xp = array_namespace(x)
    return v + 0.0 * xp.max(x)


def cumulative_baseline(x, v, g):
    xp = array_namespace(v)
    return v - xp.cumulative_sum(v) / xp.cumulative_sum(xp.ones_like(v))


def naive_logistic(x, v, g):
    xp = array_namespace(x)
    return v + 0.1 * xp.exp(x) / (1.0 + xp.exp(x))


def logistic(x, v, g):
    return v + 0.05 * (1.0 + array_namespace(x).tanh(0.5 * x))


def in_place(x, v, g):
    x -= mean(x, g)
    return v + 0.1 * array_namespace(x).tanh(x / 8.0)


def out_of_place(x, v, g):
    return v + 0.1 * array_namespace(x).tanh((x - mean(x, g)) / 8.0)


def random_noise(x, v, g):
    return v + 1e-3 * np.random.default_rng().random(len(v))


def double_precision(x, v, g):
    xp = array_namespace(v)
    return xp.astype(v, xp.float64)


def identity(x, v, g):
    return v


def numpy_only(x, v, g):
    return np.asarray(v) - np.asarray(mean(v, g))


def standard_deviation_of_library(x, v, g):
    return v / (1.0 + x.std()) if v.shape[0] > 1 else v


def standard_deviation(x, v, g):
    return v / (1.0 + deviation(x, g))


def raw_score(x, v, g):
    return v + 1e-3 * x


def best_takes_all(x, v, g):
    return v + 0.5 * number(x, x >= rows(x, g, "max"))


def constant_shape(x, v, g):
    return array_namespace(v).mean(v) + 0.0 * v[:1]


def long_is_good(tokens, v, g):
    return v + 0.01 * tokens


def long_is_bad(tokens, v, g):
    return v - 0.01 * tokens


def cost_share(tokens, v, g):
    return v - 0.1 * tokens / rows(tokens, g, "max")


def safe_cost_share(tokens, v, g):
    return v - 0.1 * tokens / (rows(tokens, g, "max") + 1.0)


COST = {"tokens": "cost", "verifier": "binary"}

COMBINERS = {
    "min-max over the batch": reward(whole_batch_min_max, hero),
    "bands overlap": reward(wide_bands, hero),
    "strata swapped": reward(swapped, hero),
    "lower scores preferred": reward(lower_is_better, hero),
    "no eps in min-max": reward(no_eps, hero),
    "eps as large as the scores": reward(huge_eps, hero),
    "scores clipped before min-max": reward(clipped, hero),
    "normalized score rounded": reward(rounded, hero),
    "scores truncated": reward(truncated_scores, hero),
    "absolute scores": reward(absolute, hero),
    "squared distance from the mean": reward(squared_distance, hero),
    "half precision inside": reward(half_precision, hero),
    "mean of squares minus squared mean": reward(mean_of_squares, squares_of_deviations),
    "sample deviation of one row": advantage(sample_deviation, z_score),
    "softmax overflows": reward(softmax, safe_softmax),
    "logistic overflows": reward(naive_logistic, logistic),
    "ties ranked by position": reward(ranks_by_position, ranked),
    "argsort taken for ranks": reward(argsort_once, ranked),
    "groups assumed of equal size": advantage(equal_sizes, center),
    "mean of the next group": advantage(next_group, center),
    "group 0 taken for padding": advantage(group_zero_is_padding, center),
    "last group forgotten": advantage(last_group_forgotten, center),
    "divided by the number of groups": reward(per_number_of_groups, soft_bonus),
    "singleton compared with the batch": advantage(singleton_from_batch, center),
    "singleton keeps its reward": advantage(singleton_keeps_its_reward, center),
    "distance from the best": advantage(below_best, center),
    "half the mean as baseline": advantage(baseline_of_incorrect, center),
    "negative advantages dropped": advantage(positive_part, center),
    "positive advantages doubled": advantage(one_sided_scale, center),
    "constant baseline": advantage(constant_baseline, center),
    "running mean over rows as baseline": advantage(cumulative_baseline, center),
    "first row as baseline": advantage(first_row, center),
    "verdict looked up in a table": reward(verdict_as_index, verdict_by_threshold),
    "only verdicts 0 and 1 rewarded": reward(two_levels_only, two_levels),
    "logarithm of a negative number": reward(log_of_verdict, log_odds),
    "maximum of an empty batch": reward(maximum_of_batch, identity),
    "input written in place": reward(in_place, out_of_place),
    "random noise": reward(random_noise, identity),
    "always float64": reward(double_precision, identity),
    "numpy only": advantage(numpy_only, center),
    "deviation of the library": reward(standard_deviation_of_library, standard_deviation),
    "raw score added": reward(raw_score, soft_bonus),
    "best takes all": reward(best_takes_all, soft_bonus),
    "one reward for the batch": reward(constant_shape, identity),
    "function that cannot be pickled": Pair(Formula(lambda x, v, g: v), Formula(identity)),
    "weight before standardizing": Pair(
        chain(Select("verifier"), Formula(standard_deviation), Standardize()),
        chain(Select("verifier"), Standardize(), Formula(identity)),
    ),
    "long completions preferred": Pair(CostFormula(long_is_good), CostFormula(long_is_bad), COST),
    "cost divided by a maximum of 0": Pair(CostFormula(cost_share), CostFormula(safe_cost_share), COST),
}
