"""Source results of one rollout as a flat row that travels between processes, and batches combined from such rows."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from herokit.errors import DataError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.sources import execution
from herokit.sources.execution import SourceOutputs
from herokit.types import Sample, Scores, Status, Verdict, Verifier

__all__ = [
    "Row",
    "combine_rows",
    "display_value",
    "format_status",
    "log_values",
    "run_sources",
    "score_one",
    "to_rows",
]

Row: TypeAlias = dict[str, Any]
"""One rollout: for a source ``rm`` the keys ``rm`` (None without a value), ``rm_status``, ``rm_reason``."""

MISSING_ROW = "no answer arrived"
"""The reason given for a row that is None."""


def run_sources(rewarder: Rewarder, samples: Sequence[Sample]) -> list[Row]:
    """Run the sources of a process that does not combine, and return one row per sample.

    The state stays as it is. After an error nothing is sent to other ranks: they do not wait for this process.

    Raises:
        PluginError: a source broke its contract.
        SetupError: a source cannot work at all.
    """
    return to_rows(execution.run_sources(rewarder.sources, samples))


def score_one(rewarder: Rewarder, sample: Sample) -> Row:
    """Run the sources on one sample: the worker's part. See `run_sources`.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> from herokit import Select
        >>> score_one(Rewarder({"rm": Length()}, Select("rm")), Sample("p", "abc", "q"))
        {'rm': 3.0, 'rm_status': 'judged', 'rm_reason': ''}
    """
    return run_sources(rewarder, [sample])[0]


def combine_rows(
    rewarder: Rewarder,
    rows: Sequence[Mapping[str, Any] | None],
    group_keys: Sequence[Hashable],
    *,
    update_state: bool = True,
) -> RewardOutput:
    """Combine rows that workers returned: the driver's part, once for the whole batch.

    Args:
        rewarder: one with the same sources as the workers'.
        rows: N rows of `score_one`; None for a rollout without an answer from a worker.
        group_keys: the group of every row, N.
        update_state: False for evaluation.

    Raises:
        DataError: a row lacks a source of this rewarder.
    """
    return rewarder.combine(from_rows(rewarder, rows), group_keys, update_state=update_state)


def to_rows(outputs: SourceOutputs) -> list[Row]:
    """Return one flat row of JSON values per sample; every row has the same keys.

    For a source ``rm``: ``rm`` (None without a value), ``rm_status``, ``rm_reason``; for a verifier also
    ``..._answer``. Step scores are left out.

    Example:
        >>> to_rows(SourceOutputs({"verifier": [Verdict(1.0, answer="4")]}, {}))
        [{'verifier': 1.0, 'verifier_status': 'judged', 'verifier_reason': '', 'verifier_answer': '4'}]
    """
    count = max([*map(len, outputs.verdicts.values()), *map(len, outputs.scores.values())], default=0)
    rows: list[Row] = [{} for _ in range(count)]
    for name, verdicts in outputs.verdicts.items():
        for row, verdict in zip(rows, verdicts, strict=True):
            row[name] = verdict.value
            row[f"{name}_status"], row[f"{name}_reason"] = verdict.status.value, verdict.reason
            row[f"{name}_answer"] = verdict.answer
    for name, scores in outputs.scores.items():
        columns = zip(rows, scores.values.tolist(), scores.statuses, scores.reasons, strict=True)
        for row, value, status, reason in columns:
            row[name] = value if np.isfinite(value) else None
            row[f"{name}_status"], row[f"{name}_reason"] = status.value, reason
    return rows


def from_rows(rewarder: Rewarder, rows: Sequence[Mapping[str, Any] | None]) -> SourceOutputs:
    """Read rows back; the inverse of `to_rows`.

    Args:
        rewarder: the one with the sources of these rows.
        rows: N rows; a source whose value is None or NaN has failed, a row of None has failed as a whole.

    Raises:
        DataError: a row lacks a source of this rewarder, or holds a value that is not a number.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> from herokit import Select
        >>> rewarder = Rewarder({"rm": Length()}, Select("rm"))
        >>> from_rows(rewarder, [{"rm": 2.0, "rm_status": "judged"}, None]).scores["rm"].reasons
        ('', 'no answer arrived')
    """
    verdicts: dict[str, list[Verdict]] = {}
    scores: dict[str, Scores] = {}
    for name, source in rewarder.sources.items():
        results = [_read(name, row, number) for number, row in enumerate(rows)]
        if isinstance(source, Verifier):
            verdicts[name] = [
                Verdict(value, status, reason, None if row is None else row.get(f"{name}_answer"))
                for (value, status, reason), row in zip(results, rows, strict=True)
            ]
        else:
            values = np.array([np.nan if value is None else value for value, _, _ in results], dtype=np.float64)
            scores[name] = Scores(values, tuple(s for _, s, _ in results), tuple(r for _, _, r in results))
    return SourceOutputs(verdicts, scores)


def _read(name: str, row: Mapping[str, Any] | None, number: int) -> tuple[float | None, Status, str]:
    if row is None:
        return None, Status.FAILED, MISSING_ROW
    if name not in row:
        raise DataError(f"row {number} has no source {name!r}; it has {sorted(row)}")
    try:
        value = None if row[name] is None else float(row[name])
        status = Status(row.get(f"{name}_status", Status.JUDGED if value is not None else Status.FAILED))
    except (TypeError, ValueError) as error:
        raise DataError(f"row {number}: source {name!r} cannot be read: {error}") from None
    if value is None or not np.isfinite(value):
        value, status = None, Status.FAILED
    return value, status, str(row.get(f"{name}_reason") or "")


def display_value(rewarder: Rewarder, row: Mapping[str, Any]) -> float:
    """Return the value of the first verifier, else of the first source: what to show before anything is combined.

    It is 0 without a value; the status of the row tells the difference. It is for logs and filters, not for training.
    """
    verifiers = [name for name, source in rewarder.sources.items() if isinstance(source, Verifier)]
    value = row[(verifiers or list(rewarder.sources))[0]]
    return 0.0 if value is None else float(value)


def log_values(rewarder: Rewarder, row: Mapping[str, Any]) -> dict[str, float]:
    """Return one row as numbers only, for logs: the value of each source (0 without one) and ``NAME_failed``."""
    return {
        key: number
        for name in rewarder.sources
        for key, number in ((name, float(row[name] or 0.0)), (f"{name}_failed", float(row[name] is None)))
    }


def format_status(row: Mapping[str, Any], sources: Iterable[str]) -> str:
    """Return the statuses of a row in one line, for tables that people read.

    Example:
        >>> format_status({"rm": None, "rm_status": "failed", "rm_reason": "raised OSError: gone"}, ["rm"])
        'rm failed: raised OSError: gone'
        >>> format_status({"rm": 1.0, "rm_status": "judged", "rm_reason": ""}, ["rm"])
        'judged'
    """
    results = [(name, row[f"{name}_status"], row[f"{name}_reason"][:200]) for name in sources]
    problems = [
        f"{name} {status}: {reason}".rstrip(": ") for name, status, reason in results if status != Status.JUDGED.value
    ]
    return "; ".join(problems) or Status.JUDGED.value
