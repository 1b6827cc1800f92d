"""Count what a scored file holds: group composition, statuses, reward by stratum, groups without a signal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit.combine import RIGHT
from herokit.files.scoring import Scored
from herokit.types import Sample

FLAT = 1e-9
"""A group whose advantages all lie within this of zero carries no signal."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Rewards of the rollouts that share a verdict: how many, and their least, mean and greatest."""

    name: str
    count: int
    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a scored file holds.

    Attributes:
        rows: rollouts.
        groups: prompts.
        lonely: keys of groups of one rollout, which no group-relative trainer can learn from.
        composition: groups by their verdicts: all right, mixed, all wrong, not judged.
        statuses: source name -> status -> rollouts.
        strata: rewards by verdict.
        silent_verifier: groups whose verdicts are all equal: no signal under verifier-only.
        silent_scheme: groups whose advantages are all zero: no signal under the scheme.
        weights: least, mean and greatest weight.
        problems: rollouts without a reward.
    """

    rows: int
    groups: int
    lonely: tuple[Any, ...]
    composition: dict[str, int]
    statuses: dict[str, dict[str, int]]
    strata: tuple[Stratum, ...]
    silent_verifier: int | None
    silent_scheme: int
    weights: tuple[float, float, float] | None
    problems: int


def summarize(samples: Sequence[Sample], scored: Scored) -> Summary:
    """Count; with several verifiers the first one defines the strata.

    Args:
        samples: N samples.
        scored: their results, as `score_samples` returns them.
    """
    lead = f"{scored.verifiers[0]}_" if len(scored.verifiers) > 1 else ""
    reward = _floats(scored.columns["reward"])
    advantage = _floats(scored.columns["advantage"])
    verdict = _floats(scored.columns[f"{lead}verdict"]) if scored.verifiers else None
    members: dict[Any, list[int]] = {}
    for row, sample in enumerate(samples):
        members.setdefault(sample.group, []).append(row)
    groups = [np.array(rows) for rows in members.values()]
    statuses = {
        name: dict(Counter(scored.columns[f"{name}_status" if len(scored.verifiers) > 1 else "status"]))
        for name in scored.verifiers
    } | {name: dict(Counter(scored.columns[f"{name}_status"])) for name in scored.models}
    weight = _floats(scored.columns["weight"])
    weight = weight[np.isfinite(weight)]
    return Summary(
        rows=len(samples),
        groups=len(groups),
        lonely=tuple(key for key, rows in members.items() if len(rows) == 1),
        composition={} if verdict is None else dict(Counter(_composition(verdict[rows]) for rows in groups)),
        statuses=statuses,
        strata=() if verdict is None else _strata(verdict, reward),
        silent_verifier=None if verdict is None else sum(_flat(verdict[rows]) for rows in groups),
        silent_scheme=sum(_flat(advantage[rows]) for rows in groups),
        weights=(float(weight.min()), float(weight.mean()), float(weight.max())) if weight.size else None,
        problems=len(scored.problems),
    )


def _floats(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _composition(verdicts: Any) -> str:
    judged = verdicts[np.isfinite(verdicts)]
    if not judged.size:
        return "not judged"
    right = judged > RIGHT
    return "all right" if right.all() else "mixed" if right.any() else "all wrong"


def _flat(values: Any) -> bool:
    known = values[np.isfinite(values)]
    return not known.size or bool(np.ptp(known) <= FLAT)


def _strata(verdict: Any, reward: Any) -> tuple[Stratum, ...]:
    found = []
    for name, inside in (("right", verdict > RIGHT), ("wrong", verdict <= RIGHT)):
        known = reward[inside & np.isfinite(reward)]
        if known.size:
            found.append(Stratum(name, int(known.size), float(known.min()), float(known.mean()), float(known.max())))
    return tuple(found)
