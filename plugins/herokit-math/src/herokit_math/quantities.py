"""Reading a number or expression with what is written around it: units, percent, degrees, words."""

import re
from fractions import Fraction

from herokit_math.answers import Based, Quantity, Ratio, Text
from herokit_math.atoms import UnsupportedError
from herokit_math.expression import expression
from herokit_math.lexer import Kind, Token
from herokit_math.limits import MAX_DIGITS
from herokit_math.token_split import is_op, levels, split
from herokit_math.tree import Call, Num
from herokit_math.units import UNITS, read_unit
from herokit_math.words import SCALES, number_in_words

MAX_WORDS = 8  # words behind a number that are taken for a unit
_PERCENT = {"percent", "pct", "percentage", "percents"}
_DEGREES = {"degrees", "degree", "deg"}
_RADIANS = {"radians", "radian", "rad"}
_BEFORE = {
    "only", "about", "approximately", "exactly", "roughly", "around", "therefore", "thus", "hence", "so", "is", "are", "just",
    "nearly", "approx", "equals", "usd", "rs",
}  # fmt: skip
_HALF = re.compile(r"(a|p)\.?\s*m\b\.?", re.IGNORECASE)


def quantity(tokens: list[Token]) -> Quantity:
    """Read a number or expression and the words behind it.

    Raises:
        UnsupportedError: it is none.
        LimitError: it is too deep or too long.
    """
    while tokens and tokens[0].kind == Kind.WORD and tokens[0].text.lower() in _BEFORE:
        tokens = tokens[1:]
    spelt = number_in_words(tuple(t.text.lower() for t in tokens if t.kind == Kind.WORD))
    if spelt is not None and all(t.kind == Kind.WORD or t.text in {"-", "and"} for t in tokens):
        return Quantity(Num(Fraction(spelt)))
    at = _words_from(tokens)
    node = expression(tokens[:at])
    words = _unit_words(tokens[at:])
    while words and words[0] in SCALES:
        node = Call("mul", (node, Num(Fraction(SCALES[words[0]]))))
        words = words[1:]
    mark = ""
    if words and words[0] in _PERCENT | _DEGREES:
        mark = "%" if words[0] in _PERCENT else "deg"
        words = words[1:]
    elif words and words[0] in _RADIANS:
        words = words[1:]
    if isinstance(node, Call) and node.op in {"percent", "degree"}:
        mark, node = "%" if node.op == "percent" else "deg", node.args[0]
    return Quantity(node, read_unit(words), " ".join(words), mark)


def _words_from(tokens: list[Token]) -> int:
    if not any(token.kind == Kind.WORD for token in tokens):
        return len(tokens)
    for at, (token, level) in enumerate(zip(tokens, levels(tokens), strict=True)):
        if token.kind == Kind.WORD and level == 0:
            if at == 0:
                break
            return at
        if token.kind == Kind.OPERATOR and token.text == "^" and "th" in [t.text for t in tokens[at + 1 : at + 3]]:
            return at
        if token.kind == Kind.WORD and at > 0 and tokens[at - 1].text in "([" and level == 1:
            return at - 1  # "5 (meters)"
    if tokens and tokens[0].kind == Kind.WORD:
        raise UnsupportedError("begins with words")
    return len(tokens)


def _unit_words(tokens: list[Token]) -> tuple[str, ...]:
    found: list[str] = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.kind == Kind.WORD or (token.kind == Kind.VARIABLE and (token.text in UNITS or len(found) > 0)):
            found.append(token.text if token.text in UNITS else token.text.lower())
        elif token.text in {"2", "3"} and before is not None and before.text in {"^", "{"}:
            found.append("^" + token.text)
        elif token.text == "/":
            found.append("/")
        elif token.kind == Kind.NUMBER:
            raise UnsupportedError("a number among the words")
        elif token.text not in {"^", "{", "}", ".", "*", "(", ")", "-", "and", "'", "!", ","}:
            raise UnsupportedError(f"{token.text!r} among the words")
    if len(found) > MAX_WORDS:
        raise UnsupportedError("prose behind a number")
    return tuple(w for w in found if w != "th")


def based(tokens: list[Token]) -> Based | None:
    """Read a numeral with a base, ``2112_{6}``, if the tokens are one."""
    texts = [t.text for t in tokens]
    match texts:
        case [digits, "_", base] | [digits, "_", "{", base, "}"] if base.isdigit() and digits.isalnum():
            size = int(base) if len(base) < MAX_DIGITS else 0
            return Based(digits.lstrip("0") or "0", size) if 2 <= size <= 36 else None  # noqa: PLR2004 - digits end at z
        case [digits, "_", "{", base, "}"] if digits.isalnum() and (size := number_in_words((base.lower(),)) or 0) > 1:
            return Based(digits.lstrip("0") or "0", size)
    return None


def ratio(tokens: list[Token]) -> Ratio | None:
    """Read ``3:1`` or ``12:30 p.m.``, if the tokens are such."""
    pieces = split(tokens, is_op(":"))
    if len(pieces) < 2:  # noqa: PLR2004 - a ratio has two parts
        return None
    tail = "".join(t.text + "." * (t.kind == Kind.WORD) for t in pieces[-1] if t.kind != Kind.NUMBER)
    if half := _HALF.search(tail):
        digits = [t for t in pieces[-1] if t.kind == Kind.NUMBER]
        return Ratio(
            (*(expression(p) for p in pieces[:-1]), expression(digits)), clock=True, half=half[1].lower() + "m"
        )
    clock = all(len(p) == 1 for p in pieces) and all(len(p[0].text) == 2 for p in pieces[1:])  # noqa: PLR2004 - 12:30
    return Ratio(tuple(quantity(p).node for p in pieces), clock)


def text(words: tuple[str, ...]) -> Quantity | Text:
    """Return a number spelt in words, or the words."""
    spelt = number_in_words(words)
    return Text(words) if spelt is None else Quantity(Num(Fraction(spelt)))
