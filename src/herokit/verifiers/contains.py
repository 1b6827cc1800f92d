"""Short answers in words: whether a reference stands in the answer, with guards against answers that name several."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from herokit.errors import ConfigError, check_choice
from herokit.types import Sample, Verdict
from herokit.verifiers.base import PerSampleVerifier, UnusableReferenceError, binary_verdict
from herokit.verifiers.extraction import UNMARKED, ExtractMode, View, read_answer, unanswered
from herokit.verifiers.languages import RETRACTION, denial_pattern, wrong_pattern
from herokit.verifiers.references import reference_texts
from herokit.verifiers.text import normalize_text

__all__ = ["Contains"]

_MAX_CHARS = 20_000

_SENTENCE = re.compile(r"[^.!?\n]+(?:\.(?=\S)[^.!?\n]+)*")
_ITEM = re.compile(r"^[ \t]*(?:[-*\u2022]|\d{1,2}[.)])[ \t]+\S", re.MULTILINE)
_SEPARATOR = re.compile(r"[,;/|&\n]|\b(?:and|or)\b", re.IGNORECASE)
_ALTERNATIVE = frozenset({"or", "either", "between", "versus", "vs", "otherwise", "else", "unless", "alternatively"})
_NO = re.compile(r"\s*(?:no|nope|wrong)\s*[,:;\u2014-]", re.IGNORECASE)
_MAX_WORDS_DENIED = 3
_MAX_LIST_WORDS = 6
_NEAR = 4  # words between a reference and the word that offers it as one of several


@dataclass(frozen=True, slots=True)
class Contains(PerSampleVerifier):
    """1 if a reference stands in the answer as whole words, and the answer names nothing else, else 0.

    Case, punctuation and English articles do not count. "Any alias stands in the answer" is how people judge chatty answers to
    questions of fact, and the easiest reward to hack: naming every candidate is always paid. With `guards`, an answer gets 0
    if it is longer than `max_words`; denies the reference; offers it among alternatives or in a list; or only repeats the
    prompt. The reason says which.

    Args:
        max_words: the longest answer, in words; short answers need few, and every further word may name another candidate.
        guards: whether the guards are on. Without them this is a metric for evaluation, not a reward.
        extract: where the answer is; a marked answer is read alone, else the whole text.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.

    Raises:
        ConfigError: `max_words` is below 1.

    Source: lexical matching of EVOUNA (arXiv 2305.12421), with the normalization of SQuAD; the guards are herokit's.

    Example:
        >>> texts = ("It was Ada Lovelace.", "Ada Lovelace or Grace Hopper", "It was not Ada Lovelace.", "Adam")
        >>> [v.value for v in Contains().verify([Sample("Who?", text, 0, ["Ada Lovelace", "Lady Ada"]) for text in texts])]
        [1.0, 0.0, 0.0, 0.0]
    """

    max_words: int = 100
    guards: bool = True
    extract: ExtractMode = "answer"
    view: View = "final"

    def __post_init__(self) -> None:
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)
        if self.max_words < 1:
            raise ConfigError(f"max_words must be at least 1, got {self.max_words}")

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        references = [_spaced(text) for text in reference_texts(sample, "whole")]
        if not all(reference.strip() for reference in references):
            raise UnusableReferenceError("reference: no words")
        text, extraction = read_answer(sample, str, extract=self.extract, view=self.view)
        if self.extract == "answer" and text is not None and extraction.origin.startswith(UNMARKED):
            text, extraction = read_answer(sample, str, extract="whole", view=self.view)
        if not text:
            return unanswered(extraction, "no answer")
        present = [reference for reference in references if reference in _spaced(text[:_MAX_CHARS])]
        problem = "no reference stands in it"
        if present:
            problem = _find_problem(text, present, sample.prompt_text, self.max_words) if self.guards else ""
        return binary_verdict(correct=not problem, reason=problem, answer=text, origin=extraction.origin)


def _spaced(text: str) -> str:
    """Return the words of a text between single spaces."""
    return f" {normalize_text(text, 'squad')} "


def _find_problem(text: str, present: Sequence[str], prompt: str, max_words: int) -> str:
    """Return why an answer in which references stand is not accepted; empty if it is."""
    if len(text.split()) > max_words:
        return f"it has more than {max_words} words"
    spaced_prompt = _spaced(prompt[:_MAX_CHARS])
    sentences = [match[0] for match in _SENTENCE.finditer(text)]
    holding = [s for s in sentences if any(reference in _spaced(s) for reference in present)]
    if holding and all(_spaced(s) in spaced_prompt and len(s.split()) > _MAX_WORDS_DENIED for s in holding):
        return "it repeats the prompt"
    if len(_ITEM.findall(text)) > 1:
        return "it is a list"
    last = max((k for k, s in enumerate(sentences) if s in holding), default=0)
    takes_back = any(_NO.match(s) or RETRACTION.search(s) for s in sentences[last + 1 :])
    if takes_back or any(_is_denied(sentence, present) for sentence in holding or [text]):
        return "it denies the reference"
    if _is_bare_list(text, present) or any(_is_alternative(sentence, present) for sentence in holding or [text]):
        return "it names alternatives"
    return ""


def _is_denied(sentence: str, present: Sequence[str]) -> bool:
    """Return whether a denial stands in the few words before a reference, or the sentence calls it wrong."""
    spaced = _spaced(sentence)
    for reference in present:
        before = spaced.partition(reference)[0].split()[-_MAX_WORDS_DENIED:]
        if any(denial_pattern().fullmatch(word) for word in before):
            return True
    return wrong_pattern().search(sentence) is not None


def _is_alternative(sentence: str, present: Sequence[str]) -> bool:
    """Return whether a word near a reference offers it as one of several."""
    spaced = _spaced(sentence)
    for reference in present:
        before, _, after = spaced.partition(reference)
        if _ALTERNATIVE & {*before.split()[-_NEAR:], *after.split()[:_NEAR]}:
            return True
    return False


def _is_bare_list(text: str, present: Sequence[str]) -> bool:
    """Return whether the answer is nothing but short parts of which some are references and some are not."""
    parts = [part for part in map(_spaced, _SEPARATOR.split(text)) if part.strip()]
    own = [any(reference in part for reference in present) for part in parts]
    short = all(len(part.split()) <= _MAX_LIST_WORDS for part in parts)
    return short and not all(own) and any(part in present for part in parts)
