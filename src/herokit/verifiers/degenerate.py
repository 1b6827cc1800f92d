"""Degenerate text: repeated n-grams, loops, long runs of one character, noise."""

import re
import unicodedata
import zlib
from dataclasses import dataclass, fields

from herokit.errors import ConfigError, check_positive
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, binary_verdict, unparsed

__all__ = ["Degenerate", "Repetition"]

_MAX_CHARS = 100_000
"""Characters that are examined, from the end: sampling degenerates at the end of a completion."""

_MIN_LOOP_CHARS = 60
_MIN_COMPRESSED_BYTES = 1_000
"""Bytes from which the compression ratio says something; shorter texts are left to the other checks."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_RULE_CHARACTERS = frozenset("-=_*#~.|+ ")
_UNSPACED_SCRIPT = re.compile("[\u0e00-\u0eff\u3040-\u9fff]")  # Thai, Lao, kana, Han: written without spaces


@dataclass(frozen=True, slots=True)
class Repetition(PerSampleVerifier):
    """1 if the share of repeated n-grams is at most `max_ratio`, else 0. Needs no reference.

    The share is ``1 - distinct / all``.

    Args:
        n: words per n-gram; runs of Chinese, Japanese or Thai letters count by character.
        max_ratio: largest allowed share of repeated n-grams.
        partial_credit: give the share of distinct n-grams instead of 0 or 1.

    Raises:
        ConfigError: n is below 1, or `max_ratio` outside [0, 1).

    Source: rep-n of Welleck et al., "Neural Text Generation with Unlikelihood Training" (arXiv 1908.04319);
    as a reward in Demystifying Long Chain-of-Thought (arXiv 2502.03373).

    Example:
        >>> repetition = Repetition(n=2, partial_credit=True)
        >>> [round(v.value, 2) for v in repetition.verify([Sample("?", t, 0) for t in ("a b c d", "a b a b a b")])]
        [1.0, 0.4]
    """

    n: int = 4
    max_ratio: float = 0.3
    partial_credit: bool = False

    def __post_init__(self) -> None:
        if self.n < 1 or not 0.0 <= self.max_ratio < 1.0:
            raise ConfigError(
                f"n must be at least 1 and max_ratio in [0, 1), got n={self.n!r} and max_ratio={self.max_ratio!r}"
            )

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        words = _words(sample.completion_text)
        if not words:
            return unparsed("no words")
        grams = [tuple(words[start : start + self.n]) for start in range(len(words) - self.n + 1)]
        repeated = 1.0 - len(set(grams)) / len(grams) if grams else 0.0
        reason = f"{repeated:.1%} of {len(grams):,} {self.n}-grams are repetitions"
        if self.partial_credit:
            return Verdict(1.0 - repeated, Status.JUDGED, reason)
        return binary_verdict(correct=repeated <= self.max_ratio, reason=reason)


@dataclass(frozen=True, slots=True)
class Degenerate(PerSampleVerifier):
    """0 for loops, long runs of one character, noise or highly compressible text, else 1. Needs no reference.

    A verdict's reason names what was found. A loop: the text ends with one unit of up to `max_period` characters,
    repeated `max_loops` times or more and over at least 60 characters. A run: one character `max_run` times. Noise: a
    share of `max_noise_fraction` or more of replacement, control and private-use characters. Too regular: the text, of
    1,000 bytes or more, compresses to less than `min_compression_ratio` of its size. An empty text gets 0 as well.

    Args:
        max_loops: repetitions at the end that make a loop.
        max_period: longest repeated unit, in characters.
        max_run: repetitions of one character that make a run; rules such as ``-----`` are exempt.
        max_noise_fraction: share of unusable characters that makes noise.
        min_compression_ratio: compressed size over size below which a text is too regular; prose is near 0.4, code near
            0.25.

    Raises:
        ConfigError: a number is not positive.

    Source: looping as described by Holtzman et al., "The Curious Case of Neural Text Degeneration" (arXiv 1904.09751);
    compression as a detector as in Whisper (arXiv 2212.04356, section 4.5), with zlib's ratio inverted.

    Example:
        >>> degenerate = Degenerate()
        >>> texts = ("It is four.", "wait, " * 40, "I see. " + "a" * 300)
        >>> [v.reason for v in degenerate.verify([Sample("?", text, 0) for text in texts])]
        ['', "a loop: ends with 'wait, ' 39 times", "a run: 'a' 300 times"]
    """

    max_loops: int = 6
    max_period: int = 400
    max_run: int = 200
    max_noise_fraction: float = 0.1
    min_compression_ratio: float = 0.08

    def __post_init__(self) -> None:
        check_positive(self, *(field.name for field in fields(self)))

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        text = sample.completion_text[-_MAX_CHARS:]
        if not text.strip():
            return unparsed("empty")
        problem = self._find_run(text) or self._find_loop(text) or self._find_noise(text) or self._check_ratio(text)
        return binary_verdict(correct=not problem, reason=problem)

    def _find_run(self, text: str) -> str:
        match = re.search(rf"([^\s\-=_*#~.|+])\1{{{self.max_run - 1}}}", text)
        if match is None:
            return ""
        rest = text[match.start() :]
        return f"a run: {match[1]!r} {len(rest) - len(rest.lstrip(match[1]))} times"

    def _find_loop(self, text: str) -> str:
        text = text.rstrip()
        backward = text[::-1][: self.max_period * (self.max_loops + 1)]
        matches = _prefix_matches(backward)
        for period in range(1, min(self.max_period, len(backward) // self.max_loops) + 1):
            if matches[period] < max(self.max_loops * period, _MIN_LOOP_CHARS) - period:
                continue
            unit = text[-period:]
            if _RULE_CHARACTERS.issuperset(unit):
                return ""
            rotations = (unit[i:] + unit[:i] for i in range(period) if unit[i - 1].isspace())
            return f"a loop: ends with {next(rotations, unit)[:40]!r} {_count_at_end(text, unit)} times"
        return ""

    def _find_noise(self, text: str) -> str:
        unusable = sum(
            c == "\ufffd" or (unicodedata.category(c) in ("Cc", "Co", "Cn") and c not in "\n\r\t") for c in text
        )
        fraction = unusable / len(text)
        return f"noise: {fraction:.0%} unusable characters" if fraction >= self.max_noise_fraction else ""

    def _check_ratio(self, text: str) -> str:
        data = text.encode("utf-8", "replace")
        if len(data) < _MIN_COMPRESSED_BYTES:
            return ""
        ratio = len(zlib.compress(data, 6)) / len(data)
        return f"too regular: compresses to {ratio:.1%}" if ratio < self.min_compression_ratio else ""


def _prefix_matches(text: str) -> list[int]:
    """Return, for each position, how many characters from there match the start of the text; takes linear time.

    Source: Gusfield, Algorithms on Strings, Trees and Sequences (1997), section 1.3, the Z values.

    Example:
        >>> _prefix_matches("abab")
        [4, 0, 2, 0]
    """
    z = [0] * len(text)
    if text:
        z[0] = len(text)
    left = right = 0
    for start in range(1, len(text)):
        if start < right:
            z[start] = min(right - start, z[start - left])
        while start + z[start] < len(text) and text[z[start]] == text[start + z[start]]:
            z[start] += 1
        if start + z[start] > right:
            left, right = start, start + z[start]
    return z


def _count_at_end(text: str, unit: str) -> int:
    """Return how often a text ends with a unit, which it does at least once."""
    count, end = 1, len(text) - len(unit)
    while end >= len(unit) and text[end - len(unit) : end] == unit:
        count, end = count + 1, end - len(unit)
    return count


def _words(text: str) -> list[str]:
    words: list[str] = []
    for match in _TOKEN.finditer(text[-_MAX_CHARS:].casefold()):
        words += list(match[0]) if _UNSPACED_SCRIPT.match(match[0]) else [match[0]]
    return words
