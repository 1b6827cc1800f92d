"""What the commands print: summaries as tables, errors as one line."""

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from herokit.files.reading import say_fields
from herokit.pipeline.summary import Summary
from herokit.registry import Registry

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)

PIPED = 1000
"""Characters of a line at most where no terminal shows it."""

SHOWN = 3
"""Rows or groups named in a complaint; the count says how many there are."""


_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that move a terminal's cursor, turn its writing around, or are none."""


def said(text: str, style: str = "") -> Text:
    r"""Return a text to print that a model may have had a hand in: what would steer the terminal is written out.

    Example:
        >>> print(said("a \x1b[2J b"))
        a \x1b[2J b
    """
    return Text(_STEERING.sub(lambda found: ascii(found.group())[1:-1], text), style=style)


def aside(as_json: bool) -> AbstractContextManager[object]:  # noqa: FBT001 - the option as it is
    """Keep what sources and a user's own code print out of JSON on standard output: it goes to standard error."""
    return redirect_stdout(sys.stderr) if as_json else nullcontext()


def complain(kind: str, message: str) -> None:
    """Print one line on standard error."""
    style = "bold red" if kind == "error" else "bold yellow"
    err.print(Text.assemble((f"{kind}: ", style), said(" ".join(message.split()))))


def table(title: str, *columns: str) -> Table:
    """Return an empty table: the first column is text, the others are numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for position, column in enumerate(columns):
        made.add_column(column, justify="right" if position else "left", no_wrap=True)
    return made


def part(count: int, whole: int) -> str:
    """Return a share in percent.

    Example:
        >>> part(1, 8)
        '12.5 %'
    """
    return f"{100 * count / whole:.1f} %" if whole else "-"


def show_summary(summary: Summary, fields: Mapping[str, str], wall: float, used: Sequence[str]) -> None:
    """Print what a scored file holds, and which of its columns were taken for what."""
    out.print(f"[bold]{summary.rows:,}[/] rollouts of [bold]{summary.groups:,}[/] prompts")
    out.print(said(f"Columns: {say_fields(fields)}\n", "dim"))
    if summary.composition:
        groups = table("Groups by verdict", "", "groups", "share")
        for name, count in sorted(summary.composition.items()):
            groups.add_row(name, f"{count:,}", part(count, summary.groups))
        out.print(groups, "")
    statuses = table("Statuses", "source", "status", "rollouts", "share")
    statuses.columns[1].justify = "left"
    for source, counts in summary.statuses.items():
        for status, count in sorted(counts.items(), key=lambda item: -item[1]):
            statuses.add_row(source, status, f"{count:,}", part(count, summary.rows))
    out.print(statuses, "")
    if any(s.count for s in summary.strata.values()):
        strata = table("Reward by stratum", "verdict", "rollouts", "min", "mean", "max")
        for name, s in summary.strata.items():
            if s.count:
                strata.add_row(name, f"{s.count:,}", f"{s.low:.4f}", f"{s.mean:.4f}", f"{s.high:.4f}")
        out.print(strata, "")
    out.print(_silent(summary), "")
    if summary.weights.low != summary.weights.high:
        low, mean, high = summary.weights.low, summary.weights.mean, summary.weights.high
        out.print(f"Weights: {low:.3f} to {high:.3f}, mean {mean:.3f}")
    spent = ", ".join(f"{name} {summary.rows / s:,.0f}" for name, s in summary.seconds.items() if s > 0)
    out.print(f"Throughput: {summary.rows / wall:,.0f} rollouts/s ({spent} by source)")
    for line in used:
        out.print(said(line, "dim"))


def _silent(summary: Summary) -> Table:
    silent = table("Groups that give no signal", "under", "groups", "share")
    if summary.silent_verifier is not None:
        silent.add_row("verifier only", f"{summary.silent_verifier:,}", part(summary.silent_verifier, summary.groups))
    silent.add_row("this scheme", f"{summary.silent_scheme:,}", part(summary.silent_scheme, summary.groups))
    return silent


def show_plugins(registry: Registry) -> None:
    """Print every registered name, what it makes and where it comes from."""
    names = Table(header_style="dim", box=None, pad_edge=False)
    for column in ("name", "kind", "plugin", "target"):
        names.add_column(column, no_wrap=column != "target", overflow="fold")
    for entry in registry:
        names.add_row(entry.name, entry.kind, entry.owner, entry.target)
    shown = out if out.is_terminal else Console(highlight=False, width=PIPED)  # in a pipe a row is a line
    shown.print(names)
    for owner, why in registry.broken.items():
        complain("warning", f"plugin {owner!r} could not be loaded: {why}")


def some(items: Sequence[Any], count: int | None = None) -> str:
    """Name the first few of many.

    Args:
        items: at least the first of them.
        count: how many there are in all, if not all are given.

    Example:
        >>> some([1, 2, 3, 4, 5]), some([1, 2, 3, 4], 99)
        ('1, 2, 3 and 2 more', '1, 2, 3 and 96 more')
    """
    rest = (len(items) if count is None else count) - SHOWN
    return ", ".join(str(item) for item in items[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
