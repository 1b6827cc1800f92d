"""Text against text: the same, or how much of it is."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from herokit.errors import check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.extraction import ExtractMode, Normalization, find_answer, normalize_text, word_pattern

TOKENS = 4_000
"""Tokens of either side that are compared; the rest is cut off and said so."""


@dataclass(frozen=True, slots=True)
class ExactMatch(PerSampleVerifier):
    """Right where answer and reference are the same text, once both are brought to one form.

    Args:
        normalize: how far; see `herokit.verifiers.extraction.Normalization`. With ``"none"`` the whole completion counts.
        extract: where the answer stands; see `herokit.verifiers.extraction.ExtractMode`.
        multiple: the reference is a JSON list of texts, each of which is right.

    Source: exact match of SQuAD (arXiv 1606.05250), whose normalization is ``form = "squad"``; several references as
    the aliases of TriviaQA (arXiv 1705.03551).

    Example:
        >>> ExactMatch().verify([Sample("Capital of France?", "The answer is **Paris**.", 0, "paris")])[0].value
        1.0
    """

    normalize: Normalization = "text"
    extract: ExtractMode = "answer"
    multiple: bool = False

    def __post_init__(self) -> None:
        check_choice("normalize", self.normalize, Normalization)
        check_choice("extract", self.extract, ExtractMode)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if sample.reference is None:
            return abstain()
        golds = [sample.reference]
        if self.multiple:
            read = texts(sample.reference)
            if not read:
                return abstain(f"reference: expected a JSON list of texts, got {sample.reference!r:.80}")
            golds = read
        answer = sample.completion if self.normalize == "none" else find_answer(sample.completion, self.extract)
        if answer is None:
            return unparsed("no answer")
        said = normalize_text(answer, self.normalize)
        if self.normalize != "none" and not said:
            return unparsed("an empty answer", answer)
        return binary_verdict(
            correct=any(said == normalize_text(gold, self.normalize) for gold in golds), answer=answer
        )


@dataclass(frozen=True, slots=True)
class TokenF1(PerSampleVerifier):
    """How many words answer and reference share: ``F1 = 2 P R / (P + R)`` over bags of words, a graded value.

    Args:
        extract: where the answer stands.

    Source: F1 of SQuAD (arXiv 1606.05250, section 6.1) and its evaluation script: no case, punctuation or English
    articles.

    Example:
        >>> round(TokenF1().verify([Sample("Who?", "The young Ada Lovelace", 0, "Ada Lovelace")])[0].value, 3)
        0.8
    """

    extract: ExtractMode = "answer"

    def __post_init__(self) -> None:
        check_choice("extract", self.extract, ExtractMode)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if sample.reference is None:
            return abstain()
        answer = find_answer(sample.completion, self.extract)
        said, gold = _words(answer or "", "squad"), _words(sample.reference, "squad")
        if not gold:
            return abstain("reference: no words")
        if answer is None or not said:
            return unparsed("no words", answer)
        common = sum((Counter(said) & Counter(gold)).values())
        return Verdict(2.0 * common / (len(said) + len(gold)), Status.JUDGED, _cut(said, gold), answer)


@dataclass(frozen=True, slots=True)
class RougeL(PerSampleVerifier):
    """How much of the reference stands in the answer in its order: the F-measure of the longest common subsequence.

    ``P = LCS / answer, R = LCS / reference, F = 2 P R / (P + R)`` in words: ROUGE-L, a graded value.

    Args:
        extract: where the answer stands.

    Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004), section 3, with beta = 1; the length
    is found bit-parallel, Hyyro, AWOCA (2004).

    Example:
        >>> RougeL().verify([Sample("Say it.", "the cat sat there", 0, "the cat was there")])[0].value
        0.75
    """

    extract: ExtractMode = "whole"

    def __post_init__(self) -> None:
        check_choice("extract", self.extract, ExtractMode)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        if sample.reference is None:
            return abstain()
        answer = find_answer(sample.completion, self.extract)
        said, gold = _words(answer or "", "text"), _words(sample.reference, "text")
        if not gold:
            return abstain("reference: no words")
        if answer is None or not said:
            return unparsed("no words", answer)
        return Verdict(
            2.0 * common_length(said, gold) / (len(said) + len(gold)), Status.JUDGED, _cut(said, gold), answer
        )


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, in ``O(n m / 64)``.

    Example:
        >>> common_length("abcde", "xbdxe")
        3
    """
    places: dict[str, int] = {}
    for at, token in enumerate(one):
        places[token] = places.get(token, 0) | (1 << at)
    full = (1 << len(one)) - 1
    row = full
    for token in other:
        hits = row & places.get(token, 0)
        row = ((row + hits) | (row - hits)) & full
    return len(one) - row.bit_count()


def texts(reference: str) -> list[str] | None:
    """Read a JSON list of texts or numbers; None where it is something else.

    Example:
        >>> texts('["a", 2]'), texts("a")
        (['a', '2'], None)
    """
    try:
        read = json.loads(reference)
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, list) or not all(isinstance(x, str | int | float) for x in read):
        return None
    return [x if isinstance(x, str) else json.dumps(x) for x in read]


def _words(text: str, form: Normalization) -> list[str]:
    return [match[0] for match in word_pattern().finditer(normalize_text(text[: 40 * TOKENS], form))][:TOKENS]


def _cut(*sides: list[str]) -> str:
    long = any(len(side) >= TOKENS for side in sides)
    return f"only the first {TOKENS:,} words are compared" if long else ""
