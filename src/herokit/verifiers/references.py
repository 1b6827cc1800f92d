"""What a sample expects: native references as texts, lists or data, and why one cannot be used."""

from collections.abc import Mapping
from typing import Any

from herokit.conversations.columns import native_value
from herokit.types import Sample
from herokit.verifiers.base import UnusableReferenceError
from herokit.verifiers.extraction import ExtractMode, after_phrase, find_box, find_hashes, find_tag
from herokit.verifiers.marks import unify_marks
from herokit.verifiers.text import read_json

__all__ = [
    "ANSWER_KEYS",
    "answer_keys",
    "plain_reference",
    "reference_data",
    "reference_text",
    "reference_texts",
]

ANSWER_KEYS = (
    "target",
    "answer",
    "answers",
    "final_answer",
    "ground_truth",
    "reference",
    "value",
    "expected",
    "solution",
    "label",
    "gold",
)
"""Keys of a mapping that hold the answer, if exactly one of them is there."""

_MAX_DEPTH = 3
"""Mappings inside mappings that are opened."""


def plain_reference(sample: Sample) -> Any:
    """Return a reference as Python's own values: arrays as lists, NaN as None, ``{"target": x}`` as x.

    Example:
        >>> plain_reference(Sample("?", "4", 0, {"target": 4})), plain_reference(Sample("?", "4", 0, float("nan")))
        (4, None)
    """
    value = native_value(sample.reference)
    for _ in range(_MAX_DEPTH):
        keys = answer_keys(value) if isinstance(value, Mapping) else []
        if len(keys) != 1:
            break
        value = value[keys[0]]
    return value


def answer_keys(mapping: Mapping[Any, Any]) -> list[str]:
    """Return the keys of a mapping that hold an answer.

    Example:
        >>> answer_keys({"target": 98, "numbers": [1, 2], "label": None})
        ['target']
    """
    return [key for key in ANSWER_KEYS if mapping.get(key) is not None]


def reference_text(sample: Sample, extract: ExtractMode = "answer") -> str:
    r"""Return the reference as one text: a number as its digits, a list of one as its member.

    A text is read as a completion is: what its answer tag, box, ``####`` or answer phrase holds, else all of it.

    Args:
        sample: the sample.
        extract: the verifier's setting; ``"whole"`` takes a text as it is.

    Raises:
        UnusableReferenceError: there is no reference, or it is no text and no number.

    Example:
        >>> [reference_text(Sample("?", "4", 0, value)) for value in (4, 4.0, ["4"], r"So \boxed{4}", "Die Antwort ist 4.")]
        ['4', '4', '4', '4', '4']
    """
    texts = reference_texts(sample, extract)
    if len(texts) > 1:
        raise UnusableReferenceError(f"reference: expected one text or number, got a list of {len(texts)}")
    return texts[0]


def reference_texts(sample: Sample, extract: ExtractMode = "answer") -> list[str]:
    """Return the texts of a reference that may be a list: each of them is correct.

    Raises:
        UnusableReferenceError: there is no reference, or a member is no text and no number.
    """
    value = plain_reference(sample)
    members = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    texts = [_text(member, extract) for member in members]
    if not texts or not any(text.strip() for text in texts):
        raise UnusableReferenceError("no reference" if value is None or value == "" else "reference: empty")
    return texts


def _text(value: Any, extract: ExtractMode) -> str:
    if isinstance(value, str):
        return value if extract == "whole" else _marked(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:  # data frames with gaps hold 4 as 4.0
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    if value is None:
        return ""
    raise UnusableReferenceError(f"reference: expected text or a number, got {type(value).__name__}: {value!r}"[:200])


def _marked(text: str) -> str:
    """Return what a mark of an answer in a reference holds; without a mark, the text."""
    text = unify_marks(text)
    for find in (find_tag, find_box, find_hashes):
        if (extraction := find(text)) is not None and extraction.text is not None:
            return extraction.text
    phrases = after_phrase(text)
    return phrases[0].text or text if phrases else text


def reference_data(sample: Sample, key: str | None = None) -> Any:
    """Return a reference that is data: native, or its JSON text.

    Args:
        sample: the sample.
        key: the entry of `meta` that holds the data; None for the reference.

    Raises:
        UnusableReferenceError: it is missing or not JSON.

    Example:
        >>> reference_data(Sample("?", "{}", 0, '{"a": 1}')), reference_data(Sample("?", "{}", 0, None, {"s": [1]}), "s")
        ({'a': 1}, [1])
    """
    value = native_value(sample.reference if key is None else sample.meta.get(key))
    place = "reference" if key is None else f"meta[{key!r}]"
    if value is None:
        raise UnusableReferenceError("no reference" if key is None else f"{place}: missing")
    if not isinstance(value, str):
        return value
    try:
        return read_json(value)
    except ValueError as error:
        raise UnusableReferenceError(f"{place}: not JSON: {error}"[:200]) from None
