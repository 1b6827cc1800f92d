"""Results as Markdown tables, and curves as a Parquet file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.replication.claims import Results
from benchmarks.replication.plan import Run
from benchmarks.replication.statistics import interval, paired

COLUMNS = {
    "curve": "area under curve",
    "sampled": "sampled pass@1",
    "greedy": "greedy pass@1",
    "pass8": "pass@8",
    "auc": "RM AUC, own outputs",
    "score": "RM score",
    "silent": "zero-signal groups",
    "all_wrong": "all-incorrect groups",
    "entropy": "entropy",
}
"""Measures at the end of a run, and their headings."""


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows, the first the heading, as a Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:])) + "\n"


def overview(grid: Mapping[tuple[float, str], Sequence[Run]], results: Results) -> str:
    """Return one row a scheme and recall: means over seeds, with the half-width of the 95 % interval for the first three."""
    rows = [["recall", "scheme", "learning rate", "seeds", *COLUMNS.values()]]
    for (recall, name), runs in grid.items():
        if (recall, name) not in results or (name == "RM only" and recall != min(r for r, _ in grid)):
            continue  # it never asks the verifier: one row says it all
        cells = []
        for i, measure in enumerate(COLUMNS):
            found = interval([result["final"][measure] for result in results[recall, name]])
            cells.append(f"{found.mean:.3f} ± {found.half:.3f}" if i < 3 else f"{found.mean:.2f}")  # noqa: PLR2004 - the first three
        shown = "any" if name == "RM only" else f"{recall:g}"
        rate = f"{runs[0].rate:.0e}".replace("e-0", "e-")
        rows.append([shown, name, rate, f"{len(results[recall, name])}", *cells])
    return markdown(rows)


def differences(results: Results, recall: float, scheme: str) -> str:
    """Return a scheme minus every other at one recall, paired by seed, with 95 % intervals."""
    rows = [[f"recall {recall:g}: {scheme} minus", *list(COLUMNS.values())[:3], "seeds ahead on sampled"]]
    ours = results[recall, scheme]
    for (other_recall, other), theirs in results.items():
        if other_recall != recall or other == scheme:
            continue
        both = list(zip(ours, theirs, strict=False))  # the seeds that both were run on
        gaps = [paired([a["final"][m] for a, _ in both], [b["final"][m] for _, b in both]) for m in list(COLUMNS)[:3]]
        ahead = sum(a["final"]["sampled"] > b["final"]["sampled"] for a, b in both)
        rows.append([other, *map(str, gaps), f"{ahead} of {len(both)}"])
    return markdown(rows)


def curves(results: Iterable[tuple[Run, Mapping[str, Any]]], path: Path) -> None:
    """Write every look along the way as one row of a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [
        {
            "task": run.base.task,
            "seed": run.base.seed,
            "scheme": str(run.scheme),
            "recall": run.recall,
            "false_positives": run.false_positives,
            "labels": run.base.labels,
            "rate": run.rate,
            "split": run.split,
            "group_size": run.batch.group_size,
            **look,
        }
        for run, result in results
        for look in result["curve"]
    ]
    parquet.write_table(pa.Table.from_pylist(rows), path)
