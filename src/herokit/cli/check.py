"""`herokit check`: check a reward scheme against the laws before training."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer
from rich.table import Table
from rich.text import Text

from herokit.cli import console
from herokit.cli.options import JsonFlag
from herokit.errors import ConfigError, SetupError
from herokit.trainers import find_trainer

if TYPE_CHECKING:
    from herokit.testing import Report, Result

__all__ = ["check"]

STYLES = {"passed": "green", "failed": "bold red", "xpassed": "bold red", "xfailed": "yellow", "skipped": "dim"}

Target: TypeAlias = Annotated[
    str,
    typer.Argument(help="A scheme file, a registered name such as hero, or FILE.py:OBJECT (a chain, a verifier ...)."),
]
Trainer: TypeAlias = Annotated[
    str, typer.Option(help="The trainer that normalizes the rewards: trl, verl, openrlhf ...")
]
Budget: TypeAlias = Annotated[str, typer.Option(help="Approximate wall time in all: 60s, 5m.")]
Format: TypeAlias = Annotated[str, typer.Option(help="The answers in the verifiers' examples: math, plain.")]
Domain: TypeAlias = Annotated[
    str, typer.Option(help="What the answers are: integers, decimals, expressions, choice, short-text.")
]
Xfail: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="LAW=REASON", help="A law that may fail by design, with the reason; repeatable."),
]
Markdown: TypeAlias = Annotated[Path | None, typer.Option(help="Write the report to this file.")]


def check(
    scheme: Target,
    trainer: Trainer = "dr-grpo",
    budget: Budget = "60s",
    answer_format: Format = "math",
    domain: Domain = "integers",
    xfail: Xfail = None,
    markdown: Markdown = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a reward scheme against the laws; the exit code is 1 if one fails without a reason.

    Each failure is printed with its smallest counterexample and its consequence in training.
    """
    try:
        from herokit.testing import check_scheme, to_markdown
    except ModuleNotFoundError as error:
        raise SetupError(f"herokit check needs {error.name}: pip install 'herokit[testing]'") from error
    if markdown:
        _write(markdown, "", mode="a")  # fail before the budget is spent; an earlier report remains until then
    reasons, seconds = _parse_xfail(xfail or []), _parse_seconds(budget)
    reports = []
    with console.redirect_stdout_to_stderr(as_json):
        for report in check_scheme(
            scheme, trainer=trainer, budget=seconds, answer_format=answer_format, domain=domain, xfail=reasons
        ):
            reports.append(report)
            if not as_json:
                _print_report(report, trainer)
    if as_json:
        sys.stdout.write(json.dumps([report.as_dict() for report in reports]) + "\n")
    if markdown:
        _write(markdown, to_markdown(reports, trainer=trainer), mode="w")
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


def _write(path: Path, text: str, *, mode: Literal["a", "w"]) -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error


def _print_report(report: "Report", trainer: str) -> None:
    """Print a table of all laws, then each failure."""
    normalization = find_trainer(trainer)
    title = f"{report.name}, trainer {normalization.name}: {normalization.source}"
    table = Table(header_style="dim", box=None, pad_edge=False)
    table.add_column("law", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for result in report:
        table.add_row(result.law, Text(result.label, style=STYLES[result.outcome]), Text(result.details))
    console.out.print(Text(title, style="bold"))
    if report.headline:
        console.out.print(Text(f"{report.headline}\n", style="bold"))
    console.out.print(table, *([Text(report.note)] if report.note else []), "")
    for result in report.failures:
        _print_failure(result)


def _print_failure(result: "Result") -> None:
    """Print the statement of the law, what is wrong, the counterexample and the consequence."""
    console.out.print(Text(f"{result.law}: {result.label}", style="bold red"))
    console.out.print(Text(result.statement))
    if result.violation is None:
        console.out.print(Text(f"{result.details}\n"))
        return
    console.out.print(Text(result.message))
    if result.violation.columns:
        console.out.print(Text(f"\n{result.violation.counterexample}\n"), soft_wrap=True)
    console.out.print(Text(f"In training: {result.consequence}\n"))


def _parse_xfail(texts: list[str]) -> Mapping[str, str]:
    """Return law -> reason of texts LAW=REASON."""
    reasons = {}
    for text in texts:
        law, separator, reason = text.partition("=")
        if not separator or not reason.strip():
            example = "--xfail 'robust_to_score_noise=min-max stretches near ties'"
            raise ConfigError(f"--xfail {text}: expected LAW=REASON, for example {example}")
        reasons[law.strip()] = reason.strip()
    return reasons


def _parse_seconds(text: str) -> float:
    """Return the seconds of a time such as 60s, 5m or 90.

    Raises:
        ConfigError: it is not a positive time.
    """
    factor = {"s": 1.0, "m": 60.0}.get(text[-1:])
    try:
        seconds = float(text if factor is None else text[:-1]) * (factor or 1.0)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise ConfigError(f"--budget {text}: expected a time such as 60s or 5m")
    return seconds
