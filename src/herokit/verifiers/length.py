"""Length of a completion in words, characters, sentences, lines or paragraphs."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, binary_verdict
from herokit.verifiers.text import ABBREVIATIONS, word_pattern

__all__ = ["LengthLimit", "LengthUnit", "count_sentences"]

LengthUnit = Literal["words", "characters", "sentences", "lines", "paragraphs"]

_PARAGRAPH_BREAK = re.compile(r"\n[ \t\r]*\n\s*")
_SENTENCE_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019)\]*_]*+(?=\s|$)|[\u3002\uff01\uff1f]++[\u300d\u300f\u201d]?"
)
_MAX_INDENT = 200
"""Characters before a full stop in which the start of its line is looked for; bounds the time for very long lines."""

_LAST_WORD = re.compile(r"(\S{1,40})$")
_INITIALS = re.compile(r"(?:[a-z]\.)*[a-z]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LengthLimit(PerSampleVerifier):
    """1 if the length is within [min, max], else 0; `soft_margin` makes the upper limit gradual. Needs no reference.

    With `soft_margin` the value falls linearly above the limit: ``1 - (n - max) / soft_margin`` between ``max`` and
    ``max + soft_margin``.

    Args:
        unit: what is counted: words (runs of letters and digits; ``don't`` and ``well-known`` are one word each),
            characters (code points of the stripped text), sentences, lines that are not blank, or paragraphs separated by
            blank lines.
        min: smallest allowed length.
        max: largest allowed length; None for no limit.
        soft_margin: width of the range above `max` in which the value falls to 0.

    Raises:
        ConfigError: a number is negative, ``max < min``, or `soft_margin` is set without `max`.

    Source: the soft overlong punishment of DAPO (arXiv 2503.14476, section 3.4), moved from [-1, 0] to [0, 1].

    Example:
        >>> limit = LengthLimit(max=2, soft_margin=4)
        >>> [v.value for v in limit.verify([Sample("?", "so " * n, 0) for n in (2, 3, 6, 9)])]
        [1.0, 0.75, 0.0, 0.0]
    """

    unit: LengthUnit = "words"
    min: int = 1
    max: int | None = None
    soft_margin: int = 0

    def __post_init__(self) -> None:
        check_choice("unit", self.unit, LengthUnit)
        if self.min < 0 or self.soft_margin < 0:
            raise ConfigError(f"min and soft_margin must be at least 0, got {self.min} and {self.soft_margin}")
        if self.max is not None and self.max < self.min:
            raise ConfigError(f"max must be at least min, got {self.max} < {self.min}")
        if self.soft_margin and self.max is None:
            raise ConfigError("soft_margin is measured from max; set max, too")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        length = _count(sample.completion_text, self.unit)
        reason = f"{length:,} {self.unit}"
        if length < self.min or self.max is None or length <= self.max:
            return binary_verdict(correct=length >= self.min, reason=reason)
        excess = length - self.max
        value = max(0.0, 1.0 - excess / self.soft_margin) if self.soft_margin else 0.0
        return Verdict(value, Status.JUDGED, reason)


def _count(text: str, unit: LengthUnit) -> int:
    r"""Count words, characters, sentences, lines or paragraphs.

    Example:
        >>> [_count("It's late.\n\nGood night!", u) for u in ("words", "characters", "sentences", "lines", "paragraphs")]
        [4, 23, 2, 2, 2]
    """
    if unit == "words":
        return sum(1 for _ in _joined_word_pattern().finditer(text))
    if unit == "characters":
        return len(text.strip())
    if unit == "sentences":
        return count_sentences(text)
    parts = text.split("\n") if unit == "lines" else _PARAGRAPH_BREAK.split(text)
    return sum(bool(part.strip()) for part in parts)


@cache
def _joined_word_pattern() -> re.Pattern[str]:
    """Return the pattern of a word with apostrophes or hyphens inside."""
    word = word_pattern().pattern
    return re.compile(rf"{word}(?:['\u2019-]{word})*")


def count_sentences(text: str) -> int:
    r"""Count sentences without a model.

    A sentence ends at ``. ! ?`` before white space, or at a Chinese or Japanese full stop. It does not end after a title
    or an abbreviation (``Dr.``, ``e.g.``), an initial, the number of a list item, or at the end of a line.

    Example:
        >>> count_sentences("Dr. Smith paid 3.5 dollars, e.g. for tea. Why? He liked it"), count_sentences("")
        (3, 0)
    """
    count, start = 0, 0
    for match in _SENTENCE_END.finditer(text):
        if match[0] == "." and _is_abbreviation(text, start, match.start(), match.end()):
            continue
        count += any(c.isalnum() for c in text[start : match.start()])
        start = match.end()
    return count + any(c.isalnum() for c in text[start:])


def _is_abbreviation(text: str, start: int, stop: int, end: int) -> bool:
    """Return whether the full stop at `stop` ends no sentence; `start` is where the sentence began, `end` what follows."""
    last = _LAST_WORD.search(text[max(start, stop - 40) : stop])
    if last is None:
        return False
    word = last[1].lstrip("(\"'*_[")
    line = text[max(0, stop - _MAX_INDENT) : stop].rpartition("\n")[2]
    if word.isdigit() and not line.replace(word, "", 1).strip(" \t*_#"):
        return True  # the number of a list item
    following = text[end : end + 40].lstrip()[:1]
    if word.lower() in (*ABBREVIATIONS, "no"):
        return bool(following)
    return _INITIALS.fullmatch(word) is not None and word != "I" and (following.islower() or len(word) == 1)
