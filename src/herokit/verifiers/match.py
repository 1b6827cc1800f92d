"""Text against text: equality, and how much of it agrees."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from herokit.errors import check_choice
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.extraction import (
    ExtractMode,
    Normalization,
    find_answer,
    normalize_text,
    read_text_list,
    response_text,
    word_pattern,
)

__all__ = ["ExactMatch", "RougeL", "TokenF1", "lcs_length"]

_MAX_TOKENS = 4_000
"""Words of either side that are compared; a verdict's reason says when the rest was cut off."""


@dataclass(frozen=True, slots=True)
class ExactMatch(PerSampleVerifier):
    """1 if the answer equals the reference after normalization, else 0.

    Args:
        normalize: how both are normalized; see `herokit.verifiers.extraction.Normalization`. With ``"none"`` the whole
            completion is compared.
        extract: where the answer is; see `herokit.verifiers.extraction.ExtractMode`.
        multiple: the reference is a JSON list of texts; any of them is correct.

    Source: exact match of SQuAD (arXiv 1606.05250), whose normalization is ``normalize = "squad"``; several references
    as the aliases of TriviaQA (arXiv 1705.03551).

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
        references = read_text_list(sample.reference) if self.multiple else [sample.reference]
        if not references:
            return abstain(f"reference: expected a JSON list of texts, got {sample.reference!r:.80}")
        text = response_text(sample)
        answer = text if self.normalize == "none" else find_answer(text, self.extract)
        if answer is None:
            return unparsed("no answer")
        normalized = normalize_text(answer, self.normalize)
        if self.normalize != "none" and not normalized:
            return unparsed("the answer is empty", answer)
        correct = any(normalized == normalize_text(reference, self.normalize) for reference in references)
        return binary_verdict(correct=correct, answer=answer)


@dataclass(frozen=True, slots=True)
class TokenF1(PerSampleVerifier):
    """F1 of the words that answer and reference share: ``2 P R / (P + R)`` over bags of words, in [0, 1].

    Args:
        extract: where the answer is.

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
        return _overlap_verdict(sample, self.extract, "squad", _shared_words)


@dataclass(frozen=True, slots=True)
class RougeL(PerSampleVerifier):
    """ROUGE-L of answer and reference: the F-measure of their longest common subsequence of words, in [0, 1].

    ``P = LCS / answer, R = LCS / reference, F = 2 P R / (P + R)``.

    Args:
        extract: where the answer is.

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
        return _overlap_verdict(sample, self.extract, "text", lcs_length)


def _overlap_verdict(
    sample: Sample,
    extract: ExtractMode,
    normalize: Normalization,
    count_shared: Callable[[Sequence[str], Sequence[str]], int],
) -> Verdict:
    """Return the F-measure of the words that answer and reference share."""
    if sample.reference is None:
        return abstain()
    answer = find_answer(response_text(sample), extract)
    words, expected = _words(answer or "", normalize), _words(sample.reference, normalize)
    if not expected:
        return abstain("reference: no words")
    if answer is None or not words:
        return unparsed("no words", answer)
    cut = max(len(words), len(expected)) >= _MAX_TOKENS
    reason = f"only the first {_MAX_TOKENS:,} words were compared" if cut else ""
    return Verdict(2.0 * count_shared(words, expected) / (len(words) + len(expected)), Status.JUDGED, reason, answer)


def _words(text: str, normalize: Normalization) -> list[str]:
    normalized = normalize_text(text[: 40 * _MAX_TOKENS], normalize)
    return [match[0] for match in word_pattern().finditer(normalized)][:_MAX_TOKENS]


def _shared_words(left: Sequence[str], right: Sequence[str]) -> int:
    return sum((Counter(left) & Counter(right)).values())


def lcs_length(left: Sequence[str], right: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, in ``O(n m / 64)``.

    Example:
        >>> lcs_length("abcde", "xbdxe")
        3
    """
    positions: dict[str, int] = {}
    for index, token in enumerate(left):
        positions[token] = positions.get(token, 0) | (1 << index)
    full = (1 << len(left)) - 1
    row = full
    for token in right:
        matches = row & positions.get(token, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(left) - row.bit_count()
