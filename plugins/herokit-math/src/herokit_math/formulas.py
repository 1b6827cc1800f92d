r"""Formulas of sets and of propositions: ``A \cap B^c``, ``p \to \neg q``; two are equal if their truth tables are."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from herokit_math.answers import Formula

__all__ = ["parse_formula"]

_MAX_NAMES = 8  # a truth table has two to the power of them rows
_MAX_TOKENS = 200
_MAX_DEPTH = 20
_NAME = r"[A-Za-z](?:_(?:\w|\{\w{1,3}\}))?"
_TOKEN = re.compile(
    rf"\s*({_NAME}|\\[a-zA-Z]+|[(){{}}\[\]']|\^\s?(?:c(?![a-zA-Z])|\{{\s?c\s?\}}|\\complement|\{{\s?\\complement\s?\}}))"
)
_SIGN = re.compile(
    r"\\(?:land|lor|neg|lnot|cap|cup|setminus|wedge|vee|to|implies|iff|subseteq|supseteq|(?:left)?rightarrow|(?:Left)?Rightarrow)(?![a-zA-Z])"
)
_AND, _OR = {"\\land", "\\wedge", "\\cap"}, {"\\lor", "\\vee", "\\cup"}
_NOT, _OVERLINE = {"\\neg", "\\lnot"}, {"\\overline", "\\bar"}
_IF = {"\\to", "\\implies", "\\rightarrow", "\\Rightarrow", "\\subseteq"}
_IFF = {"\\iff", "\\leftrightarrow", "\\Leftrightarrow"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class _NoFormulaError(Exception):
    """The text is no formula."""


class _Column(NamedTuple):
    """The column of a formula in a truth table, as the bits of a number; `ones` is the column of a tautology."""

    bits: int
    ones: int

    def __invert__(self) -> "_Column":
        return _Column(self.bits ^ self.ones, self.ones)

    def __and__(self, other: "_Column") -> "_Column":
        return _Column(self.bits & other.bits, self.ones)

    def __or__(self, other: "_Column") -> "_Column":
        return _Column(self.bits | other.bits, self.ones)


def parse_formula(text: str) -> Formula | None:
    r"""Parse a formula of sets or propositions; None for other texts.

    Args:
        text: normalized text; hostile.

    Example:
        >>> parse_formula(r"p \to q") == parse_formula(r"\neg p \lor q")
        True
        >>> parse_formula(r"A \cup B") == parse_formula(r"A \cap B"), parse_formula("(1, 2) \\cup (3, 4)")
        (False, None)
    """
    if _SIGN.search(text) is None:
        return None
    tokens = _tokenize(text)
    names = sorted({token for token in tokens if token[0].isalpha()})
    if not 0 < len(names) <= _MAX_NAMES:
        return None
    try:
        parser = _FormulaParser(tokens, _make_columns(names))
        column = parser.parse()
    except _NoFormulaError:
        return None
    needed = [name for k, name in enumerate(names) if _depends_on(column, k)]
    return Formula(tuple(needed), _project(column, [names.index(name) for name in needed]))


def _tokenize(text: str) -> list[str]:
    """Return the tokens of a formula; an empty list for other texts."""
    tokens: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or len(tokens) == _MAX_TOKENS:
            return []
        tokens.append(match[1].replace("_{", "_").rstrip("}") if match[1][0].isalpha() else match[1])
        at = match.end()
    return tokens


def _make_columns(names: list[str]) -> dict[str, _Column]:
    """Return the column of each name: the k-th one is true in the rows whose k-th bit is set."""
    rows = range(1 << len(names))
    ones = (1 << len(rows)) - 1
    return {name: _Column(sum(1 << row for row in rows if row >> k & 1), ones) for k, name in enumerate(names)}


def _depends_on(column: _Column, k: int) -> bool:
    """Return whether the k-th name changes the value of a formula."""
    rows = range(column.ones.bit_length())
    return any((column.bits >> row ^ column.bits >> (row ^ 1 << k)) & 1 for row in rows)


def _project(column: _Column, needed: list[int]) -> int:
    """Return the column over the names at some positions only."""
    rows = [sum((row >> at & 1) << k for at, k in enumerate(needed)) for row in range(1 << len(needed))]
    return sum((column.bits >> row & 1) << at for at, row in enumerate(rows))


class _FormulaParser:
    """Token cursor with one method per precedence: equivalence, implication, union, intersection, complement."""

    def __init__(self, tokens: list[str], columns: Mapping[str, _Column]) -> None:
        self.tokens = tokens
        self.columns = columns
        self.position = 0
        self.depth = 0

    def parse(self) -> _Column:
        """Parse all tokens."""
        column = self.parse_equivalence()
        if self.position < len(self.tokens):
            raise _NoFormulaError
        return column

    def peek(self) -> str:
        """Return the next token; an empty text at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def advance(self) -> str:
        """Consume and return the next token."""
        token = self.peek()
        self.position += 1
        return token

    def parse_equivalence(self) -> _Column:
        r"""Parse ``p \iff q``."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _NoFormulaError
        left = self.parse_implication()
        while self.peek() in _IFF:
            self.advance()
            right = self.parse_implication()
            left = (left & right) | (~left & ~right)
        self.depth -= 1
        return left

    def parse_implication(self) -> _Column:
        r"""Parse ``p \to q``, which groups to the right, and ``A \subseteq B``."""
        left = self.parse_union()
        if self.peek() == "\\supseteq":
            self.advance()
            return left | ~self.parse_union()
        if self.peek() not in _IF:
            return left
        self.advance()
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _NoFormulaError
        right = self.parse_implication()
        self.depth -= 1
        return ~left | right

    def parse_union(self) -> _Column:
        r"""Parse ``A \cup B``."""
        left = self.parse_intersection()
        while self.peek() in _OR:
            self.advance()
            left = left | self.parse_intersection()
        return left

    def parse_intersection(self) -> _Column:
        r"""Parse ``A \cap B`` and ``A \setminus B``."""
        left = self.parse_complement()
        while self.peek() in _AND or self.peek() == "\\setminus":
            is_difference = self.advance() == "\\setminus"
            right = self.parse_complement()
            left = left & (~right if is_difference else right)
        return left

    def parse_complement(self) -> _Column:
        r"""Parse ``\neg p``, ``A^c``, ``A'``, ``\overline{A}``, a name or brackets."""
        token = self.advance()
        if token in _NOT:
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise _NoFormulaError
            column = ~self.parse_complement()
            self.depth -= 1
            return column
        is_overlined = token in _OVERLINE
        token = self.advance() if is_overlined else token
        if token in _CLOSING:
            column = self.parse_equivalence()
            if self.advance() != _CLOSING[token]:
                raise _NoFormulaError
        elif token in self.columns:
            column = self.columns[token]
        else:
            raise _NoFormulaError
        while self.peek() == "'" or self.peek().startswith("^"):
            self.advance()
            column = ~column
        return ~column if is_overlined else column
