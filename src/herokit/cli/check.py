"""`herokit check`: check rewards against the laws before training."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer
from rich.table import Table
from rich.text import Text

from herokit.cli import console
from herokit.cli.options import JsonFlag
from herokit.errors import ConfigError, SetupError
from herokit.trainers import find_trainer

if TYPE_CHECKING:
    from herokit.testing import Report, Result
    from herokit.testing.scheme_checks import CheckOptions

__all__ = ["check"]

STYLES = {"passed": "green", "failed": "bold red", "xpassed": "bold red", "xfailed": "yellow", "skipped": "dim"}

PANELS = {"attack": "hack_does_not_pay", "equivalence": "equivalents_keep_their_reward"}
"""The laws of the two panels, by the name of `--fail-on`."""

FEW = 10
"""A law that was tried on fewer inputs is marked."""

Target: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="A scheme file, a registered name such as hero, or FILE.py:OBJECT: a reward function, a verifier, a chain ...",
    ),
]
Rollouts: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Diagnose a run instead: a file of scored rollouts, or a log with groups and rewards."),
]
ColumnOfLog: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ROLE=COLUMN",
        help="With --rollouts: ROLE is group, reward, step, prompt, completion, length, verifier or reward_model.",
    ),
]
Threshold: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="With --rollouts: what a finding needs; repeatable.")
]
Trainer: TypeAlias = Annotated[
    str, typer.Option(help="The trainer that normalizes the rewards: trl, verl, openrlhf ...")
]
Budget: TypeAlias = Annotated[str, typer.Option(help="Wall time in all: 60s, 5m.")]
Format: TypeAlias = Annotated[
    str,
    typer.Option(
        help="How completions give answers: auto, math, plain, marker, phrase, think-tag, tag, fence, tool-call."
    ),
]
Domain: TypeAlias = Annotated[
    str,
    typer.Option(
        help="What the answers are: auto, integers, decimals, expressions, choice, short-text, json, json-schema, "
        "tool-calls, code, free-text."
    ),
]
Cases: TypeAlias = Annotated[
    Path | None,
    typer.Option(exists=True, help="Your own rollouts: their references, completions and columns make the inputs."),
]
Laws: TypeAlias = Annotated[list[str] | None, typer.Option("--law", help="Try this law only; repeatable.")]
ExcludedLaws: TypeAlias = Annotated[
    list[str] | None, typer.Option("--exclude-law", help="Do not try this law; repeatable.")
]
Seed: TypeAlias = Annotated[int, typer.Option(help="The same seed tries the same inputs.")]
Examples: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Inputs per law; by default what the budget allows.")
]
Xfail: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="LAW=REASON", help="A law that may fail by design, with the reason; repeatable."),
]
Expected: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--expect", metavar="LAW=REASON", help="A law that must fail, with the reason; repeatable."),
]
FailOn: TypeAlias = Annotated[
    str, typer.Option(help="Which of the two panels fail the command: attack, equivalence, both or none, with a comma.")
]
ShowAll: TypeAlias = Annotated[bool, typer.Option("--all", help="List the laws that passed one by one.")]
Markdown: TypeAlias = Annotated[Path | None, typer.Option(help="Write the report to this file.")]
Junit: TypeAlias = Annotated[Path | None, typer.Option(help="Write the results to this file as JUnit XML.")]
WriteTest: TypeAlias = Annotated[
    Path | None, typer.Option(help="Write the counterexamples to this file as tests for pytest.")
]


def check(  # noqa: PLR0913, PLR0917 - one parameter per option
    target: Target = "",
    trainer: Trainer = "dr-grpo",
    budget: Budget = "60s",
    answer_format: Format = "auto",
    domain: Domain = "auto",
    cases: Cases = None,
    law: Laws = None,
    exclude_law: ExcludedLaws = None,
    seed: Seed = 0,
    examples: Examples = None,
    xfail: Xfail = None,
    expect: Expected = None,
    fail_on: FailOn = "attack,equivalence",
    show_all: ShowAll = False,
    markdown: Markdown = None,
    junit: Junit = None,
    write_test: WriteTest = None,
    rollouts: Rollouts = None,
    column: ColumnOfLog = None,
    threshold: Threshold = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a reward against the laws, or a run by its rollouts; the exit code is 1 if something is wrong.

    Each failure is printed with its smallest counterexample and its consequence in training. What is checked runs in a
    process of its own, which is killed if a call hangs, eats memory or ends the process.
    """
    if rollouts is not None or not target:
        _diagnose(target, rollouts, column or [], threshold or [], as_json=as_json)
        return
    testing = _import_testing()
    files = _open_files({"to_markdown": markdown, "to_junit": junit, "write_test": write_test})
    options = testing.CheckOptions(
        trainer=trainer,
        budget=_parse_seconds(budget),
        answer_format=answer_format,
        domain=domain,
        **_choose_laws(law or [], exclude_law or [], fail_on, xfail or [], expect or []),
        seed=seed,
        examples=examples,
        cases="" if cases is None else str(cases),
    )
    _report(_run(target, options, quiet=as_json), target, options, files, quiet=as_json, show_all=show_all)


def _report(
    reports: "list[Report]",
    target: str,
    options: "CheckOptions",
    files: Mapping[str, Path],
    *,
    quiet: bool,
    show_all: bool,
) -> None:
    """Print the reports, write the files that are asked for, and exit with 1 if a law failed."""
    for report in () if quiet else reports:
        _print_report(report, options.trainer, show_all=show_all)
    for kind, path in files.items():
        _write(path, _format(kind, target, reports, options), mode="w")
    for note in _notes(target, reports, options, files):
        console.print_problem("note", note)
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


def _notes(target: str, reports: "list[Report]", options: "CheckOptions", files: Mapping[str, Path]) -> Iterator[str]:
    """Yield which options changed nothing."""
    if "write_test" in files and not any(report.failures for report in reports):
        yield f"{files['write_test']}: no law failed, so it has no tests"
    if (options.cases or options.domain != "auto") and all(report.kind == "combiner" for report in reports):
        yield f"--cases and --domain make inputs for sources, and {target} is a chain alone"


def _diagnose(target: str, rollouts: str | None, columns: list[str], thresholds: list[str], *, as_json: bool) -> None:
    """Diagnose a run instead of checking a reward."""
    from herokit.cli.diagnose import diagnose_rollouts

    if rollouts is None:
        raise ConfigError("name what to check: a scheme file, a registered name or FILE.py:OBJECT; or --rollouts FILE")
    if target:
        raise ConfigError("--rollouts takes no target: a run is diagnosed by its rollouts alone")
    diagnose_rollouts(rollouts, columns=columns, thresholds=thresholds, as_json=as_json)


def _import_testing() -> Any:
    try:
        from herokit import testing
    except ModuleNotFoundError as error:
        raise SetupError(f"herokit check needs {error.name}: pip install 'herokit[testing]'") from error
    return testing


def _open_files(outputs: Mapping[str, Path | None]) -> dict[str, Path]:
    """Return the files that are asked for; fail before the budget is spent, and leave an earlier report until then."""
    files = {kind: path for kind, path in outputs.items() if path is not None}
    for path in files.values():
        _write(path, "", mode="a")
    return files


def _run(target: str, options: "CheckOptions", *, quiet: bool) -> "list[Report]":
    """Check the target; print the reports as JSON if nothing else is printed."""
    from herokit.testing.isolation import check_isolated

    with _progress(quiet=quiet) as progress:
        reports = list(check_isolated(target, options, progress))
    if quiet:
        sys.stdout.write(json.dumps([report.as_dict() for report in reports]) + "\n")
    return reports


def _format(kind: str, target: str, reports: "list[Report]", options: "CheckOptions") -> str:
    from herokit.testing.regressions import write_test
    from herokit.testing.reports import to_junit, to_markdown

    if kind == "to_markdown":
        return to_markdown(reports, trainer=options.trainer)
    return to_junit(reports) if kind == "to_junit" else write_test(target, reports, options)


def _write(path: Path, text: str, *, mode: Literal["a", "w"]) -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, str, int, int], None] | None]:
    """Show on a terminal which law is tried."""
    if quiet or not console.err.is_terminal:
        yield None
        return
    with console.err.status("loading") as status:
        yield lambda part, law, number, count: status.update(f"{part}: {number} of {count}: {law}")


def _print_report(report: "Report", trainer: str, *, show_all: bool) -> None:
    """Print the headline, each failure, and a table of the laws; those that passed on one line."""
    normalization = find_trainer(trainer)
    is_chain = report.kind == "combiner"
    title = f"{report.name}, trainer {normalization.name}: {normalization.source}" if is_chain else report.name
    console.out.print(Text(title, style="bold"))
    console.out.print(f"{len(report.results)} law{'s' * (len(report.results) != 1)}, {len(report.failures)} failed\n")
    if report.headline:
        console.out.print(Text(f"{report.headline}\n", style="bold"))
    for result in report.failures:
        _print_failure(result)
    table = Table(header_style="dim", box=None, pad_edge=False)
    table.add_column("law", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("inputs", justify="right")
    table.add_column("", overflow="fold")
    passed = [result for result in report if result.outcome == "passed" and not result.tried_on_few(FEW)]
    skipped = {} if show_all else _skipped_alike(report)
    for result in report:
        if show_all or (result not in passed and result.details not in skipped):
            label, few = Text(result.label, style=STYLES[result.outcome]), " (few)" if result.tried_on_few(FEW) else ""
            table.add_row(result.law, label, f"{result.checked}{few}", Text(result.details))
    for part in (*([table] if table.row_count else []), *([Text(report.note)] if report.note else [])):
        console.out.print(part)
    for details, laws in skipped.items():
        console.out.print(Text(f"SKIP {len(laws)}, {details}: {', '.join(laws)}", style="dim"))
    if passed and not show_all:
        measured = ", ".join(f"{result.law} ({result.details})" if result.details else result.law for result in passed)
        console.out.print(Text(f"PASS {len(passed)}: {measured}", style="dim"))
    console.out.print("")


def _skipped_alike(report: "Report") -> dict[str, list[str]]:
    """Return the reasons for which several laws were skipped, with the laws."""
    reasons: dict[str, list[str]] = {}
    for result in report:
        if result.outcome == "skipped":
            reasons.setdefault(result.details, []).append(result.law)
    return {reason: laws for reason, laws in reasons.items() if len(laws) > 1}


def _print_failure(result: "Result") -> None:
    """Print the statement of the law, what is wrong, the counterexample and the consequence."""
    console.out.print(Text(f"{result.law}: {result.label}", style="bold red"))
    console.out.print(Text(result.statement))
    if result.violation is None:
        console.out.print(Text(f"{result.details}\n"))
        return
    console.out.print(console.printable(result.message))
    if result.violation.columns:
        console.out.print(Text(f"\n{result.violation.counterexample}\n"), soft_wrap=True)
    console.out.print(Text(f"In training: {result.consequence}\n"))


def _choose_laws(
    laws: list[str], excluded_laws: list[str], fail_on: str, xfail: list[str], expect: list[str]
) -> dict[str, Any]:
    """Return the options about which laws are tried, which may fail and which must."""
    return {
        "laws": tuple(laws),
        "excluded_laws": tuple(excluded_laws),
        "xfail": _parse_fail_on(fail_on) | _parse_reasons("--xfail", xfail),
        "expected_failures": _parse_reasons("--expect", expect),
    }


def _parse_fail_on(text: str) -> dict[str, str]:
    """Return the laws of those panels that are not named, with the reason why they may fail."""
    names = [name.strip() for name in text.split(",")] if text != "none" else []
    for name in names:
        if name not in PANELS:
            raise ConfigError(f"--fail-on {text}: expected attack, equivalence, both with a comma, or none")
    return {law: "not in --fail-on" for name, law in PANELS.items() if name not in names}


def _parse_reasons(option: str, texts: list[str]) -> dict[str, str]:
    """Return law -> reason of texts LAW=REASON."""
    reasons = {}
    for text in texts:
        law, separator, reason = text.partition("=")
        if not separator or not reason.strip():
            example = f"{option} 'robust_to_score_noise=min-max stretches near ties'"
            raise ConfigError(f"{option} {text}: expected LAW=REASON, for example {example}")
        reasons[law.strip()] = reason.strip()
    return reasons


def _parse_seconds(text: str) -> float:
    """Return the seconds of a time such as 60s, 5m or 90.

    Raises:
        ConfigError: it is not a positive time.
    """
    factor = {"s": 1.0, "m": 60.0}.get(text[-1:])
    try:
        seconds = float(text if factor is None else text[:-1]) * (factor or 1.0)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise ConfigError(f"--budget {text}: expected a time such as 60s or 5m")
    return seconds
