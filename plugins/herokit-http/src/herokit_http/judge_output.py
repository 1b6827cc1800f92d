"""The strict grammars of verdicts: what a judge must write, and nothing else counts."""

import re
from collections.abc import Mapping

from herokit_http.rows import Lost

_TRIM = " \t*_`."


def verdict(text: str, mark: str, meanings: Mapping[str, float]) -> float | Lost:
    r"""Read ``Verdict MARK: WORD``, which must be the last line and the only one of its kind.

    Args:
        text: what the judge wrote.
        mark: the mark of the question.
        meanings: word -> value.

    Example:
        >>> verdict("They are equal.\n**Verdict 1f: CORRECT**", "1f", {"CORRECT": 1.0, "WRONG": 0.0})
        1.0
        >>> verdict("Verdict 1f: CORRECT\nVerdict 1f: WRONG", "1f", {"CORRECT": 1.0, "WRONG": 0.0})
        Lost(why='2 verdicts')
    """
    lines = [line.strip(_TRIM) for line in text.splitlines() if line.strip(_TRIM)]
    lead = f"Verdict {mark}:"
    found = [line for line in lines if line.startswith(lead)]
    if len(found) != 1:
        return Lost(f"{len(found) or 'no'} verdicts")
    if lines[-1] != found[0]:
        return Lost("the verdict is not the last line")
    word = found[0].removeprefix(lead).strip(_TRIM)
    return meanings[word] if word in meanings else Lost(f"a verdict of {word[:40]!r}")


def last_line(text: str, pattern: str, meanings: Mapping[str, float]) -> float | Lost:
    r"""Read a verdict in another's words: the last line must match, and its group names the meaning.

    Example:
        >>> last_line("so\nFinal Decision: Yes", "Final Decision: (Yes|No)", {"Yes": 1.0, "No": 0.0})
        1.0
    """
    lines = [line.strip(_TRIM) for line in text.splitlines() if line.strip(_TRIM)]
    match = re.fullmatch(pattern, lines[-1]) if lines else None
    if match is None:
        return Lost("the last line is no verdict")
    return meanings[match[1]] if match[1] in meanings else Lost(f"a verdict of {match[1][:40]!r}")


def criteria(text: str, mark: str, count: int) -> list[float] | Lost:
    r"""Read ``Criterion MARK K: YES`` or ``NO``, once for each K from 1 to `count`.

    Example:
        >>> criteria("Criterion 1f 1: YES\nCriterion 1f 2: NO", "1f", 2)
        [1.0, 0.0]
        >>> criteria("Criterion 1f 1: YES", "1f", 2)
        Lost(why='no verdict on criterion 2')
    """
    found: dict[int, float] = {}
    for line in text.splitlines():
        match = re.fullmatch(rf"Criterion {mark} ([0-9]{{1,3}}): (YES|NO)", line.strip(_TRIM))
        if match is None:
            continue
        number = int(match[1])
        if number in found or not 1 <= number <= count:
            return Lost(f"{'two verdicts' if number in found else 'a verdict'} on criterion {number}")
        found[number] = float(match[2] == "YES")
    missing = next((k for k in range(1, count + 1) if k not in found), None)
    return Lost(f"no verdict on criterion {missing}") if missing else [found[k] for k in range(1, count + 1)]
