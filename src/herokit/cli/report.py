"""`herokit report`: scored rollouts as a page, and as tables in a run's log."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from herokit.cli import console
from herokit.cli.options import Columns, JsonFlag
from herokit.files.reading import parse_columns

__all__ = ["report"]

Loggers: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(help="Put the tables into a run's log too: wandb or tensorboard; repeatable.", metavar="LOGGER"),
]
LogFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Where TensorBoard's events go; by default next to the page, report.tensorboard."),
]
MaxRollouts: TypeAlias = Annotated[
    int, typer.Option(min=1, help="Rollouts in the tables; of a longer input, complete groups spread evenly over it.")
]


def report(  # noqa: PLR0913, PLR0917 - one parameter per option
    results: Annotated[str, typer.Argument(help="The output of `herokit score`: a file or a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path("report.html"),
    compare: Annotated[str | None, typer.Option(help="Results of another scheme or run, to compare.")] = None,
    column: Columns = None,
    max_rollouts: MaxRollouts = 20_000,
    scheme: Annotated[
        str | None, typer.Option(help="Show what each step of this scheme makes of the results; no source runs.")
    ] = None,
    log_to: Loggers = None,
    log_folder: LogFolder = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write the page again after each change of the input, until Ctrl-C.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a page about scored rollouts: tables of groups and rollouts to filter, search and open, and charts.

    The result is one HTML file that works offline. If the rollouts were scored more than once, with several prefixes,
    the last results are drawn. --log-to has the same tables in W&B, with its own settings (WANDB_PROJECT, WANDB_MODE),
    or in TensorBoard, at the last training step of the input, else at its number of rows.
    """
    from herokit.report import exports, read_results, write_report
    from herokit.report.page import watch_inputs

    names, columns = log_to or [], parse_columns(column or ())

    def write() -> None:
        rollouts = read_results(results, columns)
        write_report(rollouts, output, other=compare, columns=columns, max_rollouts=max_rollouts, scheme=scheme)
        if names:
            tables = exports.make_export_tables(rollouts, max_rollouts)
            folder = log_folder or output.with_suffix(".tensorboard")
            exports.export_tables(tables, names, step=rollouts.last_step, folder=folder)
        _print_report(output, rollouts.last_step, names, as_json=as_json)

    exports.check_exports(names)
    with exports.open_run(names):
        if watch:
            inputs = [results, *([compare] if compare else [])]
            watch_inputs(inputs, write, lambda error: console.print_problem("note", str(error)))
        else:
            write()


def _print_report(path: Path, step: int, names: Sequence[str], *, as_json: bool) -> None:
    size = path.stat().st_size
    if as_json:
        sys.stdout.write(json.dumps({"report": str(path), "bytes": size}) + "\n")
        return
    logged = f"; tables logged to {' and '.join(names)} at step {step:,}" if names else ""
    console.out.print(console.printable(f"Report: {path} ({size / 1e6:.1f} MB){logged}"), soft_wrap=True)
