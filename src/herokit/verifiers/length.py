"""Lengths, with a soft edge if wanted."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, binary_verdict
from herokit.verifiers.extraction import word_pattern
from herokit.verifiers.sentences import count_sentences

Normalizer = Literal["words", "characters", "sentences", "lines", "paragraphs"]

_GAP = re.compile(r"\n[ \t\r]*\n\s*")


@dataclass(frozen=True, slots=True)
class LengthLimit(PerSampleVerifier):
    """Right where a completion is so long: ``least <= n <= most``. It needs no reference.

    With `soft_margin` the upper edge is a slope, ``value = 1 - (n - most) / soft`` between `max` and ``most + soft``.

    Args:
        unit: what is counted: words (runs of letters and digits; ``don't`` and ``well-known`` are one), characters (code
            points, stripped), sentences, lines that are not blank, or paragraphs between blank lines.
        min: the fewest.
        max: the most; None for no limit.
        soft_margin: the width of the slope.

    Raises:
        ConfigError: negative numbers, ``most < least``, or a slope without `max`.

    Source: the soft overlong punishment of DAPO (arXiv 2503.14476, section 3.4), moved from [-1, 0] to [0, 1].

    Example:
        >>> [v.value for v in LengthLimit(max=2, soft_margin=4).verify([Sample("?", "so " * n, 0) for n in (2, 3, 6, 9)])]
        [1.0, 0.75, 0.0, 0.0]
    """

    unit: Normalizer = "words"
    min: int = 1
    max: int | None = None
    soft_margin: int = 0

    def __post_init__(self) -> None:
        check_choice("unit", self.unit, Normalizer)
        if self.min < 0 or self.soft_margin < 0 or (self.max is not None and self.max < self.min):
            raise ConfigError(f"0 <= least <= most and soft >= 0, got {self.min}, {self.max}, {self.soft_margin}")
        if self.soft_margin and self.max is None:
            raise ConfigError("soft is the slope above most: give most")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        n = count(sample.completion, self.unit)
        reason = f"{n:,} {self.unit}"
        if n < self.min or self.max is None or n <= self.max:
            return binary_verdict(correct=n >= self.min, reason=reason)
        over = n - self.max
        return Verdict(max(0.0, 1.0 - over / self.soft_margin) if self.soft_margin else 0.0, Status.JUDGED, reason)


def count(text: str, unit: Normalizer) -> int:
    r"""Count words, characters, sentences, lines or paragraphs.

    Example:
        >>> [count("It's late.\n\nGood night!", u) for u in ("words", "characters", "sentences", "lines", "paragraphs")]
        [4, 23, 2, 2, 2]
    """
    if unit == "words":
        return sum(1 for _ in _word().finditer(text))
    if unit == "characters":
        return len(text.strip())
    if unit == "sentences":
        return count_sentences(text)
    parts = text.split("\n") if unit == "lines" else _GAP.split(text)
    return sum(bool(part.strip()) for part in parts)


@cache
def _word() -> re.Pattern[str]:
    """Return a pattern of a word; an apostrophe or a hyphen inside joins."""
    run = word_pattern().pattern
    return re.compile(rf"{run}(?:['\u2019-]{run})*")
