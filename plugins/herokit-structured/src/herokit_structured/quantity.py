"""Quantities: a number and a unit, equal in any unit of the same dimension."""

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar, Literal

import numpy as np

from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict
from herokit.verifiers.extraction import ExtractMode, View, read_answer, unanswered
from herokit.verifiers.references import reference_text
from herokit.verifiers.text import join_digits, strip_markup

__all__ = ["MissingUnit", "Quantity", "read_quantity"]

MissingUnit = Literal["incorrect", "same"]

_NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d{1,40})(?:\.\d{0,40})?(?:[eE][-+]?\d{1,3})?"
_TIMES_TEN = r"(?:\s?(?:x|\*|\u00d7|\\times|\\cdot)\s?10\s?(?:\^|\*\*)\s?\{?([-+]?\d{1,3})\}?)?"
_QUANTITY = re.compile(rf"({_NUMBER}){_TIMES_TEN}(?:\s|~|\\[ ,;])*(.*)", re.DOTALL)
_LATEX_WRAPPER = re.compile(r"\\(?:text|mathrm|mathit|rm|unit|,)\s?\{([^{}]*)\}")
_TERM = r"(?:[^\W\d_]|[\u00b0%$])+(?:\s?(?:\^|\*\*)\s?(?:-?[1-9]|\(-?[1-9]\))(?!\s?(?:\^|\*\*)))?"
_OPERATOR = r"(?:\s?[*/]\s?|\s)"
_PRODUCT = rf"{_TERM}(?:{_OPERATOR}{_TERM})*"
_FACTOR = rf"(?:{_TERM}|\(\s?{_PRODUCT}\s?\))"
_UNIT = re.compile(rf"(?:(?:1\s?/\s?)?{_FACTOR}(?:{_OPERATOR}{_FACTOR})*)?")
"""Unit names with powers from -9 to 9. Numbers are allowed nowhere else, because pint evaluates them, even towers of powers."""

_UNICODE_OPERATORS = str.maketrans({"\u00b2": "^2", "\u00b3": "^3", "\u207b": "-", "\u00b9": "^1", "\u00b7": "*", "\u22c5": "*",
                         "\u2212": "-", "\u00d7": "*"})  # fmt: skip

_NEGATIVE = re.compile(r"\b(?:minus|negative)\s{1,3}(?=[.\d])", re.IGNORECASE)
_LEAD = re.compile(
    r"(?:(?:[^\d<>\u2264\u2265\u00b1]*\s)?(?:is|are|was|be|equals?|about|approximately|roughly|around|exactly|weighs|measures|becomes|"
    r"gives|get|obtain|ist|est|es|betr\u00e4gt|vaut)\s+|[^\d<>\u2264\u2265\u00b1]*:\s+)?(?:(?:\u2248|~|\\approx)\s*)?(?=[-+]?\.?\d)",
    re.IGNORECASE,
)
"""The words of a sentence before its only quantity."""

_MAX_CHARS = 200
"""Characters of a quantity."""


@dataclass(frozen=True, slots=True)
class Quantity(PerSampleVerifier):
    r"""1 if the answer is the reference's quantity, in any unit of the same dimension, else 0.

    ``1.5 km``, ``1500 m``, ``1.5 \times 10^3\,\text{m}`` and ``150,000 cm`` are equal; ``5 kg`` and ``5 m`` are not.
    An answer ``a`` to a reference ``r`` is correct if ``|a - r| <= rel_tol |r|`` after conversion to the reference's
    unit. Temperatures convert with their offsets (``25 degC`` is ``298.15 K``). A reference without a unit is a plain
    number.

    Args:
        rel_tol: tolerance relative to the reference's size; conversions are exact to about 1e-12.
        missing_unit: how an answer without a unit is judged if the reference has one: ``"incorrect"``, or ``"same"``: as
            if it had the reference's unit.
        extract: where the answer is.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.

    Raises:
        ConfigError: the tolerance is negative.

    Source: units and conversions of pint's default registry, after the SI brochure (9th edition) and CODATA; closeness
    relative to the reference as in ``number``.

    Example:
        >>> samples = [Sample("?", text, 0, "1.5 km") for text in ("1500 m", "1.5", "1.5 kg", "1.5 km/h")]
        >>> [v.value for v in Quantity().verify(samples)]
        [1.0, 0.0, 0.0, 0.0]
    """

    rel_tol: float = 1e-9
    missing_unit: MissingUnit = "incorrect"
    extract: ExtractMode = "answer"
    view: View = "final"
    required_modules: ClassVar[Mapping[str, str]] = {"pint": "herokit[structured]"}

    def __post_init__(self) -> None:
        check_choice("missing_unit", self.missing_unit, MissingUnit)
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)
        if not self.rel_tol >= 0.0:
            raise ConfigError(f"rel_tol must be at least 0, got {self.rel_tol!r}")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        expected = read_quantity(reference_text(sample, self.extract))
        if expected is None:
            return abstain(f"reference: expected a quantity, got {sample.reference!r:.80}")
        quantity, extraction = read_answer(sample, read_quantity, extract=self.extract, view=self.view, is_value=True)
        if quantity is None:
            return unanswered(extraction, "no quantity")
        answer, origin = extraction.text, extraction.origin
        (number, unit), (expected_number, expected_unit) = quantity, expected
        if unit.dimensionless and not expected_unit.dimensionless and self.missing_unit == "same":
            unit = expected_unit
        if unit.dimensionality != expected_unit.dimensionality:
            reason = f"{unit:~} and {expected_unit:~} differ in dimension"[:120]
            return binary_verdict(correct=False, reason=reason, answer=answer, origin=origin)
        converted = _convert(number, unit, expected_unit)
        rounding = 1e-12 * (abs(expected_number) + _zero_offset(expected_unit))
        close = abs(converted - expected_number) <= max(self.rel_tol * abs(expected_number), rounding)
        return binary_verdict(
            correct=close, reason=f"{converted:.6g} {expected_unit:~}"[:120], answer=answer, origin=origin
        )


def read_quantity(text: str) -> tuple[float, Any] | None:
    r"""Read a number and a unit of pint's; None if the text is anything else.

    Args:
        text: short; hostile: nothing in it is evaluated, and no unit is raised beyond its ninth power.

    Example:
        >>> number, unit = read_quantity(r"9.8\,\mathrm{m/s^2}")
        >>> number, str(unit)
        (9.8, 'meter / second ** 2')
    """
    text = strip_markup(text)
    if len(text) > _MAX_CHARS:
        return None
    text = unicodedata.normalize("NFC", text).translate(_UNICODE_OPERATORS).rpartition("=")[2]
    text = join_digits(text.replace("$", ""))
    text = _NEGATIVE.sub("-", _LATEX_WRAPPER.sub(r" \1", text).strip())
    lead = _LEAD.match(text)
    match = _QUANTITY.fullmatch(text, lead.end() if lead else 0)
    if match is None:
        return None
    name = match[3].replace("\\", "").replace("{", "(").replace("}", ")").replace("\u00b0 ", "\u00b0").strip()
    if not _UNIT.fullmatch(" ".join(name.split())):
        return None
    number = float(match[1].replace(",", "")) * float(f"1e{match[2] or 0}")
    if not math.isfinite(number):
        return None
    try:
        unit = _units().parse_units(_ALIASES.get(name.lower(), name))
        _convert(number, unit, unit)  # some units, such as dBm per metre, can be parsed and not converted
    except Exception:  # noqa: BLE001 - pint raises many types of errors for a text that is not a unit
        return None
    return number, unit


_ALIASES = {"%": "percent", "\u00b0": "degree", "\u00b0c": "degC", "\u00b0f": "degF", "sq m": "m^2", "mph": "mile/hour"}


def _convert(number: float, unit: Any, target: Any) -> float:
    with np.errstate(all="ignore"):
        base = _units().Quantity(number, unit).to_base_units()
        return float(base.to(target).magnitude)


@lru_cache(maxsize=1_024)  # the units come from references
def _zero_offset(unit: Any) -> float:
    """Return the distance of a unit's zero from its dimension's, such as 273.15 for degC; it bounds rounding errors.

    Example:
        >>> [_zero_offset(read_quantity(text)[1]) for text in ("0 degC", "0 K", "0 dBm")]
        [273.15, 0.0, 0.0]
    """
    zero = abs(_convert(0.0, (1.0 * unit).to_base_units().units, unit))
    return zero if math.isfinite(zero) else 0.0


@cache
def _units() -> Any:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True, cache_folder=None)
