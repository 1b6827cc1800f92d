"""`herokit check`: which laws a scheme keeps and breaks, with counterexamples, before it costs GPU-days."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from herokit.cli import console
from herokit.errors import ConfigError, SetupError
from herokit.trainers import find_trainer

if TYPE_CHECKING:
    from herokit.testing import Report, Result

STYLES = {"passed": "green", "failed": "bold red", "xpassed": "bold red", "xfailed": "yellow", "skipped": "dim"}


def check(
    scheme: Annotated[
        str,
        typer.Argument(
            help="A scheme file, a registered name such as hero, or FILE.py:OBJECT (a chain, verifier, ...)."
        ),
    ],
    trainer: Annotated[str, typer.Option(help="Whose normalization follows: trl, verl, openrlhf ...")] = "dr-grpo",
    budget: Annotated[str, typer.Option(help="Wall time for all of it, about: 60s, 5m.")] = "60s",
    answers: Annotated[str, typer.Option(help="What answers look like to its verifiers: math, plain.")] = "math",
    expect: Annotated[
        list[str] | None, typer.Option(help="LAW=REASON: a law that breaks by design; repeatable.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Check a reward scheme against laws; exit code 1 if one is broken without a reason.

    Each broken law comes with its smallest counterexample and what it would do in training.
    """
    try:
        from herokit.testing import report as write
        from herokit.testing.check_scheme import resolve_target
        from herokit.testing.survey import survey
    except ModuleNotFoundError as error:
        raise SetupError(f"herokit check needs {error.name}: pip install 'herokit[testing]'") from error
    if markdown:
        _write(markdown, "", mode="a")  # before the budget is spent; an earlier report stays until there is a new one
    known = dict(_pair(text) for text in expect or ())
    where = find_trainer(trainer)
    reports = []
    with console.aside(as_json):
        asked = survey(
            resolve_target(scheme), trainer=trainer, budget=_seconds(budget), answer_format=answers, expected=known
        )
        for report in asked:
            reports.append(report)
            if not as_json:
                console.out.print(Text(f"{report.name}, then {where.name}: {where.source}", style="bold"))
                console.out.print(_table(report), *([Text(report.note)] if report.note else []), "")
                for result in report.failures:
                    _explain(result)
    if as_json:
        sys.stdout.write(json.dumps([report.as_dict() for report in reports]) + "\n")
    if markdown:
        _write(markdown, write.markdown(reports, trainer=trainer), mode="w")
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


def _write(path: Path, text: str, *, mode: Literal["a", "w"]) -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error


def _table(report: "Report") -> Table:
    from herokit.testing.report import said

    table = Table(header_style="dim", box=None, pad_edge=False)
    table.add_column("law", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for result in report:
        table.add_row(result.law, Text(result.outcome, style=STYLES[result.outcome]), Text(said(result)))
    return table


def _explain(result: "Result") -> None:
    """Print a broken law: what it says, what is wrong, the smallest group that shows it, what it would do."""
    console.out.print(Text(f"{result.law}: {result.outcome}", style="bold red"))
    console.out.print(Text(result.statement))
    console.out.print(Text(result.message))
    if result.counterexample and result.counterexample.columns:
        console.out.print(Text(f"\n{result.counterexample}\n"), soft_wrap=True)
    if result.consequence:
        console.out.print(Text(f"In training: {result.consequence}\n"))


def _pair(text: str) -> tuple[str, str]:
    law, found, reason = text.partition("=")
    if not found or not reason.strip():
        raise ConfigError(
            f"--expect {text}: expected LAW=REASON, e.g. --expect 'robust_to_score_noise=min-max stretches near-ties'"
        )
    return law.strip(), reason.strip()


def _seconds(text: str) -> float:
    """Read a time such as 60s, 5m or 90.

    Raises:
        ConfigError: it is none.
    """
    factor = {"s": 1.0, "m": 60.0}.get(text[-1:])
    try:
        seconds = float(text if factor is None else text[:-1]) * (factor or 1.0)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise ConfigError(f"--budget {text}: expected a time such as 60s or 5m")
    return seconds
