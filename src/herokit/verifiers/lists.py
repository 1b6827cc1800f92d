"""Lists: the same items, in order or in any order."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from herokit.errors import check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict
from herokit.verifiers.extraction import (
    MAX_ANSWER_CHARS,
    Extraction,
    ExtractMode,
    View,
    read_answer,
    unanswered,
    view_text,
)
from herokit.verifiers.match import lcs_length
from herokit.verifiers.number import read_number
from herokit.verifiers.references import reference_texts
from herokit.verifiers.text import normalize_text, read_text_list, strip_markup

__all__ = ["ItemKind", "ListMatch"]

ItemKind = Literal["text", "number"]

_MAX_ITEMS = 2_000
"""Items of a list that is compared; a longer answer is incorrect."""

_BULLET = re.compile(r"[ \t]{0,8}(?:[-*+•]|\(?\d{1,4}[.)])[ \t]+(\S.*)")
_CONJUNCTION = re.compile(r",? (?:and|or|&) ", re.IGNORECASE)
_LEADING_CONJUNCTION = re.compile(r"^(?:and|or|&) ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ListMatch(PerSampleVerifier):
    """1 if the answer lists exactly the reference's items, each as often as in the reference, else 0.

    A list is JSON (``["a", "b"]``), one item per line after bullets or numbers, or items separated by semicolons or by
    commas and a last "and", with or without brackets. Items are compared as texts (without case, emphasis and quotes) or
    as numbers.

    Args:
        ordered: whether the order of the items matters.
        item: whether items are texts or numbers.
        partial_credit: give the F1 of the items instead of 0 or 1: twice the number of shared items (their longest
            common subsequence if the order matters) over the lengths of both lists.
        extract: where the answer is; with ``"answer"``, a bulleted list at the end of a completion is the answer.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.

    Source: set and list answers of DROP (arXiv 1903.00161), which match items one to one; F1 as there, over whole items.

    Example:
        >>> [v.value for v in ListMatch().verify([Sample("?", t, 0, "red, blue") for t in ("Blue and red", "red, red")])]
        [1.0, 0.0]
        >>> ListMatch(ordered=True, partial_credit=True).verify([Sample("?", "2, 1, 3", 0, "[1, 2, 3]")])[0].value
        0.6666666666666666
    """

    ordered: bool = False
    item: ItemKind = "text"
    partial_credit: bool = False
    extract: ExtractMode = "answer"
    view: View = "final"

    def __post_init__(self) -> None:
        check_choice("item", self.item, ItemKind)
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        references = reference_texts(sample, self.extract)
        expected = self._read_items(references[0] if len(references) == 1 else json.dumps(references))
        if not 0 < len(expected) <= _MAX_ITEMS:
            wanted = f"a list of up to {_MAX_ITEMS:,} {self.item}s"
            return abstain(f"reference: expected {wanted}, got {sample.reference!r:.80}")
        items, extraction = self._read_answer(sample)
        answer, origin = extraction.text, extraction.origin
        if not items:
            return unanswered(extraction, f"no list of {self.item}s")
        if len(items) > _MAX_ITEMS:
            return binary_verdict(correct=False, reason=f"more than {_MAX_ITEMS:,} items", answer=answer, origin=origin)
        shared = lcs_length(items, expected) if self.ordered else sum((Counter(items) & Counter(expected)).values())
        reason = f"{shared} of {len(expected)} items, {len(items)} given"
        if self.partial_credit:
            value = 2.0 * shared / (len(items) + len(expected))
            return Verdict(value, Status.JUDGED, reason, answer, origin)
        return binary_verdict(
            correct=shared == len(expected) == len(items), reason=reason, answer=answer, origin=origin
        )

    def _read_answer(self, sample: Sample) -> tuple[list[str] | None, Extraction]:
        """Return the items of the answer; a bulleted list at the end of an unmarked text is the answer, whole."""
        read = lambda text: self._read_items(text) or None  # noqa: E731 - one use
        items, extraction = read_answer(sample, read, extract=self.extract, view=self.view)
        if self.extract == "answer" and extraction.origin.startswith(("last ", "whole ", "answer phrase")):
            bullets = _trailing_bullets(view_text(sample, self.view).text)
            if bullets and (not extraction.origin.startswith("answer") or bullets.startswith(extraction.text or "")):
                return self._read_items(bullets) or None, Extraction(bullets, "bulleted list")
        return items, extraction

    def _read_items(self, text: str) -> list[str]:
        """Return the normalized items; none if one of them is not of the wanted kind."""
        items = _split_items(text)[: _MAX_ITEMS + 1]
        if self.item == "number":
            numbers = [read_number(item) for item in items]
            return [] if None in numbers else [str(number) for number in numbers]
        texts = [normalize_text(item, "text") for item in items]
        return [] if "" in texts else texts


def _split_items(text: str) -> list[str]:
    r"""Split a list into its items.

    Example:
        >>> _split_items("a, b, and c"), _split_items("1. one\n2. two")
        (['a', 'b', 'c'], ['one', 'two'])
        >>> _split_items('["x, y", "z"]'), _split_items("{1; 2,5}")
        (['x, y', 'z'], ['1', '2,5'])
    """
    text = strip_markup(text[-MAX_ANSWER_CHARS:])
    if (items := read_text_list(text)) is not None:
        return items
    if bullets := _trailing_bullets(text):
        return [match[1].strip() for line in bullets.splitlines() if (match := _BULLET.fullmatch(line))]
    if text[:1] + text[-1:] in ("[]", "{}", "()") and not 0 <= text.find(text[-1], 1) < text.find(text[0], 1):
        text = text[1:-1]
    separator = ";" if ";" in text else "\n" if "\n" in text else ", " if ", " in text else ","
    items = [" ".join(part.split()) for part in text.split(separator)]
    if separator in (", ", ",", "\n"):
        items[-1:] = _CONJUNCTION.split(_LEADING_CONJUNCTION.sub("", items[-1]))
    return items if items != [""] else []


def _trailing_bullets(text: str) -> str:
    """Return the bulleted lines at the end of a text."""
    lines = text[-MAX_ANSWER_CHARS:].rstrip().split("\n")
    start = len(lines)
    while start and (_BULLET.fullmatch(lines[start - 1]) or not lines[start - 1].strip()):
        start -= 1
    return "\n".join(line for line in lines[start:] if line.strip())
