"""Parse a number or expression with its unit, percent sign, degree sign or words."""

import re
from fractions import Fraction

from herokit_math.answers import BasedNumeral, Quantity, Ratio, Text
from herokit_math.expression import UnsupportedError, parse_expression
from herokit_math.lexer import Token, TokenKind
from herokit_math.limits import MAX_DIGITS
from herokit_math.token_split import bracket_depths, matches_operator, split_tokens
from herokit_math.tree import Call, Num
from herokit_math.units import UNITS, parse_unit
from herokit_math.words import NUMBER_SCALES, parse_number_words

__all__ = ["parse_based_numeral", "parse_quantity", "parse_ratio", "parse_words"]

_MAX_UNIT_WORDS = 8  # words after a number that are parsed as a unit
_PERCENT = {"percent", "pct", "percentage", "percents"}
_DEGREES = {"degrees", "degree", "deg"}
_RADIANS = {"radians", "radian", "rad"}
_IGNORED_WORDS = {
    "only", "about", "approximately", "exactly", "roughly", "around", "therefore", "thus", "hence", "so", "is", "are", "just",
    "nearly", "approx", "equals", "usd", "rs",
}  # fmt: skip
_HALF_DAY = re.compile(r"(a|p)\.?\s*m\b\.?", re.IGNORECASE)


def parse_quantity(tokens: list[Token]) -> Quantity:
    """Parse a number or expression and the words after it.

    Raises:
        UnsupportedError: the tokens are not a quantity.
        LimitError: they are nested too deeply.
    """
    while tokens and tokens[0].kind == TokenKind.WORD and tokens[0].text.lower() in _IGNORED_WORDS:
        tokens = tokens[1:]
    number = parse_number_words(tuple(t.text.lower() for t in tokens if t.kind == TokenKind.WORD))
    if number is not None and all(t.kind == TokenKind.WORD or t.text in {"-", "and"} for t in tokens):
        return Quantity(Num(Fraction(number)))
    start = _find_words(tokens)
    node = parse_expression(tokens[:start])
    words = _collect_unit_words(tokens[start:])
    while words and words[0] in NUMBER_SCALES:
        node = Call("mul", (node, Num(Fraction(NUMBER_SCALES[words[0]]))))
        words = words[1:]
    mark = ""
    if words and words[0] in _PERCENT | _DEGREES:
        mark = "%" if words[0] in _PERCENT else "deg"
        words = words[1:]
    elif words and words[0] in _RADIANS:
        words = words[1:]
    if isinstance(node, Call) and node.op in {"percent", "degree"}:
        mark, node = "%" if node.op == "percent" else "deg", node.args[0]
    return Quantity(node, parse_unit(words), " ".join(words), mark)


def _find_words(tokens: list[Token]) -> int:
    """Return the position of the first word after a quantity."""
    if not any(token.kind == TokenKind.WORD for token in tokens):
        return len(tokens)
    for at, (token, depth) in enumerate(zip(tokens, bracket_depths(tokens), strict=True)):
        if token.kind == TokenKind.WORD and depth == 0:
            if at == 0:
                break
            return at
        if token.kind == TokenKind.OPERATOR and token.text == "^" and "th" in [t.text for t in tokens[at + 1 : at + 3]]:
            return at
        if token.kind == TokenKind.WORD and at > 0 and tokens[at - 1].text in "([" and depth == 1:
            return at - 1  # "5 (meters)"
    if tokens and tokens[0].kind == TokenKind.WORD:
        raise UnsupportedError("begins with words")
    return len(tokens)


def _collect_unit_words(tokens: list[Token]) -> tuple[str, ...]:
    words: list[str] = []
    for previous, token in zip([None, *tokens], tokens, strict=False):
        if token.kind == TokenKind.WORD or (token.kind == TokenKind.VARIABLE and (token.text in UNITS or words)):
            words.append(token.text if token.text in UNITS else token.text.lower())
        elif token.text in {"2", "3"} and previous is not None and previous.text in {"^", "{"}:
            words.append("^" + token.text)
        elif token.text == "/":
            words.append("/")
        elif token.kind == TokenKind.NUMBER:
            raise UnsupportedError("a number among the words")
        elif token.text not in {"^", "{", "}", ".", "*", "(", ")", "-", "and", "'", "!", ","}:
            raise UnsupportedError(f"{token.text!r} among the words")
    if len(words) > _MAX_UNIT_WORDS:
        raise UnsupportedError("too many words after a number")
    return tuple(word for word in words if word != "th")


def parse_based_numeral(tokens: list[Token]) -> BasedNumeral | None:
    """Parse a numeral with a base, ``2112_{6}``; None for other tokens."""
    match [t.text for t in tokens]:
        case [digits, "_", text] | [digits, "_", "{", text, "}"] if text.isdigit() and digits.isalnum():
            base = int(text) if len(text) < MAX_DIGITS else 0
            return BasedNumeral(digits.lstrip("0") or "0", base) if 2 <= base <= 36 else None  # noqa: PLR2004 - digits end at z
        case [digits, "_", "{", text, "}"] if (
            digits.isalnum() and (base := parse_number_words((text.lower(),)) or 0) > 1
        ):
            return BasedNumeral(digits.lstrip("0") or "0", base)
    return None


def parse_ratio(tokens: list[Token]) -> Ratio | None:
    """Parse ``3:1`` or ``12:30 p.m.``; None for other tokens."""
    pieces = split_tokens(tokens, matches_operator(":"))
    if len(pieces) < 2:  # noqa: PLR2004 - a ratio has two parts
        return None
    tail = "".join(t.text + "." * (t.kind == TokenKind.WORD) for t in pieces[-1] if t.kind != TokenKind.NUMBER)
    if match := _HALF_DAY.search(tail):
        digits = [t for t in pieces[-1] if t.kind == TokenKind.NUMBER]
        parts = tuple(parse_expression(p) for p in (*pieces[:-1], digits))
        return Ratio(parts, is_clock=True, half_day=match[1].lower() + "m")
    is_clock = all(len(p) == 1 for p in pieces) and all(len(p[0].text) == 2 for p in pieces[1:])  # noqa: PLR2004 - 12:30
    return Ratio(tuple(parse_quantity(p).node for p in pieces), is_clock)


def parse_words(words: tuple[str, ...]) -> Quantity | Text:
    """Return a number if words spell one, else the words."""
    number = parse_number_words(words)
    return Text(words) if number is None else Quantity(Num(Fraction(number)))
