"""What `herokit check --rollouts` does: diagnose a run from its rollouts, without a scheme."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from herokit.cli import console
from herokit.cli.options import parse_arguments
from herokit.diagnosis import Diagnosis, Thresholds, diagnose
from herokit.errors import ConfigError, did_you_mean

__all__ = ["diagnose_rollouts"]

ROLES = ("verifier", "reward_model")
"""Roles of components, which ``--column`` takes besides those of columns."""


def diagnose_rollouts(path: str, *, columns: Sequence[str], thresholds: Sequence[str], as_json: bool) -> None:
    """Print the diagnosis of a run; the exit code is 1 unless it is healthy.

    Args:
        path: a scored file or a reward log.
        columns: texts ROLE=COLUMN.
        thresholds: texts NAME=VALUE.
        as_json: print JSON.

    Raises:
        ConfigError: an unknown threshold.
        DataError: no such file or column.
    """
    roles = {role: str(column) for role, column in parse_arguments("--column", columns).items()}
    sources = {role: roles.pop(role) for role in ROLES if role in roles}
    diagnosis = diagnose(path, columns=roles, thresholds=_parse_thresholds(thresholds), **sources)
    if as_json:
        sys.stdout.write(json.dumps(diagnosis.as_dict()) + "\n")
    else:
        _print(diagnosis)
    if diagnosis.word != "healthy":
        raise typer.Exit(1)


def _parse_thresholds(texts: Sequence[str]) -> Thresholds:
    arguments: dict[str, Any] = parse_arguments("--threshold", texts)
    names = [field.name for field in fields(Thresholds)]
    for name in arguments:
        if name not in names:
            raise ConfigError(f"unknown threshold {name!r}; {did_you_mean(name, names)}")
    return Thresholds(**arguments)


def _print(diagnosis: Diagnosis) -> None:
    """Print the word, the findings, the words of the groups and the numbers."""
    console.out.print(Text(str(diagnosis).split("\n")[0], style="bold"))
    console.out.print(*(Text(line) for line in str(diagnosis).split("\n")[1:]), sep="\n", soft_wrap=True)
    counts = Counter(diagnosis.groups.values())
    for word in counts:
        if word != "healthy":
            keys = ", ".join(map(str, diagnosis.examples[word]))
            console.out.print(console.printable(f"{word}, for example: {keys}"), soft_wrap=True)
    table = Table(header_style="dim", box=None, pad_edge=False)
    table.add_column("measured")
    table.add_column("", justify="right")
    for name, value in diagnosis.numbers.items():
        table.add_row(name, "-" if value != value else f"{value:.4g}")  # noqa: PLR0124 - NaN
    console.out.print("", table)
