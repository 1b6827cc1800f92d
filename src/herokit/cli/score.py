"""`herokit score`: rewards for rollout files of any length; an interrupted run can be resumed."""

import json
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, TypeAlias

import typer

from herokit.cli import console
from herokit.cli.options import BatchGroups, Columns, JsonFlag, Rollouts, SchemeName
from herokit.cli.run_setup import find_engine, interrupt_on_sigterm, run_settings
from herokit.config.scheme import Scheme, build_scheme, read_scheme
from herokit.errors import ConfigError, HerokitError
from herokit.files.inputs import STANDARD_INPUT, find_inputs
from herokit.files.reading import parse_columns
from herokit.files.writing import OUTPUT_SUFFIXES, find_output
from herokit.pipeline.checkpoint import RunProgress
from herokit.pipeline.run import Job, score_job
from herokit.registry import get_registry
from herokit.rewarder import Rewarder
from herokit.sources import execution

__all__ = ["score"]

OUTPUT_HELP = f"The file of the results ({', '.join(OUTPUT_SUFFIXES)}), or a folder/ of Parquet files."
INCOMPLETE_HELP = "Exit with 0 even if rollouts have no reward, or are alone in their group."

Output: TypeAlias = Annotated[str | None, typer.Option("-o", "--output", help=OUTPUT_HELP)]
Prefix: TypeAlias = Annotated[str, typer.Option(help="Prepended to the names of the result columns.")]
Resume: TypeAlias = Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")]
Engine: TypeAlias = Annotated[str | None, typer.Option(help="Where sources run, e.g. ray; by default in this process.")]
EngineArgs: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="A parameter of the engine; repeatable.")
]
CheckpointEvery: TypeAlias = Annotated[float, typer.Option(min=0, help="Minimum seconds between two checkpoints.")]
Limit: TypeAlias = Annotated[int | None, typer.Option(min=1, help="Score only the first N rollouts of the input.")]
AllowIncomplete: TypeAlias = Annotated[bool, typer.Option("--allow-incomplete", help=INCOMPLETE_HELP)]


def score(  # noqa: PLR0913, PLR0917 - one parameter per option
    rollouts: Rollouts,
    scheme: SchemeName = None,
    output: Output = None,
    column: Columns = None,
    prefix: Prefix = "",
    batch_groups: BatchGroups = 64,
    resume: Resume = False,
    engine: Engine = None,
    engine_arg: EngineArgs = None,
    checkpoint_every: CheckpointEvery = 30.0,
    limit: Limit = None,
    allow_incomplete: AllowIncomplete = False,
    as_json: JsonFlag = False,
) -> None:
    """Score rollouts: run the verifiers and reward models, combine their values, write and summarize the results.

    Results keep all input columns and the order of rows, and add the value, status and reason of each source, and the
    reward, advantage and weight. Memory is bounded for any input length. An interrupted run is saved in OUTPUT.part.
    """
    if resume and STANDARD_INPUT in rollouts:
        raise ConfigError("--resume: standard input cannot be read again; write the rows to a file and score that")
    if resume and output is None:
        raise ConfigError("--resume requires --output")
    with console.redirect_stdout_to_stderr(as_json):
        table, location = read_scheme(scheme)
        loaded = build_scheme(table, location=location)
    settings, results = run_settings(table, get_registry()), find_output(output) if output else None
    paths, columns = find_inputs(rollouts), parse_columns(column or ())
    name = " ".join(rollouts)
    job = Job(name, paths, columns, results, settings, prefix, batch_groups, resume, checkpoint_every, limit)
    with console.redirect_stdout_to_stderr(as_json), console.print_warnings(location):
        progress, reports = _run(job, loaded, engine, engine_arg or ())
    _print_results(progress, output, reports, as_json=as_json)
    if _print_problems(job.location, progress) and not allow_incomplete:
        raise typer.Exit(2)


def _run(job: Job, scheme: Scheme, engine: str | None, arguments: Sequence[str]) -> tuple[RunProgress, list[str]]:
    """Score a job; return its progress and the reports of the sources."""
    place, run_sources = find_engine(engine, arguments)
    with Rewarder(place(scheme.sources), scheme.combiner, equal_prompts=False) as rewarder, interrupt_on_sigterm():
        try:
            with console.progress_bar() as callback:
                progress = score_job(job, rewarder, run_sources=run_sources, on_progress=callback)
        except KeyboardInterrupt as interrupt:
            _print_how_to_resume(interrupt, "interrupted")
            raise typer.Exit(130) from None
        except HerokitError as error:
            console.print_problem("error", str(error))
            _print_how_to_resume(error, "note")
            raise typer.Exit(2) from None
        return progress, [text for source in rewarder.sources.values() if (text := execution.report(source))]


def _print_how_to_resume(error: BaseException, kind: str) -> None:
    """Print what is saved of a run that ended early, and the command that continues it."""
    notes = getattr(error, "__notes__", [])
    for note in notes:
        words = [word for word in sys.argv[1:] if word != "--resume"]
        console.print_problem(kind, note)
        console.err.print(shlex.join(["herokit", *words, "--resume"]), markup=False)
    if not notes and isinstance(error, KeyboardInterrupt):
        console.print_problem(kind, "no results saved")


def _print_results(progress: RunProgress, output: str | None, reports: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        data = progress.summary.as_dict() | {"columns": progress.index.columns, "wall": progress.seconds}
        for failure in data["failures"].values():
            failure["rows"] = [progress.index.row_label(row) for row in failure["rows"]]
        sys.stdout.write(json.dumps(data, default=str) + "\n")
        return
    console.print_summary(progress.summary, progress.index.columns, progress.seconds, reports)
    if output:
        console.out.print(console.printable(f"Results: {output}"), soft_wrap=True)


def _print_problems(location: str, progress: RunProgress) -> bool:
    """Print the problems of a run on standard error; return whether rollouts cannot be used."""
    summary, index = progress.summary, progress.index
    if "group" not in index.columns:
        console.print_problem(
            "note", f"{location}: no group column; rows with the same prompt share a group (--column group=COLUMN)"
        )
    console.print_message_texts(location, index.message_texts)
    failures = list(summary.failures.items())[: console.MAX_SHOWN]
    for reason, failure in failures:
        rows = console.abbreviate([index.row_label(row) for row in failure.rows], failure.count)
        console.print_problem(
            "error", f"{location}: {failure.count} of {summary.rows} rollouts have no reward, row {rows}: {reason}"
        )
    if rest := summary.invalid_rows - sum(failure.count for _, failure in failures):
        console.print_problem(
            "error", f"{location}: {rest} more rollouts have no reward, for other reasons: see their reason columns"
        )
    if summary.singleton_groups:
        examples = console.abbreviate(summary.singleton_examples, summary.singleton_groups)
        have = "group has" if summary.singleton_groups == 1 else "groups have"
        console.print_problem(
            "error",
            f"{location}: {summary.singleton_groups} {have} a single rollout, group {examples}: "
            "group-relative advantages need at least 2 per prompt; sample more or drop these rows",
        )
    return bool(summary.invalid_rows or summary.singleton_groups)
