# ruff: noqa: RUF001 - the characters that look alike are the point
"""Options of multiple-choice questions: reading a letter, finding the letter that a response picks."""

import re

from herokit_math.answers import Choice
from herokit_math.extract import ANSWER

_ALONE = re.compile(
    r"(?:\\(?:text|mathrm|textbf|mathbf|textit|boldsymbol)\s*\{\s*)*(?:(?:option|choice|answer)\s+)?"
    r"(?:\(\s*([A-J])\s*\)|([A-J])(?:[.:)](?=\s|$|\})|\s*$|\s*(?=\})|\s+(?=[A-Z][a-z]+\b)))\s*[.:]?\s*\}*\s*(.{0,200})",
    re.DOTALL,
)
_OPTION = re.compile(r"(?:option|choice)\s*:?\s*\(?([A-J])\)?\b[.:]?\s*(.{0,200})", re.IGNORECASE | re.DOTALL)
# another letter where an option's text would begin
_SECOND = re.compile(r"[^\w(]{0,9}(?:(?:and|or)\b|\\text)?[^\w(]{0,9}(?:\(\s*[A-J]\s*\)|[A-J][:)])")
_OPERATION = re.compile(r"[-+*/^=<>_\\(,&]")
_MORE = r"(?!\)?\s{0,2}(?:or|and|/)\s{0,2}\(?[A-J]\b)"  # two letters are no pick
_PICKED = re.compile(
    rf"(?:choice|option|{ANSWER})\s{{0,2}}(?:is|est|es|ist|è|é|是|为|は|है|هو|هي|:|：)?\s{{0,2}}"
    r"(?:for sure|definitely)?\s{0,2}[:：]?\s{0,2}\*{0,2}\(?([A-J])\b(?!['’])"
    rf"{_MORE}|(?:it's|it is|is)\s\(?([A-J])\b(?!['’]){_MORE}",
)
_FIRST = re.compile(r"^\W*\(?([A-J])\)?(?![a-z0-9'’])")


def choice(text: str) -> Choice | None:
    r"""Read an option: ``B``, ``(B)``, ``B. 12``, ``Option B``, ``\text{(B)} 12``; None when the text is none.

    Example:
        >>> choice("(B) Alina")
        Choice(letter='B', text='Alina')
        >>> choice("B + 1") is None
        True
    """
    if len(text) > 250 or not text:  # noqa: PLR2004 - an option's text is short
        return None
    found = _ALONE.match(text) or _OPTION.fullmatch(text)
    if found is None:
        return None
    *letters, rest = found.groups()
    if _OPERATION.match(rest) and not found[0].startswith(("(", "\\")):
        return None
    if rest.startswith(("^", "=", "+", "*", "/", "_")):
        return None
    if _SECOND.match(rest):
        return None
    return Choice(next(x for x in letters if x).upper(), rest.strip(" .{}"))


def picked(response: str) -> str | None:
    """Return the letter that a response picks: behind "answer is" and the like, else the one it opens with.

    Example:
        >>> picked("Not A, because it is odd; therefore I think it's B")
        'B'
    """
    tail = response[-2_000:]
    hits = list(_PICKED.finditer(tail))
    if hits:
        return next(x for x in hits[-1].groups() if x)
    first = _FIRST.match(tail.strip())
    return first[1] if first else None
