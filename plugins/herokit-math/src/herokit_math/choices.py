# ruff: noqa: RUF001 - ambiguous characters are intended
"""Multiple-choice questions: parse an option, find the option that a response chooses."""

import re

from herokit.verifiers.extraction import is_denied
from herokit.verifiers.languages import answer_nouns, choice_pattern, wrong_pattern
from herokit.verifiers.text import first_sentence
from herokit_math.answers import Choice

__all__ = ["find_chosen_letter", "parse_choice"]

_LETTER = re.compile(
    r"(?:\\(?:text|mathrm|textbf|mathbf|textit|boldsymbol)\s*\{\s*)*(?:(?:option|choice|answer)\s+)?"
    r"(?:\(\s*([A-J])\s*\)|([A-J])(?:[.:)](?=\s|$|\})|\s*$|\s*(?=\})|\s+(?=[A-Z][a-z]+\b)))\s*[.:]?\s*\}*\s*(.{0,200})",
    re.DOTALL,
)
_NAMED_OPTION = re.compile(r"(?:option|choice)\s*:?\s*\(?([A-J])\b\)?[.:]?\s*(.{0,200})", re.IGNORECASE | re.DOTALL)
_SECOND_LETTER = re.compile(r"[^\w(]{0,9}(?:(?:and|or)\b|\\text)?[^\w(]{0,9}(?:\(\s*[A-J]\s*\)|[A-J][:)])")
"""A second letter in place of the option's text."""
_FURTHER_OPTION = re.compile(r"[\s,;](?:\(([A-J])\)|([A-J])[.:)])\s(?!and\b|or\b)")
"""The label of another option behind the text of the first: a list of options is no choice, "both (A) and (B)" is one."""
_OPERATION = re.compile(r"[-+*/^=<>_\\(,&]")
_NO_SECOND_LETTER = r"(?!\)?\s{0,2}(?:or|and|/)\s{0,2}\(?[A-J]\b)"  # two letters are not a choice
_CHOSEN = re.compile(
    rf"(?:choice|option|{answer_nouns()})\s{{0,2}}(?:is|est|es|ist|è|é|是|为|為|选|選|は|है|هو|هي|:|：)?\s{{0,2}}"
    r"(?:for sure|definitely)?\s{0,2}[:：]?\s{0,2}\*{0,2}\(?([A-J])\b(?!['’])"
    rf"{_NO_SECOND_LETTER}|(?:it's|it is|is)\s\(?([A-J])\b(?!['’]){_NO_SECOND_LETTER}",
)
_NO_PROSE = r"(?![a-z0-9'’])(?!(?<=[AI])\s+(?!(?:is|because|since|as)\b)[a-z])"  # "A triangle", "I think"
_CHOOSING = re.compile(
    rf"(?:{choice_pattern().pattern})\*{{0,2}}\(?(?-i:([A-J])\b{_NO_PROSE}{_NO_SECOND_LETTER})", re.IGNORECASE
)
_FIRST_LETTER = re.compile(rf"^\W*\(?([A-J])\)?{_NO_PROSE}")


def parse_choice(text: str) -> Choice | None:
    r"""Parse an option: ``B``, ``(B)``, ``B. 12``, ``Option B``, ``\text{(B)} 12``; None if the text is not an option.

    Example:
        >>> parse_choice("(B) Alina")
        Choice(letter='B', text='Alina')
        >>> parse_choice("B + 1") is None
        True
    """
    if len(text) > 250 or not text:  # noqa: PLR2004 - options are short
        return None
    match = _LETTER.match(text) or _NAMED_OPTION.fullmatch(text)
    if match is None:
        return None
    *letters, rest = match.groups()
    if _OPERATION.match(rest) and not match[0].startswith(("(", "\\")):
        return None
    if rest.startswith(("^", "=", "+", "*", "/", "_")):
        return None
    letter = next(x for x in letters if x).upper()
    others = {x for pair in _FURTHER_OPTION.findall(rest) for x in pair} - {"", letter}
    if _SECOND_LETTER.match(rest) or others:
        return None
    return Choice(letter, rest.strip(" .{}"))


def find_chosen_letter(response: str) -> str | None:
    """Return the letter that a response chooses: the last one after "answer is" or a verb of choosing, else the first word.

    Example:
        >>> find_chosen_letter("Not A, because it is odd; therefore I think it's B")
        'B'
    """
    tail = response[-2_000:]
    if matches := list(_CHOSEN.finditer(tail)) or list(_CHOOSING.finditer(tail)):
        rest = tail[matches[-1].end() :].partition("\n")[0].removeprefix(")")
        is_refused = is_denied(tail, matches[-1].start()) or wrong_pattern().match(first_sentence(rest))
        return None if is_refused else next(x for x in matches[-1].groups() if x)
    first = _FIRST_LETTER.match(tail.strip())
    return first[1] if first else None
