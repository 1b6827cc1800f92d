"""`herokit explain`: what each step did to each rollout of one group."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from herokit.cli import console
from herokit.cli.options import BatchGroups, Columns, JsonFlag, Rollouts, SchemeName
from herokit.config.scheme import load_scheme
from herokit.errors import DataError
from herokit.files.blocks import find_inputs
from herokit.files.group_batches import GroupBatch, index_input, read_batches, spill
from herokit.files.reading import parse_columns
from herokit.outcome import Explanation
from herokit.rewarder import Rewarder
from herokit.types import Sample

__all__ = ["explain"]

_MAX_TEXT = 68
"""Characters shown of the end of a completion."""


def explain(
    rollouts: Rollouts,
    group: Annotated[str, typer.Option(help="The group to explain: its value in the group column.")],
    scheme: SchemeName = None,
    column: Columns = None,
    batch_groups: BatchGroups = 64,
    as_json: JsonFlag = False,
) -> None:
    """Show what each step of a scheme did to each rollout of one group.

    Scores the input up to that group, so that running means and rewards are those of `herokit score` with the same
    --batch-groups.
    """
    with console.redirect_stdout_to_stderr(as_json):
        loaded = load_scheme(scheme)
    with loaded.rewarder(equal_prompts=False) as rewarder, TemporaryDirectory(prefix="herokit-") as name:
        folder, location = Path(name), " ".join(rollouts)
        index = index_input(location, find_inputs(rollouts), parse_columns(column or ()), folder)
        if not index.contiguous:
            spill(index, folder)
        _check_group(group, read_batches(index, batch_groups, folder=folder), location, index.groups)
        with console.redirect_stdout_to_stderr(as_json):
            explanation, samples = _explain_group(group, read_batches(index, batch_groups, folder=folder), rewarder)
    (_write_explanation if as_json else _print_explanation)(explanation, samples)


def _check_group(group: str, batches: Iterable[GroupBatch], location: str, count: int) -> None:
    """Check that a group exists, before anything is scored."""
    first: dict[str, None] = {}
    for batch in batches:
        names = dict.fromkeys(str(sample.group) for sample in batch.samples)
        if group in names:
            return
        if len(first) <= console.MAX_SHOWN:
            first |= names
    raise DataError(f"{location}: no group {group!r}; the first ones are {console.abbreviate(list(first), count)}")


def _explain_group(group: str, batches: Iterable[GroupBatch], rewarder: Rewarder) -> tuple[Explanation, list[Sample]]:
    """Score batches up to the one with the group; return the group's explanation and rollouts."""
    for batch in batches:
        output = rewarder(batch.samples)
        key = next((sample.group for sample in batch.samples if str(sample.group) == group), None)
        if key is not None:
            return output.explain(key), [sample for sample in batch.samples if sample.group == key]
    raise DataError(f"no group {group!r}")


def _write_explanation(explanation: Explanation, samples: list[Sample]) -> None:
    """Write JSON: for every rollout the value of each signal and step, null for no value."""
    data = {
        "group": str(explanation.group),
        "prompt": samples[0].prompt_text,
        "rows": [row.name for row in explanation.rows],
        "rollouts": [
            {
                "completion": s.completion_text,
                "values": [row.values[i] for row in explanation.rows],
                "problems": problems,
            }
            for i, (s, problems) in enumerate(zip(samples, explanation.problems, strict=True))
        ],
    }
    sys.stdout.write(json.dumps(data) + "\n")


def _print_explanation(explanation: Explanation, samples: list[Sample]) -> None:
    """Print a table: one row per rollout, one column per signal or step."""
    console.out.print(console.printable(f"group {explanation.group}: {samples[0].prompt_text}"), "")
    table = Table(header_style="dim", box=None, pad_edge=False)
    table.add_column("", justify="right")
    for row in explanation.rows:
        table.add_column(Text(row.name.partition("(")[0]), justify="right", min_width=7, overflow="fold")
    for i in range(len(samples)):
        values = (row.values[i] for row in explanation.rows)
        table.add_row(f"#{i + 1}", *("-" if value is None else f"{value:.4f}" for value in values))
    console.out.print(table, "")
    steps = [row.name for row in explanation.rows if "(" in row.name]
    text = f"Steps: {', then '.join(steps)}" if steps else "No step ran: no rollout of this group has all its signals."
    console.out.print(Text(text, style="dim"), "")
    for number, (sample, problems) in enumerate(zip(samples, explanation.problems, strict=True), start=1):
        tail = " ".join(sample.completion_text.split())[-_MAX_TEXT:]
        line = f"#{number} ... {tail}" + "".join(f"  [{problem}]" for problem in problems)
        console.out.print(console.printable(line), soft_wrap=True)
