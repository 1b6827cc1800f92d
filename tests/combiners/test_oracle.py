"""Equations 3 to 5 of HERO and the group steps, written row by row with plain numbers, against the steps on random settings."""

import dataclasses
import math
import statistics
from itertools import pairwise

import numpy as np
import pytest

from herokit import Groups, Parts, Signals
from herokit.combiners import (
    BestMinusSecond,
    Center,
    DivideByMad,
    DivideByMean,
    DivideBySummedStd,
    LeaveOneOut,
    LinearSchedule,
    Mean,
    MinMax,
    PiecewiseConstantSchedule,
    QuantileMinMax,
    Rank,
    Standardize,
    StandardizeWithVirtual,
    Stratify,
    WeightByStd,
    Whiten,
    ZScoreSigmoid,
)
from herokit.combiners.base import no_sync
from herokit.errors import ConfigError

CASES = range(60)


def deviation(values, ddof=0):
    """The standard deviation of some numbers; 0 where there are too few."""
    if len(values) <= ddof:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - ddof))


def by_key(keys, values):
    """The values of each key."""
    parts = {}
    for key, value in zip(keys, values, strict=True):
        parts.setdefault(key, []).append(value)
    return parts


def min_max(score, others, step):
    return (score - min(others)) / (max(others) - min(others) + step.eps)


def rank(score, others, step):
    below, equal = sum(x < score for x in others), sum(x == score for x in others)
    return (below + (equal - 1) / 2) / (len(others) - 1) if len(others) > 1 else 0.0


def z_score_sigmoid(score, others, step):
    return 1 / (1 + math.exp(-(score - statistics.fmean(others)) / (deviation(others) + step.eps)))


def quantile_min_max(score, others, step):
    low, high = (float(np.quantile(others, share)) for share in (step.low, step.high))
    return min(1.0, max(0.0, (score - low) / (high - low + step.eps)))


NORMALIZERS = {
    MinMax: min_max,
    Rank: rank,
    ZScoreSigmoid: z_score_sigmoid,
    QuantileMinMax: quantile_min_max,
}


def draw_rows(rng):
    """Draw groups of any size in any order, and scores with ties in some unit."""
    n = int(rng.integers(1, 14))
    groups = rng.integers(0, rng.integers(1, 5), n)
    unit, offset = rng.choice([0.01, 1.0, 30.0]), rng.choice([0.0, -7.0, 1000.0])
    scores = offset + unit * (rng.integers(-3, 4, n) + rng.choice([0.0, 1.0]) * rng.random(n))
    return n, groups, scores


def signals_of(groups, **values):
    return Signals(values, Groups(groups, int(groups.max()) + 1))


def draw_stratify(rng):
    levels = [(0.0, 1.0), (0.0, 0.5, 1.0), (0.0, 0.3, 0.6, 1.0), (-1.0, 2.0)][rng.integers(4)]
    room = min(b - a for a, b in pairwise(levels))
    alpha, beta, inner = (0.45 * min(room, 2.0) * float(x) for x in 0.05 + 0.95 * rng.random(3))
    normalizer = [
        MinMax(eps=float(rng.choice([1e-6, 0.5]))),
        Rank(),
        ZScoreSigmoid(eps=float(rng.choice([1e-6, 0.5]))),
        QuantileMinMax(0.2, 0.7, eps=float(rng.choice([1e-6, 0.5]))),
    ][rng.integers(4)]
    thresholds = None
    if rng.integers(2):
        thresholds = tuple(a + (b - a) * float(rng.choice([0.2, 0.8])) for a, b in pairwise(levels))
    return Stratify(
        alpha=alpha,
        beta=beta,
        levels=levels,
        inner_half_width=inner if rng.integers(2) else None,
        thresholds=thresholds,
        normalizer=normalizer,
        ties=["floor", "midpoint"][rng.integers(2)],
        min_range=float(rng.choice([0.0, 0.02, 2.0])),
    )


def stratified_by_hand(step, groups, scores, verdicts):
    thresholds = step.thresholds or [(a + b) / 2 for a, b in pairwise(step.levels)]
    strata = [sum(v > t for t in thresholds) for v in verdicts]
    rewards = []
    for row, score in enumerate(scores):
        mates = [
            s
            for s, g, stratum in zip(scores, groups, strata, strict=True)
            if (g, stratum) == (groups[row], strata[row])
        ]
        tied = max(mates) == min(mates) or max(mates) - min(mates) < step.min_range
        in_middle = 0.5 if step.ties == "midpoint" else 0.0
        z = in_middle if tied else NORMALIZERS[type(step.normalizer)](score, mates, step.normalizer)
        level = strata[row]
        inner = step.inner_half_width or min(step.alpha, step.beta)
        half = step.alpha if level == 0 else step.beta if level == len(step.levels) - 1 else inner
        rewards.append(step.levels[level] - half + 2 * half * z)
    return rewards


@pytest.mark.parametrize("seed", CASES)
def test_stratify_agrees_with_equation_3_row_by_row(seed):
    rng = np.random.default_rng(seed)
    for _ in range(10):
        n, groups, scores = draw_rows(rng)
        step = draw_stratify(rng)
        verdicts = rng.choice([-1.0, 0.0, 0.1, 0.24, 0.25, 0.3, 0.45, 0.5, 0.6, 0.8, 0.95, 1.0, 2.0], n)
        given = scores.copy()
        actual = step(scores, signals_of(groups, verifier=verdicts))
        np.testing.assert_allclose(actual, stratified_by_hand(step, groups, scores, verdicts), rtol=1e-9, atol=1e-9)
        assert (scores == given).all()


def draw_weight(rng):
    low, high = float(rng.uniform(0.1, 0.9)), float(rng.uniform(1.1, 3.0))
    return WeightByStd(
        min_weight=low,
        max_weight=high,
        steepness=float(rng.uniform(0.1, 8.0)),
        ddof=int(rng.integers(2)),
        center=["paper", "one"][rng.integers(2)],
        relative=bool(rng.integers(2)),
        momentum=[None, 0.0, 0.7][rng.integers(3)],
    )


class WeightByHand:
    """Equations 4 and 5 with a running mean that is read before it is written."""

    def __init__(self, step):
        self.step, self.seen, self.value = step, [], 0.0

    def __call__(self, groups, scores):
        spread = {key: deviation(values, self.step.ddof) for key, values in by_key(groups, scores).items()}
        weights = [self.weight(spread[key]) for key in groups]
        batch = statistics.fmean(spread.values())
        first = not self.seen
        self.seen += spread.values()
        plain = self.step.momentum is None or first
        mix = self.step.momentum or 0.0
        self.value = statistics.fmean(self.seen) if plain else mix * self.value + (1 - mix) * batch
        return weights

    def weight(self, sigma):
        if not self.seen or (self.step.relative and self.value == 0.0):
            return 1.0
        away = sigma - self.value
        away = away / self.value if self.step.relative else away
        low, high = self.step.min_weight, self.step.max_weight
        shift = math.log((1 - low) / (high - 1)) if self.step.center == "one" else 0.0
        x = self.step.steepness * away + shift
        logistic = 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))
        return low + (high - low) * logistic


@pytest.mark.parametrize("seed", CASES)
def test_weight_by_std_agrees_with_equations_4_and_5_over_batches(seed):
    rng = np.random.default_rng(seed)
    step = draw_weight(rng)
    by_hand, state = WeightByHand(step), step.init()
    for _ in range(6):
        n, groups, scores = draw_rows(rng)
        reward = rng.normal(size=n)
        signals = signals_of(groups, rm=scores)
        weight, _ = step.weigh(reward, signals, state)
        actual, state = step.combine(reward, signals, state)
        expected = by_hand(groups.tolist(), scores.tolist())
        np.testing.assert_allclose(weight, expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(actual, reward * expected, rtol=1e-9, atol=1e-9)
        assert state.count == len(by_hand.seen)
        assert state.value == pytest.approx(by_hand.value, rel=1e-9, abs=1e-12)


def test_weight_by_std_merges_what_sync_returns():
    groups, scores = np.array([0, 0]), np.array([0.0, 2.0])
    _, state = WeightByStd().weigh(
        np.ones(2), signals_of(groups, rm=scores), Mean(2, 4.0), sync=lambda _: Mean(6, 12.0)
    )
    assert state == Mean(8, 10.0)
    momentum = WeightByStd(momentum=0.75)
    _, state = momentum.weigh(np.ones(2), signals_of(groups, rm=scores), Mean(2, 4.0), sync=lambda _: Mean(6, 12.0))
    assert state == Mean(8, 6.0)
    _, state = momentum.weigh(np.ones(2), signals_of(groups, rm=scores), Mean(2, 4.0), sync=lambda _: Mean())
    assert state == Mean(2, 4.0)
    assert no_sync(Mean(1, 2.0)) == Mean(1, 2.0)


def test_weight_by_std_does_not_count_empty_groups():
    signals = Signals({"rm": np.array([1.0, 3.0, 5.0, 5.0])}, Groups(np.array([3, 3, 0, 0]), 6))
    assert WeightByStd().weigh(np.ones(4), signals, Mean())[1] == Mean(2, 0.5)
    empty = Signals({"rm": np.zeros(0)}, Groups(np.zeros(0, dtype=int), 2))
    assert WeightByStd().weigh(np.zeros(0), empty, Mean(3, 2.0))[1] == Mean(3, 2.0)


@pytest.mark.parametrize("factor", [1e-9, 1e-6, 1e6])
def test_weight_by_std_relative_to_its_mean_does_not_depend_on_the_unit_of_the_score(factor):
    step, groups, scores = WeightByStd(relative=True), np.array([0, 0, 1, 1]), np.array([0.0, 2.0, 1.0, 7.0])
    weights = [
        step.weigh(np.ones(4), signals_of(groups, rm=scores * unit), Mean(2, 1.5 * unit))[0] for unit in (1.0, factor)
    ]
    np.testing.assert_allclose(*weights, rtol=1e-9)
    assert weights[0][0] < weights[0][2]


@pytest.mark.parametrize(("constants", "expected"), [("main", (0.5, 2.0, 5.0)), ("appendix", (0.4, 3.0, 6.0))])
def test_weight_by_std_has_the_published_constants(constants, expected):
    step = WeightByStd.published(constants, signal="x")
    assert (step.signal, step.min_weight, step.max_weight, step.steepness) == ("x", *expected)
    assert (step.ddof, step.center, step.relative, step.momentum) == (0, "paper", False, None)


def test_defaults_are_those_of_the_pages():
    step = Stratify()
    assert (step.verifier, step.alpha, step.beta, step.levels, step.ties, step.min_range) == (
        "verifier", 0.1, 0.1, (0.0, 1.0), "floor", 0.0,
    )  # fmt: skip
    assert (step.inner_half_width, step.thresholds, step.normalizer) == (None, None, MinMax(eps=1e-6))
    weight = WeightByStd()
    assert weight == WeightByStd.published("main")
    assert Standardize() == Standardize(scope="group", eps=1e-4, ddof=1, min_std=0.0, scale=None)
    assert (DivideByMad().eps, Whiten().eps) == (1e-4, 1e-4)
    assert (StandardizeWithVirtual().max_reward, StandardizeWithVirtual().eps, BestMinusSecond().eps) == (
        1.0,
        1e-6,
        1e-6,
    )
    assert DivideBySummedStd() == DivideBySummedStd({"verifier": 1.0, "rm": 1.0}, eps=1e-4)


STEPS = [
    Center(),
    LeaveOneOut(),
    *(Standardize(ddof=ddof, eps=eps) for ddof in (0, 1) for eps in (1e-4, 0.5)),
    *(Standardize(ddof=ddof, min_std=3.0, scope=scope) for ddof in (0, 1) for scope in ("group", "batch")),
    *(Standardize(ddof=ddof, scope="batch", eps=0.25) for ddof in (0, 1)),
    Standardize(scale=4.0, eps=0.5),
    DivideByMad(),
    DivideByMad(eps=0.5),
    Whiten(),
    Whiten(eps=0.5),
    DivideByMean(),
    *(StandardizeWithVirtual(max_reward=best, eps=eps) for best in (1.0, 5.0) for eps in (1e-6, 0.5)),
    *(BestMinusSecond(eps=eps) for eps in (1e-6, 0.5)),
    *(DivideBySummedStd({"rm": 0.5, "verifier": 2.0}, eps=eps) for eps in (1e-4, 0.5)),
]


def advantages_by_hand(step, groups, rewards):
    parts, everything = by_key(groups, rewards), list(rewards)
    return [one_advantage(step, reward, parts[key], everything) for key, reward in zip(groups, rewards, strict=True)]


def one_advantage(step, reward, group, everything):  # noqa: PLR0911 - one formula per step
    mean = statistics.fmean(group)
    if isinstance(step, Center):
        return reward - mean
    if isinstance(step, LeaveOneOut):
        return reward - (sum(group) - reward) / (len(group) - 1) if len(group) > 1 else 0.0
    if isinstance(step, DivideByMad):
        return (reward - mean) / (statistics.fmean(abs(x - mean) for x in group) + step.eps)
    if isinstance(step, Whiten):
        return (reward - statistics.fmean(everything)) / (deviation(everything, 1) + step.eps)
    if isinstance(step, DivideByMean):
        return reward / mean - 1 if mean > 0 else 0.0
    if isinstance(step, StandardizeWithVirtual):
        virtual = (sum(group) + step.max_reward) / (len(group) + 1)
        squares = sum((x - virtual) ** 2 for x in [*group, step.max_reward])
        return (reward - virtual) / (math.sqrt(squares / len(group)) + step.eps)
    if isinstance(step, BestMinusSecond):
        second = max((x for x in group if x != max(group)), default=reward)
        wins = reward == max(group) and group.count(reward) == 1 and len(group) > 1
        return (reward - second) / (deviation(group, 1) + step.eps) if wins else 0.0
    if isinstance(step, DivideBySummedStd):
        return (reward - mean) / (2.5 * deviation(group, 1) + step.eps)
    if step.scale is not None:
        return (reward - mean) / (step.scale + step.eps)
    scale = deviation(everything if step.scope == "batch" else group, step.ddof)
    return (reward - mean) / (max(scale, step.min_std) + step.eps)


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_group_step_agrees_with_its_formula_row_by_row(step):
    rng = np.random.default_rng(0)
    for _ in range(60):
        _, groups, scores = draw_rows(rng)
        actual = step(scores, signals_of(groups, rm=scores, verifier=scores))
        expected = advantages_by_hand(step, groups.tolist(), scores.tolist())
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)
        assert step.to_advantage


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_group_step_takes_an_empty_batch(step):
    for count in (0, 2):
        signals = Signals(dict.fromkeys(("rm", "verifier"), np.zeros(0)), Groups(np.zeros(0, dtype=int), count))
        assert step(np.zeros(0), signals).shape == (0,)


RAMP = LinearSchedule(0.2, 0.9, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stratify(alpha=0.0), r"alpha lies in \(0, 1\], got 0.0"),
        (lambda: Stratify(alpha=1.5), r"alpha lies in \(0, 1\]"),
        (lambda: Stratify(beta=0.0), r"beta lies in \(0, 1\], got 0.0"),
        (lambda: Stratify(beta=1.5), r"beta lies in \(0, 1\]"),
        (lambda: Stratify(alpha=0.5, beta=0.5), "alpha \\+ beta must be below 1"),
        (lambda: Stratify(alpha=RAMP, beta=0.1), "alpha \\+ beta must be below 1"),
        (lambda: Stratify(alpha=0.1, beta=RAMP), "alpha \\+ beta must be below 1"),
        (lambda: Stratify(levels=(0.0, 0.5, 1.0), inner_half_width=RAMP), "the half-widths are too large"),
        (lambda: Stratify(levels=(0.0, 0.1, 1.0)), "the half-widths are too large"),
        (lambda: Stratify(levels=(0.0, 0.5, 1.0), inner_half_width=0.45), "the half-widths are too large"),
        (lambda: Stratify(levels=(0.0, 0.5, 1.0), inner_half_width=0.0), r"inner_half_width lies in \(0, inf\)"),
        (lambda: Stratify(min_range=-1.0), r"min_range lies in \[0, inf\)"),
        (lambda: Stratify(ties="top"), "ties"),
        (lambda: Stratify(levels=(0.0,)), "levels are two or more increasing values"),
        (lambda: Stratify(levels=(1.0, 0.0)), "levels are two or more increasing values"),
        (lambda: Stratify(levels=(0.0, 0.0, 1.0)), "levels are two or more increasing values"),
        (lambda: Stratify(thresholds=()), "expected one threshold between"),
        (lambda: Stratify(thresholds=(0.2, 0.8)), "expected one threshold between"),
        (lambda: Stratify(thresholds=(0.0,)), "expected one threshold between"),
        (lambda: Stratify(thresholds=(1.0,)), "expected one threshold between"),
        (lambda: Stratify(levels=(0.0, 0.5, 1.0), thresholds=(0.25, 0.4)), "expected one threshold between"),
        (lambda: WeightByStd(min_weight=0.0), r"min_weight lies in \(0, inf\)"),
        (lambda: WeightByStd(max_weight=0.0), r"max_weight lies in \(0, inf\)"),
        (lambda: WeightByStd(steepness=0.0), r"steepness lies in \(0, inf\)"),
        (lambda: WeightByStd(ddof=2), "ddof"),
        (lambda: WeightByStd(center="mean"), "center"),
        (lambda: WeightByStd(momentum=1.0), r"momentum lies in \[0, 1\)"),
        (lambda: WeightByStd(momentum=-0.1), r"momentum lies in \[0, 1\)"),
        (lambda: WeightByStd(min_weight=2.0, max_weight=2.0), "need 0 < min_weight < max_weight"),
        (lambda: WeightByStd(min_weight=LinearSchedule(0.5, 2.5, 3)), "need 0 < min_weight < max_weight"),
        (lambda: WeightByStd(max_weight=LinearSchedule(2.0, 0.4, 3)), "need 0 < min_weight < max_weight"),
        (lambda: WeightByStd(min_weight=1.0, center="one"), "needs min_weight < 1 < max_weight"),
        (lambda: WeightByStd(max_weight=1.0, center="one"), "needs min_weight < 1 < max_weight"),
        (lambda: WeightByStd.published("other"), "constants"),
        (lambda: Standardize(scope="row"), "scope"),
        (lambda: Standardize(eps=0.0), r"eps lies in \(0, inf\)"),
        (lambda: Standardize(ddof=2), "ddof"),
        (lambda: Standardize(ddof=-1), "ddof"),
        (lambda: Standardize(min_std=-1.0), r"min_std lies in \[0, inf\)"),
        (lambda: Standardize(scale=0.0), r"scale lies in \(0, inf\)"),
        (
            lambda: Standardize(scale=1.0, scope="batch"),
            "scale takes the place of a deviation; leave scope and min_std out",
        ),
        (lambda: Standardize(scale=1.0, min_std=1.0), "takes the place of a deviation"),
        (lambda: StandardizeWithVirtual(eps=0.0), r"eps lies in \(0, inf\)"),
        (lambda: StandardizeWithVirtual(max_reward=math.inf), "max_reward lies in"),
        (lambda: BestMinusSecond(eps=0.0), r"eps lies in \(0, inf\)"),
        (lambda: DivideBySummedStd(eps=0.0), r"eps lies in \(0, inf\)"),
        (lambda: DivideBySummedStd({}), "weights names at least one signal"),
        (lambda: DivideBySummedStd({"rm": -1.0}), "weights"),
        (lambda: PiecewiseConstantSchedule((1.0,), boundaries=(2,)), "one more entry than boundaries"),
        (lambda: PiecewiseConstantSchedule((1.0, 2.0), boundaries=(0,)), "boundaries increases from 1 on"),
        (lambda: LeaveOneOut(leave_out="group"), "leave_out"),
        (lambda: DivideByMad(eps=0.0), r"eps lies in \(0, inf\)"),
        (lambda: Whiten(eps=0.0), r"eps lies in \(0, inf\)"),
    ],
)
def test_step_refuses_a_parameter_outside_its_range(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stratify(alpha=0.5, beta=0.49),
        lambda: Stratify(alpha=1.0, beta=0.5, levels=(0.0, 2.0)),
        lambda: Stratify(alpha=0.5, beta=1.0, levels=(0.0, 2.0)),
        lambda: Stratify(alpha=LinearSchedule(0.2, 0.5, 4), beta=0.45),
        lambda: Stratify(levels=(0.0, 0.5, 1.0), inner_half_width=0.39),
        lambda: Stratify(levels=(0.0, 5.0, 9.0), inner_half_width=2.0),
        lambda: Stratify(min_range=0.0),
        lambda: WeightByStd(momentum=0.0),
        lambda: WeightByStd(ddof=1),
        lambda: WeightByStd(min_weight=0.99, max_weight=1.01, center="one"),
        lambda: WeightByStd(min_weight=2.0, max_weight=3.0),
        lambda: Standardize(scale=1.0),
        lambda: Standardize(min_std=0.0, ddof=0),
    ],
)
def test_step_takes_the_ends_of_its_ranges(make):
    make()


@pytest.mark.parametrize("step", [Stratify(), WeightByStd(), *STEPS], ids=repr)
def test_step_is_a_frozen_value_without_further_attributes(step):
    fields = dataclasses.fields(step)
    for name in [field.name for field in fields] or ["eps"]:
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(step, name, 1.0)
    assert not hasattr(step, "__dict__")


@pytest.mark.parametrize("leave_out", ["row", "rollout"])
def test_leave_one_out_with_one_row_per_rollout_agrees_with_its_formula(leave_out):
    rng = np.random.default_rng(1)
    for _ in range(30):
        _, groups, scores = draw_rows(rng)
        actual = LeaveOneOut(leave_out=leave_out)(scores, signals_of(groups, rm=scores))
        np.testing.assert_allclose(
            actual, advantages_by_hand(LeaveOneOut(), groups.tolist(), scores.tolist()), atol=1e-6
        )


def leave_out_by_hand(rewards, groups, rollouts, weights, leave_out):
    """The reward of each row minus the weighted mean of the other rows, or of the rows of other rollouts; 0 without any."""
    advantages = []
    for i, reward in enumerate(rewards):
        same = [j for j in range(len(rewards)) if groups[j] == groups[i]]
        others = [j for j in same if (j != i if leave_out == "row" else rollouts[j] != rollouts[i])]
        weight = sum(weights[j] for j in others)
        mean = sum(weights[j] * rewards[j] for j in others) / weight if weight else reward
        advantages.append(reward - mean)
    return advantages


@pytest.mark.parametrize("leave_out", ["row", "rollout"])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_leave_one_out_agrees_with_its_formula_on_weighted_rows_and_parts(leave_out, is_weighted):
    rng = np.random.default_rng(3)
    for _ in range(30):
        counts = rng.integers(1, 5, size=8)
        level = Parts.from_counts(counts)
        rollouts = level.rollouts.ids
        prompts = rng.integers(0, 3, size=8)[rollouts]  # of the parts; a prompt may have one rollout, of one part
        rewards, weights = rng.normal(size=len(rollouts)), np.round(rng.uniform(0.5, 4.0, len(rollouts)), 1)
        weights[prompts == 2] *= rng.integers(0, 2)  # rows that count nothing
        groups = Groups(prompts, 3, weights if is_weighted else None)
        actual = LeaveOneOut(leave_out)(rewards, Signals({}, groups, level=level))
        parts = (prompts.tolist(), rollouts.tolist(), weights.tolist() if is_weighted else [1.0] * len(rewards))
        np.testing.assert_allclose(actual, leave_out_by_hand(rewards.tolist(), *parts, leave_out), atol=1e-9)
