"""Lists: the same items, in order or in any."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from herokit.errors import check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.extraction import MAX_ANSWER_CHARS, ExtractMode, find_answer, normalize_text, strip_markup
from herokit.verifiers.match import common_length, texts
from herokit.verifiers.number import read_number

Item = Literal["text", "number"]

ITEMS = 2_000
"""Items of a list that is compared; a longer answer is wrong."""

_BULLET = re.compile(r"[ \t]{0,8}(?:[-*+•]|\(?\d{1,4}[.)])[ \t]+(\S.*)")
_AND = re.compile(r",? (?:and|or|&) ", re.IGNORECASE)
_LAST = re.compile(r"^(?:and|or|&) ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ListMatch(PerSampleVerifier):
    """Right where the answer lists the reference's items: all of them, none twice unless the reference has it twice.

    A list is JSON (``["a", "b"]``), one item a line behind bullets or numbers, or items between semicolons, commas
    and a last "and", with or without brackets. Items are compared as texts (no case, emphasis or quotes) or as numbers.

    Args:
        ordered: whether the order counts.
        item: what an item is.
        partial_credit: instead of 0 or 1 the F1 of the items: shared items (in order where order counts: the longest common
            subsequence), twice, over the lengths of both lists.
        extract: where the answer stands; a bulleted list at the end of a completion is found by itself.

    Source: set and list answers of DROP (arXiv 1903.00161), which match items one to one; F1 as there, over whole items.

    Example:
        >>> [v.value for v in ListMatch().verify([Sample("?", t, 0, "red, blue") for t in ("Blue and red", "red, red")])]
        [1.0, 0.0]
        >>> ListMatch(ordered=True, partial_credit=True).verify([Sample("?", "2, 1, 3", 0, "[1, 2, 3]")])[0].value
        0.6666666666666666
    """

    ordered: bool = False
    item: Item = "text"
    partial_credit: bool = False
    extract: ExtractMode = "answer"

    def __post_init__(self) -> None:
        check_choice("item", self.item, Item)
        check_choice("extract", self.extract, ExtractMode)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if sample.reference is None:
            return abstain()
        gold = self._items(sample.reference)
        if not 0 < len(gold) <= ITEMS:
            return abstain(f"reference: expected a list of up to {ITEMS:,} {self.item}s, got {sample.reference!r:.80}")
        answer = find_answer(sample.completion, self.extract)
        if self.extract == "answer" and answer == find_answer(sample.completion, "line"):
            answer = _bullets(sample.completion) or answer
        said = None if answer is None else self._items(answer)
        if not said:
            return unparsed(f"no list of {self.item}s", answer)
        if len(said) > ITEMS:
            return binary_verdict(correct=False, reason=f"more than {ITEMS:,} items", answer=answer)
        shared = common_length(said, gold) if self.ordered else sum((Counter(said) & Counter(gold)).values())
        reason = f"{shared} of {len(gold)} items, {len(said)} given"
        if self.partial_credit:
            return Verdict(2.0 * shared / (len(said) + len(gold)), Status.JUDGED, reason, answer)
        return binary_verdict(correct=shared == len(gold) == len(said), reason=reason, answer=answer)

    def _items(self, text: str) -> list[str]:
        """Return the items in one form; empty where one of them is none."""
        items = split(text)
        if self.item == "number":
            read = [read_number(item) for item in items[: ITEMS + 1]]
            return [] if None in read else [str(number) for number in read]
        forms = [normalize_text(item, "text") for item in items[: ITEMS + 1]]
        return [] if "" in forms else forms


def split(text: str) -> list[str]:
    r"""Split a list into its items.

    Example:
        >>> split("a, b, and c"), split("1. one\n2. two"), split('["x, y", "z"]'), split("{1; 2,5}")
        (['a', 'b', 'c'], ['one', 'two'], ['x, y', 'z'], ['1', '2,5'])
    """
    text = strip_markup(text[-MAX_ANSWER_CHARS:])
    if (listed := texts(text)) is not None:
        return listed
    if bullets := _bullets(text):
        return [match[1].strip() for line in bullets.splitlines() if (match := _BULLET.fullmatch(line))]
    if text[:1] + text[-1:] in ("[]", "{}", "()") and not 0 <= text.find(text[-1], 1) < text.find(text[0], 1):
        text = text[1:-1]
    mark = ";" if ";" in text else "\n" if "\n" in text else ", " if ", " in text else ","
    items = [" ".join(part.split()) for part in text.split(mark)]
    if mark in (", ", ",", "\n"):
        items[-1:] = _AND.split(_LAST.sub("", items[-1]))
    return items if items != [""] else []


def _bullets(text: str) -> str:
    """Return the bulleted lines that a text ends with."""
    lines = text[-MAX_ANSWER_CHARS:].rstrip().split("\n")
    begin = len(lines)
    while begin and (_BULLET.fullmatch(lines[begin - 1]) or not lines[begin - 1].strip()):
        begin -= 1
    return "\n".join(line for line in lines[begin:] if line.strip())
