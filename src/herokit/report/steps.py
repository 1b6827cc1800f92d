"""Run a scheme on the results that a scored file holds, and keep what each step did to some of its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np

from herokit.config.scheme import load_scheme
from herokit.errors import DataError
from herokit.files.column_types import ColumnTypes
from herokit.files.group_batches import GroupBatch, index_input, read_batches, spill
from herokit.outcome import RewardOutput
from herokit.report.results import Results
from herokit.report.scored import ScoredColumns, find_scored_columns
from herokit.rewarder import Rewarder

__all__ = ["BATCH_GROUPS", "StepValues", "trace_steps"]

Ints: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

BATCH_GROUPS = 64
"""Groups per batch, as `herokit score` has by default: running means change after each."""
MAX_DIFFERENCE = 1e-6
"""Advantages that differ by more, relative to their size, are of another scheme."""


@dataclass(slots=True)
class StepValues:
    """What the steps of a scheme did to R rows.

    Attributes:
        names: the signals, weights and steps, as `herokit explain` names them.
        values: one list of R values a name; None for no value.
        note: the scheme, and whether its advantages are those of the file.
    """

    names: list[str]
    values: list[list[float | None]]
    note: str

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"names": self.names, "values": self.values, "note": self.note}


def trace_steps(results: Results, scheme: str, rows: Ints) -> StepValues:
    """Run a scheme on all groups from the start, without its sources, and keep its steps of some rows.

    Args:
        results: the results of `herokit score`.
        scheme: a scheme file or a scheme's name, as `herokit score` takes it.
        rows: (R,) the rows to keep.

    Raises:
        DataError: the file holds no results of a source that the scheme needs.
        ConfigError: the scheme cannot be built.
    """
    place = {row: number for number, row in enumerate(rows.tolist())}
    steps = StepValues([], [], "")
    differing = 0
    with TemporaryDirectory(prefix="herokit-") as name, load_scheme(scheme).rewarder(equal_prompts=False) as rewarder:
        folder = Path(name)
        index = index_input(results.name, results.files, results.columns, folder)
        if not index.contiguous:
            spill(index, folder)
        stored = _check_sources(results, rewarder, find_scored_columns(ColumnTypes(index.types).names))
        for batch in read_batches(index, BATCH_GROUPS, folder=folder):
            output = rewarder.combine(stored.outputs(batch.samples), [sample.group for sample in batch.samples])
            _add_batch(steps, output, batch, place, len(rows))
            differing += _count_differences(output, results.advantage[batch.rows])
    steps.note = f"Steps of {scheme} on the results in the file"
    steps.note += (
        f". Its advantages differ from the file's in {differing:,} of {len(results):,} rows: the file was scored with another "
        "scheme, other settings or another --batch-groups."
        if differing
        else ", whose advantages are the same."
    )
    return steps


def _check_sources(results: Results, rewarder: Rewarder, stored: ScoredColumns | None) -> ScoredColumns:
    held = stored.sources if stored else {}
    missing = [name for name in rewarder.sources if name not in held]
    if stored is None or missing:
        raise DataError(
            f"{results.name}: no results of source {', '.join(missing)}, which the scheme needs; it holds those of "
            f"{', '.join(held) or 'none'}. Score it with that scheme: herokit score"
        )
    return stored


def _add_batch(
    steps: StepValues, output: RewardOutput, batch: GroupBatch, place: Mapping[int, int], count: int
) -> None:
    """Keep the rows of a batch that are wanted."""
    wanted = {output.group_keys[i] for i, row in enumerate(batch.rows.tolist()) if row in place}
    for key in dict.fromkeys(key for key in output.group_keys if key in wanted):
        explanation = output.explain(key)
        positions = [place[int(batch.rows[i])] for i in explanation.rollouts]
        for number, name in enumerate(_number_names([row.name for row in explanation.rows])):
            if name not in steps.names:
                steps.names.append(name)
                steps.values.append([None] * count)
            column = steps.values[steps.names.index(name)]
            for position, value in zip(positions, explanation.rows[number].values, strict=True):
                column[position] = None if value is None or not np.isfinite(value) else float(f"{value:.6g}")


def _number_names(names: Sequence[str]) -> list[str]:
    """Return names that differ: the second "weight" becomes "weight (2)"."""
    return [name if name not in names[:i] else f"{name} ({names[: i + 1].count(name)})" for i, name in enumerate(names)]


def _count_differences(output: RewardOutput, advantage: Any) -> int:
    return int(
        (~np.isclose(output.advantage, advantage, rtol=MAX_DIFFERENCE, atol=MAX_DIFFERENCE, equal_nan=True)).sum()
    )
