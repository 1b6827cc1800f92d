"""Quantities: a number and a unit, the same in any unit of the dimension."""

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from herokit.errors import ConfigError
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.extraction import ExtractMode, find_answer, strip_markup

Missing = Literal["wrong", "same"]

_NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d{1,40})(?:\.\d{0,40})?(?:[eE][-+]?\d{1,3})?"
_TIMES_TEN = r"(?:\s?(?:x|\*|\u00d7|\\times|\\cdot)\s?10\s?(?:\^|\*\*)\s?\{?([-+]?\d{1,3})\}?)?"
_QUANTITY = re.compile(rf"({_NUMBER}){_TIMES_TEN}(?:\s|~|\\[ ,;])*(.*)", re.DOTALL)
_WRAPPED = re.compile(r"\\(?:text|mathrm|mathit|rm|unit|,)\s?\{([^{}]*)\}")
_TERM = r"(?:[^\W\d_]|[\u00b0%$])+(?:\s?(?:\^|\*\*)\s?(?:-?[1-9]|\(-?[1-9]\))(?!\s?(?:\^|\*\*)))?"
_BY = r"(?:\s?[*/]\s?|\s)"
_PRODUCT = rf"{_TERM}(?:{_BY}{_TERM})*"
_FACTOR = rf"(?:{_TERM}|\(\s?{_PRODUCT}\s?\))"
_UNIT = re.compile(rf"(?:(?:1\s?/\s?)?{_FACTOR}(?:{_BY}{_FACTOR})*)?")
"""Names with powers from -9 to 9; a number stands nowhere else, for pint computes with it, power towers too."""

_RAISED = str.maketrans({"\u00b2": "^2", "\u00b3": "^3", "\u207b": "-", "\u00b9": "^1", "\u00b7": "*", "\u22c5": "*",
                         "\u2212": "-", "\u00d7": "*"})  # fmt: skip

LONGEST = 200
"""Characters of a quantity."""


@dataclass(frozen=True, slots=True)
class Quantity:
    r"""Right where the answer is the reference's quantity, in any unit of the same dimension.

    ``1.5 km``, ``1500 m``, ``1.5 \times 10^3\,\text{m}`` and ``150,000 cm`` are the same; ``5 kg`` and ``5 m`` are not.
    Accepted where ``|a - r| <= relative |r|`` after conversion to the reference's unit. Temperatures convert with their
    offsets (``25 degC`` is ``298.15 K``). A reference without a unit is a plain number.

    Args:
        relative: tolerance as a share of the reference's size; conversions are exact to about 1e-12.
        missing: what an answer without a unit is where the reference has one: ``"wrong"``, or ``"same"``: in the
            reference's unit.
        find: where the answer stands.

    Raises:
        ConfigError: a negative tolerance.

    Source: units and conversions of pint's default registry, after the SI brochure (9th edition) and CODATA; one-sided
    closeness as for ``number``.

    Example:
        >>> samples = [Sample("?", text, 0, "1.5 km") for text in ("1500 m", "1.5", "1.5 kg", "1.5 km/h")]
        >>> [v.value for v in Quantity().verify(samples)]
        [1.0, 0.0, 0.0, 0.0]
    """

    relative: float = 1e-9
    missing: Missing = "wrong"
    find: ExtractMode = "answer"

    def __post_init__(self) -> None:
        if not self.relative >= 0.0:
            raise ConfigError(f"the tolerance is at least 0, got {self.relative!r}")
        if self.missing not in ("wrong", "same"):
            raise ConfigError(f"missing is wrong or same, got {self.missing!r}")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        return [self._judge(sample) for sample in samples]

    def _judge(self, sample: Sample) -> Verdict:
        if sample.reference is None:
            return Verdict(None, Status.FAILED, "no reference")
        gold = read_quantity(sample.reference)
        if gold is None:
            return Verdict(None, Status.FAILED, f"reference: expected a quantity, got {sample.reference!r:.80}")
        answer = find_answer(sample.completion, self.find)
        said = None if answer is None else read_quantity(answer)
        if said is None:
            return Verdict(0.0, Status.UNPARSED, "no quantity", answer)
        number, unit = said
        if unit.dimensionless and not gold[1].dimensionless and self.missing == "same":
            unit = gold[1]
        if unit.dimensionality != gold[1].dimensionality:
            return Verdict(0.0, Status.JUDGED, f"{unit:~} is no unit of {gold[1]:~}"[:120], answer)
        converted = _convert(number, unit, gold[1])
        near = abs(converted - gold[0]) <= max(self.relative * abs(gold[0]), 1e-12 * (abs(gold[0]) + _offset(gold[1])))
        return Verdict(float(near), Status.JUDGED, f"{converted:.6g} {gold[1]:~}"[:120], answer)


def read_quantity(text: str) -> tuple[float, Any] | None:
    r"""Read a number and a unit of pint's; None where the text is something else.

    Args:
        text: short; hostile: nothing in it is evaluated, and no unit is raised beyond its ninth power.

    Example:
        >>> number, unit = read_quantity(r"9.8\,\mathrm{m/s^2}")
        >>> number, str(unit)
        (9.8, 'meter / second ** 2')
    """
    text = strip_markup(text)
    if len(text) > LONGEST:
        return None
    text = unicodedata.normalize("NFC", text).translate(_RAISED).rpartition("=")[2].replace("{,}", ",").replace("$", "")
    match = _QUANTITY.fullmatch(_WRAPPED.sub(r" \1", text).strip())
    if match is None:
        return None
    unit = match[3].replace("\\", "").replace("{", "(").replace("}", ")").replace("\u00b0 ", "\u00b0").strip()
    if not _UNIT.fullmatch(" ".join(unit.split())):
        return None
    number = float(match[1].replace(",", "")) * float(f"1e{match[2] or 0}")
    if not math.isfinite(number):
        return None
    try:
        found = _units().parse_units(_ALIASES.get(unit.lower(), unit))
        _convert(number, found, found)  # some units, dBm per metre, have a name and no meaning
    except Exception:  # noqa: BLE001 - pint raises anything from AttributeError to its tokenizer's errors on what is no unit
        return None
    return number, found


_ALIASES = {"%": "percent", "\u00b0": "degree", "\u00b0c": "degC", "\u00b0f": "degF", "sq m": "m^2", "mph": "mile/hour"}


def _convert(number: float, unit: Any, other: Any) -> float:
    with np.errstate(all="ignore"):
        base = _units().Quantity(number, unit).to_base_units()
        return float(base.to(other).magnitude)


@cache
def _offset(unit: Any) -> float:
    """Return how far a unit's zero is from its dimension's, 273.15 for degC: conversions round at that size.

    Example:
        >>> [_offset(read_quantity(text)[1]) for text in ("0 degC", "0 K", "0 dBm")]
        [273.15, 0.0, 0.0]
    """
    zero = abs(_convert(0.0, (1.0 * unit).to_base_units().units, unit))
    return zero if math.isfinite(zero) else 0.0


@cache
def _units() -> Any:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True, cache_folder=None)
