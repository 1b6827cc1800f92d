"""What is refused before any parser or sympy sees it. Every bound of the package lives here."""

import re

MAX_ANSWER = 2_000  # characters of an answer or a reference
MAX_LATEX = 800  # characters given to the sympy tier
MAX_DEPTH = 40  # nested groups
MAX_TOKENS = 600  # tokens of an answer
MAX_ITEMS = 64  # members of a list, set or tuple, rows times columns of a matrix
MAX_BITS = 8_192  # bits of an exact intermediate value
MAX_TERMS = 400  # terms of a sum or product that is worked out
MAX_ARGUMENT = 5_000  # argument of a factorial or binomial that is worked out
MAX_MAGNITUDE = 2_000  # decimal exponent of a numerical intermediate value
MAX_STEPS = 30_000  # operations spent on one pair in the caller's process
MAX_DIGITS = 400  # digits of one literal
MAX_EXPONENT_DIGITS = 4  # digits of a literal exponent given to sympy
MAX_FACTORIAL_DIGITS = 3  # digits of a literal under a factorial given to sympy


class LimitError(Exception):
    """A bound was reached: the tiers in the caller's process give up on the pair."""


class Steps:
    """What is left to spend on one pair; every operation of every tier in the caller's process counts.

    Example:
        >>> Steps(1).spend(2)
        Traceback (most recent call last):
        ...
        herokit_math.limits.LimitError: too many steps
    """

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_STEPS) -> None:
        self.left = left

    def spend(self, count: int) -> None:
        """Take `count` steps.

        Raises:
            LimitError: none are left.
        """
        self.left -= count
        if self.left < 0:
            raise LimitError("too many steps")


_BRACKET = re.compile(r"[(\[{)\]}]")
_LONG_NUMBER = re.compile(rf"\d{{{MAX_DIGITS + 1}}}")
_BIG_EXPONENT = re.compile(rf"\^\s*\{{?\s*-?\s*\d{{{MAX_EXPONENT_DIGITS + 1}}}")
_TOWER = re.compile(r"\^\s*\{?\s*[-(]?\s*\d+\s*[)}]?\s*\}?\s*\^|\^\s*\{[^{}]{0,40}\^")
_FACTORIAL = re.compile(
    rf"\d{{{MAX_FACTORIAL_DIGITS + 1}}}\s{{0,3}}[!)}}]{{0,3}}\s{{0,3}}!|[!)}}]\s{{0,3}}!|"
    rf"binom[^a-z]{{0,40}}\d{{{MAX_FACTORIAL_DIGITS + 1}}}|choose"
)


def depth(text: str) -> int:
    """Return how deep brackets nest in `text`.

    Example:
        >>> depth("((1))")
        2
    """
    deepest = level = 0
    for char in _BRACKET.findall(text):
        if char in "([{":
            level += 1
            deepest = max(deepest, level)
        else:
            level -= 1
    return deepest


def refuse_latex(text: str) -> str:  # noqa: PLR0911 - one return a limit
    """Return why the sympy tier will not look at `text`, or an empty string.

    Example:
        >>> refuse_latex("9^{9^{9^9}}")
        'refused: a tower of powers'
        >>> refuse_latex("x^2")
        ''
    """
    if len(text) > MAX_LATEX:
        return f"refused: longer than {MAX_LATEX} characters"
    if depth(text) > MAX_DEPTH:
        return f"refused: nested deeper than {MAX_DEPTH}"
    if _LONG_NUMBER.search(text):
        return "refused: a literal with too many digits"
    if _TOWER.search(text):
        return "refused: a tower of powers"
    if _BIG_EXPONENT.search(text):
        return "refused: a large exponent"
    if _FACTORIAL.search(text):
        return "refused: a large factorial"
    return ""
