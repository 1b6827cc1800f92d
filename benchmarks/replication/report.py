"""Writes docs/reference/replication.md and the figures of docs/explanation/when-hero-helps.md from the cache.

Nothing is computed here: what the cache lacks is left out, and said to be missing.
"""

import platform
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.machine import header
from benchmarks.replication import plots, protocol, search, sweeps, tables
from benchmarks.replication.claims import Results, check
from benchmarks.replication.plan import Run
from benchmarks.replication.statistics import paired
from benchmarks.replication.store import Store

DOCS = Path("docs")
OURS = "earned-trust"

HEAD = """# Replication: every table

Written by `python -m benchmarks.replication report` from what `make replicate-full` computed; the page
[when HERO helps, when it does not](../explanation/when-hero-helps.md) says what it means. {machine}, {processor}.
± is the half-width of a 95 % interval over seeds (Student's t); differences are paired by seed, with 95 % intervals.
"""


def available(store: Store, cells: Mapping[Any, Sequence[Run]]) -> dict[Any, list[Mapping[str, Any]]]:
    """Return each cell's results, seed after seed up to the first that was not made; a cell without any is left out."""
    results = {cell: [store.run(run) for run in runs] for cell, runs in cells.items()}
    made = {cell: list(takewhile(lambda r: r is not None, found)) for cell, found in results.items()}
    return {cell: [r for r in found if r] for cell, found in made.items() if found}


def headline(store: Store, task: str, seeds: int, figures: Path) -> str:
    """Return the tables of one task, and draw its curves."""
    grid = protocol.headline(task, protocol.TASKS[task], range(seeds))
    results: Results = available(store, grid)
    if not results:
        return f"\n### {task}\n\nNot run.\n"
    text = f"\n### {task}\n\n" + tables.overview(grid, results)
    for recall in protocol.TASKS[task]:
        for name in (OURS, "stratified"):
            if (recall, name) in results:
                text += "\n" + tables.differences(results, recall, name)
    plots.training(results, figures / f"{task}.svg", f"{task}, mean and standard error over seeds")
    plots.hacking(results, figures / f"hacking-{task}.svg", protocol.CLAIMED)
    return text + "\n" + "".join(f"- {claim}\n" for claim in check(results))


def rates(store: Store, figures: Path) -> str:
    """Return what each learning rate gave on the dev problems, and draw the trap."""
    rows = [["task", "recall", "scheme", "learning rate", "seeds", "merit", *list(tables.COLUMNS.values())[:3]]]
    drawn: dict[str, dict[float, Mapping[str, float]]] = {}
    for task, recalls in protocol.TASKS.items():
        for recall in recalls:
            for name, scheme in protocol.schemes(recall).items():
                runs = protocol.tuning(task, recall, scheme)
                for rate in protocol.RATES:
                    found = [x["final"] for run in runs if run.rate == rate and (x := store.run(run))]
                    if not found or (name == "HERO as published"):
                        continue
                    means = {m: float(np.mean([f[m] for f in found])) for m in ("curve", "sampled", "greedy")}
                    merit = float(np.mean([protocol.merit(f) for f in found]))
                    shown = "any" if name == "RM only" else f"{recall:g}"
                    rows.append(
                        [
                            task,
                            shown,
                            name,
                            f"{rate:g}",
                            f"{len(found)}",
                            f"{merit:.3f}",
                            *(f"{x:.3f}" for x in means.values()),
                        ]
                    )
                    if (task, recall) == ("remainders", protocol.CLAIMED):
                        drawn.setdefault(name, {})[rate] = means
    plots.rates(drawn, figures / "learning-rates.svg")
    return tables.markdown(list(dict.fromkeys(map(tuple, rows))))


def tried(store: Store, figures: Path) -> str:
    """Return what the search tried, and draw it."""
    rows = [["scheme", *(f"{task}: {m}" for task in protocol.TASKS for m in ("curve", "sampled", "greedy"))]]
    points = {}
    for name, scheme in search.TRIED.items():
        cells = []
        for task in protocol.TASKS:
            found = [x["final"] for run in search.runs(task, scheme) if (x := store.run(run))]
            means = [
                float(np.mean([f[m] for f in found])) if found else float("nan") for m in ("curve", "sampled", "greedy")
            ]
            cells += [f"{x:.3f}" if found else "-" for x in means]
            if found:
                points.setdefault(task, {})[name] = (means[1], means[2])
        rows.append([name, *cells])
    plots.search(points, figures / "search.svg")
    return tables.markdown(rows)


def swept(store: Store, seeds: int, figures: Path) -> str:
    """Return the sweeps' tables, and draw the heat map."""
    text = ""
    for name, cells_of in sweeps.SWEEPS.items():
        cells = cells_of(range(seeds))
        results = available(store, cells)
        missing = len(cells) - len(results)
        text += f"\n### {name}, {seeds} seeds{f', {missing} of {len(cells)} cells not run' if missing else ''}\n\n"
        if results:
            text += sweeps.table(name, cells, results)
    heat(store, seeds, figures)
    return text


def heat(store: Store, seeds: int, figures: Path) -> None:
    """Draw "scheme minus best single source" over recall and the RM's AUC, for HERO and for our scheme."""
    results = available(store, sweeps.heat(range(seeds)))
    recalls, labels = ("1", "0.25", "0.1"), ("0", "64", "200")
    quality = []
    for count in labels:
        abouts = [store.model(run.base) for run in sweeps.heat(range(seeds))["RM only", "1", count]]
        quality.append(float(np.mean([about[1]["auc"] for about in abouts if about] or [np.nan])))
    for scheme in ("stratified", OURS):
        table = np.full((len(recalls), len(labels)), np.nan)
        for (i, recall), (j, count) in ((a, b) for a in enumerate(recalls) for b in enumerate(labels)):
            keys = [(name, recall, count) for name in (scheme, "verifier only", "RM only")]
            if all(key in results for key in keys):
                ours, *single = ([(x["final"]["sampled"]) for x in results[key]] for key in keys)
                table[i, j] = min(paired(ours, other).mean for other in single)
        if np.isfinite(table).any():
            title = f"{scheme} minus the best single source, sampled pass@1, {seeds} seeds"
            plots.heat(
                table,
                recalls,
                [f"{q:.2f}" if np.isfinite(q) else "-" for q in quality],
                figures / f"heat-{scheme}.svg",
                title,
            )


def write(cache: Path, seeds: int, sweep_seeds: int) -> Path:
    """Write page and figures; return the page's path."""
    store, figures = Store(cache), DOCS / "explanation" / "when-hero-helps"
    text = HEAD.format(machine=header("torch"), processor=platform.processor() or platform.machine())
    text += "\n## Held-out results\n"
    for task in protocol.TASKS:
        text += headline(store, task, seeds, figures)
    text += "\n## Learning rates, dev problems\n\n" + rates(store, figures)
    text += f"\n## The search, dev problems, recall {protocol.CLAIMED:g}, learning rate {search.RATE:g}\n\n" + tried(
        store, figures
    )
    text += "\n## Sweeps, held-out problems\n" + swept(store, sweep_seeds, figures)
    page = DOCS / "reference" / "replication.md"
    page.write_text(text)
    return page
