"""Multiple choice: by letter, by the option's text, one or several."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, to_list, unparsed
from herokit.verifiers.extraction import ExtractMode, Normalization, find_answer, normalize_text
from herokit.verifiers.match import texts

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed)\s?\{([^{}]*)\}")
_ONE = re.compile(r"(?:the )?(?:(?:correct )?(?:option|choice|answer)\s{0,2})?[\[(]?([A-Za-z])[\])]?", re.IGNORECASE)
_LED = re.compile(
    r"(?:(?:option|choice)\s{0,2})?[\[(]?([A-Za-z])(?:[\])][.:]?|[.:])(?:\s+(.*))?", re.IGNORECASE | re.DOTALL
)
_WHY = re.compile(
    r"[\[(]?([A-Z])[\])]?(?:[,;.]?\s+(?:because|since|as|due to)\b|[,;]\s+(?!(?:or|and)\b)[a-z]{2}).*", re.DOTALL
)
_ANOTHER = re.compile(r"^(?:or|and|,|/|&)\s*[\[(]?[A-Za-z](?![A-Za-z])|\([A-Z]\)")
_SPLIT = re.compile(r"\s*(?:,|;|/|&|\band\b|\s)\s*")


@dataclass(frozen=True, slots=True)
class Choice(PerSampleVerifier):
    r"""Right where the completion chooses what the reference chooses, whether by letter or by the option's text.

    ``B``, ``(b)``, ``**B.**``, ``B) Paris``, ``Option B`` and ``\text{(B)}`` choose the same; so does ``Paris`` where
    the options are known. A text that two options share, as ``aa`` where ``AA`` and ``Aa`` are options, chooses neither;
    a capital alone is a letter, also where it is an option's text. A letter and a text that contradict each other, and more letters than may be chosen, are
    wrong: a policy cannot list them all. Options come from `options`, or from ``meta["options"]`` or
    ``meta["choices"]``, a list of texts, also as JSON, a table with the list ``text``, as ARC has it, or with a text for
    each letter, as MedQA has it.

    Args:
        options: the texts of the options in order; None to look at the sample, where there may be none.
        multiple: more than one may be right: the reference is ``A, C``, ``AC`` or a JSON list, and all must be chosen.
        counted_from: the reference is a number that counts the options from here, as MMLU's does from 0; None: it is not.
        partial_credit: with `multiple`, the value is ``|chosen & right| / |chosen or right|``.
        extract: where the answer stands.

    Raises:
        ConfigError: more than 26 options, or graded without several.

    Source: the answer formats of MMLU (arXiv 2009.03300) and of MMLU-Pro's extraction (arXiv 2406.01574); Jaccard for
    several, as in multi-label classification (Godbole and Sarawagi, PAKDD 2004).

    Example:
        >>> choice = Choice(options=("Rome", "Paris"))
        >>> [v.value for v in choice.verify([Sample("?", t, 0, "B") for t in ("(b)", "Paris", "A) Paris", "A or B")])]
        [1.0, 1.0, 0.0, 0.0]
    """

    options: tuple[str, ...] | None = None
    multiple: bool = False
    counted_from: int | None = None
    partial_credit: bool = False
    extract: ExtractMode = "answer"

    def __post_init__(self) -> None:
        check_choice("extract", self.extract, ExtractMode)
        if self.options is not None and not 0 < len(self.options) <= len(LETTERS):
            raise ConfigError(f"a choice has 1 to {len(LETTERS)} options, got {len(self.options)}")
        if self.partial_credit and not self.multiple:
            raise ConfigError("graded needs several = true: of one choice there is no part")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if sample.reference is None:
            return abstain()
        options = self._options(sample.meta)
        gold = self._chosen(self._named(sample.reference), options)
        if not gold or (len(gold) > 1 and not self.multiple):
            return abstain(f"reference: expected a letter or an option's text, got {sample.reference!r:.80}")
        answer = find_answer(sample.completion, self.extract)
        chosen = None if answer is None else self._chosen(answer, options)
        if answer is None or not chosen:
            return unparsed("no choice", answer)
        said = ", ".join(sorted(chosen))
        if self.partial_credit:
            return Verdict(len(chosen & gold) / len(chosen | gold), Status.JUDGED, f"chose {said}", answer)
        return Verdict(float(chosen == gold), Status.JUDGED, f"chose {said}", answer)

    def _options(self, meta: Any) -> Sequence[str]:
        given: Any = self.options
        if given is None:
            given = to_list(meta.get("options")) or to_list(meta.get("choices")) or ()
        if isinstance(given, Mapping):
            lettered = [given.get(letter) for letter in LETTERS[: len(given)]]
            given = lettered if None not in lettered else to_list(given.get("text"))
        given = texts(given) if isinstance(given, str) else given
        return [str(option) for option in given][: len(LETTERS)] if isinstance(given, Sequence) else []

    def _named(self, reference: str) -> str:
        """Return the reference as a letter where it is a number that counts options."""
        if self.counted_from is None or not reference.strip().isdecimal():
            return reference
        at = int(reference[:9]) - self.counted_from
        return LETTERS[at] if 0 <= at < len(LETTERS) else reference

    def _chosen(self, text: str, options: Sequence[str]) -> set[str]:
        """Return the letters that a text chooses; empty where it chooses none, or contradicts itself."""
        whole = _WRAPPED.sub(r"\1", text[:2_000]).strip()
        text = (
            unicodedata.normalize("NFKC", whole).replace("**", "").replace("$", "").strip(" \t\n\"'`").rstrip(".\u3002")
        )
        if len(text) == 1 and text in LETTERS[: len(options) or None]:
            return {text}
        forms: tuple[Normalization, ...] = ("spaces", "text")
        for form in forms:
            if letter := _texts(options, form).get(normalize_text(whole, form)):
                return {letter}
        if match := _ONE.fullmatch(text) or _WHY.fullmatch(text):
            return self._known({match[1].upper()}, options)
        if (match := _LED.fullmatch(text)) and not (self.multiple and _many(text)):
            letter, rest = match[1].upper(), normalize_text(match[2] or "", "text")
            named = _begun(rest, options)
            torn = letter not in named if named else _ANOTHER.search(match[2] or "") is not None
            return set() if torn else self._known({letter}, options)
        return self._known(_many(text), options) if self.multiple else set()

    def _known(self, letters: set[str], options: Sequence[str]) -> set[str]:
        return letters if not options or all(letter in LETTERS[: len(options)] for letter in letters) else set()


def _texts(options: Sequence[str], form: Normalization) -> dict[str, str]:
    """Return options' texts in one form with their letters; what two options share tells nothing."""
    texts = [normalize_text(option, form) for option in options]
    return {text: LETTERS[at] for at, text in enumerate(texts) if text and texts.count(text) == 1}


def _begun(rest: str, options: Sequence[str]) -> set[str]:
    """Return the letters of the options with which a text begins, as whole words; of several, the longest.

    Example:
        >>> _begun("100 is more", ["1", "10", "100"])
        {'C'}
    """
    found: dict[int, set[str]] = {}
    for at, option in enumerate(options):
        form = normalize_text(option, "text")
        if form and rest.startswith(form) and not rest[len(form) : len(form) + 1].isalnum():
            found.setdefault(len(form), set()).add(LETTERS[at])
    return found[max(found)] if found else set()


def _many(text: str) -> set[str]:
    """Return the letters that a list of letters names; empty where it holds anything else.

    Example:
        >>> sorted(_many("(A), (C) and D")), sorted(_many("AC")), _many("A dog")
        (['A', 'C', 'D'], ['A', 'C'], set())
    """
    listed = texts(text)
    parts = listed if listed is not None else _SPLIT.split(text.strip("{}[] "))
    if len(parts) == 1 and parts[0].isalpha() and parts[0].isupper():
        parts = list(parts[0])
    letters = [part.strip("()[].: ").upper() for part in parts if part.strip()]
    fine = all(len(letter) == 1 and letter in LETTERS for letter in letters)
    return set(letters) if fine and len(set(letters)) == len(letters) else set()
