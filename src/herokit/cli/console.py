"""What the commands print: summaries as tables, errors as one line."""

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from herokit.files.reading import format_columns
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


def show_summary(summary: Summary, columns: Mapping[str, str], wall: float, used: Sequence[str]) -> None:
    """Print what a scored file holds, and which of its columns were taken for what."""
    out.print(f"[bold]{summary.rows:,}[/] rollouts of [bold]{summary.groups:,}[/] prompts")
    out.print(said(f"Columns: {format_columns(columns)}\n", "dim"))
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
                strata.add_row(name, f"{s.count:,}", f"{s.min:.4f}", f"{s.mean:.4f}", f"{s.max:.4f}")
        out.print(strata, "")
    out.print(_zero_signal_table(summary), "")
    if summary.weights.min != summary.weights.max:
        low, mean, high = summary.weights.min, summary.weights.mean, summary.weights.max
        out.print(f"Weights: {low:.3f} to {high:.3f}, mean {mean:.3f}")
    spent = ", ".join(f"{name} {summary.rows / s:,.0f}" for name, s in summary.seconds.items() if s > 0)
    out.print(f"Throughput: {summary.rows / wall:,.0f} rollouts/s ({spent} by source)")
    for line in used:
        out.print(said(line, "dim"))


def _zero_signal_table(summary: Summary) -> Table:
    groups = table("Zero-signal groups", "reward", "groups", "share")
    if summary.zero_signal_groups_verifier is not None:
        count = summary.zero_signal_groups_verifier
        groups.add_row("verifier only", f"{count:,}", part(count, summary.groups))
    count = summary.zero_signal_groups_scheme
    groups.add_row("this scheme", f"{count:,}", part(count, summary.groups))
    return groups


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
