r"""Cutting an answer into tokens; words of prose, units and connectives are told apart from variables here."""

import re
from enum import IntEnum
from typing import NamedTuple

from herokit_math.limits import MAX_DIGITS, MAX_TOKENS, LimitError
from herokit_math.units import UNITS


class Kind(IntEnum):
    """What a token is."""

    NUMBER = 0
    VARIABLE = 1
    COMMAND = 2  # \frac, a function's or constant's name
    WORD = 3  # prose, a unit
    OPERATOR = 4
    JOIN = 5  # "and", "or"


class Token(NamedTuple):
    """A token: its kind, its text, and whether white space stands before it."""

    kind: Kind
    text: str
    spaced: bool = False


FUNCTIONS = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "asin": "asin", "acos": "acos", "atan": "atan", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "sin": "sin", "cos": "cos", "tan": "tan", "tg": "tan", "sec": "sec", "csc": "csc",
    "cot": "cot", "ctg": "cot", "cosec": "csc", "exp": "exp", "ln": "ln", "log": "log", "lg": "lg", "sqrt": "sqrt",
    "abs": "abs", "floor": "floor", "ceil": "ceil", "gcd": "gcd", "lcm": "lcm", "max": "max", "min": "min", "cbrt": "cbrt",
}  # fmt: skip
_NAMES = {
    "pi": "pi",
    "infinity": "infty",
    "inf": "infty",
    "infty": "infty",
    "oo": "infty",
    "theta": "theta",
    "alpha": "alpha",
}
_JOINS = {"and": "and", "or": "or", "und": "and", "oder": "or", "et": "and", "ou": "or"}
_TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|normal|tt|sc|up)?|math(?:rm|bf|it|sf|tt|cal)|mbox|hbox|operatorname\*?|bold(?:symbol)?|bf|rm|underline|emph)\s*\{"
)
_TOKEN = re.compile(
    r"(?P<repeat>\d*\.\d*\\(?:overline|bar|dot)\s*\{?\s*\d+\s*\}?)"
    r"|(?P<thousands>[1-9]\d{0,2}(?:,\d{3})+(?![\d])(?:\.\d+)?)"
    r"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3}(?![\d.a-zA-Z]))?)"
    r"|\\(?P<command>[a-zA-Z]+)"
    r"|(?P<word>[^\W\d_]+(?:'[a-z]+)?)"
    r"|(?P<operator>\\[\\{}|,;]|\*\*|<=|>=|!=|=<|=>|==|:=|<>|\S)"
)  # fmt: skip
_SUFFIX_TH = {"th", "st", "nd", "rd"}
_RELATIONS = {
    "<=": "\\le",
    "=<": "\\le",
    ">=": "\\ge",
    "=>": "\\ge",
    "!=": "\\ne",
    "<>": "\\ne",
    "==": "=",
    ":=": "=",
    "**": "^",
}
_SHORT = {
    "pct", "odd", "yes", "no", "not", "all", "the", "for", "is", "are", "if", "of", "to", "in", "at", "by", "per", "her", "his",
    "she", "has", "you", "can", "any", "one", "two", "six", "ten", "was", "but", "so", "as", "it", "its", "we", "day", "due", "new",
}  # fmt: skip  # words of one to three letters that are no product of variables
MAX_PRODUCT = 3  # letters in a row that may be a product of variables


def tokenize(text: str) -> list[Token]:
    r"""Cut unified text into tokens.

    Args:
        text: what `unify` returned.

    Raises:
        LimitError: too many tokens, or a literal with too many digits.

    Example:
        >>> [t.text for t in tokenize(r"2\pi r + 5\text{ cm}")]
        ['2', 'pi', 'r', '+', '5', 'cm']
    """
    tokens: list[Token] = []
    _scan(text, 0, len(text), tokens, prose=False)
    return tokens


def _scan(text: str, start: int, stop: int, tokens: list[Token], *, prose: bool) -> None:
    level = 0
    spaced = False
    while start < stop:
        if text[start].isspace():
            spaced = True
            start += 1
            continue
        if text[start] == "\\" and (wrap := _TEXT.match(text, start, stop)):
            end = _closing(text, wrap.end(), stop)
            _scan(text, wrap.end(), end, tokens, prose=True)
            start = end + 1
            continue
        found = _TOKEN.match(text, start, stop)
        if found is None:  # no character is left out: the last alternative takes any
            return
        kind, piece, start = str(found.lastgroup), found[0], found.end()
        if kind == "thousands" and level > 0:
            piece = piece.partition(",")[0]
            start = found.start() + len(piece)
        if piece in {"(", "[", ")", "]"}:
            level += 1 if piece in "([" else -1
        _add(kind, piece, tokens, spaced=spaced, prose=prose)
        spaced = False


def _add(kind: str, piece: str, tokens: list[Token], *, spaced: bool, prose: bool) -> None:
    if len(tokens) >= MAX_TOKENS:
        raise LimitError(f"more than {MAX_TOKENS} tokens")
    if kind == "operator":
        tokens.append(Token(Kind.OPERATOR, _RELATIONS.get(piece, piece), spaced))
    elif kind == "command":
        tokens.append(_command(piece[1:], spaced))
    elif kind == "word":
        _word(piece, tokens, spaced=spaced, prose=prose)
    elif len(piece) > MAX_DIGITS:
        raise LimitError(f"a literal with more than {MAX_DIGITS} digits")
    else:
        tokens.append(Token(Kind.NUMBER, piece.replace(",", ""), spaced))


def _closing(text: str, start: int, stop: int) -> int:
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
    "lor": "or", "land": "and", "vee": "or", "wedge": "and", "arcctg": "arccot", "varnothing": "emptyset", "colon": ":",
    "infin": "infty", "degree": "circ", "langle": "(", "overrightarrow": "vec", "equiv": "=", "rangle": ")", "cupdot": "cup", "bigcup": "cup", "lbrace": "{", "Alpha": "A",
}  # fmt: skip


def _command(name: str, spaced: bool) -> Token:  # noqa: FBT001 - a private helper, called in one place
    name = _ALIASES.get(name, name)
    if name in {"le", "ge", "ne"}:
        return Token(Kind.OPERATOR, "\\" + name, spaced)
    if name in {"and", "or"}:
        return Token(Kind.JOIN, name, spaced)
    if name in {"sqrt", *FUNCTIONS}:
        return Token(Kind.COMMAND, FUNCTIONS.get(name, name), spaced)
    return Token(Kind.COMMAND if name.isalpha() else Kind.OPERATOR, name, spaced)


def _word(word: str, tokens: list[Token], *, spaced: bool, prose: bool) -> None:
    lower = word.lower()
    after_number = bool(tokens) and tokens[-1].kind == Kind.NUMBER
    if lower in _JOINS and (prose or len(word) > 1) and word != "OR":
        tokens.append(Token(Kind.JOIN, _JOINS[lower], spaced))
    elif len(word) == 1 and word.isascii():
        unit = prose and word in UNITS and bool(tokens) and (after_number or tokens[-1].text in {"}", ")", "%"})
        tokens.append(Token(Kind.WORD if unit else Kind.VARIABLE, word, spaced))
    elif lower in FUNCTIONS and not (lower == "min" and (after_number or _is_unit_place(tokens))):
        tokens.append(Token(Kind.COMMAND, FUNCTIONS[lower], spaced))
    elif lower in _NAMES:
        tokens.append(Token(Kind.COMMAND, _NAMES[lower], spaced))
    elif after_number and not tokens[-1].spaced and not spaced and lower in _SUFFIX_TH:
        tokens.append(Token(Kind.WORD, "th", spaced))
    elif prose or lower in UNITS or lower in _SHORT or len(word) > MAX_PRODUCT or not word.isascii():
        _prose_word(word, tokens, spaced=spaced, prose=prose)
    else:
        tokens.extend(Token(Kind.VARIABLE, letter, spaced and k == 0) for k, letter in enumerate(word))


def _is_unit_place(tokens: list[Token]) -> bool:
    return bool(tokens) and (tokens[-1].text == "/" or tokens[-1].kind == Kind.WORD)


def _prose_word(word: str, tokens: list[Token], *, spaced: bool, prose: bool) -> None:
    """Add a word; a function's or constant's name glued behind one or two letters is cut off (``xsin``, ``rpi``)."""
    if not prose:
        for cut in (1, 2):
            tail = word[cut:]
            name = FUNCTIONS.get(tail) or _NAMES.get(tail)
            if name and tail not in {"min", "max", "inf", "oo", "abs", "tan"}:
                tokens.extend(Token(Kind.VARIABLE, letter, spaced and k == 0) for k, letter in enumerate(word[:cut]))
                tokens.append(Token(Kind.COMMAND, name))
                return
    tokens.append(Token(Kind.WORD, word, spaced))
