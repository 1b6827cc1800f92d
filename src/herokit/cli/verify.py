"""`herokit verify`: the agreement of a verifier with labelled pairs."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated, TypeAlias

import typer
from rich.text import Text

from herokit.cli import console
from herokit.cli.options import JsonFlag, parse_arguments
from herokit.combiners import CORRECT_THRESHOLD
from herokit.config.builder import build
from herokit.config.scheme import load_scheme
from herokit.errors import ConfigError, DataError, did_you_mean
from herokit.files.reading import PAIR_COLUMN_NAMES, Rollouts, parse_columns, read_rollouts
from herokit.sources import execution
from herokit.types import Verdict, Verifier
from herokit.verifiers.evaluation import Agreement, measure_agreement, read_labels, verify_rows

__all__ = ["verify"]

Pairs: TypeAlias = Annotated[
    Path, typer.Argument(help="JSONL or Parquet with columns for reference, completion (or answer) and label.")
]
VerifierName: TypeAlias = Annotated[
    str | None,
    typer.Option(help="A verifier's name, see `herokit plugins`; with --scheme, the name of a source."),
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
MaxDisagreements: TypeAlias = Annotated[int, typer.Option(min=0, help="Disagreements to print.")]


def verify(
    pairs: Pairs,
    verifier: VerifierName = None,
    scheme: SchemeName = None,
    verifier_arg: VerifierArgs = None,
    label: Label = "label",
    column: Columns = None,
    max_disagreements: MaxDisagreements = 20,
    as_json: JsonFlag = False,
) -> None:
    """Print accuracy, precision, recall, F1 and error rates of a verifier on labelled pairs, and its disagreements.

    A value above 0.5 accepts. Other columns become the samples' meta: a task to route by, options to choose from. In a
    row whose column `kind` is "answer", the completion is a bare answer, from which nothing is extracted.
    """
    data = read_rollouts(pairs, parse_columns(column or ()), usual=PAIR_COLUMN_NAMES, required=("completion",))
    if label not in data.values:
        raise DataError(f"{pairs}: no column {label!r} with labels; name it with --label COLUMN")
    labels = read_labels(str(pairs), label, data.values[label])
    with console.redirect_stdout_to_stderr(as_json):
        name, source = _find_verifier(verifier, scheme, verifier_arg or ())
        verdicts, seconds, report = _run(name, source, data)
    agreement = measure_agreement([verdict.value for verdict in verdicts], labels)
    if not agreement.count:
        raise DataError(f"{pairs}: no pair could be judged; row 1: {verdicts[0].reason or verdicts[0].status.value}")
    if as_json:
        _write_json(agreement, verdicts)
        return
    _print_agreement(name, agreement, verdicts, seconds)
    if report:
        console.out.print(console.printable(report))
    _print_disagreements(agreement, data, verdicts, max_disagreements)
    _print_abstentions(verdicts)


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


def _run(name: str, verifier: Verifier, data: Rollouts) -> tuple[list[Verdict], float, str]:
    """Return the verdicts, the wall time and the verifier's report."""
    start = perf_counter()
    try:
        verdicts = verify_rows(name, verifier, data.samples, data.values)
        report = execution.report(verifier)
    finally:
        execution.close(verifier)
    return verdicts, perf_counter() - start, report


def _write_json(agreement: Agreement, verdicts: Sequence[Verdict]) -> None:
    rates = agreement.rates()
    data = {
        "pairs": agreement.count,
        "abstained": agreement.abstained,
        **{name: estimate for name, (estimate, _, _) in rates.items()},
        "intervals": {name: [low, high] for name, (_, low, high) in rates.items()},
        "statuses": dict(_count_statuses(verdicts)),
        "rows": [row + 1 for row in agreement.disagreements],
    }
    sys.stdout.write(json.dumps(data) + "\n")


def _print_agreement(name: str, agreement: Agreement, verdicts: Sequence[Verdict], seconds: float) -> None:
    table = console.make_table(f"{name} on {agreement.count:,} labelled pairs", "", "", "95 % interval")
    for rate, (estimate, low, high) in agreement.rates().items():
        table.add_row(rate, f"{estimate:.4f}", f"{low:.4f} to {high:.4f}")
    console.out.print(table, "")
    console.out.print(
        f"False positives {agreement.false_positives}, false negatives {agreement.false_negatives}, "
        f"abstained {agreement.abstained}; {len(verdicts) / seconds:,.0f} pairs/s"
    )
    counts = ", ".join(f"{status} {count:,}" for status, count in _count_statuses(verdicts).most_common())
    console.out.print(Text(f"Statuses: {counts}"))


def _count_statuses(verdicts: Sequence[Verdict]) -> Counter[str]:
    return Counter(verdict.status.value for verdict in verdicts)


def _print_disagreements(agreement: Agreement, data: Rollouts, verdicts: Sequence[Verdict], limit: int) -> None:
    for row in agreement.disagreements[:limit]:
        sample, verdict = data.samples[row], verdicts[row]
        answer = verdict.answer if verdict.answer is not None else sample.final_text
        decision = "accepted" if (verdict.value or 0.0) > CORRECT_THRESHOLD else "rejected"
        reason = verdict.reason or verdict.status.value
        line = f"row {row + 1}: {decision} {answer!r:.80} for {sample.reference!r:.80}: {reason}"
        console.out.print(console.printable(line), soft_wrap=True)
    if len(agreement.disagreements) > limit:
        console.out.print(f"and {len(agreement.disagreements) - limit} more; --max-disagreements shows them")


def _print_abstentions(verdicts: Sequence[Verdict]) -> None:
    """Print why the first rows without a value were not judged."""
    rows = [row for row, verdict in enumerate(verdicts) if verdict.value is None]
    for row in rows[: console.MAX_SHOWN]:
        reason = verdicts[row].reason or verdicts[row].status.value
        console.out.print(console.printable(f"row {row + 1}: no verdict: {reason}"), soft_wrap=True)
