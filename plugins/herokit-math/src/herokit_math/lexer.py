r"""Split an answer into tokens; distinguishes words, units and conjunctions from variables."""

import re
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from herokit_math.limits import MAX_DIGITS, MAX_TOKENS, LimitError
from herokit_math.units import UNITS

__all__ = ["FUNCTIONS", "Token", "TokenKind", "parse_repeating_decimal", "tokenize"]


class TokenKind(IntEnum):
    """Kind of a token."""

    NUMBER = 0
    VARIABLE = 1
    COMMAND = 2  # \frac, a function's or constant's name
    WORD = 3  # prose, a unit
    OPERATOR = 4
    CONJUNCTION = 5  # "and", "or"


_NUMBER, _VARIABLE, _COMMAND, _WORD, _OPERATOR, _CONJUNCTION = TokenKind  # attributes of an enumeration take longer


class Token(NamedTuple):
    """A token: its kind, its text, and whether white space precedes it."""

    kind: TokenKind
    text: str
    after_space: bool = False


FUNCTIONS = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "asin": "asin", "acos": "acos", "atan": "atan", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "sin": "sin", "cos": "cos", "tan": "tan", "tg": "tan", "sec": "sec", "csc": "csc",
    "cot": "cot", "ctg": "cot", "cosec": "csc", "exp": "exp", "ln": "ln", "log": "log", "lg": "lg", "sqrt": "sqrt",
    "abs": "abs", "floor": "floor", "ceil": "ceil", "gcd": "gcd", "lcm": "lcm", "max": "max", "min": "min", "cbrt": "cbrt",
    "sech": "sech", "csch": "csch", "cosech": "csch", "coth": "coth", "arcsec": "asec", "arccsc": "acsc", "arccosec": "acsc",
    "arccot": "acot", "arctg": "atan", "sen": "sin", "arcsen": "asin", "senh": "sinh", "cotg": "cot", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "arsinh": "asinh",
    "arcosh": "acosh", "artanh": "atanh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh", "cis": "cis",
}  # fmt: skip
_CONSTANTS = {
    "pi": "pi", "infinity": "infty", "inf": "infty", "infty": "infty", "oo": "infty", "theta": "theta", "alpha": "alpha",
}  # fmt: skip
_CONJUNCTIONS = {"and": "and", "or": "or", "und": "and", "oder": "or", "et": "and", "ou": "or"}
_TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|normal|tt|sc|up)?|math(?:rm|bf|it|sf|tt|cal)|mbox|hbox|operatorname\*?|bold(?:symbol)?|bf|rm|underline|emph)\s*\{"
)
_TOKEN = re.compile(
    r"(?P<repeat>\d*+\.\d*+\\(?:overline|bar|dot)\s*\{?\s*\d+\s*\}?)"
    r"|(?P<thousands>[1-9]\d{0,2}(?:,\d{3})+(?![\d])(?:\.\d+)?)"
    r"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3}(?![\d.a-zA-Z]))?)"
    r"|\\(?P<command>[a-zA-Z]+)"
    r"|(?P<word>[^\W\d_]+(?:'[a-z]+)?)"
    r"|(?P<operator>\\[\\{}|,;]|\*\*|<=|>=|!=|=<|=>|==|:=|<>|\S)"
)  # fmt: skip
_TEMPERATURES = {"C": "celsius", "F": "fahrenheit"}
_ORDINAL_SUFFIXES = {"th", "st", "nd", "rd"}
_RELATIONS = {
    "<=": "\\le", "=<": "\\le", ">=": "\\ge", "=>": "\\ge", "!=": "\\ne", "<>": "\\ne", "==": "=", ":=": "=", "**": "^",
}  # fmt: skip
_SHORT_WORDS = {
    "pct", "odd", "yes", "no", "not", "all", "the", "for", "is", "are", "if", "of", "to", "in", "at", "by", "per", "her", "his",
    "she", "has", "you", "can", "any", "one", "two", "six", "ten", "was", "but", "so", "as", "it", "its", "we", "day", "due", "new", "out", "dne", "deg", "rad",
}  # fmt: skip  # words of one to three letters that are not products of variables
MAX_PRODUCT_LETTERS = 3  # letters in a row that may be a product of variables


def tokenize(text: str) -> list[Token]:
    r"""Split normalized text into tokens.

    Args:
        text: the output of `normalize_text`.

    Raises:
        LimitError: the text has too many tokens, or a literal has too many digits.

    Example:
        >>> [t.text for t in tokenize(r"2\pi r + 5\text{ cm}")]
        ['2', 'pi', 'r', '+', '5', 'cm']
    """
    tokens: list[Token] = []
    _scan(text, 0, len(text), tokens, prose=False)
    return tokens


def _scan(text: str, start: int, stop: int, tokens: list[Token], *, prose: bool) -> None:
    depth = 0
    after_space = False
    while start < stop:
        if text[start].isspace():
            after_space = True
            start += 1
            continue
        if text[start] == "\\" and (wrap := _TEXT.match(text, start, stop)):
            end = _find_closing_brace(text, wrap.end(), stop)
            _scan(text, wrap.end(), end, tokens, prose=True)
            start = end + 1
            continue
        match = _TOKEN.match(text, start, stop)
        if match is None:  # unreachable: the last alternative matches any character but white space
            return
        kind, piece, start = str(match.lastgroup), match[0], match.end()
        if kind == "thousands" and depth > 0:
            piece = piece.partition(",")[0]
            start = match.start() + len(piece)
        if piece in {"(", "[", ")", "]"}:
            depth += 1 if piece in "([" else -1
        _add_token(kind, piece, tokens, after_space=after_space, prose=prose)
        after_space = False


def _add_token(kind: str, piece: str, tokens: list[Token], *, after_space: bool, prose: bool) -> None:
    if len(tokens) >= MAX_TOKENS:
        raise LimitError(f"more than {MAX_TOKENS} tokens")
    if kind == "operator":
        tokens.append(Token(_OPERATOR, _RELATIONS.get(piece, piece), after_space))
    elif kind == "command":
        tokens.append(_command_token(piece[1:], after_space))
    elif kind == "word":
        _add_word(piece, tokens, after_space=after_space, prose=prose)
    elif len(piece) > MAX_DIGITS:
        raise LimitError(f"a literal with more than {MAX_DIGITS} digits")
    else:
        tokens.append(Token(_NUMBER, piece.replace(",", ""), after_space))


def _find_closing_brace(text: str, start: int, stop: int) -> int:
    depth = 1
    for index in range(start, stop):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return stop


_ALIASES = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "dbinom": "binom", "tbinom": "binom", "leq": "le", "geq": "ge",
    "leqslant": "le", "geqslant": "ge", "neq": "ne", "lt": "<", "gt": ">", "cdot": "*", "times": "*", "ast": "*", "div": "/",
    "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "lbrack": "[", "rbrack": "]", "dots": "ldots", "cdots": "ldots",
    "dotsm": "ldots", "dotsb": "ldots", "varphi": "phi", "varepsilon": "epsilon", "vartheta": "theta", "simeq": "approx",
    "lor": "or", "land": "and", "vee": "or", "wedge": "and", "arcctg": "arccot", "varnothing": "emptyset", "colon": ":", "mod": "bmod",
    "infin": "infty", "degree": "circ", "langle": "(", "overrightarrow": "vec", "equiv": "=", "rangle": ")", "cupdot": "cup", "bigcup": "cup", "bar": "overline", "lVert": "\\|", "rVert": "\\|", "Vert": "\\|", "lbrace": "{", "Alpha": "A",
}  # fmt: skip


def _command_token(name: str, after_space: bool) -> Token:  # noqa: FBT001 - a private helper, called in one place
    name = _ALIASES.get(name, name)
    if name == "\\|":
        return Token(_OPERATOR, name, after_space)
    if name in {"le", "ge", "ne"}:
        return Token(_OPERATOR, "\\" + name, after_space)
    if name in {"and", "or"}:
        return Token(_CONJUNCTION, name, after_space)
    if name in FUNCTIONS:
        return Token(_COMMAND, FUNCTIONS.get(name, name), after_space)
    return Token(_COMMAND if name.isalpha() else _OPERATOR, name, after_space)


def _add_word(word: str, tokens: list[Token], *, after_space: bool, prose: bool) -> None:
    lower = word.lower()
    after_number = bool(tokens) and tokens[-1].kind == _NUMBER
    if word in _TEMPERATURES and _follows_degree(tokens):
        tokens.append(Token(_WORD, _TEMPERATURES[word], after_space))
    elif lower in _CONJUNCTIONS and (prose or len(word) > 1) and word != "OR":
        tokens.append(Token(_CONJUNCTION, _CONJUNCTIONS[lower], after_space))
    elif len(word) == 1 and word.isascii():
        unit = prose and word in UNITS and bool(tokens) and (after_number or tokens[-1].text in {"}", ")", "%"})
        tokens.append(Token(_WORD if unit else _VARIABLE, word, after_space))
    elif lower in FUNCTIONS and not (lower == "min" and (after_number or _follows_unit(tokens))):
        tokens.append(Token(_COMMAND, FUNCTIONS[lower], after_space))
    elif lower in _CONSTANTS:
        tokens.append(Token(_COMMAND, _CONSTANTS[lower], after_space))
    elif lower == "mod":
        tokens.append(Token(_COMMAND, "bmod", after_space))
    elif after_number and not tokens[-1].after_space and not after_space and lower in _ORDINAL_SUFFIXES:
        tokens.append(Token(_WORD, "th", after_space))
    elif (
        prose
        or _names_unit(word, tokens, after_space=after_space)
        or lower in _SHORT_WORDS
        or len(word) > MAX_PRODUCT_LETTERS
        or not word.isascii()
    ):
        _add_prose_word(word, tokens, after_space=after_space, prose=prose)
    elif len(word) == MAX_PRODUCT_LETTERS and word[0].isupper() and word[1:].islower():  # a person's name
        tokens.append(Token(_WORD, word, after_space))
    else:
        tokens.extend(Token(_VARIABLE, letter, after_space and k == 0) for k, letter in enumerate(word))


def _names_unit(word: str, tokens: list[Token], *, after_space: bool) -> bool:
    """Return whether letters are a unit and no product of variables: ``kg``; ``kPa`` or ``KG`` only behind a number."""
    if word.lower() not in UNITS and word not in UNITS:
        return False
    if word.islower() or len(word) > MAX_PRODUCT_LETTERS:
        return True
    kinds = [token.kind for token in tokens[-2:]]
    if kinds[-1:] == [_NUMBER]:
        return True
    return after_space and kinds[:-1] == [_NUMBER] and tokens[-1].text in {"}", ")"}


def _follows_degree(tokens: list[Token]) -> bool:
    last = [t.text.lower() for t in tokens[-2:]]
    return last[-1:] in (["circ"], ["degrees"], ["degree"]) or last == ["circ", "}"]


def _follows_unit(tokens: list[Token]) -> bool:
    return bool(tokens) and (tokens[-1].text == "/" or tokens[-1].kind == _WORD)


def _add_prose_word(word: str, tokens: list[Token], *, after_space: bool, prose: bool) -> None:
    """Add a word; splits a function or constant from one or two letters in front of it (``xsin``, ``rpi``)."""
    if not prose:
        for cut in (1, 2):
            tail = word[cut:]
            name = FUNCTIONS.get(tail) or _CONSTANTS.get(tail)
            if name and tail not in {"min", "max", "inf", "oo", "abs", "tan"}:
                tokens.extend(Token(_VARIABLE, letter, after_space and k == 0) for k, letter in enumerate(word[:cut]))
                tokens.append(Token(_COMMAND, name))
                return
    tokens.append(Token(_WORD, word, after_space))


def parse_repeating_decimal(text: str) -> Fraction:
    r"""Return the exact value of a number with repeating decimals.

    Example:
        >>> parse_repeating_decimal(r"0.1\overline{6}")
        Fraction(1, 6)
    """
    start, _, cycle = text.partition("\\")
    whole, _, places = start.partition(".")
    digits = "".join(c for c in cycle if c.isdigit())
    repetend = Fraction(int(digits), (10 ** len(digits) - 1) * 10 ** len(places))
    return Fraction(f"{whole or 0}.{places or 0}") + repetend
