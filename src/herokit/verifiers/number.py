"""Numbers: equal, within a tolerance, or equal to some significant digits."""

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import partial
from math import inf
from typing import Literal

from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict
from herokit.verifiers.extraction import ExtractMode, View, read_answer, unanswered
from herokit.verifiers.references import reference_text
from herokit.verifiers.text import join_digits, strip_markup

__all__ = ["DASHES_TO_MINUS", "Number", "PercentMode", "read_number"]

PercentMode = Literal["fraction", "number"]

DASHES_TO_MINUS = str.maketrans({"\u2212": "-", "\u2010": "-", "\u2012": "-", "\u2013": "-"})
"""Translation of the dashes that are used as a minus sign, or in a date, to ASCII (after NFKC)."""

_MAX_DIGITS = 400
"""Digits of a number; longer numbers are not read."""

_MAX_EXPONENT = 400
"""Size of a power of ten; larger ones are not read."""

_MAX_SIGNIFICANT_DIGITS = 100

_NUMBER = re.compile(
    r"(?<![\w.,])([-+]?)\s?[$€£¥]?\s?"
    r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)"
    r"(?:[eE]([-+]?\d{1,4})|\s?(?:x|\*|\u00d7|\\times)\s?10\s?(?:\^|\*\*)\s?\{?([-+]?\d{1,4})\}?)?"
    r"(?:\s?/\s?(\d+))?(?:[\s~]?(?:\\(?:text|mathrm|mbox)\{)?\s?(?i:(thousand|million|billion|trillion)s?)\b)?"
    r"(\s?\\?%|\s(?i:per\s?cent)\b)?(?![\w^+]|[.,]\d|/)"
)
_FRACTION = re.compile(r"\\[dtc]?frac\s?(?:\{(\d{1,400})\}|(\d))\s?(?:\{(\d{1,400})\}|(\d))|(\d{1,9})\u2044(\d{1,9})")
_MIXED = re.compile(r"(?<![\w.,/-])(-?)\s?(\d{1,18})\s{1,2}(\d{1,18})/(\d{1,18})(?![\w/]|[.,]\d)")
_VULGAR = re.compile(r"[\u00bc-\u00be\u2150-\u215e]")  # NFKC would turn 1\u00bd into 11/2
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
"""Words after a number that multiply it by a power of ten."""

_RELATION = re.compile(r"[<>\u2264\u2265\u2260]|!=|\\(?:[lg]eq?|neq?|pm)\b|\u00b1")
_SUPERSCRIPT = re.compile(r"[\u207a\u207b]?[\u00b2\u00b3\u00b9\u2070\u2074-\u2079]+")
_SUBSCRIPT = re.compile(r"[\u2080-\u2089]+")
_JOINED_WORD = re.compile(
    r"(?<=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3])(?<!第)(?=-?\d)|(?<=[\d%])(?=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3])(?![万萬亿億千百十兆만억천백月日号])"
)
"""Where a number touches a word of a script without blanks; words that scale it stay, and so does the sign of an ordinal."""
_FORMULA = re.compile(r"\^|[\u221a\u03c0]|\\(?:sqrt|pi|ln|log|exp|sin|cos|tan)(?![a-z])")
_NEGATIVE = re.compile(r"\b(?:minus|negative)\s{1,3}(?=[$\u20ac\u00a3\u00a5]?[.\d])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Number(PerSampleVerifier):
    """1 if the answer is the reference's number, exactly or within a tolerance, else 0.

    An answer ``a`` to a reference ``r`` is correct if ``|a - r| <= max(abs_tol, rel_tol |r|)``, or if both are equal when
    rounded to `digits` significant digits (half to even). The answer must be one number, such as ``1,234.5``, ``-3/4``,
    ``6.02e23``, ``2 x 10^8``, ``28%``, ``3 million`` or ``minus $5``, with a decimal comma too (``2,5``, ``1.234,5``); words
    around it are allowed, a second number, an inequality, a power or a root is not. Only what follows an equals sign counts.
    Numbers are compared as fractions, so ``0.1 + 0.2`` is exact. For formulas use herokit-math, for units ``quantity``.

    Args:
        rel_tol: tolerance relative to the reference's size.
        abs_tol: absolute tolerance.
        digits: significant digits that must agree; None to use the tolerances.
        percent: ``"fraction"`` reads 28% as 0.28, ``"number"`` as 28.
        extract: where the answer is.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.

    Raises:
        ConfigError: a tolerance is negative or infinite, or `digits` is used with a tolerance or outside 1 to 100.

    Source: closeness as Python's ``math.isclose`` (PEP 485), relative to the reference only.

    Example:
        >>> number = Number(rel_tol=0.01)
        >>> [v.value for v in number.verify([Sample("?", t, 0, "3.14159") for t in ("3.14", "x = 22/7", "3 or 4")])]
        [1.0, 1.0, 0.0]
    """

    rel_tol: float = 0.0
    abs_tol: float = 0.0
    digits: int | None = None
    percent: PercentMode = "fraction"
    extract: ExtractMode = "answer"
    view: View = "final"

    def __post_init__(self) -> None:
        check_choice("percent", self.percent, PercentMode)
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)
        if not (0.0 <= self.rel_tol < inf and 0.0 <= self.abs_tol < inf):
            raise ConfigError(
                f"rel_tol and abs_tol must be finite and at least 0, got {self.rel_tol!r} and {self.abs_tol!r}"
            )
        if self.digits is not None and not 1 <= self.digits <= _MAX_SIGNIFICANT_DIGITS:
            raise ConfigError(f"digits must be between 1 and {_MAX_SIGNIFICANT_DIGITS}, got {self.digits!r}")
        if self.digits is not None and (self.rel_tol or self.abs_tol):
            raise ConfigError("digits cannot be combined with rel_tol or abs_tol; set one of them")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        expected = read_number(reference_text(sample, self.extract), self.percent)
        if expected is None:
            return abstain(f"reference: expected a number, got {sample.reference!r:.80}")
        read = partial(read_number, percent=self.percent)
        number, extraction = read_answer(sample, read, extract=self.extract, view=self.view, is_value=True)
        if number is None:
            return unanswered(extraction, "not one number")
        return binary_verdict(
            correct=self._is_close(number, expected), answer=extraction.text, origin=extraction.origin
        )

    def _is_close(self, number: Fraction, expected: Fraction) -> bool:
        if self.digits is not None:
            return _round_significant(number, self.digits) == _round_significant(expected, self.digits)
        return abs(number - expected) <= max(Fraction(self.abs_tol), Fraction(self.rel_tol) * abs(expected))


def read_number(text: str, percent: PercentMode = "fraction") -> Fraction | None:
    r"""Read the only number in a text; None if there is none or more than one.

    Args:
        text: short; hostile.
        percent: how a percent sign is read.

    Example:
        >>> read_number("about 1,250.5 km"), read_number("50%"), read_number("2 or 3"), read_number("x = 6/4")
        (Fraction(2501, 2), Fraction(1, 2), None, Fraction(3, 2))
    """
    text = _prepare(text)
    if _RELATION.search(text):
        return None
    text = re.sub(r"\u2248|\\approx(?![a-z])", "=", text).rpartition("=")[2]
    matches = list(_NUMBER.finditer(text))
    if len(matches) != 1:
        return None
    around = text[: matches[0].start()] + text[matches[0].end() :]
    if re.search(r"\d", around) or _FORMULA.search(around):
        return None
    sign, digits, exponent, power, denominator, scale, percent_sign = matches[0].groups()
    if len(digits) > _MAX_DIGITS or len(denominator or "") > _MAX_DIGITS:
        return None
    shift = int(exponent or power or 0) + (_SCALES[scale.lower()] if scale else 0)
    if abs(shift) > _MAX_EXPONENT or (denominator is not None and int(denominator) == 0):
        return None
    value = Fraction(digits.replace(",", "").rstrip(".")) * Fraction(10) ** shift / int(denominator or 1)
    if percent_sign and percent == "fraction":
        value /= 100
    return -value if sign == "-" else value


def _prepare(text: str) -> str:
    """Return a text with its signs, fractions, powers and separators written in ASCII."""
    text = strip_markup(text[: 4 * _MAX_DIGITS])
    text = _SUBSCRIPT.sub(r"_\g<0>", _SUPERSCRIPT.sub(r"^\g<0>", text))  # NFKC would turn 5² into 52
    text = _VULGAR.sub(r" \g<0>", text)
    text = _NEGATIVE.sub("-", unicodedata.normalize("NFKC", text).translate(DASHES_TO_MINUS))
    if not text.isascii():
        text = _JOINED_WORD.sub(" ", "".join(str(unicodedata.decimal(c, c)) for c in text))
    text = text.replace("\\,", "").replace("\\!", "")
    return _MIXED.sub(_write_mixed, _FRACTION.sub(_write_fraction, join_digits(text)))


def _write_fraction(match: re.Match[str]) -> str:
    """Return a fraction as ``1/2``, apart from a whole number before it."""
    top, bottom = (part for part in match.groups() if part is not None)
    before = match.string[match.start() - 1 : match.start()]
    return f"{' ' if before.isdigit() else ''}{top}/{bottom}"


def _write_mixed(match: re.Match[str]) -> str:
    """Return ``2 1/2`` as ``5/2``; unchanged if the fraction is not a proper one."""
    sign, whole, top, bottom = match[1], int(match[2]), int(match[3]), int(match[4])
    return f"{sign}{whole * bottom + top}/{bottom}" if 0 < top < bottom else match[0]


def _round_significant(value: Fraction, digits: int) -> Decimal:
    """Round to a number of significant digits, half to even.

    Example:
        >>> _round_significant(Fraction(22, 7), 3)
        Decimal('3.14')
    """
    context = Context(prec=digits, rounding=ROUND_HALF_EVEN)
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))
