"""`herokit verify`: how well a verifier agrees with labelled pairs."""

import json
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.text import Text

from herokit.cli import console
from herokit.combiners import CORRECT_THRESHOLD
from herokit.config.builder import build
from herokit.config.scheme import load_scheme
from herokit.errors import ConfigError, DataError, did_you_mean
from herokit.files.reading import PAIR_COLUMN_NAMES, parse_columns, read_rollouts
from herokit.sources import execution
from herokit.types import Sample, Verdict, Verifier
from herokit.verifiers.evaluation import Agreement, measure_agreement, read_labels, verify_rows


def verify(
    pairs: Annotated[Path, typer.Argument(help="JSONL or Parquet: reference, completion or answer, and label.")],
    verifier: Annotated[
        str | None,
        typer.Option(help="A verifier's name, as `herokit plugins` lists it; with --scheme, a source's name."),
    ] = None,
    scheme: Annotated[Path | None, typer.Option(help="Take the verifier from a scheme file, settings and all.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--verifier-arg", help="KEY=VALUE, the value as in a scheme file; repeatable.")
    ] = None,
    label: Annotated[
        str, typer.Option(help="The column that holds 1 or true for correct, 0 or false for incorrect.")
    ] = "label",
    column: Annotated[
        list[str] | None, typer.Option(help="ROLE=COLUMN, where ROLE is completion or reference; repeatable.")
    ] = None,
    max_disagreements: Annotated[int, typer.Option(min=0, help="Disagreements to print.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Print accuracy, precision, recall, F1 and error rates of a verifier on labelled pairs, and where it disagrees.

    A value above 0.5 is an acceptance. Other columns are the samples' meta: a task to route by, options to choose from.
    A row whose column `kind` says "answer" holds an answer alone, from which nothing is extracted.
    """
    data = read_rollouts(pairs, parse_columns(column or ()), usual=PAIR_COLUMN_NAMES, required=("completion",))
    if label not in data.values:
        raise DataError(f"{pairs}: no column {label!r} with labels; name it with --label COLUMN")
    labels = read_labels(str(pairs), label, data.values[label])
    with console.aside(as_json):
        name, judging = _find(verifier, scheme, setting or ())
        begun = perf_counter()
        try:
            verdicts = verify_rows(name, judging, data.samples, data.values)
            used = execution.report(judging)
        finally:
            execution.close(judging)
    wall = perf_counter() - begun
    found = measure_agreement([v.value for v in verdicts], labels)
    if not found.count:
        raise DataError(f"{pairs}: no pair could be judged; row 1: {verdicts[0].reason or verdicts[0].status.value}")
    statuses = Counter(v.status.value for v in verdicts)
    if as_json:
        _write_json(found, statuses)
        return
    table = console.table(f"{name} on {found.count:,} labelled pairs", "", "", "95 % interval")
    for figure, (estimate, low, high) in found.rates().items():
        table.add_row(figure, f"{estimate:.4f}", f"{low:.4f} to {high:.4f}")
    console.out.print(table, "")
    console.out.print(
        f"False positives {found.false_positives}, false negatives {found.false_negatives}, abstained {found.abstained}; "
        f"{len(verdicts) / wall:,.0f} pairs/s"
    )
    console.out.print(Text("Statuses: " + ", ".join(f"{status} {count:,}" for status, count in statuses.most_common())))
    if used:
        console.out.print(console.said(used))
    _show_rows(found, data.samples, verdicts, max_disagreements)


def _find(verifier: str | None, scheme: Path | None, settings: Sequence[str]) -> tuple[str, Verifier]:
    """Return the verifier that the options name, and its name."""
    if scheme is None:
        table = {"use": verifier or "math", **dict(map(_read, settings))}
        return table["use"], build(table, kinds=("verifier",))
    if settings:
        raise ConfigError(
            "--verifier-arg changes a verifier that --verifier names; a scheme file holds its own settings"
        )
    sources = {name: s for name, s in load_scheme(scheme).sources.items() if isinstance(s, Verifier)}
    name = verifier or (next(iter(sources)) if len(sources) == 1 else "")
    if name not in sources:
        raise ConfigError(f"{scheme}: name one of its verifiers with --verifier; {did_you_mean(name, list(sources))}")
    return name, sources[name]


def _read(text: str) -> tuple[str, Any]:
    """Read one --verifier-arg: the value is TOML, or a bare word."""
    key, found, value = text.partition("=")
    if not found:
        raise ConfigError(f"--verifier-arg {text}: expected KEY=VALUE, for example --verifier-arg rel_tol=0.01")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def _write_json(found: Agreement, statuses: Counter[str]) -> None:
    figures = found.rates()
    written = {
        "pairs": found.count,
        "abstained": found.abstained,
        **{name: estimate for name, (estimate, _, _) in figures.items()},
        "intervals": {name: [low, high] for name, (_, low, high) in figures.items()},
        "statuses": dict(statuses),
        "rows": [row + 1 for row in found.disagreements],
    }
    sys.stdout.write(json.dumps(written) + "\n")


def _show_rows(found: Agreement, samples: Sequence[Sample], verdicts: Sequence[Verdict], limit: int) -> None:
    """Print the disagreements, and why the first silent rows were not judged."""
    for row in found.disagreements[:limit]:
        sample, verdict = samples[row], verdicts[row]
        answer = verdict.answer if verdict.answer is not None else sample.completion
        kind = "accepted" if (verdict.value or 0.0) > CORRECT_THRESHOLD else "rejected"
        line = f"row {row + 1}: {kind} {answer!r:.80} for {sample.reference!r:.80}: {verdict.reason or verdict.status.value}"
        console.out.print(console.said(line), soft_wrap=True)
    if len(found.disagreements) > limit:
        console.out.print(f"and {len(found.disagreements) - limit} more; --max-disagreements shows them")
    silent = [row for row, verdict in enumerate(verdicts) if verdict.value is None]
    for row in silent[: console.SHOWN]:
        why = verdicts[row].reason or verdicts[row].status.value
        console.out.print(console.said(f"row {row + 1}: no verdict: {why}"), soft_wrap=True)
