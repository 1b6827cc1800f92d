"""Metrics of one scored batch for a trainer's log: rewards, verdicts, scores, weights and groups."""

from collections.abc import Iterator, Sequence

import numpy as np

from herokit.combiners.base import CORRECT_THRESHOLD, ZERO_ADVANTAGE
from herokit.outcome import RewardOutput
from herokit.types import Array, Status

__all__ = ["compute_metrics"]


def compute_metrics(output: RewardOutput, prefix: str = "herokit/") -> dict[str, float]:
    """Summarize a batch as finite numbers; a mean over no rows is left out.

    - ``reward/mean``, ``reward/std``, ``advantage/std``, ``weight/mean``: over rows that have one.
    - ``rows/invalid``, ``rows/filtered``: fraction of all rows without a reward, and of rows that a filter marked.
    - ``groups/zero_signal``: fraction of groups without an advantage other than zero, from which nothing is learned.
    - for each source ``NAME``: ``NAME/mean``, ``NAME/std`` (the scale of a reward model, the pass rate of a verifier),
      ``NAME/judged``, ``/unparsed``, ``/timeout``, ``/failed``: fractions of statuses; ``NAME/seconds``: time spent in it.
    - for each verifier also ``NAME/correct``, ``NAME/incorrect``: numbers of rows; ``NAME/correct/reward``,
      ``NAME/incorrect/reward``: their mean rewards; ``NAME/mixed``: fraction of groups with both.

    Args:
        output: one batch.
        prefix: put before every name.

    Example:
        >>> from herokit import Rewarder, Sample, Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [float(len(s.completion_text)) if s.completion_text else float("nan") for s in samples]
        >>> values = compute_metrics(Rewarder({"rm": Length()}, Select("rm"))([Sample("p", "ab", "q"), Sample("p", "", "q")]))
        >>> values["herokit/rm/mean"], values["herokit/rm/failed"], values["herokit/rows/invalid"]
        (2.0, 0.5, 0.5)
    """
    return {f"{prefix}{name}": value for name, value in _all(output) if np.isfinite(value)}


def _all(output: RewardOutput) -> Iterator[tuple[str, float]]:
    members: dict[object, list[int]] = {}
    for row, key in enumerate(output.group_keys):
        members.setdefault(key, []).append(row)
    groups = [np.array(rows) for rows in members.values()]
    yield from _mean_and_std("reward", output.reward)
    yield "advantage/std", _std(output.advantage)
    yield "weight/mean", _mean(output.weight)
    yield "rows/invalid", _fraction(~output.valid)
    yield "rows/filtered", _fraction(output.valid & ~output.kept)
    nonzero = np.abs(np.nan_to_num(output.advantage)) > ZERO_ADVANTAGE
    yield "groups/zero_signal", _fraction(np.array([not nonzero[rows].any() for rows in groups]))
    for name, verdicts in output.verdicts.items():
        values = np.array([np.nan if v.value is None else v.value for v in verdicts], dtype=np.float64)
        yield from _source(name, values, [v.status for v in verdicts])
        correct, incorrect = values > CORRECT_THRESHOLD, values <= CORRECT_THRESHOLD
        for stratum, mask in (("correct", correct), ("incorrect", incorrect)):
            yield f"{name}/{stratum}", float(mask.sum())
            yield f"{name}/{stratum}/reward", _mean(output.reward[mask])
        yield f"{name}/mixed", _fraction(np.array([correct[rows].any() and incorrect[rows].any() for rows in groups]))
    for name, scores in output.scores.items():
        yield from _source(name, scores.values, scores.statuses)
    for name, seconds in output.seconds.items():
        yield f"{name}/seconds", seconds


def _source(name: str, values: Array, statuses: Sequence[Status]) -> Iterator[tuple[str, float]]:
    yield from _mean_and_std(name, values)
    for status in Status:
        yield f"{name}/{status.value}", _fraction(np.array([s is status for s in statuses]))


def _mean_and_std(name: str, values: Array) -> Iterator[tuple[str, float]]:
    yield f"{name}/mean", _mean(values)
    yield f"{name}/std", _std(values)


def _mean(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _std(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.std()) if finite.size else float("nan")


def _fraction(mask: Array) -> float:
    return float(mask.mean()) if mask.size else float("nan")
