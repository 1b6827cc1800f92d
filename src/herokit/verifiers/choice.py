"""Multiple choice: by letter or by the option's text, one option or several."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herokit.conversations.columns import to_list
from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain
from herokit.verifiers.extraction import (
    MAX_ANSWER_CHARS,
    Extraction,
    ExtractMode,
    View,
    is_denied,
    read_answer,
    unanswered,
    view_text,
)
from herokit.verifiers.languages import (
    choice_pattern,
    contrast_pattern,
    may_doubt_or_deny,
    right_pattern,
    wrong_pattern,
)
from herokit.verifiers.references import reference_texts
from herokit.verifiers.text import Normalization, first_sentence, normalize_text, read_text_list

__all__ = ["Choice"]

_MAX_BARE_CHARS = 5  # of a letter with its brackets
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_LATEX_WRAPPER = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed)\s?\{([^{}]*)\}")
_NAMES = r"(?:option|choice|answer|letter|opción|opzione|opção|letra|lettre|lettera|alternativa|r[eé]ponse|antwort|antwoord|risposta|resposta|respuesta|вариант(?: ответа)?|ответ|选项|選項)"
_LETTER = re.compile(
    rf"(?:(?:the|la|el|le|die|der|das|(?-i:[ηoa](?= [\[(]?[A-Z]))) )?(?:(?:a |o )?(?:correct )?{_NAMES}\s{{0,2}})?[\[(]?([A-Za-z])[\])]?\s?(?:选项|選項|项|項)?",
    re.IGNORECASE,
)
_LETTER_AND_TEXT = re.compile(
    r"(?:(?:option|choice)\s{0,2})?[\[(]?([A-Za-z])(?:[\])][.:]?|[.:]|\s[-\u2013](?=\s\w\w))(?:\s+(.*))?",
    re.IGNORECASE | re.DOTALL,
)
_LETTER_AND_REASON = re.compile(
    r"[\[(]?([A-Z])[\])]?(?:[,;.]?\s+\(?(?:because|since|as|due to)\b|[,;]\s+(?!(?:or|and)\b)[a-z]{2}).*", re.DOTALL
)
_SECOND_LETTER = re.compile(r"^(?:or|and|,|/|&)\s*[\[(]?[A-Za-z](?![A-Za-z])|\([A-Z]\)")
_SEPARATOR = re.compile(r"\s*(?:[,;/&\u3001]|\band\b|[\u548c\u8207\u4e0e]|\s)\s*")


@dataclass(frozen=True, slots=True)
class Choice(PerSampleVerifier):
    r"""1 if the completion chooses the reference's option, by letter or by the option's text, else 0.

    ``B``, ``(b)``, ``**B.**``, ``B) Paris``, ``Option B`` and ``\text{(B)}`` choose the same option; so does ``Paris`` if
    the options are given. A text that two options share after normalization, such as ``aa`` with options ``AA`` and
    ``Aa``, chooses neither; a single capital is always a letter, even if it is also an option's text. A letter that
    contradicts the text after it, and more letters than `multiple` allows, choose nothing: a policy cannot list them all.
    Options come from `options`, or from ``meta["options"]`` or ``meta["choices"]``: a list of texts, also as JSON, a table
    with the list ``text`` (ARC), or a table with a text for each letter (MedQA).

    Args:
        options: the options' texts in order; None to read them from the sample, which may have none.
        multiple: more than one option may be correct: the reference is ``A, C``, ``AC`` or a JSON list, and the completion
            must choose all of them and no other.
        counted_from: the reference is the option's index, counted from this number (MMLU: 0); None: it is not an index.
        partial_credit: with `multiple`, give ``|chosen & correct| / |chosen or correct|`` instead of 0 or 1.
        extract: where the answer is.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.

    Raises:
        ConfigError: there are more than 26 options, or `partial_credit` is set without `multiple`.

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
    view: View = "final"

    def __post_init__(self) -> None:
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)
        if self.options is not None and not 0 < len(self.options) <= len(_LETTERS):
            raise ConfigError(f"options must hold 1 to {len(_LETTERS)} texts, got {len(self.options)}")
        if self.partial_credit and not self.multiple:
            raise ConfigError("partial_credit needs multiple = true: a single choice cannot be partly correct")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        options = self._read_options(sample.meta)
        references = reference_texts(sample, self.extract)
        expected = self._read_letters(self._index_to_letter(", ".join(references)), options)
        if not expected or (len(expected) > 1 and not self.multiple):
            return abstain(f"reference: expected a letter or an option's text, got {sample.reference!r:.80}")
        chosen, extraction = self._read_chosen(sample, options)
        if not chosen:
            return unanswered(extraction, "no choice")
        reason = f"chose {', '.join(sorted(chosen))}"
        if self.partial_credit:
            return Verdict(
                len(chosen & expected) / len(chosen | expected),
                Status.JUDGED,
                reason,
                extraction.text,
                extraction.origin,
            )
        return Verdict(float(chosen == expected), Status.JUDGED, reason, extraction.text, extraction.origin)

    def _read_chosen(self, sample: Sample, options: Sequence[str]) -> tuple[set[str] | None, Extraction]:
        """Return the letters of the answer, or of the last option that a verb of choosing names in an unmarked text."""

        def read(text: str) -> set[str] | None:
            return self._read_letters(text, options) or None

        chosen, extraction = read_answer(sample, read, extract=self.extract, view=self.view)
        if chosen or self.extract != "answer" or extraction.problem:
            return chosen, extraction
        text = view_text(sample, self.view).text[-MAX_ANSWER_CHARS:]
        verbs = list(choice_pattern().finditer(text))
        if not verbs or is_denied(text, verbs[-1].start()):
            return None, extraction
        sentence = first_sentence(text[verbs[-1].end() :].partition("\n")[0].lstrip(" ,:"))
        return read(sentence), Extraction(sentence, "choosing verb")

    def _read_options(self, meta: Any) -> Sequence[str]:
        options: Any = self.options
        if options is None:
            options = to_list(meta.get("options")) or to_list(meta.get("choices")) or ()
        if isinstance(options, Mapping):
            by_letter = [options.get(letter) for letter in _LETTERS[: len(options)]]
            options = by_letter if None not in by_letter else to_list(options.get("text"))
        options = read_text_list(options) if isinstance(options, str) else options
        return [str(option) for option in options][: len(_LETTERS)] if isinstance(options, Sequence) else []

    def _index_to_letter(self, reference: str) -> str:
        """Return the letter of a reference that is an index; any other reference unchanged."""
        if self.counted_from is None or not reference.strip().isdecimal():
            return reference
        index = int(reference[:9]) - self.counted_from
        return _LETTERS[index] if 0 <= index < len(_LETTERS) else reference

    def _read_letters(self, text: str, options: Sequence[str]) -> set[str]:
        """Return the letters that a text chooses; none if it chooses nothing or contradicts itself."""
        unwrapped = _LATEX_WRAPPER.sub(r"\1", text[:2_000]).replace("\\ ", " ").strip()
        text = unicodedata.normalize("NFKC", unwrapped).replace("**", "").replace("$", "")
        text = text.strip(" \t\n\"'`")
        if len(text) > _MAX_BARE_CHARS and may_doubt_or_deny(text) and (contrast := contrast_pattern().search(text)):
            text = text[contrast.end() :]
        if not _LETTER_AND_REASON.fullmatch(text):
            if wrong_pattern().search(text):
                return set()
            text = right_pattern().sub("", text).removeprefix("Only ").removeprefix("only ")
        text = text.rstrip(".\u3002")
        if len(text) == 1 and text in _LETTERS[: len(options) or None]:
            return {text}
        forms: tuple[Normalization, ...] = ("spaces", "text")
        for form in forms:
            if letter := _letters_by_text(options, form).get(normalize_text(unwrapped, form)):
                return {letter}
        if match := _LETTER.fullmatch(text) or _LETTER_AND_REASON.fullmatch(text):
            return _within_options({match[1].upper()}, options)
        if (match := _LETTER_AND_TEXT.fullmatch(text)) and not (self.multiple and _split_letters(text)):
            letter, rest = match[1].upper(), match[2] or ""
            matching = _options_at_start(normalize_text(rest, "text"), options)
            contradiction = letter not in matching if matching else _SECOND_LETTER.search(rest) is not None
            return set() if contradiction else _within_options({letter}, options)
        return _within_options(_split_letters(text), options) if self.multiple else set()


def _within_options(letters: set[str], options: Sequence[str]) -> set[str]:
    """Return the letters if each one has an option, or if no options are given; else none."""
    return letters if not options or letters <= set(_LETTERS[: len(options)]) else set()


def _letters_by_text(options: Sequence[str], form: Normalization) -> dict[str, str]:
    """Return the letter of each normalized option text that only one option has."""
    texts = [normalize_text(option, form) for option in options]
    return {text: _LETTERS[index] for index, text in enumerate(texts) if text and texts.count(text) == 1}


def _options_at_start(text: str, options: Sequence[str]) -> set[str]:
    """Return the letters of the longest options with which a text begins, as whole words.

    Example:
        >>> _options_at_start("100 is more", ["1", "10", "100"])
        {'C'}
    """
    by_length: dict[int, set[str]] = {}
    for index, option in enumerate(options):
        start = normalize_text(option, "text")
        if start and text.startswith(start) and not text[len(start) : len(start) + 1].isalnum():
            by_length.setdefault(len(start), set()).add(_LETTERS[index])
    return by_length[max(by_length)] if by_length else set()


def _split_letters(text: str) -> set[str]:
    """Return the letters in a list of letters; none if it holds anything else or a letter twice.

    Example:
        >>> sorted(_split_letters("(A), (C) and D")), sorted(_split_letters("AC")), _split_letters("A dog")
        (['A', 'C', 'D'], ['A', 'C'], set())
    """
    parts = read_text_list(text)
    if parts is None:
        parts = _SEPARATOR.split(text.strip("{}[] "))
    if len(parts) == 1 and parts[0].isalpha() and parts[0].isupper():
        parts = list(parts[0])
    letters = [part.strip("()[].: ").upper() for part in parts if part.strip()]
    valid = all(len(letter) == 1 and letter in _LETTERS for letter in letters)
    return set(letters) if valid and len(set(letters)) == len(letters) else set()
