"""Limits that are checked before any parser or sympy reads a text. Every bound of the package is in this module."""

import re

__all__ = [
    "MAX_ANSWER_CHARS",
    "MAX_ARGUMENT",
    "MAX_BITS",
    "MAX_DECIMAL_EXPONENT",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_ITEMS",
    "MAX_TERMS",
    "MAX_TOKENS",
    "LimitError",
    "StepBudget",
    "bracket_depth",
    "check_digits",
    "check_latex_limits",
]

MAX_ANSWER_CHARS = 2_000  # characters of an answer or a reference
MAX_LATEX_CHARS = 800  # characters given to the sympy tier
MAX_DEPTH = 40  # nested groups
MAX_TOKENS = 600  # tokens of an answer
MAX_ITEMS = 64  # members of a list, set or tuple; entries of a matrix
MAX_BITS = 8_192  # bits of an exact intermediate value
MAX_TERMS = 400  # terms of a sum or product that is evaluated
MAX_ARGUMENT = 5_000  # argument of a factorial or binomial that is evaluated
MAX_DECIMAL_EXPONENT = 2_000  # decimal exponent of a numerical intermediate value
MAX_STEPS = 30_000  # operations spent on one pair in the caller's process
MAX_DIGITS = 400  # digits of one literal
MAX_EXPONENT_DIGITS = 4  # digits of a literal exponent given to sympy
MAX_FACTORIAL_DIGITS = 3  # digits of a literal under a factorial given to sympy


class LimitError(Exception):
    """A limit was exceeded: the tiers in the caller's process do not decide the pair."""


def check_digits(text: str) -> None:
    """Check that no literal of a text has too many digits.

    Raises:
        LimitError: one has.

    Example:
        >>> check_digits("1/3 = 0.333")
    """
    if len(text) > MAX_DIGITS and _LONG_NUMBER.search(text):
        raise LimitError(f"a literal with more than {MAX_DIGITS} digits")


class StepBudget:
    """Number of operations left for one pair, shared by all tiers in the caller's process.

    Example:
        >>> StepBudget(1).spend(2)
        Traceback (most recent call last):
        ...
        herokit_math.limits.LimitError: too many steps
    """

    __slots__ = ("remaining",)

    def __init__(self, remaining: int = MAX_STEPS) -> None:
        self.remaining = remaining

    def spend(self, count: int) -> None:
        """Subtract `count` steps.

        Raises:
            LimitError: fewer than `count` steps are left.
        """
        self.remaining -= count
        if self.remaining < 0:
            raise LimitError("too many steps")


_BRACKET = re.compile(r"[(\[{)\]}]")
_LONG_NUMBER = re.compile(rf"\d{{{MAX_DIGITS + 1}}}")
_BIG_EXPONENT = re.compile(rf"\^\s*\{{?\s*-?\s*\d{{{MAX_EXPONENT_DIGITS + 1}}}")
_TOWER = re.compile(r"\^\s*\{?\s*[-(]?\s*\d+\s*[)}]?\s*\}?\s*\^|\^\s*\{[^{}]{0,40}\^")
_FACTORIAL = re.compile(
    rf"\d{{{MAX_FACTORIAL_DIGITS + 1}}}\s{{0,3}}[!)}}]{{0,3}}\s{{0,3}}!|[!)}}]\s{{0,3}}!|"
    rf"binom[^a-z]{{0,40}}\d{{{MAX_FACTORIAL_DIGITS + 1}}}|choose"
)


def bracket_depth(text: str) -> int:
    """Return the maximum nesting depth of brackets in `text`; a bracket that closes nothing hides no depth.

    Example:
        >>> bracket_depth("((1))"), bracket_depth("))((")
        (2, 2)
    """
    max_depth = depth = 0
    for char in _BRACKET.findall(text):
        if char in "([{":
            depth += 1
            max_depth = max(max_depth, depth)
        else:
            depth = max(depth - 1, 0)
    return max_depth


def check_latex_limits(text: str) -> str:  # noqa: PLR0911 - one return per limit
    """Return which limit of the sympy tier `text` exceeds, or an empty string.

    Example:
        >>> check_latex_limits("9^{9^{9^9}}")
        'rejected: a tower of powers'
        >>> check_latex_limits("x^2")
        ''
    """
    if len(text) > MAX_LATEX_CHARS:
        return f"rejected: longer than {MAX_LATEX_CHARS} characters"
    if bracket_depth(text) > MAX_DEPTH:
        return f"rejected: nested deeper than {MAX_DEPTH}"
    if _LONG_NUMBER.search(text):
        return "rejected: a literal with too many digits"
    if _TOWER.search(text):
        return "rejected: a tower of powers"
    if _BIG_EXPONENT.search(text):
        return "rejected: a large exponent"
    if _FACTORIAL.search(text):
        return "rejected: a large factorial"
    return ""
