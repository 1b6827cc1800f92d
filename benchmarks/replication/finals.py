"""The final measures of every seed as one CSV file, from which tables, intervals and claims can be computed again."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.replication.claims import Results
from benchmarks.replication.plan import Run

MEASURES = (
    *("curve", "sampled", "greedy", "pass8", "auc", "auc_inside", "auc_change", "score", "score_change"),
    *("silent", "all_wrong", "entropy"),
)
"""Measures that are written, in full precision."""

COLUMNS = ("task", "condition", "recall", "scheme", "seed", "world", "rate", *MEASURES)


def write(
    path: Path, grids: Mapping[str, Mapping[tuple[float, str], Sequence[Run]]], results: Mapping[str, Results]
) -> None:
    """Write one row a task, condition, recall, scheme and seed; what was not run is left out.

    Args:
        path: of the file.
        grids: task, or "task, condition" -> its runs.
        results: the same -> their results, seed after seed.
    """
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for which, cells in results.items():
            task, _, condition = which.partition(", ")
            for cell, made in cells.items():
                for run, result in zip(grids[which][cell], made, strict=False):
                    final = [repr(float(result["final"][name])) for name in MEASURES]
                    about = [f"{cell[0]:g}", cell[1], run.base.seed, run.base.world, run.rate]
                    rows.writerow([task, condition, *about, *final])


def joined(
    path: Path, grids: Mapping[str, Mapping[tuple[float, str], Sequence[Run]]], results: Mapping[str, Results]
) -> dict[str, dict[tuple[float, str], Sequence[Mapping[str, Any]]]]:
    """Return what a file has, and results that it lacks: its rows stay as they are, for another run is another draw.

    Raises:
        ValueError: the file has a row that is not of these grids.
    """
    made = read(path)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            which, cell = _place(row)
            runs = grids.get(which, {}).get(cell, ())
            if (row["seed"], row["world"]) not in {(f"{run.base.seed}", f"{run.base.world}") for run in runs}:
                raise ValueError(
                    f"{path}: the row of {which}, recall {row['recall']}, {row['scheme']}, seed {row['seed']}, world "
                    f"{row['world']} is not of this draw; give that draw's seeds, or write the file anew"
                )
    every: dict[str, dict[tuple[float, str], Sequence[Mapping[str, Any]]]] = {}
    for which, cells in grids.items():
        known, new = made.get(which, {}), results.get(which, {})
        whole = {cell: [*(had := known.get(cell, ())), *new.get(cell, ())[len(had) :]] for cell in cells}
        every[which] = {cell: found for cell, found in whole.items() if found}
    return every


def _place(row: Mapping[str, str]) -> tuple[str, tuple[float, str]]:
    """Return where a row belongs: task, or "task, condition"; and recall and scheme."""
    return ", ".join(filter(None, (row["task"], row["condition"]))), (float(row["recall"]), row["scheme"])


def read(path: Path) -> dict[str, Results]:
    """Return task, or "task, condition" -> (recall, scheme) -> final measures, seed after seed, as `write` got them.

    Raises:
        KeyError: a column is missing.
        ValueError: a measure is no number.
    """
    tasks: dict[str, dict[tuple[float, str], list[dict[str, dict[str, float]]]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            which, cell = _place(row)
            final = {name: float(row[name]) for name in MEASURES}
            tasks.setdefault(which, {}).setdefault(cell, []).append({"final": final})
    return dict(tasks)
