"""`herokit verify`: how well a verifier agrees with labelled pairs."""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.text import Text

from herokit import asking
from herokit.builder import build
from herokit.cli import show
from herokit.errors import DataError
from herokit.files.agreement import agreement, judge
from herokit.files.reading import PAIR_FIELDS, named_fields, read_rollouts


def verify(
    pairs: Annotated[Path, typer.Argument(help="JSONL or Parquet: reference, completion or answer, and label.")],
    verifier: Annotated[str, typer.Option(help="A verifier's name, as `herokit plugins` lists it.")] = "math",
    label: Annotated[str, typer.Option(help="The column that holds 1 for right and 0 for wrong.")] = "label",
    field: Annotated[
        list[str] | None, typer.Option(help="PART=COLUMN, where PART is completion or reference; repeatable.")
    ] = None,
    most: Annotated[int, typer.Option(min=0, help="Disagreements to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Print accuracy, precision, recall and F1 of a verifier on labelled pairs, and where it disagrees.

    A row whose column `kind` says "answer" holds a bare answer: nothing is extracted from it.
    """
    data = read_rollouts(pairs, named_fields(field or ()), usual=PAIR_FIELDS, needs=tuple(PAIR_FIELDS))
    if label not in data.columns:
        raise DataError(f"{pairs}: no column {label!r} with labels; name it with --label COLUMN")
    judging = build({"use": verifier}, kinds=("verifier",))
    begun = perf_counter()
    try:
        verdicts = judge(verifier, judging, data.samples, data.columns)
    finally:
        asking.close(judging)
    wall = perf_counter() - begun
    found = agreement([v.value for v in verdicts], data.columns[label])
    if as_json:
        figures = {name: interval[0] for name, interval in found.figures().items()}
        rows = [row + 1 for row in found.disagreements]
        sys.stdout.write(json.dumps({"pairs": found.count, "silent": found.silent, **figures, "rows": rows}) + "\n")
        return
    table = show.table(f"{verifier} on {found.count:,} labelled pairs", "", "", "95 % interval")
    for name, (estimate, low, high) in found.figures().items():
        table.add_row(name, f"{estimate:.4f}", f"{low:.4f} to {high:.4f}" if low != high else "")
    show.out.print(table, "")
    show.out.print(
        f"False positives {found.false_positives}, false negatives {found.false_negatives}, could not say {found.silent}; "
        f"{len(verdicts) / wall:,.0f} pairs/s"
    )
    for row in found.disagreements[:most]:
        sample, verdict = data.samples[row], verdicts[row]
        answer = verdict.answer if verdict.answer is not None else sample.completion
        kind = "accepted" if verdict.value else "refused"
        line = f"row {row + 1}: {kind} {answer!r:.80} for {sample.reference!r:.80}: {verdict.detail or verdict.status.value}"
        show.out.print(Text(line))
    if len(found.disagreements) > most:
        show.out.print(f"and {len(found.disagreements) - most} more; --most shows them")
