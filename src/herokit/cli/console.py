"""Print tables, summaries, problems and progress."""

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from herokit._display import escape_controls
from herokit.errors import NoSignalWarning
from herokit.files.reading import format_columns
from herokit.pipeline.run import RunCallback
from herokit.pipeline.summary import Summary
from herokit.registry import Registry

__all__ = [
    "MAX_SHOWN",
    "abbreviate",
    "err",
    "make_table",
    "out",
    "print_message_texts",
    "print_plugins",
    "print_problem",
    "print_summary",
    "print_warnings",
    "printable",
    "progress_bar",
    "redirect_stdout_to_stderr",
]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)

MAX_PIPED_WIDTH = 1000
"""The width of tables that no terminal shows."""

MAX_SHOWN = 3
"""Rows or groups that a message names; it also says how many there are."""


def printable(text: str, style: str = "") -> Text:
    r"""Escape the control characters of a text that a model may have written.

    Example:
        >>> print(printable("a \x1b[2J b"))
        a \x1b[2J b
    """
    return Text(escape_controls(text), style=style)


def redirect_stdout_to_stderr(as_json: bool) -> AbstractContextManager[object]:  # noqa: FBT001 - the value of --json
    """Return a context in which sources and a user's own code print to standard error, if standard output is JSON."""
    return redirect_stdout(sys.stderr) if as_json else nullcontext()


def print_problem(kind: str, message: str) -> None:
    """Print one line on standard error."""
    style = "bold red" if kind == "error" else "bold yellow"
    err.print(Text.assemble((f"{kind}: ", style), printable(" ".join(message.split()))))


def print_message_texts(location: str, roles: Sequence[str]) -> None:
    """Say which roles hold chat messages as text, so that sources take them for what was written.

    Args:
        location: the input.
        roles: prompt, completion or both; none says nothing.
    """
    if roles:
        print_problem(
            "note",
            f"{location}: the {' and the '.join(roles)} of every row is the text of chat messages, and is judged as that text; "
            "write it as a list of messages (json.loads, or ast.literal_eval for Python's form)",
        )


@contextmanager
def print_warnings(location: str) -> Iterator[None]:
    """Print warnings about parts of a reward that teach nothing as notes, on standard error.

    Args:
        location: the scheme.
    """
    with warnings.catch_warnings():
        show = warnings.showwarning
        warnings.simplefilter("always", NoSignalWarning)

        def print_note(message: Any, category: type[Warning], filename: str, lineno: int, *rest: Any) -> None:
            if issubclass(category, NoSignalWarning):
                print_problem("note", f"{location}: {message}")
            else:
                show(message, category, filename, lineno, *rest)

        warnings.showwarning = print_note  # type: ignore[assignment] # its last parameters have defaults
        yield


def make_table(title: str, *columns: str) -> Table:
    """Return an empty table: the first column is text, the others are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left", no_wrap=True)
    return table


def abbreviate(items: Sequence[Any], count: int | None = None) -> str:
    """Return the first items and the number of the others.

    Args:
        items: at least the first ones.
        count: how many there are in all; by default those given.

    Example:
        >>> abbreviate([1, 2, 3, 4, 5]), abbreviate([1, 2, 3, 4], 99)
        ('1, 2, 3 and 2 more', '1, 2, 3 and 96 more')
    """
    rest = (len(items) if count is None else count) - MAX_SHOWN
    return ", ".join(str(item) for item in items[:MAX_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _percent(count: int, total: int) -> str:
    """Return a fraction in percent.

    Example:
        >>> _percent(1, 8)
        '12.5 %'
    """
    return f"{100 * count / total:.1f} %" if total else "-"


def print_summary(summary: Summary, columns: Mapping[str, str], seconds: float, reports: Sequence[str]) -> None:
    """Print the summary of a scored input.

    Args:
        summary: the summary.
        columns: role -> the column that was read.
        seconds: wall time of the run.
        reports: lines about the sources.
    """
    prompts = "prompt" if summary.groups == 1 else "prompts"
    out.print(f"[bold]{summary.rows:,}[/] rollouts of [bold]{summary.groups:,}[/] {prompts}")
    out.print(printable(f"Columns: {format_columns(columns)}\n", "dim"))
    for table in (_composition_table(summary), _status_table(summary), _strata_table(summary), _signal_table(summary)):
        if table.row_count:
            out.print(table, "")
    if summary.weights.min != summary.weights.max:
        low, mean, high = summary.weights.min, summary.weights.mean, summary.weights.max
        out.print(f"Weights: {low:.3f} to {high:.3f}, mean {mean:.3f}")
    rates = ", ".join(f"{name} {summary.rows / s:,.0f}" for name, s in summary.seconds.items() if s > 0)
    out.print(f"Throughput: {summary.rows / seconds:,.0f} rollouts/s ({rates} by source)")
    for line in reports:
        out.print(printable(line, "dim"))


def _composition_table(summary: Summary) -> Table:
    table = make_table("Groups by verdict", "", "groups", "share")
    for name, count in sorted(summary.composition.items()):
        table.add_row(name, f"{count:,}", _percent(count, summary.groups))
    return table


def _status_table(summary: Summary) -> Table:
    table = make_table("Statuses", "source", "status", "rollouts", "share")
    table.columns[1].justify = "left"
    for source, counts in summary.statuses.items():
        for status, count in sorted(counts.items(), key=lambda item: -item[1]):
            table.add_row(source, status, f"{count:,}", _percent(count, summary.rows))
    return table


def _strata_table(summary: Summary) -> Table:
    table = make_table("Reward by stratum", "verdict", "rollouts", "min", "mean", "max")
    for name, s in summary.strata.items():
        if s.count:
            table.add_row(name, f"{s.count:,}", f"{s.min:.4f}", f"{s.mean:.4f}", f"{s.max:.4f}")
    return table


def _signal_table(summary: Summary) -> Table:
    table = make_table("Zero-signal groups", "reward", "groups", "share")
    if summary.zero_signal_groups_verifier is not None:
        count = summary.zero_signal_groups_verifier
        table.add_row("verifier only", f"{count:,}", _percent(count, summary.groups))
    count = summary.zero_signal_groups_scheme
    table.add_row("this scheme", f"{count:,}", _percent(count, summary.groups))
    return table


def print_plugins(registry: Registry) -> None:
    """Print every registered name with its kind, plugin and target."""
    table = Table(header_style="dim", box=None, pad_edge=False)
    for column in ("name", "kind", "plugin", "target"):
        table.add_column(column, no_wrap=column != "target", overflow="fold")
    for entry in registry:
        table.add_row(entry.name, entry.kind, entry.owner, entry.target)
    console = out if out.is_terminal else Console(highlight=False, width=MAX_PIPED_WIDTH)  # in a pipe, one line per row
    console.print(table)
    for owner, error in registry.load_errors.items():
        print_problem("warning", f"plugin {owner!r} could not be loaded: {error}")


class _Rate(ProgressColumn):
    """Rows per second since the bar appeared, and the time left at that rate."""

    def render(self, task: Task) -> Text:
        rows, seconds = task.completed - task.fields["first"], task.elapsed
        if not seconds or rows <= 0:
            return Text("")
        text = f"{rows / seconds:,.0f} rows/s"
        if task.total is not None:
            text += f", {timedelta(seconds=round((task.total - task.completed) * seconds / rows))} left"
        return Text(text, style="dim")


@contextmanager
def progress_bar() -> Iterator[RunCallback]:
    """Show stage, rows, rows per second and time left of a run on standard error, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def update(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bar.update(task, visible=False)
                tasks[stage] = bar.add_task(stage, total=total, first=done, completed=done)
            bar.update(tasks[stage], completed=done)

        yield update
