"""The language of a text: by its script where that decides, else by a detector from a plugin."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias, cast

from herokit.errors import ConfigError, SetupError, boundary, install_command
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed

__all__ = ["SCRIPT_LANGUAGES", "Detector", "Language", "get_detector", "is_mostly_in", "is_supported"]

_LANGUAGE_SCRIPTS: dict[str, tuple[str, ...]] = {
    "ko": ("HANGUL",), "ja": ("HIRAGANA", "KATAKANA", "CJK"), "zh": ("CJK",), "th": ("THAI",), "he": ("HEBREW",),
    "el": ("GREEK",), "ta": ("TAMIL",), "te": ("TELUGU",), "kn": ("KANNADA",), "gu": ("GUJARATI",), "pa": ("GURMUKHI",),
    "ml": ("MALAYALAM",), "bn": ("BENGALI",), "ka": ("GEORGIAN",), "hy": ("ARMENIAN",), "km": ("KHMER",),
    "my": ("MYANMAR",), "lo": ("LAO",), "si": ("SINHALA",), "am": ("ETHIOPIC",),
}  # fmt: skip
"""The scripts of each language that no other language here shares."""

SCRIPT_LANGUAGES: dict[str, frozenset[str]] = {
    script: frozenset(codes.split())
    for script, codes in {
        "CYRILLIC": "be bg kk ky mk mn ru sr tg uk",
        "ARABIC": "ar fa ps ug ur",
        "DEVANAGARI": "hi mr ne",
        "LATIN": "af az bs ca cs cy da de en eo es et eu fi fr ga gl hr ht hu id is it lt lv ms mt nb nl nn no pl pt ro sk "
        "sl sq sv sw tl tr uz vi",
    }.items()
}
"""The languages that share a script: a detector distinguishes them."""

Detector: TypeAlias = Callable[[str, frozenset[str]], str]
"""Function of a text and some language codes; returns the code of the most probable language among them."""

_NORWEGIAN = ("no", "nb", "nn")
"""Three codes that detectors do not distinguish."""

_MAX_CHARS = 5_000
"""Characters that are examined, from the beginning."""

_MIN_LETTERS = 3

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Language(PerSampleVerifier):
    """1 if a completion is in the expected language, else 0. Code, symbols, digits and addresses are ignored.

    A script that only one language uses decides by itself. Languages that share a script are distinguished by a detector,
    which chooses among the languages of that script; the package herokit-language provides one. Fewer than `min_letters`
    letters are no text, and a few words are too little for any detector.

    Args:
        language: an ISO 639-1 code such as ``en``; None to use the reference, such as ``en`` or ``en-GB``.
        min_fraction: smallest share of letters in the language's script.
        min_letters: letters below which a completion is in no language.

    Raises:
        ConfigError: the code is not supported, `min_fraction` is outside (0, 1], or `min_letters` is below 1.
        SetupError: on use, if a detector is needed and none is installed.

    Source: the scripts as in Unicode Standard Annex 24; a language-consistency reward as in DeepSeek-R1 (arXiv
    2501.12948, section 2.3.2).

    Example:
        >>> [v.value for v in Language("ja").verify([Sample("?", t, 0) for t in ("答えは四です。", "The answer is 4.")])]
        [1.0, 0.0]
    """

    language: str | None = None
    min_fraction: float = 0.8
    min_letters: int = _MIN_LETTERS

    def __post_init__(self) -> None:
        if self.language is not None and not is_supported(self.language):
            raise ConfigError(f"language must be a supported ISO 639-1 code such as 'en', got {self.language!r}")
        if not 0.0 < self.min_fraction <= 1.0:
            raise ConfigError(f"min_fraction must be in (0, 1], got {self.min_fraction!r}")
        if self.min_letters < 1:
            raise ConfigError(f"min_letters must be at least 1, got {self.min_letters!r}")

    @property
    def required_modules(self) -> dict[str, str]:
        """What a language that shares its script imports: the detector that there is, or ours."""
        if self.language is None or self.language in _LANGUAGE_SCRIPTS:
            return {}
        module = next((point.module for point in _detectors()), None)
        missing = {None: "herokit_language", "herokit_language": "py3langid"}.get(module)
        return {missing: "herokit[language]"} if missing else {}

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        code = self.language or re.split("[-_]", str(sample.reference or "").strip().lower())[0]
        if not is_supported(code):
            return abstain(f"reference: expected a supported ISO 639-1 code, got {sample.reference!r:.80}")
        text = _CODE.sub(" ", sample.completion_text[:_MAX_CHARS])
        scripts = _count_scripts(text)
        if scripts.total() < self.min_letters:
            return unparsed(f"fewer than {self.min_letters} letters")
        detected, fraction = _detect(text, code, scripts)
        reason = f"{fraction:.0%} of the letters; {code}: {detected}"
        return binary_verdict(correct=detected and fraction >= self.min_fraction, reason=reason)


def is_mostly_in(text: str, code: str) -> bool:
    """Return whether a text is in a language with at least half of its letters; a text without letters is not.

    Raises:
        SetupError: a detector is needed and none is installed.

    Example:
        >>> is_mostly_in("答えは四です。", "ja"), is_mostly_in("...", "ja")
        (True, False)
    """
    scripts = _count_scripts(text[:_MAX_CHARS])
    if scripts.total() < _MIN_LETTERS:
        return False
    detected, fraction = _detect(text, code, scripts)
    return detected and fraction >= 0.5  # noqa: PLR2004 - half of the letters


def _detect(text: str, code: str, scripts: Counter[str]) -> tuple[bool, float]:
    """Return whether a text is in a language, and the share of its letters in the language's script."""
    own = _LANGUAGE_SCRIPTS.get(code)
    if own is None:
        script = next((script for script, codes in SCRIPT_LANGUAGES.items() if code in codes), None)
        fraction = scripts[script] / scripts.total() if script else 0.0
        detected = get_detector()(text[:_MAX_CHARS], SCRIPT_LANGUAGES[script]) if script and fraction else ""
        return (detected in _NORWEGIAN if code in _NORWEGIAN else detected == code), fraction
    fraction = sum(scripts[name] for name in own) / scripts.total()
    if code in ("ja", "zh"):  # only Japanese has kana
        return (scripts["HIRAGANA"] + scripts["KATAKANA"] > 0) is (code == "ja"), fraction
    return fraction > 0.0, fraction


def _count_scripts(text: str) -> Counter[str]:
    """Count letters by the first word of their Unicode name.

    Example:
        >>> _count_scripts("да, yes").most_common()
        [('LATIN', 3), ('CYRILLIC', 2)]
    """
    letters = Counter(c for c in text if c.isalpha())
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        scripts[unicodedata.name(letter, "?").partition(" ")[0].removesuffix("-1")] += count
    return scripts


def _detectors() -> list[EntryPoint]:
    """Return the language detectors of the installed packages, by name."""
    return sorted(entry_points(group="herokit.language"), key=lambda point: point.name)


@cache
def get_detector() -> Detector:
    """Return the first detector, by name, in the entry-point group ``herokit.language`` of the installed packages.

    Raises:
        SetupError: no package provides one; herokit-language does.
    """
    points = _detectors()
    if not points:
        raise SetupError(
            "languages that share a script need a language detector, and none is installed; "
            f"run: {install_command('herokit[language]')}"
        )
    with boundary(f"the language detector {points[0].value}"):
        return cast("Detector", points[0].load())


def is_supported(code: str) -> bool:
    """Return whether a language can be recognized; codes are ISO 639-1, so ``ja`` and not ``jp``.

    Example:
        >>> is_supported("ja"), is_supported("jp"), is_supported("Japanese")
        (True, False, False)
    """
    return code in _LANGUAGE_SCRIPTS or any(code in codes for codes in SCRIPT_LANGUAGES.values())
