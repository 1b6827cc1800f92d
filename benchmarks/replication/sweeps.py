"""The grids that reviewers of the paper asked for: held-out problems, one thing changed at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.replication import tables
from benchmarks.replication.grpo import Batch
from benchmarks.replication.plan import Base, Run, Scheme
from benchmarks.replication.protocol import heard, schemes
from benchmarks.replication.statistics import interval
from benchmarks.replication.verifiers import SETTINGS

RATE, RECALL = 2e-4, 0.1
"""Where a sweep changes something else."""

Cells = Mapping[tuple[str, ...], list[Run]]
"""(name, ...) -> one run a seed."""


def _runs(scheme: Scheme, seeds: range, recall: float = RECALL, labels: int = 64, **other: object) -> list[Run]:
    runs = [Run(Base("remainders", seed, labels), scheme, heard(scheme, recall), RATE, "test") for seed in seeds]
    return [replace(run, **other) for run in runs]  # type: ignore[arg-type] # fields of Run


def bands(seeds: range) -> Cells:
    """Change alpha and beta, one at a time, divided by the group's deviation and centered only."""
    cells = {}
    for name in ("stratified", "hero_advantage"):
        for which in ("alpha", "beta"):
            for width in (0.01, 0.03, 0.1, 0.3):
                options = {"alpha": 0.1, "beta": 0.1} | {which: width}
                cells[name, which, f"{width:g}"] = _runs(Scheme(name).but(**options), seeds)
    return cells


def group_sizes(seeds: range) -> Cells:
    """Change the rollouts a problem; a step always draws 128."""
    cells = {}
    for size in (4, 8, 16):
        for name in ("verifier only", "RM only", "stratified", "earned-trust"):
            cells[name, f"{size}"] = _runs(schemes(RECALL)[name], seeds, batch=Batch(100, 128 // size, size))
    return cells


def heat(seeds: range) -> Cells:
    """Change the verifier's recall and the reward model's labels, for stratified and both single sources."""
    cells = {}
    for recall in (1.0, 0.25, 0.1):
        for labels in (0, 64, 200):
            for name in ("verifier only", "RM only", "stratified", "earned-trust"):
                scheme = schemes(0.1)[name]
                cells[name, f"{recall:g}", f"{labels}"] = _runs(
                    scheme, seeds, recall, labels if name != "verifier only" else 64
                )
    return cells


def false_positives(seeds: range) -> Cells:
    """Let the verifier accept wrong answers."""
    cells = {}
    for rate in (0.0, 0.003, 0.02, 0.05, 0.1):
        for name in ("verifier only", "RM only", "naive blend", "stratified", "earned-trust"):
            scheme = schemes(RECALL)[name]
            cells[name, f"{rate:g}"] = _runs(scheme, seeds, false_positives=0.0 if name == "RM only" else rate)
    return cells


def verifiers(seeds: range) -> Cells:
    """Change the verifier: recall and false positives by name, and strictness that a policy can learn."""
    cells = {}
    for setting, (recall, rate) in SETTINGS.items():
        for name in ("verifier only", "naive blend", "stratified", "hero-advantage", "earned-trust"):
            cells[name, setting] = _runs(schemes(RECALL)[name], seeds, recall, false_positives=rate)
    for name in ("verifier only", "naive blend", "stratified", "hero-advantage", "earned-trust"):
        cells[name, "strict, the same form for every problem"] = _runs(
            schemes(RECALL)[name], seeds, 0.25, learnable=True
        )
    return cells


def weights(seeds: range) -> Cells:
    """Change the weight's steepness and bounds, and where it acts."""
    cells = {("no weight, centered", ""): _runs(Scheme("stratified", trainer="dr-grpo"), seeds)}
    cells["on rewards, divided by the group's deviation", ""] = _runs(Scheme("hero"), seeds)
    cells["on rewards, divided by the batch's deviation", ""] = _runs(Scheme("hero", trainer="trl-batch"), seeds)
    cells["on rewards, centered", ""] = _runs(Scheme("hero", trainer="dr-grpo"), seeds)
    for low, high, steepness in ((0.5, 2.0, 5.0), (0.5, 2.0, 1.0), (0.5, 2.0, 20.0), (0.4, 3.0, 6.0), (0.1, 5.0, 5.0)):
        scheme = Scheme("hero_advantage").but(min_weight=low, max_weight=high, steepness=steepness)
        cells["on centered advantages", f"{low:g} to {high:g}, k = {steepness:g}"] = _runs(scheme, seeds)
    return cells


def normalizers(seeds: range) -> Cells:
    """Change how scores are normalized inside strata: min-max as published, rank, squashed z-score, quantiles."""
    cells = {}
    for how in ("min-max", "rank", "z-score", "quantile"):
        for trainer in ("trl", "dr-grpo"):
            cells[how, trainer] = _runs(Scheme("banded", (("how", how),), trainer), seeds)
    return cells


SWEEPS = {
    "heat": heat,
    "bands": bands,
    "group-sizes": group_sizes,
    "false-positives": false_positives,
    "verifiers": verifiers,
    "weights": weights,
    "normalizers": normalizers,
}
"""Name -> what makes its cells."""


def table(name: str, cells: Cells, results: Mapping[tuple[str, ...], Sequence[Mapping[str, Any]]]) -> str:
    """Return a sweep's means over seeds as a Markdown table."""
    measures = list(tables.COLUMNS)[:5]
    rows = [[name, "setting", *(tables.COLUMNS[m] for m in measures)]]
    for cell in cells:
        if cell in results:
            means = [interval([r["final"][m] for r in results[cell]]).mean for m in measures]
            rows.append([cell[0], " ".join(cell[1:]), *(f"{mean:.3f}" for mean in means)])
    return tables.markdown(rows)
