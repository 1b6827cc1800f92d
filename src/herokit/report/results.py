"""Read scored rollouts: the numbers of every row as arrays, the texts of a few rows on request."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from herokit.conversations.prompts import content_key
from herokit.errors import DataError
from herokit.files.blocks import Block, read_blocks
from herokit.files.inputs import find_inputs
from herokit.files.reading import choose_columns, list_paths, parse_rows
from herokit.types import Groups, Sample

__all__ = ["LABEL_COLUMNS", "Floats", "Results", "find_prefix", "find_sources", "read_results", "read_row_blocks"]

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

RESULT_COLUMNS = ("reward", "advantage", "weight")
STEP_COLUMNS = ("step", "training_step", "global_step", "iteration")
LABEL_COLUMNS = ("label", "correct", "is_correct")
MAX_REASONS = 12
"""Most frequent reasons kept of each source."""


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """The results of `herokit score`: N rows in the input's order.

    Attributes:
        name: the file or folder.
        files: its files.
        columns: role -> column.
        prefix: what precedes the names of result columns.
        verifiers: the names of the verifiers.
        groups: the group of every row.
        verdict: (N,) the first verifier's value, NaN where there is none; None without a verifier.
        scores: reward model -> (N,) scores, NaN where there is none.
        reward: (N,) NaN where there is none.
        advantage: (N,).
        weight: (N,).
        step: (N,) the training step, or None if the input has no such column.
        label: (N,) 1 for correct and 0 for incorrect, or None if the input has no such column.
        statuses: source -> status -> number of rows.
        reasons: source -> reason -> number of rows that were not judged.
    """

    name: str
    files: Sequence[Path]
    columns: Mapping[str, str]
    prefix: str
    verifiers: Sequence[str]
    groups: Groups
    verdict: Floats | None
    scores: Mapping[str, Floats]
    reward: Floats
    advantage: Floats
    weight: Floats
    step: Floats | None
    label: Floats | None
    statuses: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, Mapping[str, int]]

    def __len__(self) -> int:
        return len(self.reward)

    @property
    def last_step(self) -> int:
        """The last training step, or the number of rows if the input has no steps."""
        steps = np.zeros(0) if self.step is None else self.step[np.isfinite(self.step)]
        return int(steps.max()) if len(steps) else len(self)

    def texts(self, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Read prompt, completion, reference, group, answer and reasons of a few rows."""
        texts: dict[int, dict[str, Any]] = {}
        for start, block in read_row_blocks(self.files):
            chosen = [row for row in rows if start <= row < start + len(block)]
            if not chosen:
                continue
            parsed = parse_rows(block, self.columns)
            answers = block.values(f"{self.prefix}{next(iter(self.statuses), '')}_answer")
            reasons = {source: block.values(f"{self.prefix}{source}_reason") for source in self.statuses}
            for row in chosen:
                i = row - start
                sample = Sample(parsed.prompts[i], parsed.completions[i], parsed.groups[i], parsed.references[i])
                texts[row] = {
                    "prompt": sample.prompt_text,
                    "completion": sample.completion_text,
                    "reference": _to_text(sample.reference),
                    "group": parsed.groups[i],
                    "answer": answers[i],
                    "reasons": "; ".join(f"{source}: {values[i]}" for source, values in reasons.items() if values[i]),
                }
        return texts

    def digest(self) -> bytes:
        """Return 16 bytes that identify all completions in their order."""
        digest = hashlib.blake2b(digest_size=16)
        for _, block in read_row_blocks(self.files):
            for completion in parse_rows(block, self.columns).completions:
                data = content_key(completion).encode("utf-8", "surrogatepass")
                digest.update(b"%d " % len(data) + data)
        return digest.digest()


def read_results(name: str, columns: Mapping[str, str] | None = None) -> Results:
    """Read the results of `herokit score`.

    Args:
        name: a file, or a folder of them. If it was scored more than once, under several prefixes, the results that
            were added last are read.
        columns: role -> column, as for `herokit score`.

    Raises:
        DataError: it does not exist or contains no results; the message names the missing columns.
    """
    files = find_inputs([name])
    names = _column_names(name, files, list_paths(columns or {}))
    prefix, others = find_prefix(name, names)
    verifiers, models = find_sources([c for c in names if not c.startswith(others)], prefix)
    chosen = choose_columns(name, names, columns or {})
    step = next((c for c in STEP_COLUMNS if c in names), "")
    label = next((c for c in LABEL_COLUMNS if c in names), "")
    required = [prefix + column for column in (*RESULT_COLUMNS, *verifiers, *models)]
    rows = _Rows(name, chosen, prefix, [*verifiers, *models], required, [c for c in (step, label) if c])
    numbers = rows.read(files)
    return Results(
        name=name,
        files=files,
        columns=chosen,
        prefix=prefix,
        verifiers=verifiers,
        groups=Groups.from_keys(rows.groups),
        verdict=numbers[prefix + verifiers[0]] if verifiers else None,
        scores={model: numbers[prefix + model] for model in models},
        reward=numbers[f"{prefix}reward"],
        advantage=numbers[f"{prefix}advantage"],
        weight=numbers[f"{prefix}weight"],
        step=numbers.get(step),
        label=numbers.get(label),
        statuses={source: dict(counts.most_common()) for source, counts in rows.statuses.items()},
        reasons={source: dict(counts.most_common(MAX_REASONS)) for source, counts in rows.reasons.items()},
    )


def _column_names(name: str, files: Sequence[Path], paths: Sequence[str]) -> list[str]:
    """Return the columns of all files, and those of some names with dots that lead to a value."""
    names: dict[str, None] = {}
    for path in files:
        first = next(iter(read_blocks(path)), None)
        names.update(dict.fromkeys([*first.column_names(), *first.paths(paths)] if first else ()))
    if not names:
        raise DataError(f"{name}: the file contains no rows")
    return list(names)


def read_row_blocks(files: Sequence[Path]) -> Iterator[tuple[int, Block]]:
    """Yield all blocks, each with the number of rows before it."""
    start = 0
    for path in files:
        for block in read_blocks(path):
            yield start, block
            start += len(block)


def find_prefix(name: str, columns: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Find what precedes ``reward``, ``advantage`` and ``weight``: nothing, or the ``--prefix`` of `herokit score`.

    Returns:
        The last such prefix, and the others, except those that it begins with itself.
    """
    candidates = [column.removesuffix("advantage") for column in columns if column.endswith("advantage")]
    prefixes = [prefix for prefix in candidates if all(prefix + other in columns for other in RESULT_COLUMNS)]
    if prefixes:
        return prefixes[-1], tuple(prefix for prefix in prefixes[:-1] if not prefixes[-1].startswith(prefix))
    missing = [column for column in RESULT_COLUMNS if column not in columns]
    raise DataError(
        f"{name}: not results of `herokit score`: no column {', '.join(missing)} among {', '.join(columns) or 'none'}; score "
        f"the rollouts first: herokit score {name} -o scored.parquet"
    )


def find_sources(columns: Sequence[str], prefix: str) -> tuple[list[str], list[str]]:
    """Return the names of the verifiers and of the reward models whose values, statuses and reasons are there."""
    sources = [
        column.removeprefix(prefix)
        for column in columns
        if column.startswith(prefix) and f"{column}_status" in columns and f"{column}_reason" in columns
    ]
    verifiers = [source for source in sources if f"{prefix}{source}_answer" in columns]
    return verifiers, [source for source in sources if source not in verifiers]


class _Rows:
    """What `read_results` collects from the blocks."""

    def __init__(
        self,
        name: str,
        columns: Mapping[str, str],
        prefix: str,
        sources: Sequence[str],
        required: Sequence[str],
        optional: Sequence[str],
    ) -> None:
        self._name, self._columns, self._prefix, self._required = name, columns, prefix, required
        self.groups: list[Any] = []
        self._numbers: dict[str, list[Floats]] = {column: [] for column in (*required, *optional)}
        self.statuses: dict[str, Counter[str]] = {source: Counter() for source in sources}
        self.reasons: dict[str, Counter[str]] = {source: Counter() for source in sources}

    def read(self, files: Sequence[Path]) -> dict[str, Floats]:
        """Read all files; return their columns of numbers."""
        for _, block in read_row_blocks(files):
            self._add(block)
        return {column: np.concatenate(parts) if parts else np.zeros(0) for column, parts in self._numbers.items()}

    def _add(self, block: Block) -> None:
        group = self._columns.get("group")
        self.groups.extend(parse_rows(block, self._columns).groups if group is None else block.values(group))
        for column in list(self._numbers):
            try:
                self._numbers[column].append(_to_floats(self._name, block, column))
            except DataError:
                if column in self._required:
                    raise
                del self._numbers[column]  # its name is that of a step or a label, its values are not
        for source in self.statuses:
            statuses = block.values(f"{self._prefix}{source}_status")
            reasons = block.values(f"{self._prefix}{source}_reason")
            self.statuses[source].update(statuses)
            self.reasons[source].update(r or s for s, r in zip(statuses, reasons, strict=True) if s != "judged")


def _to_text(reference: Any) -> str | None:
    """Return a reference for people: lists and objects as JSON."""
    if reference is None or isinstance(reference, str):
        return reference
    return json.dumps(reference, ensure_ascii=False, default=str)


def _to_floats(name: str, block: Block, column: str) -> Floats:
    values = block.values(column)
    try:
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    except (TypeError, ValueError):
        row, value = next((i, v) for i, v in enumerate(values) if v is not None and not isinstance(v, int | float))
        raise DataError(
            f"{name}: {column} must be a number, got {value!r} in row {block.first_row + row + 1}"
        ) from None
