"""`herokit verify`: the agreement of a verifier with labelled pairs."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, TypeAlias

import typer
from rich.text import Text

from herokit._display import shorten
from herokit.cli import console
from herokit.cli.options import JsonFlag, parse_arguments
from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.config.builder import build
from herokit.config.scheme import load_scheme
from herokit.conversations.columns import PAIR_COLUMN_NAMES
from herokit.errors import ConfigError, DataError, did_you_mean
from herokit.files.reading import Rollouts, parse_columns, read_rollouts
from herokit.outcome import describe_results
from herokit.records import replace_surrogates, source_columns, to_rows
from herokit.sources import execution
from herokit.sources.execution import SourceOutputs
from herokit.types import Verdict, Verifier
from herokit.verifiers.evaluation import Agreement, measure_agreement, read_labels, verify_rows

__all__ = ["verify"]

Pairs: TypeAlias = Annotated[
    Path, typer.Argument(help="JSONL or Parquet with columns for reference, completion (or answer) and label.")
]
VerifierNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="A verifier's name, see `herokit plugins`; with --scheme, the name of a source. Give two to compare them."
    ),
]
Output: TypeAlias = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write the rows that are shown, all of them, to this JSONL file.")
]
SchemeName: TypeAlias = Annotated[
    str | None, typer.Option(help="Take the verifier and its parameters from a scheme: a file or a name.")
]
VerifierArgs: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="A parameter of the verifier; repeatable.")
]
Label: TypeAlias = Annotated[str, typer.Option(help="The column with 1 or true for correct, 0 or false for incorrect.")]
Columns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="ROLE=COLUMN", help="ROLE is completion or reference; repeatable."),
]
_MAX_VERIFIERS = 2
_MAX_TEXT = 60
"""Characters shown of an answer, a reference or a reason."""

MaxDisagreements: TypeAlias = Annotated[int, typer.Option(min=0, help="Disagreements to print.")]


def verify(  # noqa: PLR0913, PLR0917 - one parameter per option
    pairs: Pairs,
    verifier: VerifierNames = None,
    scheme: SchemeName = None,
    verifier_arg: VerifierArgs = None,
    label: Label = "label",
    column: Columns = None,
    max_disagreements: MaxDisagreements = 20,
    output: Output = None,
    as_json: JsonFlag = False,
) -> None:
    """Print accuracy, precision, recall, F1 and error rates of a verifier on labelled pairs, and its disagreements.

    A value above 0.5 accepts. Other columns become the samples' meta: a task to route by, options to choose from. In a
    row whose column `kind` is "answer", the completion is a bare answer, from which nothing is extracted. Two verifiers
    are shown one below the other, with the rows on which they differ.
    """
    names: list[str | None] = [*verifier] if verifier else [None]
    if len(names) > _MAX_VERIFIERS or len(set(names)) < len(names):
        raise ConfigError(f"--verifier: expected one verifier or two different ones, got {', '.join(map(str, names))}")
    if output is not None:
        _check_output(output, pairs)
    data = read_rollouts(pairs, parse_columns(column or ()), usual=PAIR_COLUMN_NAMES, required=("completion",))
    if label not in data.values:
        raise DataError(f"{pairs}: no column {label!r} with labels; name it with --label COLUMN")
    labels = read_labels(str(pairs), label, data.values[label])
    with console.redirect_stdout_to_stderr(as_json):
        sources = [_find_verifier(name, scheme, verifier_arg or ()) for name in names]
        runs = [_run(name, source, data, labels) for name, source in sources]
    for run in runs:
        if not run.agreement.count:
            reason = run.verdicts[0].reason or run.verdicts[0].status.value
            raise DataError(f"{pairs}: no pair could be judged; row 1: {reason}")
    rows = list(runs[0].agreement.disagreements) if len(runs) == 1 else differing_rows(runs)
    if output is not None:
        _write_rows(output, rows, data, runs)
    if as_json:
        _write_json(runs, rows)
        return
    _print_rates(runs)
    _print_rows(rows[:max_disagreements], data, runs, labels)
    if len(rows) > max_disagreements:
        console.out.print(f"and {len(rows) - max_disagreements} more; --max-disagreements or -o shows them")
    for run in runs:
        _print_abstentions(run.verdicts)


@dataclass(frozen=True, slots=True)
class Run:
    """The verdicts of one verifier.

    Attributes:
        name: the verifier's name.
        verdicts: one per pair.
        agreement: how they compare with the labels.
        seconds: wall time.
        report: the verifier's own line.
    """

    name: str
    verdicts: Sequence[Verdict]
    agreement: Agreement
    seconds: float
    report: str


def differing_rows(runs: Sequence[Run]) -> list[int]:
    """Return the rows on which verifiers decide differently, no verdict being a decision of its own."""
    decisions = zip(*([_decision(verdict) for verdict in run.verdicts] for run in runs), strict=True)
    return [row for row, row_decisions in enumerate(decisions) if len(set(row_decisions)) > 1]


def _decision(verdict: Verdict) -> str:
    if verdict.value is None:
        return "no verdict"
    return "accepted" if verdict.value > CORRECT_THRESHOLD else "rejected"


def _find_verifier(verifier: str | None, scheme: str | None, arguments: Sequence[str]) -> tuple[str, Verifier]:
    """Return the verifier that the options name, and its name."""
    if scheme is None:
        table = {"use": verifier or "math", **parse_arguments("--verifier-arg", arguments)}
        return table["use"], build(table, kinds=("verifier",))
    if arguments:
        raise ConfigError("--verifier-arg cannot be combined with --scheme: set the parameter in the scheme file")
    sources = {name: s for name, s in load_scheme(scheme).sources.items() if isinstance(s, Verifier)}
    name = verifier or (next(iter(sources)) if len(sources) == 1 else "")
    if name not in sources:
        raise ConfigError(f"{scheme}: name one of its verifiers with --verifier; {did_you_mean(name, list(sources))}")
    return name, sources[name]


def _run(name: str, verifier: Verifier, data: Rollouts, labels: Sequence[bool]) -> Run:
    """Run a verifier on all pairs, and close it."""
    start = perf_counter()
    try:
        verdicts = verify_rows(name, verifier, data.samples, data.values)
        report = execution.report(verifier)
    finally:
        execution.close(verifier)
    agreement = measure_agreement([verdict.value for verdict in verdicts], labels)
    return Run(name, verdicts, agreement, perf_counter() - start, report)


def _check_output(output: Path, pairs: Path) -> None:
    """Check the file of the rows before anything runs."""
    if output.suffix != ".jsonl":
        raise ConfigError(f"{output}: unsupported output {output.suffix!r}; expected a file that ends in .jsonl")
    if output.resolve() == pairs.resolve():
        raise ConfigError(f"{output}: is the input; choose another output")
    if not output.absolute().parent.is_dir():
        raise ConfigError(f"{output}: no such folder {str(output.absolute().parent)!r}; create it first")


def _write_rows(output: Path, rows: Sequence[int], data: Rollouts, runs: Sequence[Run]) -> None:
    """Write rows with all their columns and, after the verifier's name and "_", value, status, reason, answer and origin."""
    results = [to_rows(source_columns(SourceOutputs({run.name: run.verdicts}, {}))) for run in runs]
    try:
        with output.open("w", encoding="utf-8") as file:
            for row in rows:
                values = {name: column[row] for name, column in data.values.items() if column[row] is not None}
                for result in results:
                    values |= result[row]
                line = json.dumps({"row": row + 1, **replace_surrogates(values)}, ensure_ascii=False, default=str)
                file.write(line + "\n")
    except OSError as error:
        raise DataError(f"{output}: cannot be written: {error.strerror or error}") from error


def _write_json(runs: Sequence[Run], rows: Sequence[int]) -> None:
    """Write the figures of one verifier; of two, those of each, and the rows on which they differ."""
    figures = {run.name: _figures(run) for run in runs}
    data = next(iter(figures.values())) if len(runs) == 1 else {"verifiers": figures}
    sys.stdout.write(json.dumps(data | {"rows": [row + 1 for row in rows]}) + "\n")


def _figures(run: Run) -> dict[str, Any]:
    rates = run.agreement.rates()
    return {
        "pairs": run.agreement.count,
        "abstained": run.agreement.abstained,
        **{name: estimate for name, (estimate, _, _) in rates.items()},
        "intervals": {name: [low, high] for name, (_, low, high) in rates.items()},
        "statuses": dict(_count_statuses(run.verdicts)),
    }


def _print_rates(runs: Sequence[Run]) -> None:
    title = f"{' and '.join(run.name for run in runs)} on {runs[0].agreement.count:,} labelled pairs"
    named = ["verifier"] if len(runs) > 1 else []
    table = console.make_table(title, "", *named, "", "95 % interval")
    table.columns[len(named)].justify = "left"
    rates = [run.agreement.rates() for run in runs]
    for rate in rates[0]:
        for place, (run, each) in enumerate(zip(runs, rates, strict=True)):
            estimate, low, high = each[rate]
            cells = [run.name] if named else []
            table.add_row("" if place else rate, *cells, f"{estimate:.4f}", f"{low:.4f} to {high:.4f}")
    console.out.print(table, "")
    for run in runs:
        agreement, prefix = run.agreement, f"{run.name}: " if len(runs) > 1 else ""
        counts = ", ".join(f"{status} {count:,}" for status, count in _count_statuses(run.verdicts).most_common())
        figures = (
            f"False positives {agreement.false_positives}, false negatives {agreement.false_negatives}, "
            f"abstained {agreement.abstained}; {len(run.verdicts) / run.seconds:,.0f} pairs/s"
        )
        console.out.print(Text(f"{prefix}{figures}\n{prefix}Statuses: {counts}"))
        if run.report:
            console.out.print(console.printable(run.report))


def _count_statuses(verdicts: Sequence[Verdict]) -> Counter[str]:
    return Counter(verdict.status.value for verdict in verdicts)


def _print_rows(rows: Sequence[int], data: Rollouts, runs: Sequence[Run], labels: Sequence[bool]) -> None:
    """Print rows: label, reference and completion, and what each verifier decided, read and gave as its reason."""
    results = [to_rows(source_columns(SourceOutputs({run.name: run.verdicts}, {}))) for run in runs]
    for row in rows:
        sample, label = data.samples[row], "correct" if labels[row] else "incorrect"
        text = " ".join(sample.final_text.split())
        end = f"{'... ' * (len(text) > _MAX_TEXT)}{text[-_MAX_TEXT:]}"
        lines = [f"row {row + 1}, {label}: reference {shorten(repr(sample.reference), _MAX_TEXT)}, completion {end!r}"]
        lines += [f"   {line}" for result in results for line in describe_results(result[row])]
        console.out.print(
            "", *(console.printable(" ".join(line.splitlines())) for line in lines), sep="\n", soft_wrap=True
        )


def _print_abstentions(verdicts: Sequence[Verdict]) -> None:
    """Print why the first rows without a value were not judged."""
    rows = [row for row, verdict in enumerate(verdicts) if verdict.value is None]
    for row in rows[: console.MAX_SHOWN]:
        reason = verdicts[row].reason or verdicts[row].status.value
        console.out.print(console.printable(f"row {row + 1}: no verdict: {reason}"), soft_wrap=True)
