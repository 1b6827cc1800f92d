"""What sources said of one rollout as a flat row that crosses processes, and the batch combined from such rows."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from herokit.errors import DataError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.sources.execution import SourceOutputs
from herokit.types import Sample, Scores, Status, Verdict, Verifier

MISSING = "no answer arrived"
"""The reason given for a row that is None."""


def rows_of(answers: SourceOutputs) -> list[dict[str, Any]]:
    """Flatten answers, one JSON-able row a sample; every row has the same keys.

    For a source ``rm``: ``rm`` (None where it could not say), ``rm_status``, ``rm_reason``; for a verifier
    ``..._answer`` too. Step scores are left out.

    Example:
        >>> rows_of(SourceOutputs({"verifier": [Verdict(1.0, answer="4")]}, {}))
        [{'verifier': 1.0, 'verifier_status': 'judged', 'verifier_reason': '', 'verifier_answer': '4'}]
    """
    count = max([*map(len, answers.verdicts.values()), *map(len, answers.scores.values())], default=0)
    rows: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, verdicts in answers.verdicts.items():
        for row, verdict in zip(rows, verdicts, strict=True):
            row[name] = verdict.value
            row[f"{name}_status"], row[f"{name}_reason"] = verdict.status.value, verdict.reason
            row[f"{name}_answer"] = verdict.answer
    for name, scores in answers.scores.items():
        said = zip(rows, scores.values.tolist(), scores.statuses, scores.reasons, strict=True)
        for row, value, status, reason in said:
            row[name] = value if np.isfinite(value) else None
            row[f"{name}_status"], row[f"{name}_reason"] = status.value, reason
    return rows


def status_of(row: Mapping[str, Any], sources: Iterable[str]) -> str:
    """Say in a line how a row's sources fared, for tables that people read.

    Example:
        >>> status_of({"rm": None, "rm_status": "failed", "rm_reason": "raised OSError: gone"}, ["rm"])
        'rm failed: raised OSError: gone'
        >>> status_of({"rm": 1.0, "rm_status": "judged", "rm_reason": ""}, ["rm"])
        'judged'
    """
    said = [(name, row[f"{name}_status"], row[f"{name}_reason"][:200]) for name in sources]
    odd = [f"{name} {status}: {reason}".rstrip(": ") for name, status, reason in said if status != Status.JUDGED.value]
    return "; ".join(odd) or Status.JUDGED.value


def answers_of(rewarder: Rewarder, rows: Sequence[Mapping[str, Any] | None]) -> SourceOutputs:
    """Read rows back; the inverse of `rows_of`.

    Args:
        rewarder: whose sources were asked.
        rows: N rows; a value of None or NaN is "could not say", a row of None failed as a whole.

    Raises:
        DataError: a row lacks a source of this rewarder, or holds something that is no number.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> from herokit import Select
        >>> rewarder = Rewarder({"rm": Length()}, Select("rm"))
        >>> answers_of(rewarder, [{"rm": 2.0, "rm_status": "judged"}, None]).scores["rm"].reasons
        ('', 'no answer arrived')
    """
    verdicts: dict[str, list[Verdict]] = {}
    scores: dict[str, Scores] = {}
    for name, source in rewarder.sources.items():
        said = [_read(name, row, number) for number, row in enumerate(rows)]
        if isinstance(source, Verifier):
            verdicts[name] = [
                Verdict(value, status, reason, None if row is None else row.get(f"{name}_answer"))
                for (value, status, reason), row in zip(said, rows, strict=True)
            ]
        else:
            values = np.array([np.nan if value is None else value for value, _, _ in said], dtype=np.float64)
            scores[name] = Scores(values, tuple(s for _, s, _ in said), tuple(d for _, _, d in said))
    return SourceOutputs(verdicts, scores)


def _read(name: str, row: Mapping[str, Any] | None, number: int) -> tuple[float | None, Status, str]:
    if row is None:
        return None, Status.FAILED, MISSING
    if name not in row:
        raise DataError(f"row {number} has no component {name!r}; it holds {sorted(row)}")
    try:
        value = None if row[name] is None else float(row[name])
        status = Status(row.get(f"{name}_status", Status.JUDGED if value is not None else Status.FAILED))
    except (TypeError, ValueError) as error:
        raise DataError(f"row {number}: component {name!r} cannot be read: {error}") from None
    if value is None or not np.isfinite(value):
        value, status = None, Status.FAILED
    return value, status, str(row.get(f"{name}_reason") or "")


def score_one(rewarder: Rewarder, sample: Sample) -> dict[str, Any]:
    """Ask every source for one sample; the worker's half, which never touches the state.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> from herokit import Select
        >>> score_one(Rewarder({"rm": Length()}, Select("rm")), Sample("p", "abc", "q"))
        {'rm': 3.0, 'rm_status': 'judged', 'rm_reason': ''}
    """
    return rows_of(rewarder.run_sources([sample]))[0]


def combine_rows(
    rewarder: Rewarder, rows: Sequence[Mapping[str, Any] | None], keys: Sequence[Hashable], *, update_state: bool = True
) -> RewardOutput:
    """Combine rows that workers returned; the driver's half, once for the whole batch.

    Args:
        rewarder: one with the same sources as the workers'.
        rows: N rows of `score_one`; None for a rollout that no worker answered for.
        keys: the group of every row.
        update_state: False for evaluation.

    Raises:
        DataError: a row lacks a source of this rewarder.
    """
    return rewarder.combine(answers_of(rewarder, rows), keys, update_state=update_state)
