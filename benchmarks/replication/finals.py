"""The final measures of every seed as one CSV file, from which tables, intervals and claims can be computed again."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

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


def read(path: Path) -> dict[str, Results]:
    """Return task, or "task, condition" -> (recall, scheme) -> final measures, seed after seed, as `write` got them.

    Raises:
        KeyError: a column is missing.
        ValueError: a measure is no number.
    """
    tasks: dict[str, dict[tuple[float, str], list[dict[str, dict[str, float]]]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            cell = float(row["recall"]), row["scheme"]
            final = {name: float(row[name]) for name in MEASURES}
            which = ", ".join(filter(None, (row["task"], row["condition"])))
            tasks.setdefault(which, {}).setdefault(cell, []).append({"final": final})
    return dict(tasks)
