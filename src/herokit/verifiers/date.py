"""Dates: the same day, month or year, in any notation."""

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

from herokit.errors import check_choice
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict
from herokit.verifiers.extraction import ExtractMode, View, read_answer, unanswered
from herokit.verifiers.languages import denial_pattern
from herokit.verifiers.number import DASHES_TO_MINUS
from herokit.verifiers.references import reference_text
from herokit.verifiers.text import strip_markup

__all__ = ["Date", "DateOrder"]

DateOrder = Literal["DMY", "MDY", "reject"]

_PartialDate: TypeAlias = tuple[int, int | None, int | None]
"""Year, month and day; None for a month or a day that is not given."""

_MAX_SENTENCE_CHARS = 400

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip

_MONTH_NAME = r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:on )?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?(?:the )?"
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?:[t ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_YMD = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})", re.ASCII)
_NUMERIC = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", re.ASCII)
_MDY = re.compile(_WEEKDAY + _MONTH_NAME + " " + _DAY + r",? (\d{4})", re.ASCII)
_DMY = re.compile(_WEEKDAY + _DAY + r"(?: of)? " + _MONTH_NAME + r",? (\d{4})", re.ASCII)
_IN_SENTENCE = re.compile(
    rf"\b(?:{_MONTH_NAME} {_DAY},? \d{{4}}|{_DAY}(?: of)? {_MONTH_NAME},? \d{{4}}|\d{{4}}-\d{{2}}-\d{{2}})\b", re.ASCII
)
_BEFORE_DATE = re.compile(r"(?:^|\b(?:on|is|was|be|dated)|:)(?: the)? ?$")
_BOUND = re.compile(r"\b(?:before|after|since|until|till|between|than|about|around|asks?|doubt|earlier|later|ago)\b")
_MY = re.compile(r"(?:in )?" + _MONTH_NAME + r",? (\d{4})", re.ASCII)
_Y = re.compile(r"(?:in )?(\d{4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Date(PerSampleVerifier):
    """1 if the answer is the reference's date, to the precision of the reference, else 0.

    The answer is a date, or a sentence with exactly one full date that it does not deny and that is no bound ("before", "until").
    Accepted notations: ``2024-03-05`` (with or without a time), ``2024/3/5``, ``March 5, 2024``, ``5th of March 2024``,
    ``Tuesday, 5 Mar 2024``, ``March 2024`` and ``2024``; month names in English, years of four digits, days that exist.
    An answer more precise than the reference is correct if it lies within it; a less precise one is incorrect.

    Args:
        order: how ``03/05/2024`` is read: ``"DMY"``, ``"MDY"``, or ``"reject"``: not at all if both readings are dates and
            differ.
        extract: where the answer is.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.

    Source: ISO 8601-1:2019 for the numeric forms; the two orders with slashes as the Unicode CLDR's en-GB and en-US.

    Example:
        >>> [v.value for v in Date().verify([Sample("?", t, 0, "2024-03-05") for t in ("March 5th, 2024", "5/3/2024")])]
        [1.0, 0.0]
        >>> Date(order="DMY").verify([Sample("?", "5/3/2024", 0, "2024-03-05")])[0].value
        1.0
    """

    order: DateOrder = "reject"
    extract: ExtractMode = "answer"
    view: View = "final"

    def __post_init__(self) -> None:
        check_choice("order", self.order, DateOrder)
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        expected = _read_date(reference_text(sample, self.extract), self.order)
        if expected is None:
            return abstain(f"reference: expected a date, got {sample.reference!r:.80}")
        read = partial(_read_stated_date, order=self.order)
        date, extraction = read_answer(sample, read, extract=self.extract, view=self.view, is_value=True)
        if date is None:
            return unanswered(extraction, "no date")
        same = all(wanted is None or wanted == part for wanted, part in zip(expected, date, strict=True))
        return binary_verdict(correct=same, answer=extraction.text, origin=extraction.origin)


def _read_stated_date(text: str, order: DateOrder) -> _PartialDate | None:
    """Read a text that is a date, or a sentence with exactly one full date that is no bound; else None.

    Example:
        >>> _read_stated_date("It was signed on 5 March 2024.", "reject"), _read_stated_date("before 5 March 2024", "reject")
        ((2024, 3, 5), None)
    """
    if (date := _read_date(text, order)) is not None:
        return date
    sentence = " ".join(
        unicodedata.normalize("NFKC", text[:_MAX_SENTENCE_CHARS]).translate(DASHES_TO_MINUS).casefold().split()
    )
    dates = list(_IN_SENTENCE.finditer(sentence))
    if len(dates) != 1:
        return None
    before = sentence[: dates[0].start()]
    if not _BEFORE_DATE.search(before) or _BOUND.search(before) or denial_pattern().search(before):
        return None
    return _read_date(dates[0][0], order)


def _read_date(text: str, order: DateOrder = "reject") -> _PartialDate | None:
    """Read a text that is a date and nothing else; None if it is not a date, or ambiguous.

    Example:
        >>> _read_date("the 5th of March 2024"), _read_date("30 Feb 2024"), _read_date("13/5/2024")
        ((2024, 3, 5), None, (2024, 5, 13))
    """
    plain = unicodedata.normalize("NFKC", strip_markup(text[:200])).translate(DASHES_TO_MINUS)
    text = " ".join(plain.casefold().split())
    for pattern, parts in ((_ISO, "ymd"), (_YMD, "ymd"), (_MDY, "mdy"), (_DMY, "dmy"), (_MY, "my"), (_Y, "y")):
        if match := pattern.fullmatch(text):
            return _make_date(dict(zip(parts, match.groups(), strict=True)))
    if match := _NUMERIC.fullmatch(text):
        day_first = _make_date(dict(zip("dmy", match.groups(), strict=True))) if order != "MDY" else None
        month_first = _make_date(dict(zip("mdy", match.groups(), strict=True))) if order != "DMY" else None
        if day_first == month_first or day_first is None or month_first is None:
            return day_first or month_first
    return None


def _make_date(parts: dict[str, str | None]) -> _PartialDate | None:
    year, month_text, day = int(parts["y"] or 0), parts.get("m"), parts.get("d")
    if not year:
        return None
    if month_text is None:
        return year, None, None
    if month_text.isdigit():
        month = int(month_text)
    else:
        month = next(index for index, name in enumerate(_MONTHS, 1) if name.startswith(month_text[:3]))
    if not 1 <= month <= len(_MONTHS):
        return None
    if day is None:
        return year, month, None
    return (year, month, int(day)) if 1 <= int(day) <= monthrange(year, month)[1] else None
