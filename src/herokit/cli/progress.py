"""A progress bar on standard error; silent where nobody looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from herokit.cli import console
from herokit.pipeline.run import RunCallback


class _Rate(ProgressColumn):
    """Rows a second since the bar began to move, and the time left at that rate."""

    def render(self, task: Task) -> Text:
        moved, seconds = task.completed - task.fields["first"], task.elapsed
        if not seconds or moved <= 0:
            return Text("")
        left = (
            ""
            if task.total is None
            else f", {timedelta(seconds=round((task.total - task.completed) * seconds / moved))} left"
        )
        return Text(f"{moved / seconds:,.0f} rows/s{left}", style="dim")


@contextmanager
def progress() -> Iterator[RunCallback]:
    """Show how far a run is: its step, rows, rows a second, time left. Nothing is printed unless to a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
    with Progress(*columns, console=console.err, transient=True, disable=not console.err.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def watch(what: str, done: int, to_do: int | None) -> None:
            if what not in tasks:
                for old in tasks.values():
                    bar.update(old, visible=False)
                tasks[what] = bar.add_task(what, total=to_do, first=done, completed=done)
            bar.update(tasks[what], completed=done)

        yield watch
