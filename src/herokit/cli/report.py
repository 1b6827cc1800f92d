"""`herokit report`: scored rollouts as one HTML page."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from herokit.cli import console
from herokit.files.reading import parse_columns


def report(
    results: Annotated[str, typer.Argument(help="What `herokit score` has written: a file or a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path("report.html"),
    compare: Annotated[str | None, typer.Option(help="Results of another scheme or run, to set beside them.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="ROLE=COLUMN, as for `herokit score`; repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Draw scored rollouts: rewards by stratum, groups, weights, drift, hacking, disagreements. One file, works offline.

    Of results that were scored more than once, under several prefixes, the last are drawn.
    """
    from herokit.report import write_report

    made = write_report(results, output, other=compare, columns=parse_columns(column or ()))
    if as_json:
        sys.stdout.write(json.dumps({"report": str(made), "bytes": made.stat().st_size}) + "\n")
        return
    console.out.print(console.said(f"Report: {made} ({made.stat().st_size / 1e6:.1f} MB)"), soft_wrap=True)
