"""`herokit explain`: what each source and step did to each rollout of one group."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeAlias

import numpy as np
import typer

from herokit.cli import console
from herokit.cli.options import BatchGroups, Columns, JsonFlag, Rollouts, SchemeName
from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.config.scheme import load_scheme
from herokit.errors import DataError
from herokit.files.column_types import ColumnTypes
from herokit.files.group_batches import GroupBatch, InputIndex, index_input, read_batches, spill
from herokit.files.inputs import find_inputs
from herokit.files.reading import parse_columns
from herokit.outcome import Explanation, RewardOutput
from herokit.report.scored import ScoredColumns, find_scored_columns
from herokit.rewarder import Rewarder

__all__ = ["explain"]

Group: TypeAlias = Annotated[
    str | None,
    typer.Option(help="The group to explain: its value in the group column; by default the most telling one."),
]
Full: TypeAlias = Annotated[bool, typer.Option("--full", help="Show prompts, completions and answers whole.")]
Rescore: TypeAlias = Annotated[
    bool, typer.Option("--rescore", help="Run the sources even if the input holds their results.")
]


def explain(
    rollouts: Rollouts,
    group: Group = None,
    scheme: SchemeName = None,
    column: Columns = None,
    batch_groups: BatchGroups = 64,
    full: Full = False,
    rescore: Rescore = False,
    as_json: JsonFlag = False,
) -> None:
    """Show verdict, answer, reason and score of each rollout of one group, and what each step of a scheme did to it.

    Scores the input up to that group, so that running means and rewards are those of `herokit score` with the same
    --batch-groups. Without --group, shows the group of the first batch with the widest rewards, one with both verdicts
    if there is any. The results of a scored file are read from it, and no source runs.
    """
    with TemporaryDirectory(prefix="herokit-") as name:
        folder = Path(name)
        index = index_input(" ".join(rollouts), find_inputs(rollouts), parse_columns(column or ()), folder)
        console.print_message_texts(index.location, index.message_texts)
        if not index.contiguous:
            spill(index, folder)
        if group is not None:
            _check_group(group, read_batches(index, batch_groups, folder=folder), index)
        batches = read_batches(index, batch_groups, folder=folder)
        stored = None if rescore else find_scored_columns(ColumnTypes(index.types).names)
        with console.redirect_stdout_to_stderr(as_json):
            explanation = _explain(batches, group, scheme, stored)
    if as_json:
        _write_explanation(explanation)
        return
    console.out.print(console.printable(explanation.text(full=full)), soft_wrap=True)
    if group is None and index.groups > 1:
        seen = index.groups if stored and scheme is None else min(batch_groups, index.groups)
        of_all = f" (of {index.groups:,})" if seen < index.groups else ""
        note = f"\nThe most telling of {seen:,} groups{of_all}; --group NAME shows another."
        console.out.print(console.printable(note, "dim"))


def _check_group(group: str, batches: Iterable[GroupBatch], index: InputIndex) -> None:
    """Check that a group exists, before anything is scored."""
    first: dict[str, None] = {}
    for batch in batches:
        names = dict.fromkeys(str(sample.group) for sample in batch.samples)
        if group in names:
            return
        if len(first) <= console.MAX_SHOWN:
            first |= names
    shown = console.abbreviate(list(first), index.groups)
    raise DataError(f"{index.location}: no group {group!r}; the first ones are {shown}")


def _explain(
    batches: Iterable[GroupBatch], group: str | None, scheme: str | None, stored: ScoredColumns | None
) -> Explanation:
    """Explain a group, or the most telling one, from the results that the input holds or by scoring it."""
    if stored and scheme is None:
        return _pick(((batch, stored.read(batch.samples)) for batch in batches), group, whole_input=True)
    with load_scheme(scheme).rewarder(equal_prompts=False) as rewarder:
        return _pick(_score(batches, rewarder, stored), group, whole_input=False)


def _score(
    batches: Iterable[GroupBatch], rewarder: Rewarder, stored: ScoredColumns | None
) -> Iterator[tuple[GroupBatch, RewardOutput]]:
    """Yield each batch with its output; the sources do not run if the input holds the results of all of them."""
    is_stored = stored is not None and set(rewarder.sources).issubset(stored.sources)
    if stored is not None and not is_stored:
        missing = console.abbreviate([name for name in rewarder.sources if name not in stored.sources])
        console.print_problem("note", f"the input holds no results of source {missing}; the sources run again")
    for batch in batches:
        if stored is not None and is_stored:
            keys = [sample.group for sample in batch.samples]
            outputs = rewarder.add_turns(stored.outputs(batch.samples), batch.samples)
            yield batch, rewarder.combine(outputs, keys)
        else:
            yield batch, rewarder(batch.samples)


def _pick(scored: Iterable[tuple[GroupBatch, RewardOutput]], group: str | None, *, whole_input: bool) -> Explanation:
    """Return the explanation of a group; without a name, that of the most telling one."""
    best: tuple[tuple[bool, float], Explanation] | None = None
    for batch, output in scored:
        for key, rank in _rank_groups(output).items() if group is None else ():
            if best is None or rank > best[0]:
                best = rank, output.explain(key, batch.samples)
        key = next((sample.group for sample in batch.samples if str(sample.group) == group), None)
        if key is not None:
            return output.explain(key, batch.samples)
        if best is not None and not whole_input:
            break
    if best is None:
        raise DataError(f"no group {group!r}")
    return best[1]


def _rank_groups(output: RewardOutput) -> dict[object, tuple[bool, float]]:
    """Return how telling each group is: whether both verdicts occur, then how far its rewards lie apart."""
    verdicts = next(iter(output.verdicts.values()), None)
    rows: dict[object, list[int]] = {}
    for row, key in enumerate(output.group_keys):
        rows.setdefault(key, []).append(row)
    ranks: dict[object, tuple[bool, float]] = {}
    for key, members in rows.items():
        values = [verdicts[row].value for row in members] if verdicts is not None else []
        accepted = {value > CORRECT_THRESHOLD for value in values if value is not None}
        rewards = output.reward[members][np.isfinite(output.reward[members])]
        ranks[key] = len(accepted) > 1, float(np.ptp(rewards)) if len(rewards) else -1.0
    return ranks


def _parts(explanation: Explanation, rollout: int) -> dict[str, list[dict[str, float | None]]]:
    """Return what steps made of the parts of a rollout, by the names of the rows; nothing if the scheme gives no credit."""
    if not explanation.parts:
        return {}
    first = sum(explanation.parts[:rollout])
    numbers = range(first, first + explanation.parts[rollout])
    return {"parts": [{row.name: row.values[i] for row in explanation.part_rows} for i in numbers]}


def _write_explanation(explanation: Explanation) -> None:
    """Write JSON: for every rollout the results of the sources, and the value of each signal and step, null for no value."""
    samples = explanation.samples
    data = {
        "group": str(explanation.group),
        "prompt": samples[0].prompt_text,
        "rows": [row.name for row in explanation.rows],
        "rollouts": [
            {
                "completion": sample.completion_text,
                "reference": sample.reference,
                "values": [row.values[i] for row in explanation.rows],
                "results": explanation.results[i],
                "problems": explanation.problems[i],
                **_parts(explanation, i),
            }
            for i, sample in enumerate(samples)
        ],
    }
    sys.stdout.write(json.dumps(data, default=str) + "\n")
