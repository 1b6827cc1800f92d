r"""Find mathematical expressions in prose, each whole: ``3\sqrt{2}``, ``(1, 2)``, ``2^{10}``, ``2, 3``, ``5x/2``.

A run of numbers, letters, commands, operators and brackets is one expression; words, full stops and a formula's dollar signs
end it. Nothing is parsed here. The time is linear in the text.
"""

import re
from typing import NamedTuple

__all__ = ["Span", "find_expressions"]

_GROUP = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]{0,200}\}){0,400}\}){0,400}\}"
_FUNCTION = r"(?:(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|log|ln|exp|sqrt|max|min|mod|gcd|lcm|pi|det|lim)(?![a-z])"
_WORD = r"[^\W\d_]{2,}+(?:['\u2019-][^\W\d_]+)*+"
_TOKEN = re.compile(
    r"(?P<formula>\$\$[^$]{1,400}\$\$|\$[^$\n]{1,400}\$|\\\[.{1,400}?\\\]|\\\([^\n]{1,400}?\\\))"
    r"|(?P<bold>\*\*[^*\n]{1,80}\*\*)"
    r"|(?P<number>(?:\d{1,3}(?:[,\u00a0\u202f]\d{3})+(?!\d)|\d+)(?:[.,]\d+)?(?:\\?%|°)?|\.\d+)"
    rf"|(?P<command>\\[a-zA-Z]+\*?(?:\s?{_GROUP}|\s?\[[^\]\n]{{0,20}}\]){{0,3}}|\\[%,;:! ]|[\u221a\u221e\u03c0])"
    rf"|(?P<script>[\^_]\s?{_GROUP})"
    rf"|(?P<function>{_FUNCTION})"
    rf"|(?P<word>{_WORD}(?: (?!{_FUNCTION}){_WORD})*+)"  # a run of words is one token
    r"|(?P<letter>[^\W\d_])"
    r"|(?P<comma>,)|(?P<open>[(\[{|])|(?P<close>[)\]}|])"
    r"|(?P<operator>[-+*/^_=<>\u2264\u2265\u2260\u2248\u00b1\u00d7\u00b7\u00f7\u2212\u2213\u222a\u2229!'\u2032:&])"
    r"|(?P<stop>\S)",
    re.DOTALL,
)
_OPERANDS = {"number", "command", "function", "letter", "formula", "bold"}
_NAME = re.compile(r"\\?[a-zA-Z]{1,4}(?:\([a-z]\))?|\\?[a-zA-Z]{1,8}_\{?\w{1,3}\}?")  # a formula that is only a name
_VALUE = re.compile(r"\d|\\[a-zA-Z]|[\u221e\u03c0\u221a]|[a-zA-Z]\s*[-+*/^=(]|\b(?:pi|sqrt|ln|log)\b")


class Span(NamedTuple):
    """An expression and where it is in the text."""

    start: int
    end: int
    text: str


def find_expressions(text: str) -> list[Span]:
    r"""Return the expressions of a text in order, each as long as possible.

    Args:
        text: prose of limited length.

    Example:
        >>> [span.text for span in find_expressions(r"The roots 2, 3 of x^2 - 5x + 6 and the area 3\sqrt{2} cm.")]
        ['2, 3', 'x^2 - 5x + 6', '3\\sqrt{2}']
    """
    tokens = list(_TOKEN.finditer(text))
    spans: list[Span] = []
    first = 0
    for index, token in enumerate([*tokens, None]):
        is_break = token is None or token.lastgroup in ("word", "stop")
        if not is_break and _continues(tokens, index, first):
            continue
        if index > first and not _is_part_of_word(tokens, first) and (span := _make_span(text, tokens[first:index])):
            spans.append(span)
        first = index + 1 if is_break or not _starts(tokens, index) else index
    return spans


def _starts(tokens: list[re.Match[str]], index: int) -> bool:
    """Return whether a run may begin with a token."""
    kind = tokens[index].lastgroup
    if kind == "letter":
        return _is_variable(tokens, index)
    return kind in ("number", "command", "function", "formula", "bold", "open") or tokens[index][0] in "-+\u2212\u00b1"


def _continues(tokens: list[re.Match[str]], index: int, first: int) -> bool:
    """Return whether a token, which is no word and no stop, belongs to the run that began at `first`."""
    if index <= first:
        return index == first and _starts(tokens, index)
    token, before = tokens[index], tokens[index - 1]
    kind, adjacent = token.lastgroup, token.start() == before.end()
    if "bold" in (kind, before.lastgroup):
        return False
    if kind == "letter" and not adjacent:
        return _is_variable(tokens, index) and (_is_operator(before) or before.lastgroup in ("number", "function"))
    if adjacent or _is_operator(before) or kind not in (*_OPERANDS, "open"):
        return True
    return before.lastgroup in ("command", "function") or kind in ("command", "function")


def _is_part_of_word(tokens: list[re.Match[str]], first: int) -> bool:
    """Return whether a run begins inside a word, as "2A" in "AZYUK2A"."""
    before = tokens[first - 1] if first else None
    adjacent = before is not None and before.lastgroup == "word" and before.end() == tokens[first].start()
    return adjacent and before is not None and before[0][-1].isascii()  # Chinese writes no blanks


def _is_operator(token: re.Match[str]) -> bool:
    return token.lastgroup in ("operator", "comma", "open", "script")


def _is_variable(tokens: list[re.Match[str]], index: int) -> bool:
    """Return whether a letter is a variable and not a word such as "a" or "I"."""
    token = tokens[index]
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if after is not None and after.lastgroup in ("operator", "script") and after[0] not in "':":
        return True
    if after is not None and after.start() == token.end() and after.lastgroup in ("number", "open", "command"):
        return True
    follows_operator = index > 0 and tokens[index - 1].lastgroup == "operator"
    return follows_operator or (token[0] not in "aIA" and index > 0 and tokens[index - 1].lastgroup == "number")


def _make_span(text: str, tokens: list[re.Match[str]]) -> Span | None:
    """Return the run without operators, commas and unmatched brackets around it; None if nothing is left."""
    if len(tokens) > 1 and tokens[-1][0] in "'\u2019" and tokens[-2].lastgroup == "number":
        tokens = tokens[:-1]  # 21'dir
    while tokens and (tokens[-1].lastgroup in ("comma", "open") or tokens[-1][0] in "-+*/^_=<>:&"):
        tokens = tokens[:-1]
    tokens = _trim_brackets(tokens)
    if not tokens:
        return None
    start, end = tokens[0].start(), tokens[-1].end()
    run = text[start:end].strip()
    if len(tokens) == 1 and tokens[0].lastgroup in ("formula", "bold"):
        run = run.strip("*") if tokens[0].lastgroup == "bold" else run.strip("$")
        run = run.removeprefix("\\[").removesuffix("\\]").removeprefix("\\(").removesuffix("\\)").strip()
        return None if not run or _NAME.fullmatch(run) else Span(start, end, run)
    return Span(start, end, run) if _VALUE.search(run) else None


def _trim_brackets(tokens: list[re.Match[str]]) -> list[re.Match[str]]:
    """Drop brackets at the ends that have no partner inside."""
    open_brackets: list[int] = []
    without_partner: list[int] = []
    for index, token in enumerate(tokens):
        if token[0] == "|":
            continue
        if token.lastgroup == "open":
            open_brackets.append(index)
        elif token.lastgroup == "close":
            without_partner += [] if open_brackets else [index]
            open_brackets = open_brackets[:-1]
    bad = {*without_partner, *open_brackets}
    low, high = 0, len(tokens)
    while low < high and low in bad:
        low += 1
    while low < high and high - 1 in bad:
        high -= 1
    return tokens[low:high]
