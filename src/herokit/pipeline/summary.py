"""Summarize results batch by batch: groups, statuses, rewards of correct and incorrect rollouts, failures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

import numpy as np

from herokit._statistics import Moments
from herokit.combiners.base import CORRECT_THRESHOLD, ZERO_ADVANTAGE
from herokit.outcome import RewardOutput

__all__ = ["Failure", "Summary", "summarize"]

MAX_EXAMPLES = 8
"""Rows or groups kept as examples, and reasons kept; the counts are complete."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Rollouts that have no reward for the same reason: how many, and the first rows."""

    count: int
    rows: list[int]


@dataclass(frozen=True, slots=True)
class Summary:
    """What results hold; the summaries of batches merge, and convert to plain JSON.

    Attributes:
        rows: rollouts.
        groups: groups, one per prompt.
        singleton_groups: groups of one rollout, which give a group-relative trainer no signal.
        singleton_examples: the first of them.
        composition: number of groups that are all correct, mixed, all incorrect or not judged by the first verifier.
        statuses: source name -> status -> rollouts.
        strata: rewards of the rollouts that are ``correct`` and ``incorrect`` by the first verifier.
        zero_signal_groups_verifier: groups whose verdicts are all equal; None without a verifier.
        zero_signal_groups_scheme: groups whose advantages are all zero.
        weights: the weights.
        invalid_rows: rollouts without a reward.
        failures: the reasons why, at most 8, and their rows.
        seconds: source name -> seconds spent in it.
        step_sources: sources that judged steps or parts.
    """

    rows: int = 0
    groups: int = 0
    singleton_groups: int = 0
    singleton_examples: list[Any] = field(default_factory=list)
    composition: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, dict[str, int]] = field(default_factory=dict)
    strata: dict[str, Moments] = field(default_factory=dict)
    zero_signal_groups_verifier: int | None = None
    zero_signal_groups_scheme: int = 0
    weights: Moments = field(default_factory=Moments)
    invalid_rows: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    step_sources: list[str] = field(default_factory=list)

    def merge(self, other: "Summary") -> "Summary":
        """Return the summary of both; `other` follows."""
        verifier = [n for n in (self.zero_signal_groups_verifier, other.zero_signal_groups_verifier) if n is not None]
        names, strata = {**self.statuses, **other.statuses}, {**self.strata, **other.strata}
        empty = Moments()
        return Summary(
            rows=self.rows + other.rows,
            groups=self.groups + other.groups,
            singleton_groups=self.singleton_groups + other.singleton_groups,
            singleton_examples=(self.singleton_examples + other.singleton_examples)[:MAX_EXAMPLES],
            composition=_add(self.composition, other.composition),
            statuses={n: _add(self.statuses.get(n, {}), other.statuses.get(n, {})) for n in names},
            strata={n: self.strata.get(n, empty).merge(other.strata.get(n, empty)) for n in strata},
            zero_signal_groups_verifier=sum(verifier) if verifier else None,
            zero_signal_groups_scheme=self.zero_signal_groups_scheme + other.zero_signal_groups_scheme,
            weights=self.weights.merge(other.weights),
            invalid_rows=self.invalid_rows + other.invalid_rows,
            failures=_merge_failures(self.failures, other.failures),
            seconds=_add(self.seconds, other.seconds),
            step_sources=list(dict.fromkeys([*self.step_sources, *other.step_sources])),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the summary that `as_dict` converted."""
        values = {f.name: data[f.name] for f in fields(cls)}
        values["strata"] = {name: Moments(**stratum) for name, stratum in data["strata"].items()}
        values["weights"] = Moments(**data["weights"])
        values["failures"] = {reason: Failure(**failure) for reason, failure in data["failures"].items()}
        return cls(**values)


def _add(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _merge_failures(one: Mapping[str, Failure], other: Mapping[str, Failure]) -> dict[str, Failure]:
    """Merge failures; of too many, those that start latest are dropped."""
    both = dict(one)
    for reason, failure in other.items():
        before = both.get(reason, Failure(0, []))
        both[reason] = Failure(before.count + failure.count, sorted(before.rows + failure.rows)[:MAX_EXAMPLES])
    first = sorted(both, key=lambda reason: both[reason].rows[0])
    return {reason: both[reason] for reason in first[:MAX_EXAMPLES]}


def summarize(output: RewardOutput, rows: Sequence[int] | None = None) -> Summary:
    """Summarize one batch; of several verifiers the first one defines the strata.

    Args:
        output: N rows; the rows of a group lie together.
        rows: (N,) the position of each row in the input; 0 to N - 1 by default.
    """
    keys = output.group_keys
    positions = range(len(keys)) if rows is None else rows
    starts = [row for row in range(len(keys)) if row == 0 or keys[row] != keys[row - 1]]
    sizes = np.diff([*starts, len(keys)])
    singletons = [keys[start] for start, size in zip(starts, sizes, strict=True) if size == 1]
    reasons: dict[str, list[int]] = {}
    for row, reason in output.problems().items():
        reasons.setdefault(reason, []).append(int(positions[row]))
    return Summary(
        rows=len(keys),
        groups=len(starts),
        singleton_groups=len(singletons),
        singleton_examples=singletons[:MAX_EXAMPLES],
        statuses=_count_statuses(output),
        zero_signal_groups_scheme=_count_silent(_largest(np.abs(output.advantage), starts)),
        weights=Moments.from_values(output.weight),
        invalid_rows=sum(map(len, reasons.values())),
        failures=_merge_failures(
            {}, {reason: Failure(len(failed_rows), failed_rows) for reason, failed_rows in reasons.items()}
        ),
        seconds=dict(output.seconds),
        step_sources=[
            *(name for name, verdicts in output.verdicts.items() if any(v.parts for v in verdicts)),
            *(name for name, scores in output.scores.items() if scores.steps is not None),
        ],
        **_summarize_verdicts(output, starts),
    )


def _count_statuses(output: RewardOutput) -> dict[str, dict[str, int]]:
    statuses = {name: [verdict.status for verdict in verdicts] for name, verdicts in output.verdicts.items()}
    statuses |= {name: list(scores.statuses) for name, scores in output.scores.items()}
    return {name: dict(Counter(status.value for status in values)) for name, values in statuses.items()}


def _summarize_verdicts(output: RewardOutput, starts: Sequence[int]) -> dict[str, Any]:
    """Summarize what depends on the first verifier; nothing without one."""
    verdicts = next(iter(output.verdicts.values()), None)
    if verdicts is None:
        return {}
    values = np.array([np.nan if v.value is None else v.value for v in verdicts], dtype=float)
    spread = _largest(values, starts) + _largest(-values, starts)
    return {
        "composition": _count_compositions(values, starts) if starts else {},
        "strata": {
            "correct": Moments.from_values(output.reward[values > CORRECT_THRESHOLD]),
            "incorrect": Moments.from_values(output.reward[values <= CORRECT_THRESHOLD]),
        },
        "zero_signal_groups_verifier": _count_silent(spread),
    }


def _count_compositions(values: Any, starts: Sequence[int]) -> dict[str, int]:
    low, high = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)  # NaN only if none is judged
    all_correct, some_correct = low > CORRECT_THRESHOLD, high > CORRECT_THRESHOLD
    counts = {
        "all correct": int(all_correct.sum()),
        "mixed": int((some_correct & ~all_correct).sum()),
        "all incorrect": int((high <= CORRECT_THRESHOLD).sum()),
        "not judged": int(np.isnan(high).sum()),
    }
    return {name: count for name, count in counts.items() if count}


def _largest(values: Any, starts: Sequence[int]) -> Any:
    """Return the largest value of each group, NaN where there is none."""
    return np.fmax.reduceat(values, starts) if starts else np.zeros(0)


def _count_silent(sizes: Any) -> int:
    """Count the groups whose largest advantage, or spread of verdicts, is zero or missing."""
    return int((~(sizes > ZERO_ADVANTAGE)).sum())
