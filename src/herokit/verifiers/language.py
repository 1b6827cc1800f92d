"""Which language a text is in: by its script where that decides, else by a detector that a plugin brings."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TypeAlias, cast

from herokit.errors import ConfigError, SetupError, boundary
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed

ONLY: dict[str, tuple[str, ...]] = {
    "ko": ("HANGUL",), "ja": ("HIRAGANA", "KATAKANA", "CJK"), "zh": ("CJK",), "th": ("THAI",), "he": ("HEBREW",),
    "el": ("GREEK",), "ta": ("TAMIL",), "te": ("TELUGU",), "kn": ("KANNADA",), "gu": ("GUJARATI",), "pa": ("GURMUKHI",),
    "ml": ("MALAYALAM",), "bn": ("BENGALI",), "ka": ("GEORGIAN",), "hy": ("ARMENIAN",), "km": ("KHMER",),
    "my": ("MYANMAR",), "lo": ("LAO",), "si": ("SINHALA",), "am": ("ETHIOPIC",),
}  # fmt: skip
"""Languages that their scripts tell from the others known here."""

SHARED: dict[str, frozenset[str]] = {
    script: frozenset(codes.split())
    for script, codes in {
        "CYRILLIC": "be bg kk ky mk mn ru sr tg uk",
        "ARABIC": "ar fa ps ug ur",
        "DEVANAGARI": "hi mr ne",
        "LATIN": "af az bs ca cs cy da de en eo es et eu fi fr ga gl hr ht hu id is it lt lv ms mt nb nl nn no pl pt ro sk "
        "sl sq sv sw tl tr uz vi",
    }.items()
}
"""Languages that share a script: a detector tells them apart."""

Detector: TypeAlias = Callable[[str, frozenset[str]], str]
"""Returns the code of the language a text is most probably in, one of those given."""

NORWEGIAN = ("no", "nb", "nn")
"""Three codes of what detectors do not keep apart."""

MOST = 5_000
"""Characters that are looked at, from the beginning."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Language(PerSampleVerifier):
    """Right where a completion is in one language. Code, formulas' symbols, digits and addresses do not count.

    A script that one language alone uses decides by itself; the others are told apart by a detector that is asked
    only about the languages of that script; the package herokit-language brings one. Fewer than `min_letters` letters are no
    text, and a few words are too little for any detector.

    Args:
        language: an ISO 639-1 code as ``en``; None to take the reference, as ``en`` or ``en-GB``.
        min_fraction: the share of letters that must be in the language's script.
        min_letters: letters below which a completion is in no language.

    Raises:
        ConfigError: a code that is not known here, or a share outside (0, 1].
        SetupError: asked, and a detector is needed and none installed.

    Source: the scripts as in Unicode Standard Annex 24; a language-consistency reward as in DeepSeek-R1 (arXiv 2501.12948, section 2.3.2).

    Example:
        >>> [v.value for v in Language("ja").verify([Sample("?", t, 0) for t in ("答えは四です。", "The answer is 4.")])]
        [1.0, 0.0]
    """

    language: str | None = None
    min_fraction: float = 0.8
    min_letters: int = 3

    def __post_init__(self) -> None:
        if self.language is not None and not is_known(self.language):
            raise ConfigError(
                f"a language is an ISO 639-1 code that is known here, such as 'en', got {self.language!r}"
            )
        if not 0.0 < self.min_fraction <= 1.0:
            raise ConfigError(f"share lies in (0, 1], got {self.min_fraction!r}")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        code = self.language or re.split("[-_]", (sample.reference or "").strip().lower())[0]
        if not is_known(code):
            return abstain(f"reference: expected an ISO 639-1 code that is known here, got {sample.reference!r:.80}")
        text = _CODE.sub(" ", sample.completion[:MOST])
        scripts = count_scripts(text)
        if scripts.total() < self.min_letters:
            return unparsed(f"fewer than {self.min_letters} letters")
        said, share = judge_language(text, code, scripts)
        return binary_verdict(
            correct=said and share >= self.min_fraction, reason=f"{share:.0%} of the letters; {code}: {said}"
        )


def judge_language(text: str, code: str, scripts: Counter[str]) -> tuple[bool, float]:
    """Return whether the text is in a language, and the share of its letters in the language's script.

    Raises:
        SetupError: a detector is needed and none installed.
    """
    own = ONLY.get(code)
    if own is None:
        script = next((script for script, codes in SHARED.items() if code in codes), None)
        share = scripts[script] / scripts.total() if script else 0.0
        found = detector()(text[:MOST], SHARED[script]) if script and share else ""
        return (found in NORWEGIAN if code in NORWEGIAN else found == code), share
    share = sum(scripts[name] for name in own) / scripts.total()
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    return (kana > 0) is (code == "ja") if code in ("ja", "zh") else share > 0.0, share


def count_scripts(text: str) -> Counter[str]:
    """Count letters by the first word of their Unicode name.

    Example:
        >>> count_scripts("да, yes").most_common()
        [('LATIN', 3), ('CYRILLIC', 2)]
    """
    letters = Counter(c for c in text if c.isalpha())
    scripts: Counter[str] = Counter()
    for letter, times in letters.items():
        scripts[unicodedata.name(letter, "?").partition(" ")[0].removesuffix("-1")] += times
    return scripts


@cache
def detector() -> Detector:
    """Return the first detector, by name, that an installed package offers in the entry-point group ``herokit.language``.

    Raises:
        SetupError: there is none; herokit-language brings one.
    """
    points = sorted(entry_points(group="herokit.language"), key=lambda point: point.name)
    if not points:
        raise SetupError("telling languages of one script apart needs a detector: pip install herokit-language")
    with boundary(f"the language detector {points[0].value}"):
        return cast("Detector", points[0].load())


def is_known(code: str) -> bool:
    """Whether a language can be told here; ``jp`` is no code of Japanese.

    Example:
        >>> is_known("ja"), is_known("jp"), is_known("Japanese")
        (True, False, False)
    """
    return code in ONLY or any(code in codes for codes in SHARED.values())
