"""The figures of the page: curves, hacking, the learning-rate trap, heat maps, the search."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.replication.claims import Results
from matplotlib import rcParams
from matplotlib.figure import Figure

rcParams["svg.hashsalt"] = "herokit"  # the same picture gives the same file
COLOURS = {
    "earned-trust": "#8172b3",
    "verifier only": "#4c72b0",
    "RM only": "#c44e52",
    "naive blend": "#8c8c8c",
    "stratified": "#dd8452",
    "HERO as published": "#937860",
    "hero-advantage": "#55a868",
}


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def _axes(figure: Figure, count: int) -> list[Any]:
    return list(np.atleast_1d(figure.subplots(1, count, sharey=True)))


def training(results: Results, path: Path, title: str) -> None:
    """Draw sampled pass@1 along the training, one panel a recall, mean and standard error over seeds."""
    asked = Counter(recall for recall, name in results if name != "RM only")  # RM only is the same at every recall
    recalls = sorted(asked or {recall for recall, _ in results}, reverse=True)
    figure = Figure(figsize=(3.6 * len(recalls), 3.1))
    for axis, recall in zip(_axes(figure, len(recalls)), recalls, strict=True):
        for (other, name), runs in results.items():
            if other != recall:
                continue
            steps = [row["step"] for row in runs[0]["curve"]]
            table = np.array([[row["pass1"] for row in run["curve"]] for run in runs])
            mean, error = table.mean(0), table.std(0) / np.sqrt(len(table))
            axis.plot(steps, mean, color=COLOURS.get(name), label=name, lw=1.4)
            axis.fill_between(steps, mean - error, mean + error, color=COLOURS.get(name), alpha=0.15, lw=0)
        axis.set(title=f"recall {recall:g}", xlabel="step")
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("sampled pass@1")
    figure.axes[-1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.suptitle(title, y=1.03, fontsize=10)
    _save(figure, path)


def hacking(results: Results, path: Path, recall: float) -> None:
    """Draw the RM's mean score against its AUC on the policy's own outputs, from the first look (dot) to the last."""
    figure = Figure(figsize=(4.6, 3.2))
    axis = figure.subplots()
    for (other, name), runs in results.items():
        if other == recall:
            score, auc = (
                np.array([[row[x] for row in run["curve"]] for run in runs]).mean(0) for x in ("score", "auc")
            )
            axis.plot(score, auc, color=COLOURS.get(name), label=name, lw=1.4)
            axis.plot(score[:1], auc[:1], "o", color="black", ms=4)
            axis.plot(score[-1:], auc[-1:], ">", color=COLOURS.get(name), ms=6)
    axis.set(xlabel="RM's mean score of the policy's outputs", ylabel="RM's AUC on them")
    axis.legend(fontsize=7)
    axis.grid(alpha=0.3)
    _save(figure, path)


def rates(found: Mapping[str, Mapping[float, Mapping[str, float]]], path: Path) -> None:
    """Draw sampled and greedy pass@1 at the end by learning rate, on the dev problems."""
    figure = Figure(figsize=(7.2, 3.0))
    for axis, measure in zip(_axes(figure, 2), ("sampled", "greedy"), strict=True):
        for name, by_rate in found.items():
            axis.plot(
                list(by_rate),
                [x[measure] for x in by_rate.values()],
                "o-",
                ms=3,
                lw=1.2,
                color=COLOURS.get(name),
                label=name,
            )
        axis.set(xscale="log", xlabel="learning rate", title=f"{measure} pass@1")
        axis.set_xticks(
            sorted({r for x in found.values() for r in x}),
            labels=[f"{r:g}" for r in sorted({r for x in found.values() for r in x})],
        )
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    if found:
        figure.axes[-1].legend(fontsize=7)
    _save(figure, path)


def heat(table: Any, rows: Sequence[str], columns: Sequence[str], path: Path, title: str) -> None:
    """Draw a heat map of differences, recall down and the RM's AUC across, each cell with its number."""
    figure = Figure(figsize=(1.3 + 1.1 * len(columns), 0.9 + 0.6 * len(rows)))
    axis = figure.subplots()
    reach = float(np.nanmax(np.abs(table)))
    axis.imshow(table, cmap="RdBu", vmin=-reach, vmax=reach, aspect="auto")
    for (i, j), value in np.ndenumerate(table):
        told = f"{value:+.2f}" if np.isfinite(value) else "not run"
        on_dark = abs(value) > 0.6 * reach
        axis.text(j, i, told, ha="center", va="center", fontsize=9, color="white" if on_dark else "black")
    axis.set_xticks(range(len(columns)), labels=list(columns))
    axis.set_yticks(range(len(rows)), labels=list(rows))
    axis.set(xlabel="RM's AUC before training", ylabel="verifier's recall")
    axis.set_title(title, fontsize=9)
    _save(figure, path)


def search(points: Mapping[str, Mapping[str, tuple[float, float]]], path: Path) -> None:
    """Draw every scheme tried, sampled against greedy pass@1, one panel a task; up and to the right is better."""
    figure = Figure(figsize=(4.2 * max(1, len(points)), 4.0))
    numbers = {name: i + 1 for i, name in enumerate(dict.fromkeys(n for by_name in points.values() for n in by_name))}
    for axis, (task, by_name) in zip(
        np.atleast_1d(figure.subplots(1, max(1, len(points)))), points.items(), strict=False
    ):
        for name, (sampled, greedy) in by_name.items():
            axis.plot(sampled, greedy, "o", ms=5, color=COLOURS.get(name, "#bbbbbb"))
            axis.annotate(numbers[name], (sampled, greedy), fontsize=8, xytext=(4, 2), textcoords="offset points")
        axis.set(title=task, xlabel="sampled pass@1", ylabel="greedy pass@1")
        axis.grid(alpha=0.3)
    names = "\n".join(f"{i}  {name}" for name, i in numbers.items())
    figure.tight_layout()
    figure.text(1.01, 0.5, names, fontsize=8, va="center")
    _save(figure, path)
