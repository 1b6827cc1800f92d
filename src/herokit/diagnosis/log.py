"""The rollouts of a run as arrays: from a scored file, from a trainer's reward log, or from columns in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from herokit.conversations.columns import COLUMN_NAMES
from herokit.conversations.prompts import content_key
from herokit.errors import DataError, did_you_mean
from herokit.files.blocks import read_blocks
from herokit.files.inputs import CSV_SUFFIX, find_inputs, split_suffix
from herokit.files.reading import check_prompts_as_groups
from herokit.report.results import STEP_COLUMNS, find_prefix, find_sources
from herokit.types import Groups

__all__ = ["Floats", "RewardLog"]

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

NAMES: dict[str, tuple[str, ...]] = {
    **{role: COLUMN_NAMES[role] for role in ("prompt", "completion", "group")},
    "reward": ("reward", "rewards", "total_reward"),
    "step": STEP_COLUMNS,
    "length": ("tokens", "num_tokens", "completion_tokens", "completion_length", "response_length", "length"),
}
"""Role -> usual names of its column."""

NO_SIGNAL = ("advantage", "advantages", "weight", "valid", "kept", "label", "correct", "index", "epoch", "seed")
"""Columns of numbers that are not a component of the reward."""

MAX_GRADES = 5
"""A column of numbers in [0, 1] with at most so many distinct values holds verdicts."""

VERIFIER_NAMES = ("verif", "accura", "correct", "exact")


@dataclass(frozen=True, slots=True, eq=False)
class RewardLog:
    """N rollouts of a run.

    Attributes:
        name: of the file.
        groups: the group of every row.
        group_keys: the key of each group.
        reward: (N,) NaN where there is none.
        signals: name -> (N,) values of each component of the reward, NaN where there is none.
        verifier: the name of the signal that holds verdicts; empty if there is none.
        reward_model: the name of the signal that holds scores; empty if there is none.
        prompt: (N,) numbers, equal where prompts are; None if the log has no prompts.
        length: (N,) tokens or characters of the completion; None if the log has neither.
        step: (N,) training steps; None if the log has none.
    """

    name: str
    groups: Groups
    group_keys: Sequence[Any]
    reward: Floats
    signals: Mapping[str, Floats]
    verifier: str = ""
    reward_model: str = ""
    prompt: np.ndarray[Any, Any] | None = None
    length: Floats | None = None
    step: Floats | None = None

    def __len__(self) -> int:
        return len(self.reward)

    @classmethod
    def from_file(cls, path: str | Path, *, columns: Mapping[str, str] | None = None) -> Self:
        """Read a scored file, or any file of rollouts with a column of rewards.

        Args:
            path: JSONL, JSON, Parquet, Arrow or CSV: a file or a folder.
            columns: role -> column, where the column has another name than usual. Roles are ``group``, ``reward``,
                ``prompt``, ``completion``, ``step`` and ``length``.

        Raises:
            DataError: there is no such file or column, or it has no rows.
        """
        files = find_inputs([str(path)])
        blocks = [block for file in files for block in read_blocks(file)]
        names = list(dict.fromkeys(name for block in blocks for name in block.column_names()))
        table: dict[str, Sequence[Any]] = {
            name: [value for block in blocks for value in block.values(name)] for name in names
        }
        if all(split_suffix(file)[0] == CSV_SUFFIX for file in files):
            table = {name: _read_numbers(name, values, columns or {}) for name, values in table.items()}
        return cls.from_columns(table, columns=columns, name=str(path))

    @classmethod
    def from_columns(
        cls, table: Mapping[str, Sequence[Any]], *, columns: Mapping[str, str] | None = None, name: str = "the log"
    ) -> Self:
        """Take the columns of a log; numbers without another role are the components of the reward.

        Args:
            table: column -> N values.
            columns: role -> column; see `from_file`.
            name: for messages.

        Raises:
            DataError: there is no reward, or neither a group nor a prompt.

        Example:
            >>> log = RewardLog.from_columns({"group": ["a", "a"], "reward": [1.0, 0.0], "accuracy": [1, 0]})
            >>> log.verifier, log.groups.num_groups
            ('accuracy', 1)
        """
        prefix, verifiers, models = _scored_sources(name, list(table))
        chosen = _choose(name, table, columns or {}, prefix)
        prompts = _keys(table, chosen.get("prompt"))
        keys = _keys(table, chosen.get("group")) if "group" in chosen else prompts
        if keys is None:
            raise DataError(
                f"{name}: no column for the group: none of {', '.join(NAMES['group'])}; name it with --column group=COLUMN"
            )
        _check_keys(name, keys, "group" in chosen)
        numbers = {column: x for column in table if (x := _to_floats(table[column])) is not None}
        if chosen["reward"] not in numbers:
            raise DataError(f"{name}: {_first_text(chosen['reward'], table[chosen['reward']])}")
        signals = {n: numbers[prefix + n] for n in (*verifiers, *models) if prefix + n in numbers} or {
            n: x
            for n, x in numbers.items()
            if n not in {*chosen.values(), *NO_SIGNAL} and len(np.unique(x[np.isfinite(x)])) > 1
        }
        verdicts = verifiers or sorted((n for n, x in signals.items() if _is_verdict(x)), key=_not_named_verifier)
        scores = models or [n for n, x in signals.items() if not _is_verdict(x)]
        return cls(
            name,
            Groups.from_keys(keys),
            list(dict.fromkeys(keys)),
            numbers[chosen["reward"]],
            signals,
            verdicts[0] if verdicts else "",
            scores[0] if scores else "",
            None if prompts is None else np.unique(prompts, return_inverse=True)[1],
            _lengths(table, numbers, chosen),
            numbers.get(chosen.get("step", "")),
        )

    def with_sources(self, verifier: str = "", reward_model: str = "") -> Self:
        """Return the log with another choice of the verifier and the reward model.

        Raises:
            DataError: there is no such signal.
        """
        for signal in filter(None, (verifier, reward_model)):
            if signal not in self.signals:
                raise DataError(f"{self.name}: no signal {signal!r}; {did_you_mean(signal, list(self.signals))}")
        return replace(self, verifier=verifier or self.verifier, reward_model=reward_model or self.reward_model)


def _scored_sources(name: str, columns: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """Return the prefix, the verifiers and the reward models of a file that `herokit score` wrote; else nothing."""
    try:
        prefix, others = find_prefix(name, columns)
    except DataError:
        return "", [], []
    return prefix, *find_sources([c for c in columns if not c.startswith(others)], prefix)


def _choose(name: str, table: Mapping[str, Sequence[Any]], columns: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return role -> column."""
    if not table or not len(next(iter(table.values()))):
        raise DataError(f"{name}: there are no rows")
    for role, column in columns.items():
        if role not in NAMES:
            raise DataError(f"unknown role {role!r}; {did_you_mean(role, [*NAMES, 'verifier', 'reward_model'])}")
        if column not in table:
            raise DataError(f"{name}: no column {column!r}; {did_you_mean(column, list(table))}")
    usual = {role: next((n for n in names if n in table), "") for role, names in NAMES.items()}
    if prefix:
        usual["reward"] = f"{prefix}reward"
    chosen = {role: column for role, column in {**usual, **columns}.items() if column}
    if "reward" not in chosen:
        raise DataError(
            f"{name}: no column for the reward: none of {', '.join(NAMES['reward'])} among {', '.join(table)}; name it with "
            "--column reward=COLUMN"
        )
    return chosen


def _keys(table: Mapping[str, Sequence[Any]], column: str | None) -> list[Any] | None:
    """Return a column as keys that are equal where its values are."""
    if column is None:
        return None
    return [content_key(value) if isinstance(value, list) else value for value in table[column]]


def _to_floats(values: Sequence[Any]) -> Floats | None:
    """Return a column of numbers and booleans, NaN for None; None if it holds anything else."""
    if not all(value is None or isinstance(value, int | float | np.number | np.bool_) for value in values):
        return None
    try:
        return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
    except OverflowError:
        return None


def _first_text(column: str, values: Sequence[Any]) -> str:
    """Say which value of a column is the first that is no number."""
    row, value = next((row, value) for row, value in enumerate(values, 1) if _to_floats([value]) is None)
    text = "an integer beyond the floats" if isinstance(value, int) else f"{value!r:.60}"
    return f"row {row}: {column} must be a number, got {text}"


def _check_keys(name: str, keys: Sequence[Any], are_groups: bool) -> None:  # noqa: FBT001 - private
    """Check that every row has a group, or a prompt if that names it.

    Raises:
        DataError: one has none; the message names the row.
    """
    if not are_groups:
        check_prompts_as_groups(("" if key is None else str(key) for key in keys), name)
    elif (row := next((row for row, key in enumerate(keys, 1) if key is None), 0)) > 0:
        raise DataError(f"{name}: row {row}: group must be text or a number, got None")


def _read_numbers(name: str, values: Sequence[Any], columns: Mapping[str, str]) -> Sequence[Any]:
    """Return a column of CSV, whose values are texts, as numbers if it holds nothing else; prompts, completions and groups stay."""
    roles = ("prompt", "completion", "group")
    if name in {columns[role] for role in roles if role in columns} or any(name in NAMES[role] for role in roles):
        return values
    booleans = {"true": 1.0, "false": 0.0}
    try:
        return [None if text is None else float(booleans.get(text.lower(), text)) for text in values]
    except ValueError:
        return values


def _lengths(
    table: Mapping[str, Sequence[Any]], numbers: Mapping[str, Floats], chosen: Mapping[str, str]
) -> Floats | None:
    if chosen.get("length") in numbers:
        return numbers[chosen["length"]]
    if "completion" not in chosen:
        return None
    texts = table[chosen["completion"]]
    return np.array([len(t if isinstance(t, str) else content_key(t or "")) for t in texts], dtype=np.float64)


def _is_verdict(x: Floats) -> bool:
    values = np.unique(x[np.isfinite(x)])
    return 0 < len(values) <= MAX_GRADES and values[0] >= 0.0 and values[-1] <= 1.0


def _not_named_verifier(name: str) -> bool:
    return not any(part in name.lower() for part in VERIFIER_NAMES)
