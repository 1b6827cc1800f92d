"""The strict grammars of verdicts; a text outside them is not a verdict."""

import re
from collections.abc import Mapping

from herokit_http.batches import Failure

__all__ = ["parse_criteria", "parse_last_line", "parse_verdict"]

_DECORATION = " \t*_`."


def parse_verdict(text: str, mark: str, values: Mapping[str, float]) -> float | Failure:
    r"""Read ``Verdict MARK: WORD``, which must be the last line and the only one of its kind.

    Args:
        text: of the judge.
        mark: of the question.
        values: word -> value.

    Example:
        >>> parse_verdict("They are equal.\n**Verdict 1f: CORRECT**", "1f", {"CORRECT": 1.0, "WRONG": 0.0})
        1.0
        >>> parse_verdict("Verdict 1f: CORRECT\nVerdict 1f: WRONG", "1f", {"CORRECT": 1.0, "WRONG": 0.0})
        Failure(reason='2 verdicts')
    """
    lines, prefix = _strip_lines(text), f"Verdict {mark}:"
    verdicts = [line for line in lines if line.startswith(prefix)]
    if len(verdicts) != 1:
        return Failure(f"{len(verdicts) or 'no'} verdicts")
    if lines[-1] != verdicts[0]:
        return Failure("a verdict before the last line")
    word = verdicts[0].removeprefix(prefix).strip(_DECORATION)
    return values[word] if word in values else Failure(f"a verdict of {word[:40]!r}")


def parse_last_line(text: str, pattern: str, values: Mapping[str, float]) -> float | Failure:
    r"""Read a verdict of another grammar: the last line must match, and the pattern's group is the word.

    Example:
        >>> parse_last_line("so\nFinal Decision: Yes", "Final Decision: (Yes|No)", {"Yes": 1.0, "No": 0.0})
        1.0
    """
    lines = _strip_lines(text)
    match = re.fullmatch(pattern, lines[-1]) if lines else None
    return Failure("no verdict in the last line") if match is None else values[match[1]]


def parse_criteria(text: str, mark: str, count: int) -> list[float] | Failure:
    r"""Read ``Criterion MARK K: YES`` or ``NO``, once for each K from 1 to `count`.

    Example:
        >>> parse_criteria("Criterion 1f 1: YES\nCriterion 1f 2: NO", "1f", 2)
        [1.0, 0.0]
        >>> parse_criteria("Criterion 1f 1: YES", "1f", 2)
        Failure(reason='no verdict on criterion 2')
    """
    values: dict[int, float] = {}
    for line in _strip_lines(text):
        match = re.fullmatch(rf"Criterion {mark} ([0-9]{{1,3}}): (YES|NO)", line)
        if match is None:
            continue
        number = int(match[1])
        if number in values or not 1 <= number <= count:
            return Failure(f"{'two verdicts' if number in values else 'a verdict'} on criterion {number}")
        values[number] = float(match[2] == "YES")
    missing = next((k for k in range(1, count + 1) if k not in values), None)
    return Failure(f"no verdict on criterion {missing}") if missing else [values[k] for k in range(1, count + 1)]


def _strip_lines(text: str) -> list[str]:
    """Return the lines that are not blank, without Markdown around them."""
    return [stripped for line in text.splitlines() if (stripped := line.strip(_DECORATION))]
