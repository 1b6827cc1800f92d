"""Text that went wrong: repetition, loops, runs, noise."""

import re
import unicodedata
import zlib
from dataclasses import dataclass

from herokit.errors import ConfigError
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, binary_verdict, unparsed

MOST = 100_000
"""Characters that are looked at, from the end: a completion goes wrong at its end."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_RULES = frozenset("-=_*#~.|+ ")
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u9fff]")  # Thai, Lao, kana, Han: written without spaces


@dataclass(frozen=True, slots=True)
class Repetition(PerSampleVerifier):
    """Right where few of a completion's n-grams are repeated: ``1 - distinct / all <= most``. It needs no reference.

    Args:
        n: words of an n-gram; each Chinese, Japanese or Thai run of letters counts by character.
        max_ratio: the share of n-grams that may be repetitions.
        partial_credit: the value is the share of n-grams that are distinct, instead of 0 or 1.

    Raises:
        ConfigError: n below 1, or a share outside [0, 1).

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
            raise ConfigError(f"n is at least 1 and max_ratio lies in [0, 1), got {self.n!r} and {self.max_ratio!r}")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        words = _words(sample.completion)
        if not words:
            return unparsed("no words")
        grams = [tuple(words[at : at + self.n]) for at in range(len(words) - self.n + 1)]
        share = 1.0 - len(set(grams)) / len(grams) if grams else 0.0
        reason = f"{share:.1%} of {len(grams):,} {self.n}-grams are repetitions"
        if self.partial_credit:
            return Verdict(1.0 - share, Status.JUDGED, reason)
        return binary_verdict(correct=share <= self.max_ratio, reason=reason)


@dataclass(frozen=True, slots=True)
class Degenerate(PerSampleVerifier):
    """Right where a completion is none of what broken sampling makes; the reason names what it is.

    A loop: the text ends with one unit of up to `max_period` characters, `max_loops` times or more (and 60 characters or more). A run: one
    character `max_run` times. Noise: a share of `max_noise_fraction` or more of replacement, control and private-use characters. Too
    regular: it compresses to less than `min_compression_ratio` of its size (texts of 1,000 bytes or more). Empty. It needs no reference.

    Args:
        max_loops: how often a unit at the end makes a loop.
        max_period: the longest unit, in characters.
        max_run: how often a character makes a run; a table's rule is none.
        max_noise_fraction: the share of unusable characters that is noise.
        min_compression_ratio: compressed size over size below which a text is too regular; prose lies near 0.4, code near 0.25.

    Raises:
        ConfigError: a number that is not positive.

    Source: looping as described by Holtzman et al., "The Curious Case of Neural Text Degeneration" (arXiv 1904.09751); compression as a detector as in Whisper (arXiv 2212.04356, section 4.5), with zlib's ratio inverted.

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
        for name in ("max_loops", "max_period", "max_run", "max_noise_fraction", "min_compression_ratio"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)!r}")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        text = sample.completion[-MOST:]
        if not text.strip():
            return unparsed("empty")
        found = self._run(text) or self._loop(text) or self._noise(text) or self._regular(text)
        return binary_verdict(correct=not found, reason=found)

    def _run(self, text: str) -> str:
        match = re.search(rf"([^\s\-=_*#~.|+])\1{{{self.max_run - 1}}}", text)
        if match is None:
            return ""
        rest = text[match.start() :]
        return f"a run: {match[1]!r} {len(rest) - len(rest.lstrip(match[1]))} times"

    def _loop(self, text: str) -> str:
        backward = text.rstrip()[::-1][: self.max_period * (self.max_loops + 1)]
        reach = prefixes(backward)
        for length in range(1, min(self.max_period, len(backward) // self.max_loops) + 1):
            if reach[length] >= max(self.max_loops * length, 60) - length:
                unit = text.rstrip()[-length:]
                if _RULES.issuperset(unit):
                    return ""
                times = 1 + _times(text.rstrip(), unit)
                turned = next((unit[at:] + unit[:at] for at in range(length) if unit[at - 1].isspace()), unit)
                return f"a loop: ends with {turned[:40]!r} {times} times"
        return ""

    def _noise(self, text: str) -> str:
        bad = sum(c == "\ufffd" or (unicodedata.category(c) in ("Cc", "Co", "Cn") and c not in "\n\r\t") for c in text)
        return f"noise: {bad / len(text):.0%} unusable characters" if bad / len(text) >= self.max_noise_fraction else ""

    def _regular(self, text: str) -> str:
        data = text.encode("utf-8", "replace")
        if len(data) < 1_000:  # noqa: PLR2004 - shorter texts are told by what stands above
            return ""
        ratio = len(zlib.compress(data, 6)) / len(data)
        return f"too regular: packs to {ratio:.1%}" if ratio < self.min_compression_ratio else ""


def prefixes(text: str) -> list[int]:
    """Return, for each place, how long a prefix of the text stands there again; linear.

    Source: Gusfield, Algorithms on Strings, Trees and Sequences (1997), section 1.3, the Z values.

    Example:
        >>> prefixes("abab")
        [4, 0, 2, 0]
    """
    z = [0] * len(text)
    if text:
        z[0] = len(text)
    left = right_end = 0
    for at in range(1, len(text)):
        if at < right_end:
            z[at] = min(right_end - at, z[at - left])
        while at + z[at] < len(text) and text[z[at]] == text[at + z[at]]:
            z[at] += 1
        if at + z[at] > right_end:
            left, right_end = at, at + z[at]
    return z


def _times(text: str, unit: str) -> int:
    """Count how often a unit stands at the end, less one."""
    count, end = 0, len(text) - len(unit)
    while end >= len(unit) and text[end - len(unit) : end] == unit:
        count, end = count + 1, end - len(unit)
    return count


def _words(text: str) -> list[str]:
    words: list[str] = []
    for match in _TOKEN.finditer(text[-MOST:].casefold()):
        words += list(match[0]) if _UNSPACED.match(match[0]) else [match[0]]
    return words
