"""``python -m benchmarks.replication``: the headline grid, its table, figures and claims. ``--help`` lists the rest.

What was computed is kept in ``.replication/`` and not computed again; stop it and go on at any time.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from benchmarks.machine import header
from benchmarks.replication import goal as goals
from benchmarks.replication import plots, protocol, sweeps, tables
from benchmarks.replication import report as pages
from benchmarks.replication import search as candidates
from benchmarks.replication.claims import Results, check
from benchmarks.replication.plan import Run
from benchmarks.replication.rollouts import write_rollouts
from benchmarks.replication.statistics import interval
from benchmarks.replication.store import Store
from benchmarks.replication.work import make

app = typer.Typer(add_completion=False, help=__doc__, no_args_is_help=False)
Cache = Annotated[Path, typer.Option(help="Where results are kept.")]
Processes = Annotated[int, typer.Option(help="How many work at once, one thread each; 0 works in this process.")]
Seeds = Annotated[int, typer.Option(help="How many held-out seeds.")]
First = Annotated[int, typer.Option(help="The first of them. Seeds 0 to 7 were read while schemes were being chosen.")]
OwnWorlds = Annotated[
    bool, typer.Option("--own-worlds", help="Give every seed its own tables of mistakes, problems and forms.")
]
HERE = Path(".replication")


def found(store: Store, runs: Sequence[Run]) -> list[Mapping[str, Any]]:
    """Return the results of runs that were made."""
    return [result for run in runs if (result := store.run(run)) is not None]


@app.callback(invoke_without_command=True)
def headline(
    context: typer.Context,
    cache: Cache = HERE,
    processes: Processes = 2,
    seeds: Seeds = 5,
    first_seed: First = 0,
    own_worlds: OwnWorlds = False,  # noqa: FBT002 - typer's way
    tasks: Annotated[str, typer.Option(help="Of remainders, equations; parted by commas.")] = "remainders",
) -> None:
    """Run the headline grid: recall 1, 0.25 and 0.1 by six schemes; print the table and what holds."""
    if context.invoked_subcommand:
        return
    begun, store = perf_counter(), Store(cache)
    print(header("torch"))
    for task in tasks.split(","):
        recalls = protocol.TASKS[task]
        grid = protocol.headline(task, recalls, range(first_seed, first_seed + seeds), own_worlds=own_worlds)
        make(cache, [run for runs in grid.values() for run in runs], processes)
        results: Results = {cell: found(store, runs) for cell, runs in grid.items()}
        bases = [store.model(run.base) for run in next(iter(grid.values()))]
        quality = interval([about[1]["auc"] for about in bases if about])
        text = f"{task}, {seeds} seeds; RM AUC before training {quality.mean:.3f} ± {quality.half:.3f}\n\n"
        text += tables.overview(grid, results) + "\n"
        text += "\n".join(tables.differences(results, recall, "stratified") for recall in recalls)
        claims = "".join(f"- {claim}\n" for claim in check(results))
        (cache / f"{task}.md").write_text(f"{text}\n{claims}")
        tables.curves(
            ((r, x) for cell, runs in grid.items() for r, x in zip(runs, results[cell], strict=True)),
            cache / f"{task}.parquet",
        )
        plots.training(results, cache / f"{task}.svg", f"{task}, {seeds} seeds")
        plots.hacking(results, cache / f"{task}-hacking.svg", 0.1)
        print(f"\n{text}\n{claims}")
        speed = interval([result["rollouts_per_second"] for runs in results.values() for result in runs])
        print(f"{speed.mean:,.0f} rollouts a second and process; {cache / task}.md, .parquet, .svg written")
    print(f"{perf_counter() - begun:.0f} s of wall time")


@app.command()
def tune(cache: Cache = HERE, processes: Processes = 2) -> None:
    """Choose every scheme's learning rate on the dev problems, and write them where the headline finds them."""
    store, rates = Store(cache), dict[str, Any]()
    for task in protocol.TASKS:
        for recall in protocol.TASKS[task]:
            for scheme in protocol.schemes(recall).values():
                runs = protocol.tuning(task, recall, scheme)
                make(cache, runs, processes)
                merits = {
                    rate: interval(
                        [protocol.merit(r["final"]) for r in found(store, [x for x in runs if x.rate == rate])]
                    ).mean
                    for rate in protocol.RATES
                }
                best = max(merits, key=lambda rate: merits[rate])
                heard = protocol.heard(scheme, recall)
                rates.setdefault(task, {}).setdefault(f"{heard:g}", {})[str(protocol.tuned_as(scheme))] = best
                print(
                    task,
                    f"{recall:g}",
                    scheme,
                    {f"{k:g}": round(v, 3) for k, v in merits.items()},
                    f"-> {best:g}",
                    "ON THE EDGE OF THE GRID" * protocol.at_edge(merits),
                )
    protocol.CHOSEN.write_text(json.dumps(rates, indent=2) + "\n")


@app.command()
def sweep(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(sweeps.SWEEPS)}; all by default.")] = None,
    cache: Cache = HERE,
    processes: Processes = 2,
    seeds: Seeds = 2,
) -> None:
    """Run grids that change one thing at a time; print a table each."""
    store = Store(cache)
    for name in names or sweeps.SWEEPS:
        cells = sweeps.SWEEPS[name](range(seeds))
        make(cache, [run for runs in cells.values() for run in runs], processes)
        text = sweeps.table(name, cells, {cell: found(store, runs) for cell, runs in cells.items()})
        (cache / f"sweep-{name}.md").write_text(text)
        print(text)


@app.command(name="goal")
def judge(
    cache: Cache = HERE,
    processes: Processes = 2,
    seeds: Seeds = 8,
    first_seed: First = 0,
    own_worlds: OwnWorlds = False,  # noqa: FBT002 - typer's way
) -> None:
    """Judge the goal: situation by situation, seed by seed, so that what is cut off has whole seeds."""
    store = Store(cache)
    for where in (*goals.KNOWN, *goals.ORDER):
        cells = goals.grid(where, range(first_seed, first_seed + seeds), own_worlds=own_worlds)
        make(cache, [run for seed in zip(*cells.values(), strict=True) for run in seed], processes)
        results: Results = {cell: found(store, runs) for cell, runs in cells.items()}
        print(f"\n{where.which}, recall {where.recall:g}\n\n{tables.overview(cells, results)}")
        print(f"{goals.table(results, where.recall)}\n{goals.compared(results, where.recall)}")


@app.command()
def search(cache: Cache = HERE, processes: Processes = 2) -> None:
    """Run everything that the search for a better scheme tried, on the dev problems."""
    make(
        cache,
        [
            run
            for task in protocol.TASKS
            for scheme in candidates.TRIED.values()
            for run in candidates.runs(task, scheme)
        ],
        processes,
    )


@app.command()
def rollouts(
    cache: Cache = HERE,
    seeds: Seeds = 2,
    scheme: Annotated[str, typer.Option(help="A scheme of the headline.")] = "RM only",
    recall: Annotated[float, typer.Option(help="Of the verifier.")] = 1.0,
) -> None:
    """Train a run for each seed and write all its rollouts; `herokit check --rollouts` diagnoses them."""
    cache.mkdir(parents=True, exist_ok=True)
    for run in protocol.headline("remainders", [recall], range(seeds))[recall, scheme]:
        path = cache / f"{scheme.replace(' ', '-')}-recall-{recall:g}-seed-{run.base.seed}.parquet"
        write_rollouts(cache, run, path)
        print(f"{path} written", flush=True)


@app.command()
def report(
    cache: Cache = HERE,
    seeds: Seeds = 8,
    first_seed: First = 0,
    sweep_seeds: Annotated[int, typer.Option(help="Seeds of a sweep.")] = 2,
    own_worlds: OwnWorlds = False,  # noqa: FBT002 - typer's way
    add: Annotated[  # noqa: FBT002 - typer's way
        bool,
        typer.Option(
            "--add", help="Keep the published values and add what the cache has beyond them, made on the same machine."
        ),
    ] = False,
) -> None:
    """Write the reference page and the figures from what the cache holds."""
    drawn = range(first_seed, first_seed + seeds)
    print(f"{pages.write(cache, drawn, sweep_seeds, own_worlds=own_worlds, add=add)} written")


if __name__ == "__main__":
    app()
