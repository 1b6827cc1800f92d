"""Numbers: equal, close, or the same to so many significant digits."""

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from math import inf
from typing import Literal

from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.extraction import ExtractMode, find_answer, strip_markup

Percent = Literal["fraction", "number"]

DIGITS = 400
"""Digits that a number may have; longer ones are not read."""

POWER = 400
"""Powers of ten that a number may have."""

_NUMBER = re.compile(
    r"(?<![\w.,])([-+]?)\s?[$€£¥]?\s?"
    r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)"
    r"(?:[eE]([-+]?\d{1,4})|\s?(?:x|\*|\u00d7|\\times)\s?10\s?(?:\^|\*\*)\s?\{?([-+]?\d{1,4})\}?)?"
    r"(?:\s?/\s?(\d+))?(\s?\\?%)?(?![\w^]|[.,]\d|/)"
)
_RELATION = re.compile(r"[<>\u2264\u2265\u2260]|!=|\\(?:[lg]eq?|neq?|pm)\b|\u00b1")
MINUS = str.maketrans({"\u2212": "-", "\u2010": "-", "\u2012": "-", "\u2013": "-"})
"""Hyphens and dashes that stand for a minus sign, or join a date, after NFKC."""

_RAISED = re.compile(r"[\u207a\u207b]?[\u00b2\u00b3\u00b9\u2070\u2074-\u2079]+")
_LOWERED = re.compile(r"[\u2080-\u2089]+")
_FORMULA = re.compile(r"\^|[\u221a\u03c0]|\\(?:sqrt|pi|ln|log|exp|sin|cos|tan)(?![a-z])")
_NEGATIVE = re.compile(r"\b(?:minus|negative)\s{1,3}(?=[$\u20ac\u00a3\u00a5]?[.\d])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Number(PerSampleVerifier):
    """Right where the answer is the reference's number, exactly or within a tolerance.

    Accepted where ``|a - r| <= max(absolute, relative |r|)``, or where both, rounded to `digits` significant digits
    (half to even), are equal. The answer is one number, as ``1,234.5``, ``-3/4``, ``6.02e23``, ``2 x 10^8``, ``28%`` or
    ``minus $5``, with words around it but no second number, inequality, power or root; after an equals sign only what follows counts, and in a
    reference what follows ``####``. Numbers are compared
    as fractions, so ``0.1 + 0.2`` never misses. For formulas use herokit-math, for units ``quantity``.

    Args:
        rel_tol: tolerance as a share of the reference's size.
        abs_tol: tolerance in the reference's unit.
        digits: significant digits that must agree; None to use the tolerances.
        percent: ``"fraction"`` takes 28% for 0.28, ``"number"`` for 28.
        extract: where the answer stands.

    Raises:
        ConfigError: a negative or an infinite tolerance, or digits beside a tolerance or outside 1 to 100.

    Source: closeness as Python's ``math.isclose`` (PEP 485), made one-sided: the reference is known.

    Example:
        >>> number = Number(rel_tol=0.01)
        >>> [v.value for v in number.verify([Sample("?", t, 0, "3.14159") for t in ("3.14", "x = 22/7", "3 or 4")])]
        [1.0, 1.0, 0.0]
    """

    rel_tol: float = 0.0
    abs_tol: float = 0.0
    digits: int | None = None
    percent: Percent = "fraction"
    extract: ExtractMode = "answer"

    def __post_init__(self) -> None:
        check_choice("percent", self.percent, Percent)
        check_choice("extract", self.extract, ExtractMode)
        if not (0.0 <= self.rel_tol < inf and 0.0 <= self.abs_tol < inf):
            raise ConfigError(f"tolerances are at least 0 and finite, got {self.rel_tol!r} and {self.abs_tol!r}")
        if self.digits is not None and (not 1 <= self.digits <= 100 or self.rel_tol or self.abs_tol):  # noqa: PLR2004 - more than any datum has
            raise ConfigError(f"digits lie in 1 to 100 and stand without a tolerance, got {self.digits!r}")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if sample.reference is None:
            return abstain()
        gold = read_number(sample.reference.rpartition("####")[2], self.percent)
        if gold is None:
            return abstain(f"reference: expected a number, got {sample.reference!r:.80}")
        answer = find_answer(sample.completion, self.extract)
        said = None if answer is None else read_number(answer, self.percent)
        if said is None:
            return unparsed("not one number", answer)
        return binary_verdict(correct=self._near(said, gold), answer=answer)

    def _near(self, said: Fraction, gold: Fraction) -> bool:
        if self.digits is not None:
            return rounded(said, self.digits) == rounded(gold, self.digits)
        return abs(said - gold) <= max(Fraction(self.abs_tol), Fraction(self.rel_tol) * abs(gold))


def read_number(text: str, percent: Percent = "fraction") -> Fraction | None:
    r"""Read the one number of a text; None where there is none, or more than one.

    Args:
        text: short; hostile.
        percent: what a per cent sign does.

    Example:
        >>> read_number("about 1,250.5 km"), read_number("50%"), read_number("2 or 3"), read_number("x = 6/4")
        (Fraction(2501, 2), Fraction(1, 2), None, Fraction(3, 2))
    """
    text = _LOWERED.sub(r"_\g<0>", _RAISED.sub(r"^\g<0>", strip_markup(text[: 4 * DIGITS])))  # NFKC would make 5² a 52
    text = _NEGATIVE.sub("-", unicodedata.normalize("NFKC", text).translate(MINUS))
    text = text.replace("{,}", ",").replace("\\,", "").replace("\\!", "")
    text = re.sub(r"\\d?t?frac\s?\{(\d{1,400})\}\{(\d{1,400})\}", r"\1/\2", text)
    if _RELATION.search(text):
        return None
    text = re.sub(r"\u2248|\\approx(?![a-z])", "=", text).rpartition("=")[2]
    matches = list(_NUMBER.finditer(text))
    if len(matches) != 1:
        return None
    around = text[: matches[0].start()] + text[matches[0].end() :]
    if re.search(r"\d", around) or _FORMULA.search(around):
        return None
    sign, digits, exponent, power, below, per_cent = matches[0].groups()
    if len(digits) > DIGITS or len(below or "") > DIGITS or not digits.isascii():
        return None
    shift = int(exponent or power or 0)
    if abs(shift) > POWER or (below is not None and int(below) == 0):
        return None
    value = Fraction(digits.replace(",", "").rstrip(".")) * Fraction(10) ** shift / int(below or 1)
    if per_cent and percent == "fraction":
        value /= 100
    return -value if sign == "-" else value


def rounded(value: Fraction, digits: int) -> Decimal:
    """Round to so many significant digits, half to even.

    Example:
        >>> rounded(Fraction(22, 7), 3)
        Decimal('3.14')
    """
    context = Context(prec=digits, rounding=ROUND_HALF_EVEN)
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))
