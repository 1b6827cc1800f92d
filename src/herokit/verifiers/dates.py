"""Dates: the same day, month or year, however it is written."""

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from typing import Literal

from herokit.errors import check_choice
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.extraction import ExtractMode, find_answer, strip_markup
from herokit.verifiers.number import MINUS

Order = Literal["DMY", "MDY", "refuse"]
Day = tuple[int, int | None, int | None]
"""Year, month, day; a month or a day that is not given is None."""

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip

_NAME = r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_ON = r"(?:on )?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?(?:the )?"
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?:[t ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_BIG = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})", re.ASCII)
_SMALL = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", re.ASCII)
_MDY = re.compile(_ON + _NAME + " " + _DAY + r",? (\d{4})", re.ASCII)
_DMY = re.compile(_ON + _DAY + r"(?: of)? " + _NAME + r",? (\d{4})", re.ASCII)
_MY = re.compile(r"(?:in )?" + _NAME + r",? (\d{4})", re.ASCII)
_Y = re.compile(r"(?:in )?(\d{4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Date(PerSampleVerifier):
    """Right where the answer is the reference's date, to the precision of the reference.

    Read are ``2024-03-05`` (with or without a time), ``2024/3/5``, ``March 5, 2024``, ``5th of March 2024``,
    ``Tuesday, 5 Mar 2024``, ``March 2024`` and ``2024``; month names in English, years of four digits, days that exist.
    An answer that is more precise than the reference is right if it lies within it; one that is less precise is wrong.

    Args:
        order: how ``03/05/2024`` is read: ``"DMY"``, ``"MDY"``, or ``"refuse"`` where both are dates and differ.
        extract: where the answer stands.

    Source: ISO 8601-1:2019 for the numeric forms; the two slashed orders as the Unicode CLDR's en-GB and en-US.

    Example:
        >>> [v.value for v in Date().verify([Sample("?", t, 0, "2024-03-05") for t in ("March 5th, 2024", "5/3/2024")])]
        [1.0, 0.0]
        >>> Date(order="DMY").verify([Sample("?", "5/3/2024", 0, "2024-03-05")])[0].value
        1.0
    """

    order: Order = "refuse"
    extract: ExtractMode = "answer"

    def __post_init__(self) -> None:
        check_choice("order", self.order, Order)
        check_choice("extract", self.extract, ExtractMode)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if sample.reference is None:
            return abstain()
        gold = read_date(sample.reference, self.order)
        if gold is None:
            return abstain(f"reference: expected a date, got {sample.reference!r:.80}")
        answer = find_answer(sample.completion, self.extract)
        said = None if answer is None else read_date(answer, self.order)
        if said is None:
            return unparsed("no date", answer)
        within = all(part is None or part == own for part, own in zip(gold, said, strict=True))
        return binary_verdict(correct=within, answer=answer)


def read_date(text: str, order: Order = "refuse") -> Day | None:
    """Read a text that is a date and nothing else; None where it is none, or ambiguous.

    Example:
        >>> read_date("the 5th of March 2024"), read_date("30 Feb 2024"), read_date("13/5/2024")
        ((2024, 3, 5), None, (2024, 5, 13))
    """
    text = " ".join(unicodedata.normalize("NFKC", strip_markup(text[:200])).translate(MINUS).casefold().split())
    for pattern, parts in ((_ISO, "ymd"), (_BIG, "ymd"), (_MDY, "mdy"), (_DMY, "dmy"), (_MY, "my"), (_Y, "y")):
        if match := pattern.fullmatch(text):
            return _day(dict(zip(parts, match.groups(), strict=True)))
    if match := _SMALL.fullmatch(text):
        one = _day(dict(zip("dmy", match.groups(), strict=True))) if order != "MDY" else None
        two = _day(dict(zip("mdy", match.groups(), strict=True))) if order != "DMY" else None
        return one or two if one == two or one is None or two is None else None
    return None


def _day(parts: dict[str, str | None]) -> Day | None:
    year, month, day = int(parts["y"] or 0), parts.get("m"), parts.get("d")
    if month is None:
        return (year, None, None) if year else None
    number = (
        int(month) if month.isdigit() else 1 + next(at for at, name in enumerate(MONTHS) if name.startswith(month[:3]))
    )
    if not year or not 1 <= number <= len(MONTHS):
        return None
    if day is None:
        return year, number, None
    return (year, number, int(day)) if 1 <= int(day) <= monthrange(year, number)[1] else None
