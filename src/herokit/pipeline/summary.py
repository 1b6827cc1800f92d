"""Count what results hold: group composition, statuses, reward by stratum, groups without a signal; batch by batch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

import numpy as np

from herokit.combiners import CORRECT_THRESHOLD
from herokit.outcome import RewardOutput

FLAT = 1e-9
"""A group whose advantages all lie within this of zero carries no signal."""

NAMED = 8
"""Rows or groups kept of each complaint, and different complaints kept; the counts say how many there are."""


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers seen: how many, and their least, mean and greatest; two of them merge.

    Example:
        >>> Span.of(np.array([1.0, 3.0])).merge(Span.of(np.array([5.0])))
        Span(count=3, low=1.0, mean=3.0, high=5.0)
    """

    count: int = 0
    low: float = 0.0
    mean: float = 0.0
    high: float = 0.0

    @classmethod
    def of(cls, values: Any) -> Self:
        """Return the span of the finite ones among values, (N,)."""
        known = values[np.isfinite(values)]
        return cls(len(known), float(known.min()), float(known.mean()), float(known.max())) if len(known) else cls()

    def merge(self, other: "Span") -> "Span":
        """Return the span of both."""
        if not (self.count and other.count):
            return self if self.count else other
        count = self.count + other.count
        mean = self.mean + (other.mean - self.mean) * other.count / count
        return Span(count, min(self.low, other.low), mean, max(self.high, other.high))


@dataclass(frozen=True, slots=True)
class Complaint:
    """Rollouts without a reward for one reason: how many, and the first of them."""

    count: int
    rows: list[int]


@dataclass(frozen=True, slots=True)
class Summary:
    """What results hold; the summaries of batches merge, and become plain JSON.

    Attributes:
        rows: rollouts.
        groups: prompts.
        lonely: groups of one rollout, which no group-relative trainer can learn from.
        lonely_keys: the first of them.
        mingled: groups whose rollouts do not have one prompt: turns of a conversation, or ids that were used twice.
        mingled_keys: the first of them.
        composition: groups by their verdicts: all right, mixed, all wrong, not judged; by the first verifier.
        statuses: source name -> status -> rollouts.
        strata: rewards by verdict, ``right`` and ``wrong``.
        silent_verifier: groups whose verdicts are all equal: no signal under verifier-only; None without a verifier.
        silent_scheme: groups whose advantages are all zero: no signal under the scheme.
        weights: the weights.
        problems: rollouts without a reward.
        complaints: why they have none -> which ones; at most 8 reasons.
        seconds: source name -> seconds spent in it.
        stepwise: reward models that gave the scores of steps.
    """

    rows: int = 0
    groups: int = 0
    lonely: int = 0
    lonely_keys: list[Any] = field(default_factory=list)
    mingled: int = 0
    mingled_keys: list[Any] = field(default_factory=list)
    composition: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)
    strata: dict[str, Span] = field(default_factory=dict)
    silent_verifier: int | None = None
    silent_scheme: int = 0
    weights: Span = Span()
    problems: int = 0
    complaints: dict[str, Complaint] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    stepwise: list[str] = field(default_factory=list)

    def merge(self, other: "Summary") -> "Summary":
        """Return the summary of both; `other` follows."""
        return Summary(
            self.rows + other.rows,
            self.groups + other.groups,
            self.lonely + other.lonely,
            (self.lonely_keys + other.lonely_keys)[:NAMED],
            self.mingled + other.mingled,
            (self.mingled_keys + other.mingled_keys)[:NAMED],
            _add(self.composition, other.composition),
            {name: _add(self.statuses.get(name, {}), other.statuses[name]) for name in other.statuses} or self.statuses,
            {name: self.strata.get(name, Span()).merge(span) for name, span in other.strata.items()} or self.strata,
            self.silent_verifier
            if other.silent_verifier is None
            else (self.silent_verifier or 0) + other.silent_verifier,
            self.silent_scheme + other.silent_scheme,
            self.weights.merge(other.weights),
            self.problems + other.problems,
            _join(self.complaints, other.complaints),
            _add(self.seconds, other.seconds),
            list(dict.fromkeys([*self.stepwise, *other.stepwise])),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_dict` has returned."""
        made = {f.name: data[f.name] for f in fields(cls)}
        made["strata"] = {name: Span(**span) for name, span in data["strata"].items()}
        made["weights"] = Span(**data["weights"])
        made["complaints"] = {why: Complaint(**found) for why, found in data["complaints"].items()}
        return cls(**made)


def _add(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _join(one: Mapping[str, Complaint], other: Mapping[str, Complaint]) -> dict[str, Complaint]:
    """Merge complaints; the rows of each come first to last, and of too many the ones that start latest are left out."""
    both = dict(one)
    for why, found in other.items():
        before = both.get(why, Complaint(0, []))
        both[why] = Complaint(before.count + found.count, sorted(before.rows + found.rows)[:NAMED])
    first = sorted(both, key=lambda why: both[why].rows[0])
    return {why: both[why] for why in first[:NAMED]}


def summarize(outcome: RewardOutput, rows: Sequence[int] | None = None, prompts: Sequence[str] = ()) -> Summary:
    """Count what a batch holds; with several verifiers the first one defines the strata.

    Args:
        outcome: N rows; a group's lie together.
        rows: (N,) where each stands in the whole input; 0 to N - 1 by default.
        prompts: (N,) what was asked, to see whether groups were made of one prompt each.
    """
    keys = outcome.group_keys
    numbers = range(len(keys)) if rows is None else rows
    starts = [row for row in range(len(keys)) if row == 0 or keys[row] != keys[row - 1]]
    sizes = np.diff([*starts, len(keys)])
    lonely = [keys[start] for start, size in zip(starts, sizes, strict=True) if size == 1]
    mingled = list(
        dict.fromkeys(
            keys[i] for i in range(1, len(prompts)) if prompts[i] != prompts[i - 1] and keys[i] == keys[i - 1]
        )
    )
    statuses = {name: Counter(v.status.value for v in found) for name, found in outcome.verdicts.items()} | {
        name: Counter(status.value for status in found.statuses) for name, found in outcome.scores.items()
    }
    verdict = None
    if outcome.verdicts:
        first = next(iter(outcome.verdicts.values()))
        verdict = np.array([np.nan if v.value is None else v.value for v in first], dtype=float)
    problems = outcome.problems()
    blamed: dict[str, list[int]] = {}
    for row, why in problems.items():
        blamed.setdefault(why, []).append(int(numbers[row]))
    return Summary(
        rows=len(keys),
        groups=len(starts),
        lonely=len(lonely),
        lonely_keys=lonely[:NAMED],
        mingled=len(mingled),
        mingled_keys=mingled[:NAMED],
        composition={} if verdict is None or not starts else _composition(verdict, starts),
        statuses={name: dict(found) for name, found in statuses.items()},
        strata={}
        if verdict is None
        else {
            "right": Span.of(outcome.reward[verdict > CORRECT_THRESHOLD]),
            "wrong": Span.of(outcome.reward[verdict <= CORRECT_THRESHOLD]),
        },
        silent_verifier=None if verdict is None else _flat(verdict, starts),
        silent_scheme=_flat(outcome.advantage, starts),
        weights=Span.of(outcome.weight),
        problems=len(problems),
        complaints=_join({}, {why: Complaint(len(found), found) for why, found in blamed.items()}),
        seconds=dict(outcome.seconds),
        stepwise=[name for name, found in outcome.scores.items() if found.steps is not None],
    )


def _composition(verdict: Any, starts: Sequence[int]) -> dict[str, int]:
    low, high = np.fmin.reduceat(verdict, starts), np.fmax.reduceat(verdict, starts)  # NaN only where nothing is known
    right, some = low > CORRECT_THRESHOLD, high > CORRECT_THRESHOLD
    counts = {
        "all right": int(right.sum()),
        "mixed": int((some & ~right).sum()),
        "all wrong": int((high <= CORRECT_THRESHOLD).sum()),
        "not judged": int(np.isnan(high).sum()),
    }
    return {name: count for name, count in counts.items() if count}


def _flat(values: Any, starts: Sequence[int]) -> int:
    """Count the groups whose known values are all equal, or of which nothing is known."""
    if not starts:
        return 0
    width = np.fmax.reduceat(values, starts) - np.fmin.reduceat(values, starts)
    return int((~(width > FLAT)).sum())
