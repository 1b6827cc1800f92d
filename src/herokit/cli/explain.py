"""`herokit explain`: what each step did to each rollout of one group."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from herokit.cli import console
from herokit.config.scheme import load_scheme
from herokit.errors import DataError
from herokit.files.blocks import find_inputs
from herokit.files.group_batches import index_input, read_batches, spill
from herokit.files.reading import parse_columns
from herokit.outcome import Explanation
from herokit.types import Sample


def explain(
    rollouts: Annotated[
        list[str],
        typer.Argument(help="JSONL (.gz, .zst) or Parquet, one row a completion: files, folders, globs."),
    ],
    group: Annotated[str, typer.Option(help="The group to explain, as its column says.")],
    scheme: Annotated[Path | None, typer.Option(help="Scheme file, TOML or YAML; HERO on maths by default.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="ROLE=COLUMN, where ROLE is prompt, completion, reference or group; repeatable."),
    ] = None,
    batch_groups: Annotated[int, typer.Option(min=1, help="Prompts scored at a time, as `score` was told.")] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Show what each step of a scheme did to each rollout of one group.

    Scores the file up to that group, so that running means and rewards are those that `score` gives.
    """
    with console.aside(as_json):
        plan = load_scheme(scheme)
    with plan.rewarder() as rewarder, TemporaryDirectory(prefix="herokit-") as name:
        folder, where = Path(name), " ".join(rollouts)
        index = index_input(where, find_inputs(rollouts), parse_columns(column or ()), folder)
        if not index.contiguous:
            spill(index, folder)
        first: dict[str, None] = {}
        for batch in read_batches(index, batch_groups, folder=folder):
            first |= dict.fromkeys(str(s.group) for s in batch.samples) if len(first) <= console.SHOWN else {}
            if any(str(s.group) == group for s in batch.samples):
                break
        else:
            raise DataError(
                f"{where}: no group {group!r}; the first ones are {console.some(list(first), index.groups)}"
            )
        for batch in read_batches(index, batch_groups, folder=folder):
            with console.aside(as_json):
                outcome = rewarder(batch.samples)
            rows = [s for s in batch.samples if str(s.group) == group]
            if rows:
                (write_explanation if as_json else show_explanation)(
                    outcome.explain(rows[0].group), [s for s in rows if s.group == rows[0].group]
                )
                return


def write_explanation(found: Explanation, samples: list[Sample]) -> None:
    """Write one group as JSON: a row a rollout, with the value of each signal and step; null for no value."""
    told = {
        "group": str(found.group),
        "prompt": samples[0].prompt,
        "rows": [row.name for row in found.rows],
        "rollouts": [
            {"completion": s.completion, "values": [line.values[row] for line in found.rows], "problems": problems}
            for row, (s, problems) in enumerate(zip(samples, found.problems, strict=True))
        ],
    }
    sys.stdout.write(json.dumps(told) + "\n")


def show_explanation(found: Explanation, samples: list[Sample]) -> None:
    """Print one group: a row a rollout, a column a signal or step."""
    console.out.print(console.said(f"group {found.group}: {samples[0].prompt}"), "")
    lines = Table(header_style="dim", box=None, pad_edge=False)
    lines.add_column("", justify="right")
    for line in found.rows:
        lines.add_column(Text(line.name.partition("(")[0]), justify="right", min_width=7, overflow="fold")
    for row in range(len(samples)):
        values = (line.values[row] for line in found.rows)
        lines.add_row(f"#{row + 1}", *("-" if value is None else f"{value:.4f}" for value in values))
    console.out.print(lines, "")
    steps = [row.name for row in found.rows if "(" in line.name]
    told = ", then ".join(steps) or "none, for none of its rollouts could be used"
    console.out.print(Text(f"Steps: {told}", style="dim"), "")
    for number, (sample, problems) in enumerate(zip(samples, found.problems, strict=True), start=1):
        tail = " ".join(sample.completion.split())[-68:]
        console.out.print(console.said(f"#{number} ... {tail}" + "".join(f"  [{p}]" for p in problems)), soft_wrap=True)
