"""Arithmetic in text: one notation for LaTeX, Unicode and calculator marks; find equations and check them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["NUMBER", "Equation", "check_equation", "evaluate", "normalize_notation", "split_equations"]

_REWRITES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\(?:times|cdot|ast)\b|[\u00d7\u00b7\u2217]", "*"),
        (r"\\div\b|\u00f7", "/"),
        (r"[\u2212\u2013\u2014]", "-"),
        (r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)"),
        (r"\\(?:text|mathrm|textbf|mathbf)\{([^{}]*)\}", r"\1"),
        (r"\\boxed\{([^{}]*)\}", r" #### \1 "),
        (r"\\(?:left|right|[,;!()\[\]])|\*\*|[$\u20ac\u00a3]", ""),
        (r"\\%", "%"),
        (r"(?<=\d)(?:,|\{,\})(?=\d\d\d(?!\d))", ""),
        (r"(?<=[\d)])\s*[xX]\s*(?=[\d(])", " * "),
    )
]
NUMBER = re.compile(r"\d++(?:\.\d++)?|\.\d++")
_N = r"(?>\d++(?:\.\d++)?|\.\d++)"
# Atomic groups and possessive quantifiers everywhere: a hostile completion costs linear time.
_TERM = rf"(?>[(\s]*+-?\s*+{_N}\s*+%?(?:\s*+[a-zA-Z]++){{0,2}}+[\s)]*+)"
# A run does not begin within brackets and blanks that the previous attempt has scanned, unless that one cannot begin.
_RUN = re.compile(
    rf"(?:(?<![\d.(\s])|(?<=[\d.][(\s]))(?P<left>{_TERM}(?:[-+*/]{_TERM}){{1,24}}+)=\s*+(?P<right>-?\s?{_N})"
)
_CALC = re.compile(rf"<<(?P<left>[^<>=]*)=(?P<right>[^<>=]*)>>\s*(?P<displayed>-?{_N})?")
_VISIBLE = "0123456789.+-*/()%= \t"
_MAX_DEPTH = 8
"""Nested brackets; deeper ones are not school arithmetic."""
_LEX = re.compile(rf"{_N}|[-+*/()%]")


@dataclass(frozen=True, slots=True)
class Equation:
    """One ``left = right`` of a completion.

    Attributes:
        tokens: the left side, lexed: numbers, operators, brackets, ``%``.
        right: the right side as written.
        is_displayed: False when a calculator mark is followed by another number than its own.
    """

    tokens: tuple[str, ...]
    right: str
    is_displayed: bool = True


def normalize_notation(text: str) -> str:
    r"""Rewrite LaTeX, Unicode and currency as plain arithmetic: ``* / - 1234``.

    Example:
        >>> normalize_notation(r"$3 \times 1,200 - \frac{1}{2}")
        '3 * 1200 - (1)/(2)'
    """
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return text


def split_equations(text: str) -> Iterator[str | Equation]:
    """Split plain text into prose and equations, in order; a calculator mark replaces the equation that it repeats.

    Example:
        >>> [x if isinstance(x, str) else x.tokens for x in split_equations("so 4*2 = <<4*2=8>>8 eggs, 8 eggs - 1 = 7")]
        ['so ', ('4', '*', '2'), ' eggs,', ('8', '-', '1')]
    """
    at = 0
    for calc in _CALC.finditer(text):
        yield from _visible(_unrepeated(text[at : calc.start()]))
        right, displayed = calc["right"].strip(), calc["displayed"]
        same = displayed is None or abs(_float(displayed) - _float(right)) <= max(0.01, 0.001 * abs(_float(right)))
        yield Equation(tuple(_LEX.findall(calc["left"])), right, same)
        at = calc.end()
    yield from _visible(text[at:])


def _unrepeated(text: str) -> str:
    """Drop the visible copy of the equation that a calculator mark repeats."""
    prose = text.rstrip(_VISIBLE)
    return prose + " " if any(sign in text[len(prose) :] for sign in "=+-*/") else text


def _visible(text: str) -> Iterator[str | Equation]:
    at = 0
    for run in _RUN.finditer(text):
        if run.start() > at:
            yield text[at : run.start()]
        yield Equation(tuple(_LEX.findall(run["left"])), run["right"].replace(" ", ""))
        at = run.end()
    if at < len(text):
        yield text[at:]


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def check_equation(equation: Equation) -> str:
    """Return ``ok``, ``rounded`` or ``bad`` for an equation; ``bad`` also if it cannot be computed.

    Example:
        >>> [check_equation(Equation(("16", "/", "3"), right)) for right in ("5.33", "5", "6.5")]
        ['ok', 'rounded', 'bad']
    """
    value, right = evaluate(equation.tokens), _float(equation.right)
    off = abs(value - right)
    places = len(equation.right.partition(".")[2])
    if off <= (0.51 * 10.0**-places if places else 1e-6):
        return "ok"
    return "rounded" if off < 1 and value != round(value) else "bad"


def evaluate(tokens: tuple[str, ...]) -> float:
    """Compute ``+ - * / ( ) %`` over decimals; NaN if it cannot be parsed or computed.

    Example:
        >>> evaluate(("(", "2", "+", "4", ")", "*", "50", "%")), evaluate(("2", "/", "0"))
        (3.0, nan)
    """
    return _Calculator(tokens).sum()


class _Calculator:
    """A recursive-descent parser that computes while it reads; anything it cannot read becomes NaN."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self._tokens, self._at = tokens, 0

    def sum(self, depth: int = 0) -> float:
        value = self._product(depth)
        while self._next() in ("+", "-"):
            value += self._product(depth) if self._take() == "+" else -self._product(depth)
        return value

    def _product(self, depth: int) -> float:
        value = self._factor(depth)
        while self._next() in ("*", "/"):
            is_product = self._take() == "*"
            other = self._factor(depth)
            value = value * other if is_product else value / other if other else float("nan")
        return value

    def _factor(self, depth: int) -> float:
        sign = 1.0
        while self._next() == "-":  # a loop, because a hostile completion may have thousands
            self._take()
            sign = -sign
        token = self._take()
        if token == "(" and depth < _MAX_DEPTH:  # noqa: S105 - a symbol, not a password
            value = self.sum(depth + 1)
            self._take()  # the closing bracket
        else:
            value = _float(token)
        if self._next() == "%":
            self._take()
            value /= 100
        return sign * value

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token, self._at = self._next(), self._at + 1
        return token
