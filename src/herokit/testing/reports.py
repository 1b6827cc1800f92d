"""Reports as Markdown and as JUnit XML."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable

from herokit._display import escape_controls
from herokit.testing.law import Report

__all__ = ["to_junit", "to_markdown"]


def to_markdown(reports: Iterable[Report], *, trainer: str) -> str:
    """Return a Markdown page: for each report a table of laws, then the failures with their counterexamples.

    Example:
        >>> from herokit.testing import Result
        >>> print(to_markdown([Report("mine", (Result("bounded", checked=60),))], trainer="trl"))
        # mine
        <BLANKLINE>
        Trainer: trl. 1 laws, 0 failed.
        <BLANKLINE>
        | law | outcome | |
        |---|---|---|
        | bounded | PASS |  |
        <BLANKLINE>
    """
    lines: list[str] = []
    for report in reports:
        counts = f"{len(report.results)} laws, {len(report.failures)} failed."
        lines += [f"# {report.name}", "", f"Trainer: {trainer}. {counts} {report.note}".rstrip(), ""]
        lines += [f"**{report.headline}.**", ""] if report.headline else []
        lines += ["| law | outcome | |", "|---|---|---|"]
        lines += [f"| {r.law} | {r.label} | {r.details.replace('|', chr(92) + '|')} |" for r in report]
        lines.append("")
        for result in report.failures:
            lines += [f"## {result.law}: {result.label}", "", result.statement, ""]
            if result.violation is not None:
                lines += [result.message, ""]
                if result.violation.columns:
                    lines += ["```", result.violation.counterexample, "```", ""]
                lines += [f"In training: {result.consequence}", ""]
    return "\n".join(lines)


def to_junit(reports: Iterable[Report]) -> str:
    """Return the results as JUnit XML: a test suite for each report, a test case for each law.

    Example:
        >>> from herokit.testing import Result
        >>> to_junit([Report("mine", (Result("bounded", checked=60, seconds=0.5),))])[:60]
        '<testsuites><testsuite name="mine" tests="1" failures="0" sk'
    """
    root = ET.Element("testsuites")
    for report in reports:
        skipped = [result for result in report if result.outcome in ("skipped", "xfailed")]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=report.name,
            tests=str(len(report.results)),
            failures=str(len(report.failures)),
            skipped=str(len(skipped)),
            time=f"{sum(result.seconds for result in report):.3f}",
        )
        for result in report:
            case = ET.SubElement(
                suite, "testcase", classname=report.name, name=result.law, time=f"{result.seconds:.3f}"
            )
            if not result.ok:
                failure = ET.SubElement(case, "failure", message=escape_controls(result.message or result.details))
                failure.text = escape_controls(f"{result.statement}\n{result.violation or ''}")
            elif result in skipped:
                ET.SubElement(case, "skipped", message=escape_controls(result.details))
    return ET.tostring(root, encoding="unicode")
