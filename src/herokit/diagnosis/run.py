"""The diagnosis of a run: trends over its steps, fractions of its groups, and the word that they make."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.diagnosis.findings import WORDS, GroupWords, Thresholds, Word, rank_correlations, words_of_groups
from herokit.diagnosis.log import Floats, RewardLog
from herokit.report.statistics import MAX_SEGMENTS, auc, fit_trend

__all__ = ["Diagnosis", "diagnose"]

MIN_SEGMENTS = 5
"""Fewer segments have no trend."""

MIN_CONTESTED = 5
"""Fewer groups in which components disagree do not show which one decides."""

MIN_STRATA = 10
"""Fewer strata do not show whether length drives the reward."""

WHAT_IT_MEANS: dict[Word, str] = {
    "misgrouped": "rollouts of different prompts are compared with each other, and advantages are noise",
    "failed": "these rows teach nothing; a trainer without missing rewards takes them for 0",
    "hacked": "the policy learns what deceives the reward model",
    "starved": "most prompts are too hard, or the verifier rejects everything: the policy learns nothing from them",
    "saturated": "most prompts are solved: the policy learns nothing from them",
    "drifting": "rewards of early and late steps are in different units, and running means follow too late",
    "length-driven": "the policy will become longer (or shorter) instead of better",
    "one-component": "the other components cost compute and change nothing",
    "healthy": "",
}
"""What a word means in training; docs/how-to/diagnose-a-run.md says what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """What is wrong with a run.

    Attributes:
        name: the log.
        findings: word -> the numbers that led to it, as a sentence; the most serious first, empty if the run is healthy.
        numbers: everything that was measured, NaN where it could not be.
        groups: key -> word, in the order of the log.
        examples: word -> the keys of a few groups with it.

    Example:
        >>> columns = {"group": ["a", "a", "b", "b"], "prompt": ["p", "q", "r", "r"], "reward": [1.0, 0.0, 1.0, 0.0]}
        >>> diagnosis = diagnose(columns)
        >>> diagnosis.word, diagnosis.groups
        ('misgrouped', {'a': 'misgrouped', 'b': 'healthy'})
    """

    name: str
    findings: Mapping[Word, str]
    numbers: Mapping[str, float]
    groups: Mapping[Any, Word]
    examples: Mapping[Word, Sequence[Any]] = field(default_factory=dict)

    @property
    def word(self) -> Word:
        """The most serious finding; ``"healthy"`` if there is none."""
        return next(iter(self.findings), "healthy")

    def __str__(self) -> str:
        """Return the word, the findings with their meaning, and the words of the groups as text."""
        lines = [f"{self.name}: {self.word}"]
        for word, numbers in self.findings.items():
            lines += [f"{word}: {numbers}", f"  In training: {WHAT_IT_MEANS[word]}."]
        counts = Counter(self.groups.values())
        lines += [f"{counts[word]} of {len(self.groups)} groups are {word}" for word in WORDS if counts[word]]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "word": self.word,
            "findings": [
                {"word": word, "numbers": numbers, "in_training": WHAT_IT_MEANS[word]}
                for word, numbers in self.findings.items()
            ],
            "numbers": {key: value if np.isfinite(value) else None for key, value in self.numbers.items()},
            "groups": dict(Counter(self.groups.values())),
            "examples": {word: list(map(str, keys)) for word, keys in self.examples.items()},
        }


def diagnose(
    rollouts: str | Path | Mapping[str, Sequence[Any]] | RewardLog,
    *,
    columns: Mapping[str, str] | None = None,
    verifier: str = "",
    reward_model: str = "",
    thresholds: Thresholds | None = None,
) -> Diagnosis:
    """Say in one word what is wrong with a run, from its rollouts alone; nothing is scored again.

    Args:
        rollouts: a scored file, a trainer's reward log (a file with columns for the group and the reward), the columns
            themselves, or a `RewardLog`. A step, prompts, completions and the components of the reward make it say more.
        columns: role -> column; see `RewardLog.from_file`.
        verifier: the component that holds verdicts; by default a verifier of the scored file, else the first column of
            few numbers in [0, 1].
        reward_model: the component that holds scores; by default a reward model of the scored file, else the first
            other column of numbers.
        thresholds: what each finding needs.

    Raises:
        DataError: there is no such file or column.

    Example:
        >>> solved = {"group": ["a", "a", "b", "b"], "reward": [1.0, 1.0, 1.0, 1.0], "accuracy": [1, 1, 1, 1]}
        >>> diagnose(solved).word
        'saturated'
    """
    thresholds = thresholds or Thresholds()
    if isinstance(rollouts, RewardLog):
        log = rollouts
    elif isinstance(rollouts, Mapping):
        log = RewardLog.from_columns(rollouts, columns=columns)
    else:
        log = RewardLog.from_file(rollouts, columns=columns)
    log = log.with_sources(verifier, reward_model)
    words = words_of_groups(log, thresholds)
    trends = _Trends(log)
    numbers = _measure(log, words, trends)
    findings = dict(_find(log, words, numbers, trends, thresholds))
    groups = dict(zip(log.group_keys, words.words, strict=True))
    examples = {
        word: [key for key, group_word in groups.items() if group_word == word][:5] for word in Counter(words.words)
    }
    return Diagnosis(log.name, {word: findings[word] for word in WORDS if word in findings}, numbers, groups, examples)


class _Trends:
    """Accuracy, scores and their agreement over the steps, as lines: value at the start, change, standard errors."""

    def __init__(self, log: RewardLog) -> None:
        segments = _segments(log)
        self.count = int(segments.max()) + 1
        nothing = np.full(len(log), np.nan)
        verdict, score = log.signals.get(log.verifier, nothing), log.signals.get(log.reward_model, nothing)
        rows = [_segment_statistics(verdict, score, np.flatnonzero(segments == s)) for s in range(self.count)]
        self.accuracy, self.score, self.score_std, self.agreement = np.array(rows, dtype=np.float64).T
        first = self.score_std[: max(1, self.count // 4)]
        self.unit = float(np.nanmean(first)) if np.isfinite(first).any() else float("nan")

    def change(self, values: Floats, min_errors: float) -> float:
        """Return the change from the first to the last segment; 0 if noise explains it, NaN if there is no trend."""
        if np.isfinite(values).sum() < MIN_SEGMENTS:
            return float("nan")
        trend = fit_trend(values)
        return trend.slope if abs(trend.errors) >= min_errors else 0.0


def _segments(log: RewardLog) -> Any:
    """Return the segment of each row: training steps, or equal parts of the groups in their order."""
    steps = log.groups.ids.astype(np.float64) if log.step is None else np.nan_to_num(log.step)
    ordered = np.unique(steps, return_inverse=True)[1]
    count = int(ordered.max()) + 1
    return ordered * min(count, MAX_SEGMENTS) // count


def _segment_statistics(verdict: Floats, score: Floats, rows: Any) -> tuple[float, ...]:
    judged, scored = rows[np.isfinite(verdict[rows])], rows[np.isfinite(score[rows])]
    correct = verdict[judged] > CORRECT_THRESHOLD
    return (
        float(correct.mean()) if len(judged) else float("nan"),
        float(score[scored].mean()) if len(scored) else float("nan"),
        float(score[scored].std()) if len(scored) else float("nan"),
        auc(score[judged], correct),
    )


def _measure(log: RewardLog, words: GroupWords, trends: _Trends) -> dict[str, float]:
    """Return the numbers that the findings are made from."""
    counts, size = Counter(words.words), max(1, log.groups.num_groups)
    contested = sum(words.contested)
    top = Counter(filter(None, words.component)).most_common(1)
    per_stratum = rank_correlations(log, log.reward, log.length)[0] if log.length is not None else np.zeros(0)
    strata = per_stratum[np.isfinite(per_stratum)]
    errors = 1.0 / np.sqrt(max(1, len(strata)))
    return {
        "rows": float(len(log)),
        "groups": float(log.groups.num_groups),
        "segments": float(trends.count),
        "rows without a reward": float(np.isnan(log.reward).sum()),
        "misgrouped": counts["misgrouped"] / size,
        "starved": counts["starved"] / size,
        "saturated": counts["saturated"] / size,
        "contested groups": float(contested),
        "decided by one component": top[0][1] / contested if top and contested else 0.0,
        "strata with length and reward": float(len(strata)),
        "length correlation": float(strata.mean()) if len(strata) else float("nan"),
        "length correlation error": float(max(strata.std(ddof=1), 1e-3) * errors) if len(strata) > 1 else float("nan"),
        "accuracy at start": _ends(trends.accuracy)[0],
        "accuracy at end": _ends(trends.accuracy)[1],
        "score at start": _ends(trends.score)[0],
        "score at end": _ends(trends.score)[1],
        "score unit": trends.unit,
        "agreement at start": _ends(trends.agreement)[0],
        "agreement at end": _ends(trends.agreement)[1],
    }


def _ends(values: Floats) -> tuple[float, float]:
    """Return the means of the first and of the last quarter."""
    quarter = max(1, len(values) // 4)
    return tuple(  # type: ignore[return-value] # two numbers
        float(part[np.isfinite(part)].mean()) if np.isfinite(part).any() else float("nan")
        for part in (values[:quarter], values[-quarter:])
    )


def _find(
    log: RewardLog, words: GroupWords, numbers: Mapping[str, float], trends: _Trends, thresholds: Thresholds
) -> Iterator[tuple[Word, str]]:
    """Yield each finding with its numbers."""
    if numbers["misgrouped"] > thresholds.misgrouped:
        yield "misgrouped", f"{numbers['misgrouped']:.1%} of the groups hold more than one prompt"
    missing = numbers["rows without a reward"] / max(1.0, numbers["rows"])
    if missing >= thresholds.failed:
        yield "failed", f"{missing:.0%} of the rows have no reward{_name_failing(log)}"
    without = numbers["starved"] + numbers["saturated"]
    if without >= thresholds.no_signal:
        starved = numbers["starved"] >= numbers["saturated"]
        text = f"{without:.0%} of the groups have equal rewards: {numbers['starved']:.0%} unsolved, {numbers['saturated']:.0%} solved"
        yield "starved" if starved else "saturated", text
    yield from _find_trends(log, numbers, trends, thresholds)
    correlation, error = numbers["length correlation"], numbers["length correlation error"]
    enough = (
        numbers["strata with length and reward"] >= MIN_STRATA and abs(correlation) >= thresholds.min_errors * error
    )
    if enough and abs(correlation) >= thresholds.length_correlation:
        side = "longer" if correlation > 0 else "shorter"
        yield "length-driven", f"of equal verdicts the {side} one gets more: mean rank correlation {correlation:.2f}"
    share = numbers["decided by one component"]
    if numbers["contested groups"] >= MIN_CONTESTED and share >= thresholds.one_component:
        name = Counter(filter(None, words.component)).most_common(1)[0][0]
        others = ", ".join(other for other in log.signals if other != name)
        groups = f"{share:.0%} of {numbers['contested groups']:.0f} groups in which components disagree"
        yield "one-component", f"{name} alone orders the rewards in {groups}; the others: {others}"


def _name_failing(log: RewardLog) -> str:
    """Return which components have no value in the rows without a reward, as a text."""
    rows = np.isnan(log.reward)
    counts = {name: int(np.isnan(values[rows]).sum()) for name, values in log.signals.items()}
    parts = [f"{name} has no value in {count} of {int(rows.sum())}" for name, count in counts.items() if count]
    return f": {', '.join(parts)}" if parts else ""


def _find_trends(
    log: RewardLog, numbers: Mapping[str, float], trends: _Trends, thresholds: Thresholds
) -> Iterator[tuple[Word, str]]:
    """Yield what the scores of the reward model do over the run, beside the verifier."""
    if not log.reward_model or not trends.unit > 0:
        return
    errors = thresholds.min_errors
    score = trends.change(trends.score, errors) / trends.unit
    accuracy, agreement = (trends.change(values, errors) for values in (trends.accuracy, trends.agreement))
    moved = f"{log.reward_model} goes from {numbers['score at start']:.3g} to {numbers['score at end']:.3g} ({score:+.1f} std)"
    falls = [
        f"{what} falls from {numbers[f'{key} at start']:.2f} to {numbers[f'{key} at end']:.2f}"
        for what, key, change in (
            (f"its AUC against {log.verifier}", "agreement", agreement),
            (f"the accuracy by {log.verifier}", "accuracy", accuracy),
        )
        if change <= -thresholds.agreement_fall
    ]
    if score >= thresholds.score_rise and falls:
        yield "hacked", f"{moved}, while {' and '.join(falls)}"
    elif abs(score) >= thresholds.drift and not abs(accuracy) > thresholds.agreement_fall and not falls:
        known = (
            f"the accuracy by {log.verifier} stays at {numbers['accuracy at end']:.2f}"
            if log.verifier
            else "no verifier says why"
        )
        yield "drifting", f"{moved}, while {known}"
