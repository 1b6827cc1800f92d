"""Counterexamples as tests: a pytest file that fails on the fault and passes when it is mended."""

from collections.abc import Iterable
from pprint import pformat
from typing import Any

from herokit.testing.law import LawViolation, NotApplicable, Report, Result
from herokit.testing.laws import get_law
from herokit.testing.scheme_checks import CheckOptions, parts_of
from herokit.testing.targets import Checkable, resolve_target

__all__ = ["replay", "write_test"]


def replay(
    target: Checkable,
    law: str,
    *,
    part: str = "",
    draws: Iterable[int] = (),
    example: Any = None,
    only: tuple[str, ...] = (),
    **options: Any,
) -> None:
    """Try one law on one counterexample, as `write_test` wrote it down.

    Args:
        target: what to check; see `resolve_target`.
        law: the name of the law.
        part: the name of a source of a scheme; empty for the chain, or if the target is not a scheme.
        draws: what the law drew.
        example: the example in plain values.
        only: the entries of a panel to try; empty for all.
        options: see `CheckOptions`.

    Raises:
        AssertionError: the law does not hold.
        ConfigError: no such target, part or law.

    Example:
        >>> from herokit.verifiers import ExactMatch
        >>> replay(ExactMatch(), "hack_does_not_pay", only=("right or wrong",), answer_format="plain")
    """
    settings = CheckOptions(**options)
    parts = {name: each for each in parts_of(resolve_target(target)) for name in ("", *each.sources)}
    checked = parts_of(resolve_target(target))[0] if not part else parts[part]
    subject = checked.subject(**settings.subject_options(checked))
    chosen, left = get_law(law), iter(draws)
    parameters = {"only": only} if only else {}
    try:
        chosen.check(
            subject,
            None if chosen.run_once else subject.unpack(example),
            lambda n: next(left, n - 1 if chosen.run_once else 0) % n,
            **parameters,
        )
    except NotApplicable:
        return
    except LawViolation as violation:
        raise AssertionError(f"{chosen.statement}\n{violation}\nIn training: {chosen.consequence}") from None


def write_test(target: str, reports: Iterable[Report], options: CheckOptions | None = None) -> str:
    """Return a pytest file with one test for each failed law of some reports.

    Args:
        target: what was checked, by name.
        reports: the results.
        options: how it was checked.

    Example:
        >>> result = Result("bounded", violation=LawViolation("too large"))
        >>> print(write_test("hero", [Report("hero", (result,))]).splitlines()[0])
        \"\"\"Counterexamples that `herokit check hero` found.\"\"\"
    """
    options = options or CheckOptions()
    lines = [
        f'"""Counterexamples that `herokit check {target}` found."""',
        "",
        "from herokit.testing import replay",
        "",
    ]
    lines += [f"TARGET = {target!r}"]
    for report in reports:
        part = report.name.rpartition(": sources.")[2] if ": sources." in report.name else ""
        for result in report.failures:
            if result.violation is not None:
                lines += ["", "", *_test(result, part, _keywords(report, options))]
    return "\n".join(lines) + "\n"


def _keywords(report: Report, options: CheckOptions) -> dict[str, Any]:
    """Return the options that try the same: a format and a domain that were found out are named."""
    default = CheckOptions()
    names = ("trainer", "answer_format", "domain")
    given = {name: getattr(options, name) for name in names if getattr(options, name) != getattr(default, name)}
    file = {"cases": options.cases} if options.cases and isinstance(options.cases, str) else {}
    return {**given, **report.options, **file}


def _test(result: Result, part: str, keywords: dict[str, Any]) -> list[str]:
    law = result.law.partition("(")[0]
    arguments: dict[str, Any] = {"part": part} if part else {}
    if result.example is not None:
        replayed = {"draws": list(result.example.draws), "example": result.example.example, "only": result.example.only}
        arguments |= {name: value for name, value in replayed.items() if value not in ([], (), None)}
    name = f"test_{part}_{law}".replace("-", "_") if part else f"test_{law}"
    text = str(result.violation).replace("\\", "\\\\").replace('"""', "'''")
    lines = [f"def {name}():", f'    """{result.statement}', ""]
    lines += [f"    {line}".rstrip() for line in text.splitlines()]
    lines += ['    """', "    nan, inf = float('nan'), float('inf')"] if _has_nan(arguments) else ['    """']
    lines += ["    replay(", "        TARGET,", f"        {law!r},"]
    for key, value in (arguments | keywords).items():
        shown = pformat(value, width=100, compact=True).replace("\n", "\n        ")
        lines.append(f"        {key}={shown},")
    return [*lines, "    )"]


def _has_nan(arguments: dict[str, Any]) -> bool:
    return any(word in repr(arguments.get("example")) for word in ("nan", "inf"))
