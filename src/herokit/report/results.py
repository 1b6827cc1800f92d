"""Scored rollouts as arrays: the numbers of every row, the texts of a few."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from herokit.errors import DataError
from herokit.files.blocks import Block, read_blocks
from herokit.files.inputs import find_inputs
from herokit.files.reading import choose_fields, read_parts
from herokit.types import Groups

Numbers = np.ndarray[Any, np.dtype[np.float64]]

NEEDED = ("reward", "advantage", "weight")
STEPS = ("step", "training_step", "global_step", "iteration")
LABELS = ("label", "correct", "is_correct")
REASONS = 12
"""Most frequent reasons kept of each source."""


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What `herokit score` has written, N rows in the input's order.

    Attributes:
        name: the file or folder.
        files: the files it is made of.
        fields: which column plays which part.
        prefix: what stands before the names of result columns.
        groups: the group of every row.
        verdict: (N,) the first verifier's value, NaN where it could not say; None without a verifier.
        scores: reward model's name -> (N,) scores, NaN where it could not say.
        reward: (N,) NaN where a row has none.
        advantage: (N,).
        weight: (N,).
        step: (N,) the training step, where the input says it; None otherwise.
        label: (N,) 1 for right and 0 for wrong, where the input says it; None otherwise.
        statuses: source -> status -> rows.
        reasons: source -> reason, in words -> rows, for rows that were not simply judged.
        columns: every column's name.
    """

    name: str
    files: Sequence[Path]
    fields: Mapping[str, str]
    prefix: str
    groups: Groups
    verdict: Numbers | None
    scores: Mapping[str, Numbers]
    reward: Numbers
    advantage: Numbers
    weight: Numbers
    step: Numbers | None
    label: Numbers | None
    statuses: Mapping[str, Mapping[str, int]]
    reasons: Mapping[str, Mapping[str, int]]
    columns: Sequence[str]

    def __len__(self) -> int:
        return len(self.reward)

    def texts(self, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Read the prompt, completion, reference, answer and reason of a few rows."""
        found: dict[int, dict[str, Any]] = {}
        for first, block in _blocks(self.files):
            here = [row for row in rows if first <= row < first + len(block)]
            if not here:
                continue
            parts = read_parts(block, self.fields)
            more = {k: block.values(self.prefix + k) for k in ("extracted", "reason", "status")}
            for row in here:
                at = row - first
                found[row] = {
                    "prompt": parts.prompts[at],
                    "completion": parts.completions[at],
                    "reference": parts.references[at],
                    "group": parts.keys[at],
                    **{k: values[at] for k, values in more.items()},
                }
        return found

    def digest(self) -> bytes:
        """Return 16 bytes that stand for all completions in their order."""
        said = hashlib.blake2b(digest_size=16)
        for _, block in _blocks(self.files):
            for text in read_parts(block, self.fields).completions:
                data = text.encode("utf-8", "surrogatepass")
                said.update(b"%d " % len(data) + data)
        return said.digest()


def read_results(name: str, fields: Mapping[str, str] | None = None) -> Results:
    """Read what `herokit score` has written.

    Args:
        name: a file, or a folder of them. If it was scored more than once, under several prefixes, the results that
            were added last are read.
        fields: part -> column, as `herokit score` was told.

    Raises:
        DataError: it is missing, or holds no results; the message names the columns that are missing.
    """
    files = find_inputs([name])
    columns: dict[str, None] = {}
    for path in files:
        for block in read_blocks(path):
            columns.update(dict.fromkeys(block.names()))
            break
    if not columns:
        raise DataError(f"{name}: the file holds no rows")
    prefix, others = _prefixes(name, list(columns))
    sources = _sources([c for c in columns if not c.startswith(others)], prefix)
    chosen = choose_fields(name, list(columns), fields or {})
    wanted = [prefix + column for column in NEEDED] + [column for _, column in sources.values()]
    step = next((c for c in STEPS if c in columns), None)
    label = next((c for c in LABELS if c in columns), None)
    numbers: dict[str, list[Numbers]] = {c: [] for c in (*wanted, step, label) if c}
    statuses: dict[str, Counter[str]] = {source: Counter() for source in sources}
    reasons: dict[str, Counter[str]] = {source: Counter() for source in sources}
    keys: list[Any] = []
    for _, block in _blocks(files):
        keys.extend(block.values(chosen["group"]) if "group" in chosen else read_parts(block, chosen).prompts)
        for column in list(numbers):
            try:
                numbers[column].append(_numbers(name, block, column))
            except DataError:
                if column in wanted:
                    raise
                del numbers[column]  # it is called a step or a label, and is something else
        for source, (lead, _) in sources.items():
            said, why = block.values(f"{lead}status"), block.values(f"{lead}reason")
            statuses[source].update(said)
            reasons[source].update(w or s for s, w in zip(said, why, strict=True) if s != "judged")
    whole = {column: np.concatenate(into) if into else np.zeros(0) for column, into in numbers.items()}
    verdicts = [c for c in (column for _, column in sources.values()) if c.endswith("verdict")]
    return Results(
        name=name,
        files=files,
        fields=chosen,
        prefix=prefix,
        groups=Groups.from_keys(keys),
        verdict=whole[verdicts[0]] if verdicts else None,
        scores={source: whole[column] for source, (_, column) in sources.items() if column.endswith("_score")},
        reward=whole[f"{prefix}reward"],
        advantage=whole[f"{prefix}advantage"],
        weight=whole[f"{prefix}weight"],
        step=whole.get(step or ""),
        label=whole.get(label or ""),
        statuses={source: dict(found.most_common()) for source, found in statuses.items()},
        reasons={source: dict(found.most_common(REASONS)) for source, found in reasons.items()},
        columns=list(columns),
    )


def _blocks(files: Sequence[Path]) -> Iterator[tuple[int, Block]]:
    first = 0
    for path in files:
        for block in read_blocks(path):
            yield first, block
            first += len(block)


def _prefixes(name: str, columns: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Find what stands before ``reward``, ``advantage`` and ``weight``: nothing, or what ``--prefix`` was.

    Returns:
        The last such prefix, and the others that columns of its own do not begin with.
    """
    leads = [column.removesuffix("advantage") for column in columns if column.endswith("advantage")]
    found = [lead for lead in leads if all(lead + other in columns for other in NEEDED)]
    if found:
        return found[-1], tuple(lead for lead in found[:-1] if not found[-1].startswith(lead))
    missing = [column for column in NEEDED if column not in columns]
    raise DataError(
        f"{name}: no results of `herokit score`: no column {', '.join(missing)} among {', '.join(columns) or 'none'}"
    )


def _sources(columns: Sequence[str], prefix: str) -> dict[str, tuple[str, str]]:
    """Return each source's name, what stands before its columns, and its column of values; verifiers first."""
    found: dict[str, tuple[str, str]] = {}
    for ending, lone in (("verdict", "verifier"), ("_score", "")):
        for column in columns:
            lead = column.removesuffix(ending)
            if column == lead or not column.startswith(prefix):
                continue
            lead = f"{lead}_" if ending == "_score" else lead
            if f"{lead}status" in columns and f"{lead}reason" in columns:
                found[lead.removeprefix(prefix).removesuffix("_") or lone] = (lead, column)
    return found


def _numbers(name: str, block: Block, column: str) -> Numbers:
    values = block.values(column)
    try:
        return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
    except (TypeError, ValueError):
        bad = next(row for row, v in enumerate(values) if v is not None and not isinstance(v, int | float))
        raise DataError(
            f"{name}: {column} must be a number, got {values[bad]!r} in row {block.first + bad + 1}"
        ) from None
