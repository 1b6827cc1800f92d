"""The one vocabulary of results: names of columns and keys in files, data frames, HTTP answers, trainers' rows and logs.

For a source ``rm``: ``rm`` (its value), ``rm_status``, ``rm_reason``; for a verifier also ``rm_answer`` and ``rm_origin``, for a process
reward model, and a verifier that judges parts, ``rm_steps``. For a combined batch also ``group``, ``reward``, ``advantage``, ``weight``,
``valid``, ``kept``, and ``credit`` if the chain ends with some.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from herokit.errors import ConfigError, DataError
from herokit.sources.execution import SourceOutputs
from herokit.types import RewardModel, Scores, Status, Verdict, Verifier

__all__ = [
    "BATCH_COLUMNS",
    "SOURCE_SUFFIXES",
    "Row",
    "check_source_names",
    "describe_missing_value",
    "from_rows",
    "replace_surrogates",
    "source_columns",
    "to_rows",
]

Row: TypeAlias = dict[str, Any]
"""The results of one rollout as JSON values, by column name."""

_MISSING_ROW = "no answer arrived"
"""The reason given for a row that is None."""


BATCH_COLUMNS = ("group", "reward", "advantage", "weight", "valid", "kept", "credit")
"""The columns of a combined batch; the others are results of sources."""

SOURCE_SUFFIXES = ("_status", "_reason", "_answer", "_origin", "_steps")
"""What follows a source's name in the names of its other columns."""


def check_source_names(names: Iterable[str]) -> None:
    """Check that no two result columns have the same name.

    Args:
        names: the names of the sources.

    Raises:
        ConfigError: a source has the name of another column.

    Example:
        >>> check_source_names(["rm", "rm_status"])
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: source 'rm_status' has the name of a result column; choose another name
    """
    names = list(names)
    columns = {*BATCH_COLUMNS, *(f"{name}{suffix}" for name in names for suffix in SOURCE_SUFFIXES)}
    if clashes := [repr(name) for name in names if name in columns]:
        subject = (
            f"source {clashes[0]} has the name" if len(clashes) == 1 else f"sources {', '.join(clashes)} have names"
        )
        raise ConfigError(f"{subject} of a result column; choose another name")


def source_columns(outputs: SourceOutputs, *, steps: bool = True) -> dict[str, Any]:
    """Return the results of the sources as columns: values are float64 arrays with NaN for no value, texts are lists.

    Args:
        outputs: the results of N samples.
        steps: include ``<source>_steps`` for reward models that score steps and verifiers that judge parts.

    Example:
        >>> columns = source_columns(SourceOutputs({"verifier": [Verdict(1.0, answer="4")]}, {}))
        >>> list(columns), columns["verifier"].tolist()
        (['verifier', 'verifier_status', 'verifier_reason', 'verifier_answer', 'verifier_origin'], [1.0])
    """
    columns: dict[str, Any] = {}
    for name, verdicts in outputs.verdicts.items():
        columns[name] = np.array([np.nan if v.value is None else v.value for v in verdicts], dtype=np.float64)
        columns[f"{name}_status"] = [v.status.value for v in verdicts]
        columns[f"{name}_reason"] = [v.reason for v in verdicts]
        columns[f"{name}_answer"] = [v.answer for v in verdicts]
        columns[f"{name}_origin"] = [v.origin for v in verdicts]
        if steps and any(v.parts for v in verdicts):
            columns[f"{name}_steps"] = [None if v.parts is None else [p.value for p in v.parts] for v in verdicts]
    for name, scores in outputs.scores.items():
        columns[name] = scores.values
        columns[f"{name}_status"] = [status.value for status in scores.statuses]
        columns[f"{name}_reason"] = list(scores.reasons)
        if steps and scores.steps is not None:
            columns[f"{name}_steps"] = [None if row is None else list(row) for row in scores.steps]
    return columns


def to_rows(columns: Mapping[str, Any]) -> list[Row]:
    """Return columns as one row of JSON values per rollout: null for NaN, no halves of surrogate pairs.

    Example:
        >>> to_rows({"rm": np.array([1.5, np.nan]), "rm_status": ["judged", "failed"]})
        [{'rm': 1.5, 'rm_status': 'judged'}, {'rm': None, 'rm_status': 'failed'}]
    """
    lists = [_json_values(values) for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def from_rows(sources: Mapping[str, Verifier | RewardModel], rows: Sequence[Mapping[str, Any] | None]) -> SourceOutputs:
    """Read rows back; the inverse of `to_rows` of `source_columns`.

    Args:
        sources: name -> source, those whose results the rows hold.
        rows: N rows; a source that judged without a value has failed, a row of None has failed as a whole.

    Raises:
        DataError: a row lacks a source, or holds a value that is not a number.

    Example:
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> from_rows({"rm": Length()}, [{"rm": 2.0, "rm_status": "judged"}, None]).scores["rm"].reasons
        ('', 'no answer arrived')
    """
    verdicts: dict[str, list[Verdict]] = {}
    scores: dict[str, Scores] = {}
    for name, source in sources.items():
        results = [_read_result(name, row, number) for number, row in enumerate(rows)]
        steps = [_read_steps(name, row, number) for number, row in enumerate(rows)]
        if isinstance(source, Verifier):
            answers, origins = (_optional(rows, f"{name}_{key}") for key in ("answer", "origin"))
            read = zip(results, answers, origins, steps, strict=True)
            verdicts[name] = [Verdict(*result, a, o or "", _parts(parts)) for result, a, o, parts in read]
        else:
            numbers = [None if row is None else [math.nan if step is None else step for step in row] for row in steps]
            scores[name] = Scores.from_rows((*result, row) for result, row in zip(results, numbers, strict=True))
    return SourceOutputs(verdicts, scores)


def _parts(values: Sequence[float | None] | None) -> tuple[Verdict, ...] | None:
    return None if values is None else tuple(Verdict(value) for value in values)


def _read_steps(name: str, row: Mapping[str, Any] | None, number: int) -> Sequence[float | None] | None:
    values = None if row is None else row.get(f"{name}_steps")
    if values is None:
        return None
    if not isinstance(values, list | tuple) or not all(v is None or isinstance(v, int | float) for v in values):
        raise DataError(f"row {number}: {name}_steps must be a list of numbers or nulls, got {values!r:.80}")
    return values


def _optional(rows: Sequence[Mapping[str, Any] | None], key: str) -> list[Any]:
    return [None if row is None else row.get(key) for row in rows]


def _read_result(name: str, row: Mapping[str, Any] | None, number: int) -> tuple[float | None, Status, str]:
    if row is None:
        return None, Status.FAILED, _MISSING_ROW
    if name not in row:
        raise DataError(f"row {number} has no source {name!r}; it has {sorted(row)}")
    try:
        value = None if row[name] is None else float(row[name])
        status = Status(row.get(f"{name}_status", Status.JUDGED if value is not None else Status.FAILED))
    except (TypeError, ValueError) as error:
        raise DataError(f"row {number}: source {name!r} cannot be read: {error}") from None
    if value is None or not math.isfinite(value):  # what the policy caused keeps its status
        value, status = None, Status.FAILED if status is Status.JUDGED else status
    return value, status, str(row.get(f"{name}_reason") or "")


def _json_values(values: Any) -> list[Any]:
    return [_json_value(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]


def _json_value(value: Any) -> Any:
    """Return one cell as JSON has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return replace_surrogates(value)
    return [_json_value(part) for part in value] if isinstance(value, list) else value


def replace_surrogates(value: Any) -> Any:
    r"""Replace lone surrogates, which no file can hold, by U+FFFD.

    Example:
        >>> replace_surrogates({"a": ["x\ud800"]})
        {'a': ['x�']}
    """
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {replace_surrogates(k): replace_surrogates(v) for k, v in value.items()}
    return [replace_surrogates(v) for v in value] if isinstance(value, list | tuple) else value


def describe_missing_value(row: Mapping[str, Any], sources: Iterable[str]) -> str:
    """Return why a row has no value, in at most 500 characters: its sources, its parts, or a filter.

    Example:
        >>> row = {"rm": None, "rm_status": "failed", "rm_reason": "gave nan", "reward": None, "valid": False}
        >>> describe_missing_value(row, ["rm"])
        'rm: gave nan'
        >>> describe_missing_value({"rm": 1.0, "reward": None, "valid": True}, ["rm"])
        'a filter dropped it'
    """
    reasons = [f"{name}: {row[f'{name}_reason'] or row[f'{name}_status']}" for name in sources if row[name] is None]
    if not reasons:
        reasons = [
            "a filter dropped it" if row["valid"] else "a part of it has no value, or the sources judge different parts"
        ]
    return "; ".join(reasons)[:500]
