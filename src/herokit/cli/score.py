"""`herokit score`: rewards for a rollout file of any length, which may be interrupted and resumed."""

import json
import shlex
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from herokit.cli import console
from herokit.cli.engine import find_engine
from herokit.cli.progress import progress
from herokit.config.scheme import Scheme, load_scheme, scheme_table
from herokit.errors import ConfigError, HerokitError, SignalError
from herokit.files.blocks import find_inputs
from herokit.files.group_batches import InputIndex
from herokit.files.reading import parse_columns
from herokit.files.writing import OUTPUT_SUFFIXES, find_output
from herokit.pipeline.checkpoint import RunProgress
from herokit.pipeline.run import Job, score_job
from herokit.registry import Registry, registry
from herokit.rewarder import Rewarder
from herokit.sources import execution


def score(  # noqa: PLR0913, PLR0917 - one parameter an option
    rollouts: Annotated[
        list[str],
        typer.Argument(help="JSONL (.gz, .zst) or Parquet, one row a completion: files, folders, globs."),
    ],
    scheme: Annotated[Path | None, typer.Option(help="Scheme file, TOML or YAML; HERO on maths by default.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", help=f"Where results go: {', '.join(OUTPUT_SUFFIXES)}, or a folder/ of Parquet files."
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="ROLE=COLUMN, where ROLE is prompt, completion, reference or group; repeatable."),
    ] = None,
    prefix: Annotated[str, typer.Option(help="Put before the names of the result columns.")] = "",
    batch_groups: Annotated[int, typer.Option(min=1, help="Prompts scored at a time.")] = 64,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run has stopped.")] = False,
    engine: Annotated[
        str | None, typer.Option(help="Where sources do their work, e.g. ray; in this process by default.")
    ] = None,
    engine_set: Annotated[
        list[str] | None, typer.Option("--engine-arg", help="NAME=VALUE, a setting of the engine; repeatable.")
    ] = None,
    checkpoint_every: Annotated[float, typer.Option(min=0, help="Seconds between checkpoints, at least.")] = 30.0,
    allow_incomplete: Annotated[
        bool,
        typer.Option(
            "--allow-incomplete", help="Exit with 0 although some rollouts got no reward, or are alone in their group."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Score rollouts: verify, ask the reward model, combine, write, summarize.

    Every input column is kept, rows stay in their order; each source's value, status and reason, reward, advantage
    and weight are added. Memory is bounded however long the input. What an interrupted run has scored lies in a
    folder beside the output, OUTPUT.part, and is gone when the output is there.
    """
    if resume and output is None:
        raise ConfigError("--resume goes on with an output that was begun: name it with -o")
    with console.aside(as_json):
        plan = load_scheme(scheme)
    for name in _unread(plan):
        console.complain(
            "note",
            f"{scheme or 'default scheme'}: no step reads source {name!r}; it is asked all the same, and a row on which it "
            "fails gets no reward",
        )
    job = Job(
        " ".join(rollouts),
        find_inputs(rollouts),
        parse_columns(column or ()),
        None if output is None else find_output(output),
        _settings(scheme_table(scheme)[0], registry()),
        prefix,
        batch_groups,
        resume,
        checkpoint_every,
    )
    place, run_sources = find_engine(engine, engine_set or ())
    with console.aside(as_json), Rewarder(place(plan.sources), plan.combiner) as rewarder, _terminable():
        try:
            with progress() as on_progress:
                done = score_job(job, rewarder, run_sources=run_sources, on_progress=on_progress)
        except KeyboardInterrupt as end:
            _how_to_go_on(end, "interrupted")
            raise typer.Exit(130) from None
        except HerokitError as error:
            console.complain("error", str(error))
            _how_to_go_on(error, "note")
            raise typer.Exit(2) from None
        used = [text for source in rewarder.sources.values() if (text := execution.report(source))]
    if as_json:
        told = done.summary.as_dict() | {"columns": done.index.columns, "wall": done.seconds}
        for failure in told["failures"].values():
            failure["rows"] = [done.index.row_label(row) for row in failure["rows"]]
        sys.stdout.write(json.dumps(told, default=str) + "\n")
    else:
        console.show_summary(done.summary, done.index.columns, done.seconds, used)
        if output:
            console.out.print(console.said(f"Results: {output}"), soft_wrap=True)
    if _tell(job.location, done.index, done) and not allow_incomplete:
        raise typer.Exit(2)


def _unread(plan: Scheme) -> Iterator[str]:
    """Find the sources that the steps would not miss under another name."""
    for name in plan.sources:
        try:
            Rewarder({f"{key} " if key == name else key: source for key, source in plan.sources.items()}, plan.combiner)
        except SignalError:
            continue
        yield name


def _settings(table: Mapping[str, Any], known: Registry) -> dict[str, Any]:
    """Return what decides about the results: the scheme, the versions of what it names, the files it names."""
    texts = set(_texts(table))
    owners = {known.find(text).owner for key, text in texts if key == "use"} | {"herokit"}
    return {
        "versions": {owner: _version(owner) for owner in sorted(owners)},
        "scheme": table,
        "files": {text: stamp for key, text in sorted(texts) if key != "use" and (stamp := _stamp(text))},
    }


def _texts(table: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Find every text in a scheme's table, with its key."""
    if isinstance(table, Mapping):
        for name, value in table.items():
            yield from _texts(value, name)
    elif isinstance(table, list):
        for value in table:
            yield from _texts(value, key)
    elif isinstance(table, str):
        yield key, table


def _stamp(text: str) -> str:
    """Describe the file or folder that a text names, such as a model's; empty if it names none."""
    try:
        path = Path(text)
        files = [p for p in path.iterdir() if p.is_file()] if path.is_dir() else [path]
        stats = [p.stat() for p in files]
    except (OSError, ValueError):
        return ""
    newest = max((s.st_mtime for s in stats), default=0.0)
    return f"{sum(s.st_size for s in stats)} bytes, changed {datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M:%S}"


def _version(owner: str) -> str:
    try:
        return version(owner)
    except PackageNotFoundError:  # a plugin that is no package of its own
        return "none"


@contextmanager
def _terminable() -> Iterator[None]:
    """Treat a request to end, as a cluster sends it, like Ctrl-C: what is done is kept."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _how_to_go_on(end: BaseException, kind: str) -> None:
    """Print what is saved of a run that has ended early, and the command that continues it."""
    notes = getattr(end, "__notes__", [])
    for note in notes:
        words = [word for word in sys.argv[1:] if word != "--resume"]
        console.complain(kind, note)
        console.err.print(shlex.join(["herokit", *words, "--resume"]), markup=False)
    if not notes and isinstance(end, KeyboardInterrupt):
        console.complain(kind, "no results saved")


def _tell(where: str, index: InputIndex, done: RunProgress) -> bool:
    """Say on standard error what a reader of the results must know; True if rollouts are unusable."""
    summary = done.summary
    if "group" not in index.columns:
        console.complain(
            "note", f"{where}: no group column; rows with the same prompt text share a group (--column group=COLUMN)"
        )
    if summary.mixed_prompt_groups:
        console.complain(
            "note",
            f"{where}: {summary.mixed_prompt_groups} groups have more than one prompt, group "
            f"{console.some(summary.mixed_prompt_examples, summary.mixed_prompt_groups)}: is an id used for two prompts, for example in two "
            "files that both count from 0? (--column group=COLUMN)",
        )
    shown = list(summary.failures.items())[: console.SHOWN]
    for why, failure in shown:
        rows = console.some([index.row_label(row) for row in failure.rows], failure.count)
        console.complain(
            "error", f"{where}: {failure.count} of {summary.rows} rollouts have no reward, row {rows}: {why}"
        )
    if rest := summary.invalid_rows - sum(failure.count for _, failure in shown):
        console.complain("error", f"{where}: {rest} more rollouts have no reward, for other reasons: see their reasons")
    if summary.singleton_groups:
        console.complain(
            "error",
            f"{where}: {summary.singleton_groups} groups have a single rollout, group {console.some(summary.singleton_examples, summary.singleton_groups)}: "
            "group-relative advantages need at least 2 per prompt; sample more or drop these rows",
        )
    return bool(summary.invalid_rows or summary.singleton_groups)
