"""Every named scheme as a plain Python loop over groups: what herokit is timed against, and checked against.

Written from the formulas, one group at a time, with no code of herokit: `LOOPS` maps a scheme's name to a function of
one group, ``group(m, c, other) -> rewards``; `AFTER` holds what a scheme does to the whole batch afterwards.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

SPREAD_SO_FAR = 1.0
"""The running mean of the spread, for schemes that weigh by it."""


def z(x: Any, eps: float = 1e-4) -> Any:
    """Standardize with the sample deviation; a group of one is 0."""
    return (x - x.mean()) / (x.std(ddof=1) + eps) if len(x) > 1 else np.zeros(len(x))


def minmax(x: Any) -> Any:
    """Stretch to the unit interval."""
    return (x - x.min()) / (x.max() - x.min() + 1e-6)


def bands(m: Any, c: Any) -> Any:
    """Apply Eq. 3 of HERO."""
    r = np.empty_like(m)
    for label, low, width in ((0.0, -0.1, 0.2), (1.0, 0.9, 0.2)):
        inside = c == label
        if inside.any():
            r[inside] = low + width * minmax(m[inside])
    return r


def logistic(x: Any) -> Any:
    """Return the logistic."""
    return 1.0 / (1.0 + np.exp(-x))


def advantage(m: Any, c: Any) -> Any:
    """HERO centered, weight after."""
    r = bands(m, c)
    weight = 0.5 + 1.5 * logistic(5.0 * (m.std() / SPREAD_SO_FAR - 1.0) - np.log(2.0))
    return weight * (r - r.mean())


def wrong_centred(m: Any, c: Any) -> Any:
    """Centre the scores of wrong rollouts."""
    wrong = c == 0
    return np.where(wrong, m - m[wrong].mean(), 0.0) if wrong.any() else np.zeros(len(m))


def consistent(m: Any, c: Any) -> Any:
    """Keep the most consistent half, balanced; standardize what is kept."""
    right, wrong = np.flatnonzero(c == 1), np.flatnonzero(c == 0)
    n = int(np.ceil(0.5 * len(m)))
    half = -(-n // 2) if len(right) > len(wrong) else n // 2
    keep = min(len(right), max(half, n - len(wrong)))
    best = right[np.argsort(-m[right], kind="stable")[:keep]]
    worst = wrong[np.argsort(m[wrong], kind="stable")[: n - keep]]
    kept, out = np.sort(np.concatenate([best, worst])), np.zeros(len(m))
    out[kept] = z(c[kept])
    return out


def lead(m: Any, c: Any) -> Any:  # noqa: ARG001 - one signature for all
    """GRPO-LEAD: weigh surprises more."""
    a = z(c, 1e-6)
    rate = np.where(a > 0, c.mean(), 1.0 - c.mean())
    return a * (0.4 + 1.1 / (1.0 + np.exp(10.0 * (rate - 0.75))))


def others(x: Any) -> Any:
    """Subtract the mean of the other rows."""
    return x * 0.0 if len(x) == 1 else x - (x.sum() - x) / (len(x) - 1)


def mad(c: Any) -> Any:
    """Divide by the mean absolute deviation."""
    away = c - c.mean()
    return away / (np.abs(away).mean() + 1e-4)


def kimi(c: Any, n: Any) -> Any:
    """Return the length bonus of Kimi k1.5."""
    if n.min() == n.max():
        return np.zeros(len(n))
    bonus = 0.5 - (n - n.min()) / (n.max() - n.min())
    return np.where(c == 1, bonus, np.minimum(bonus, 0.0))


def shaped_advantage(m: Any, c: Any, n: Any) -> Any:
    """HERO shaped by length, centered, weight after."""
    r = bands(m, c) + 0.2 * kimi(c, n)
    weight = 0.5 + 1.5 * logistic(5.0 * (m.std() / SPREAD_SO_FAR - 1.0) - np.log(2.0))
    return weight * (r - r.mean())


def with_virtual(c: Any) -> Any:
    """Standardize with one more reward of 1."""
    joined = np.append(c, 1.0)
    return (c - joined.mean()) / (joined.std(ddof=1) + 1e-6)


def best_only(c: Any) -> Any:
    """Give the lead of the best rollout to it, and 0 to all others."""
    ordered = np.sort(c)
    if len(c) == 1 or ordered[-1] == ordered[-2]:
        return np.zeros(len(c))
    return np.where(c == ordered[-1], (ordered[-1] - ordered[-2]) / (c.std(ddof=1) + 1e-6), 0.0)


def summed_std(m: Any, c: Any) -> Any:
    """Divide the centered sum by the sum of deviations."""
    scale = c.std(ddof=1) + m.std(ddof=1) if len(c) > 1 else 0.0
    return (c + m - (c + m).mean()) / (scale + 1e-4)


LOOPS: dict[str, Callable[[Any, Any, Mapping[str, Any]], Any]] = {
    "hero": lambda m, c, _: bands(m, c) * (0.5 + 1.5 * logistic(5.0 * (m.std() - SPREAD_SO_FAR))),
    "hero_advantage": lambda m, c, _: advantage(m, c),
    "stratified": lambda m, c, _: bands(m, c),
    "gated_fallback": lambda m, c, _: bands(m, c) if c.min() == c.max() else c,
    "earned_trust": lambda m, c, _: 0.25 * z(m) if c.min() == c.max() else z(c),  # a trust of 1
    "verifier_only": lambda _m, c, _: c,
    "rm_only": lambda m, _c, _: m,
    "naive_blend": lambda m, c, _: 0.5 * c + 0.5 * minmax(m),
    "qwen_shaping": lambda m, c, _: logistic(0.5 * m) + c - 1.0,
    "p_grpo": lambda m, c, o: o["format"] + c + c * m,
    "gdpo": lambda m, c, _: z(c) + z(m),
    "sum_then_normalize": lambda m, c, _: z(c + m),
    "normalize_then_sum": lambda m, c, _: z(c) + z(m),
    "swe_rm": lambda m, c, o: m + c - 0.5 * o["unfinished"],
    "crf": lambda m, c, _: c * (1.0 + 0.1 * m),
    "progrs": lambda m, c, _: c + 0.1 * wrong_centred(m, c),
    "prof": lambda m, c, _: consistent(m, c),
    "grpo_lead": lambda m, c, _: lead(m, c),
    "dgpo": lambda _m, c, _: mad(c),
    "rubric": lambda _m, _c, o: (
        (o["essential"] + 0.7 * o["important"] + 0.3 * o["optional"] + 0.9 * o["pitfall"]) / 2.9
    ),
    "noisy_verifier": lambda _m, c, _: c,
    # rollouts of one part, whose signals `prm` and `turn` are the scores
    "process_supervision": lambda m, _c, _: z(m),
    "turn_grpo": lambda m, c, _: z(c) + z(m),
    "gigpo": lambda _m, c, _: 2.0 * (c - c.mean()),
    "discounted_turns": lambda m, _c, _: z(m),
    "discounted_outcome": lambda _m, c, _: c - c.mean(),
    "min_form": lambda m, c, _: others(2.0 * m - 1.0) + others(c),
    "progress_advantage": lambda m, c, _: c - c.mean() + 5.0 * (m - m.mean()),
    "turn_penalties": lambda m, c, _: z(c) + m,
    "redistribution": lambda _m, c, _: c - c.mean(),
    "hero_steps": lambda m, c, _: advantage(m, c),
    "max_rl": lambda _m, c, _: (c - c.mean()) / c.mean() if c.any() else np.zeros(len(c)),
    "ngrpo": lambda _m, c, _: with_virtual(c),
    "pass_at_k": lambda _m, c, _: best_only(c),
    "dvao": lambda m, c, _: summed_std(m, c),
    "dapo": lambda _m, c, o: z(2.0 * c - 1.0 - np.clip((o["tokens"] - 16384) / 4096, 0.0, 1.0)),
    "grpo_length": lambda _m, c, o: z(c + kimi(c, o["tokens"])),
    "hero_length": lambda m, c, o: shaped_advantage(m, c, o["tokens"]),
}


def whiten(a: Any, c: Any, edges: Any) -> Any:  # noqa: ARG001 - one signature for all
    """Standardize the batch."""
    return (a - a.mean()) / (a.std(ddof=1) + 1e-4)


def share(a: Any, c: Any, edges: Any) -> Any:
    """Share the batch's weight among mixed groups, harder ones first."""
    rates = np.array([c[first:last].mean() for first, last in pairwise(edges)])
    mixed = (rates > 0) & (rates < 1)
    e = np.exp(-rates / 2.0) * mixed
    weights = np.where(mixed, e * mixed.sum() / e.sum(), 1.0) if mixed.any() else np.ones(len(rates))
    return a * np.repeat(weights, np.diff(edges))


AFTER: dict[str, Callable[[Any, Any, Any], Any]] = {"gdpo": whiten, "normalize_then_sum": whiten, "dgpo": share}


def loop(name: str, edges: Any, m: Any, c: Any, other: Mapping[str, Any]) -> Any:
    """Apply a scheme group by group; group g holds the rows from ``edges[g]`` up to ``edges[g + 1]``."""
    group, out = LOOPS[name], np.empty_like(m)
    for first, last in pairwise(edges):
        rows = slice(first, last)
        out[rows] = group(m[rows], c[rows], {k: v[rows] for k, v in other.items()})
    return AFTER[name](out, c, edges) if name in AFTER else out
