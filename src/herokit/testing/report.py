"""A report in Markdown."""

from collections.abc import Iterable

from herokit.testing.results import Report, Result


def said(result: Result) -> str:
    """Say in a few words what there is to say of a result beside its outcome.

    Example:
        >>> said(Result("bounded", "...", "passed", universal=False, measured={"largest absolute value": 2.0}))
        'largest absolute value 2'
    """
    parts = [f"{name} {value:.4g}" for name, value in result.measured.items()] if result.outcome == "passed" else []
    parts += [text for text in (result.reason or result.message,) if text]
    parts += ["time ran out"] if result.timed_out else []
    return "; ".join(parts)


def markdown(reports: Iterable[Report], *, trainer: str) -> str:
    """Write reports as a Markdown page: a table of laws, then each broken one with its counterexample.

    Example:
        >>> print(markdown([Report("mine", (Result("robust_to_score_noise", "...", "passed", universal=False),))], trainer="trl"))
        # mine
        <BLANKLINE>
        Trainer: trl. 1 laws, 0 broken.
        <BLANKLINE>
        | law | outcome | |
        |---|---|---|
        | robust_to_score_noise | passed |  |
        <BLANKLINE>
    """
    lines: list[str] = []
    for report in reports:
        lines += [f"# {report.name}", ""]
        lines += [
            f"Trainer: {trainer}. {len(report.results)} laws, {len(report.failures)} broken. {report.note}".rstrip(),
            "",
        ]
        lines += ["| law | outcome | |", "|---|---|---|"]
        lines += [f"| {r.law} | {r.outcome} | {said(r).replace('|', chr(92) + '|')} |" for r in report]
        lines.append("")
        for result in report.failures:
            lines += [f"## {result.law}: {result.outcome}", "", result.statement, "", result.message, ""]
            if result.counterexample and result.counterexample.columns:
                lines += ["```", str(result.counterexample), "```", ""]
            lines += [f"In training: {result.consequence}", ""] if result.consequence else []
    return "\n".join(lines)
