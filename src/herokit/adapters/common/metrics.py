"""Numbers to log of one scored batch: what rewards, verdicts, scores, weights and groups look like."""

from collections.abc import Iterator

import numpy as np

from herokit.combiners import CORRECT_THRESHOLD
from herokit.outcome import RewardOutput
from herokit.types import Array, Status

FLAT = 1e-9
"""A group whose advantages all lie within this of zero carries no signal."""


def metrics(outcome: RewardOutput, prefix: str = "herokit/") -> dict[str, float]:
    """Summarize a batch for a trainer's log; finite numbers only, a mean over no rows is left out.

    - ``reward/mean``, ``reward/std``, ``advantage/std``, ``weight/mean``: over rows that have one.
    - ``rows/unusable``, ``rows/filtered``: shares of all rows without a reward, and of those a filter marked.
    - ``groups/silent``: share of groups with no advantage other than zero, which teach nothing.
    - for each source ``NAME``: ``NAME/mean``, ``NAME/std`` (a reward model's scale, or a verifier's pass rate) and
      ``NAME/judged``, ``/unparsed``, ``/timeout``, ``/failed``: shares of statuses; ``NAME/seconds``: time spent execution.
    - for each verifier also ``NAME/right``, ``NAME/wrong``: rows, and ``NAME/right/reward``, ``NAME/wrong/reward``:
      mean rewards of these strata; ``NAME/mixed``: share of groups with both.

    Args:
        outcome: one batch.
        prefix: put before every name.

    Example:
        >>> from herokit import Rewarder, Sample, Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [float(len(s.completion)) if s.completion else float("nan") for s in samples]
        >>> found = metrics(Rewarder({"rm": Length()}, Select("rm"))([Sample("p", "ab", "q"), Sample("p", "", "q")]))
        >>> found["herokit/rm/mean"], found["herokit/rm/failed"], found["herokit/rows/unusable"]
        (2.0, 0.5, 0.5)
    """
    return {f"{prefix}{name}": value for name, value in _all(outcome) if np.isfinite(value)}


def _all(outcome: RewardOutput) -> Iterator[tuple[str, float]]:
    members: dict[object, list[int]] = {}
    for row, key in enumerate(outcome.group_keys):
        members.setdefault(key, []).append(row)
    groups = [np.array(rows) for rows in members.values()]
    yield from _spread("reward", outcome.reward)
    yield "advantage/std", _std(outcome.advantage)
    yield "weight/mean", _mean(outcome.weight)
    yield "rows/unusable", _share(~outcome.valid)
    yield "rows/filtered", _share(outcome.valid & ~outcome.kept)
    loud = np.abs(np.nan_to_num(outcome.advantage)) > FLAT
    yield "groups/silent", _share(np.array([not loud[rows].any() for rows in groups]))
    for name, verdicts in outcome.verdicts.items():
        values = np.array([np.nan if v.value is None else v.value for v in verdicts], dtype=np.float64)
        yield from _source(name, values, [v.status for v in verdicts])
        right, wrong = values > CORRECT_THRESHOLD, values <= CORRECT_THRESHOLD
        for stratum, inside in (("right", right), ("wrong", wrong)):
            yield f"{name}/{stratum}", float(inside.sum())
            yield f"{name}/{stratum}/reward", _mean(outcome.reward[inside])
        yield f"{name}/mixed", _share(np.array([right[rows].any() and wrong[rows].any() for rows in groups]))
    for name, scores in outcome.scores.items():
        yield from _source(name, scores.values, scores.statuses)
    for name, spent in outcome.seconds.items():
        yield f"{name}/seconds", spent


def _source(name: str, values: Array, statuses: "list[Status] | tuple[Status, ...]") -> Iterator[tuple[str, float]]:
    yield from _spread(name, values)
    for status in Status:
        yield f"{name}/{status.value}", _share(np.array([s is status for s in statuses]))


def _spread(name: str, values: Array) -> Iterator[tuple[str, float]]:
    yield f"{name}/mean", _mean(values)
    yield f"{name}/std", _std(values)


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _std(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if known.size else float("nan")


def _share(marks: Array) -> float:
    return float(marks.mean()) if marks.size else float("nan")
