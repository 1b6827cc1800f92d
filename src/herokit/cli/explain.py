"""`herokit explain`: what each step did to each rollout of one group."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from herokit.cli import show
from herokit.config import load_scheme
from herokit.errors import DataError
from herokit.files.reading import named_fields, read_rollouts
from herokit.files.scoring import batches
from herokit.outcome import Explanation
from herokit.types import Sample


def explain(
    rollouts: Annotated[Path, typer.Argument(help="JSONL or Parquet, one row a completion.")],
    group: Annotated[str, typer.Option(help="The group to explain, as its column says.")],
    scheme: Annotated[Path | None, typer.Option(help="Scheme file, TOML or YAML; HERO on maths by default.")] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="PART=COLUMN, where PART is prompt, completion, reference or group; repeatable."),
    ] = None,
    batch_groups: Annotated[int, typer.Option(min=1, help="Prompts scored at a time, as `score` was told.")] = 64,
) -> None:
    """Show what each step of a scheme did to each rollout of one group.

    Scores the file up to that group, so that running means and rewards are those that `score` gives.
    """
    plan = load_scheme(scheme)
    samples = read_rollouts(rollouts, named_fields(field or ())).samples
    key = next((s.group for s in samples if str(s.group) == group), None)
    if key is None:
        raise DataError(
            f"{rollouts}: no group {group!r}; the first ones are {show.some(list(dict.fromkeys(s.group for s in samples)))}"
        )
    with plan.rewarder() as rewarder:
        for rows in batches(samples, batch_groups):
            outcome = rewarder([samples[row] for row in rows])
            if key in outcome.keys:
                show_explanation(outcome.explain(key), [samples[row] for row in rows if samples[row].group == key])
                return


def show_explanation(found: Explanation, samples: list[Sample]) -> None:
    """Print one group: a row a rollout, a column a signal or step."""
    show.out.print(Text(f"group {found.key}: {samples[0].prompt}"), "")
    lines = Table(header_style="dim", box=None, pad_edge=False)
    lines.add_column("", justify="right")
    for line in found.lines:
        lines.add_column(Text(line.name.partition("(")[0]), justify="right", min_width=7, overflow="fold")
    for row in range(len(samples)):
        values = (line.values[row] for line in found.lines)
        lines.add_row(f"#{row + 1}", *("-" if value is None else f"{value:.4f}" for value in values))
    show.out.print(lines, "")
    steps = [line.name for line in found.lines if "(" in line.name]
    show.out.print(Text(f"Steps: {', then '.join(steps)}", style="dim"), "")
    for number, (sample, problems) in enumerate(zip(samples, found.problems, strict=True), start=1):
        tail = " ".join(sample.completion.split())[-68:]
        show.out.print(Text(f"#{number} ... {tail}" + "".join(f"  [{p}]" for p in problems)))
