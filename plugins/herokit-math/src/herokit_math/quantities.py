"""Parse a number or expression with its unit, percent sign, degree sign or words."""

import re
from fractions import Fraction
from itertools import pairwise

from herokit_math.answers import EMPTY_SET, BasedNumeral, Collection, Quantity, Ratio, Text
from herokit_math.expression import UnsupportedError, parse_expression
from herokit_math.lexer import Token, TokenKind
from herokit_math.limits import MAX_DIGITS
from herokit_math.token_split import bracket_depths, matches_operator, split_tokens
from herokit_math.tree import Call, Const, Num, negate
from herokit_math.units import UNITS, parse_unit
from herokit_math.words import NUMBER_SCALES, parse_fraction_words, parse_number_words

__all__ = ["parse_based_numeral", "parse_mixed_units", "parse_quantity", "parse_ratio", "parse_words"]

_NUMBER, _VARIABLE, _COMMAND, _WORD = (
    TokenKind.NUMBER,
    TokenKind.VARIABLE,
    TokenKind.COMMAND,
    TokenKind.WORD,
)  # attributes of an enumeration take longer

_MAX_UNIT_WORDS = 8  # words after a number that are parsed as a unit
_PERCENT = {"percent", "pct", "percentage", "percents"}
_DEGREES = {"degrees", "degree", "deg"}
_RADIANS = {"radians", "radian", "rad"}
_IGNORED_WORDS = {
    "only", "about", "approximately", "exactly", "roughly", "around", "therefore", "thus", "hence", "so", "is", "are", "just",
    "nearly", "approx", "equals", "usd", "rs", "the", "year",
}  # fmt: skip
_SCALES = {"k": 1_000, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}
_NUMBER_SETS = {("integers",): "Z", ("integer",): "Z", ("natural",): "N", ("rational",): "Q", ("complex",): "C"}
_NOTHING = {("none",), ("no", "solution"), ("no", "real", "solution"), ("empty", "set"), ("not", "exist")}
_MAX_MIXED_UNITS = 4
_INCH = {"in": UNITS["inch"]}  # elsewhere it is a preposition
_HALF_DAY = re.compile(r"(a|p)\.?\s*m\b\.?", re.IGNORECASE)


def parse_quantity(tokens: list[Token]) -> Quantity:
    """Parse a number or expression and the words after it.

    Raises:
        UnsupportedError: the tokens are not a quantity.
        LimitError: they are nested too deeply.
    """
    while tokens and tokens[0].kind == _WORD and tokens[0].text.lower() in _IGNORED_WORDS:
        tokens = tokens[1:]
    spelled = tuple([t.text.lower() for t in tokens if t.kind == _WORD])
    number = parse_number_words(spelled) if spelled else None
    if number is not None and all(t.kind == _WORD or t.text in {"-", "and"} for t in tokens):
        return Quantity(Num(Fraction(number)))
    if (quantity := parse_mixed_units(tokens)) is not None:
        return quantity
    start = _find_words(tokens) if spelled else len(tokens)
    node = parse_expression(tokens[:start])
    words = _collect_unit_words(tokens[start:])
    scale = _find_scale(tokens)
    while words and words[0] in NUMBER_SCALES:
        node = Call("mul", (node, Num(Fraction(NUMBER_SCALES[words[0]]))))
        words = words[1:]
    mark = ""
    if words and words[0] in _PERCENT | _DEGREES:
        mark = "%" if words[0] in _PERCENT else "deg"
        words = words[1:]
    elif words and words[0] in _RADIANS:
        mark, words = "rad", words[1:]
    is_negative = isinstance(node, Call) and node.op == "neg"
    inside = node.args[0] if isinstance(node, Call) and is_negative else node
    if isinstance(inside, Call) and inside.op in {"percent", "degree"}:
        mark = "%" if inside.op == "percent" else "deg"
        node = negate(inside.args[0]) if is_negative else inside.args[0]
    if mark == "deg" and words[:1] in {("celsius",), ("fahrenheit",)}:
        mark = ""
    return Quantity(node, parse_unit(words), " ".join(words), mark, scale)


def parse_mixed_units(tokens: list[Token]) -> Quantity | None:
    """Parse ``5 ft 6 in`` or ``1 h 30 min``; None for other tokens."""
    if not tokens or tokens[0].kind != _NUMBER:
        return None
    tokens = [token for token in tokens if token.text != "and"]
    numbers, names = tokens[::2], tokens[1::2]
    if not 1 < len(names) == len(numbers) <= _MAX_MIXED_UNITS or any(t.kind != _NUMBER for t in numbers):
        return None
    units = [UNITS.get(name.text) or _INCH.get(name.text) for name in names]
    if any(unit is None or units[0] is None or unit.dimension != units[0].dimension for unit in units):
        return None
    factors = [unit.factor for unit in units if unit]
    if any(larger <= smaller for larger, smaller in pairwise(factors)):
        return None  # two lengths
    parts = [Call("mul", (parse_expression([n]), Num(u.factor))) for n, u in zip(numbers, units, strict=True) if u]
    first = units[0]
    total = Call("div", (Call("add", tuple(parts)), Num(first.factor if first else Fraction(1))))
    return Quantity(total, first, names[0].text)


def _find_words(tokens: list[Token]) -> int:
    """Return the position of the first word after a quantity."""
    if not any(token.kind == _WORD for token in tokens):
        return len(tokens)
    for at, (token, depth) in enumerate(zip(tokens, bracket_depths(tokens), strict=True)):
        if token.kind == _WORD and depth == 0:
            if at == 0:
                break
            return at
        if token.kind == _WORD and at > 1 and tokens[at - 1].text in {"(", "[", "{"} and depth == 1:
            if tokens[at - 2].kind == _COMMAND:
                continue  # an argument
            return _first_unit(tokens, at - 1)  # "5 (meters)", "5{cm}", "3 J/(kg K)"
    if tokens and tokens[0].kind == _WORD:
        raise UnsupportedError("begins with words")
    return len(tokens)


def _first_unit(tokens: list[Token], end: int) -> int:
    """Return the position of the first of the units, ``/`` and ``*`` that stand before a position."""
    if tokens[end - 1].text in {"/", "*"}:
        while end > 1 and (tokens[end - 1].text in {"/", "*"} or tokens[end - 1].text in UNITS):
            end -= 1
    return end


def _collect_unit_words(tokens: list[Token]) -> tuple[str, ...]:
    words: list[str] = []
    tokens, powers = _split_powers(tokens)
    for token in tokens:
        if token.text in powers and token.kind == _NUMBER:
            words.append(token.text)
        elif token.kind == _WORD or (token.kind == _VARIABLE and (token.text in UNITS or words)):
            words.append(token.text if token.text in UNITS else token.text.lower())
        elif token.text == "/":
            words.append("/")
        elif token.kind == _NUMBER:
            raise UnsupportedError("a number among the words")
        elif token.text not in {"^", "{", "}", ".", "*", "(", ")", "-", "and", "'", "!", ","}:
            raise UnsupportedError(f"{token.text!r} among the words")
    if len(words) > _MAX_UNIT_WORDS:
        raise UnsupportedError("too many words after a number")
    return tuple(word for word in words if word != "th")


def _split_powers(tokens: list[Token]) -> tuple[list[Token], set[str]]:
    """Join the tokens of each power: ``^``, ``{``, ``-``, ``1``, ``}``; return also the texts of the powers."""
    joined: list[Token] = []
    powers: set[str] = set()
    at = 0
    while at < len(tokens):
        texts = [t.text for t in tokens[at : at + 5]]
        match texts:
            case ["^", "{", "-", digit, "}"] if digit.isdigit():
                power, width = f"^-{digit}", 5
            case ["^", "{", digit, "}", *_] if digit.isdigit():
                power, width = f"^{digit}", 4
            case ["^", "-", digit, *_] if digit.isdigit():
                power, width = f"^-{digit}", 3
            case ["^", digit, *_] if digit.isdigit():
                power, width = f"^{digit}", 2
            case _:
                joined.append(tokens[at])
                at += 1
                continue
        joined.append(Token(_NUMBER, power))
        powers.add(power)
        at += width
    return joined, powers


def _find_scale(tokens: list[Token]) -> int:
    """Return 1000 for ``70K``, a million for ``70M``, where the letter touches the number; 1 for other tokens."""
    *number, last = tokens
    if last.after_space or not number or number[-1].kind != _NUMBER or len(number) != 1 + (number[0].text == "-"):
        return 1
    return _SCALES.get(last.text, 1)


def parse_based_numeral(tokens: list[Token]) -> BasedNumeral | None:
    """Parse a numeral with a base, ``2112_{6}`` or ``3F_{16}``; None for other tokens."""
    at = next((k for k, t in enumerate(tokens) if t.text == "_"), 0)
    if not at:
        return None
    head = tokens[1 : at - 1] if at > 2 and tokens[0].text == "(" and tokens[at - 1].text == ")" else tokens[:at]  # noqa: PLR2004
    digits = "".join(t.text for t in head)
    if not digits.isalnum() or any(t.kind not in (_NUMBER, _VARIABLE, _WORD) for t in head):
        return None
    match [t.text for t in tokens[at + 1 :]]:
        case [text] | ["{", text, "}"] if text.isdigit():
            base = int(text) if len(text) < MAX_DIGITS else 0
        case ["{", text, "}"]:
            base = parse_number_words((text.lower(),)) or 0
        case ["{", "base", text, "}"] if text.isdigit() and len(text) < MAX_DIGITS:
            base = int(text)
        case _:
            return None
    is_base = 2 <= base <= 36 or (base == 1 and digits.isdigit())  # noqa: PLR2004 - digits end at z; 5_1 is the name of a knot
    is_numeral = digits.isdigit() or (len(digits) > 1 and base > 10) or len(head) == 1  # noqa: PLR2004 - letters are digits
    digits = digits.upper() if base > 10 else digits  # noqa: PLR2004
    return BasedNumeral(digits.lstrip("0") or "0", base) if is_base and is_numeral else None


def parse_ratio(tokens: list[Token]) -> Ratio | None:
    """Parse ``3:1`` or ``12:30 p.m.``; None for other tokens."""
    pieces = split_tokens(tokens, matches_operator(":"))
    if len(pieces) < 2:  # noqa: PLR2004 - a ratio has two parts
        return None
    tail = "".join(t.text + "." * (t.kind == _WORD) for t in pieces[-1] if t.kind != _NUMBER)
    if match := _HALF_DAY.search(tail):
        digits = [t for t in pieces[-1] if t.kind == _NUMBER]
        parts = tuple(parse_expression(p) for p in (*pieces[:-1], digits))
        return Ratio(parts, is_clock=True, half_day=match[1].lower() + "m")
    is_clock = all(len(p) == 1 for p in pieces) and all(len(p[0].text) == 2 for p in pieces[1:])  # noqa: PLR2004 - 12:30
    return Ratio(tuple(parse_quantity(p).node for p in pieces), is_clock)


def parse_words(words: tuple[str, ...]) -> Quantity | Collection | Text:
    """Return a number if words spell one, the empty set if they say that there is no solution, else the words."""
    if words in _NOTHING:
        return EMPTY_SET
    if words == ("does", "not", "exist"):
        return Text(("undefined",))
    if words in _NUMBER_SETS:
        return Quantity(Const(_NUMBER_SETS[words]))
    mark = "%" if words[-1:] in {(word,) for word in _PERCENT} else ""
    number = parse_fraction_words(words[:-1] if mark else words)
    return Text(words) if number is None else Quantity(Num(number), mark=mark)
