"""Text against text: equality, and how much of it agrees."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from herokit.errors import check_choice
from herokit.tags import CheckTags
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, UnusableReferenceError, binary_verdict
from herokit.verifiers.extraction import ExtractMode, View, read_answer, unanswered, view_text
from herokit.verifiers.references import reference_texts
from herokit.verifiers.text import Normalization, normalize_text, read_text_list, word_pattern

__all__ = ["ExactMatch", "RougeL", "TokenF1", "lcs_length"]

_MAX_TOKENS = 4_000
"""Words of either side that are compared; a verdict's reason says when the rest was cut off."""


CREDIT_FOR_WORDS = "it gives credit for every word of the reference, also to an answer that lists several"
"""Why metrics of shared words pay some attacks."""


@dataclass(frozen=True, slots=True)
class ExactMatch(PerSampleVerifier):
    """1 if the answer equals the reference after normalization, else 0.

    Args:
        normalize: how both are normalized; see `herokit.verifiers.text.Normalization`. With ``"none"`` the whole
            completion is compared.
        extract: where the answer is; see `herokit.verifiers.extraction.ExtractMode`.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.
        multiple: a reference that is text is a JSON list of texts; any of them is correct, as of any native list.

    Source: exact match of SQuAD (arXiv 1606.05250), whose normalization is ``normalize = "squad"``; several references
    as the aliases of TriviaQA (arXiv 1705.03551).

    Example:
        >>> ExactMatch().verify([Sample("Capital of France?", "The answer is **Paris**.", 0, "paris")])[0].value
        1.0
    """

    normalize: Normalization = "text"
    extract: ExtractMode = "answer"
    multiple: bool = False
    view: View = "final"

    def __post_init__(self) -> None:
        check_choice("normalize", self.normalize, Normalization)
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        extract: ExtractMode = "whole" if self.normalize == "none" else self.extract
        references = self._read_references(sample, extract)
        answer, extraction = read_answer(sample, str, extract=extract, view=self.view)
        if answer is None:
            return unanswered(extraction, "no answer")
        answer = view_text(sample, self.view).text if self.normalize == "none" else answer
        normalized = normalize_text(answer, self.normalize)
        if self.normalize != "none" and not normalized:
            return unanswered(extraction, "the answer is empty")
        correct = any(normalized == normalize_text(reference, self.normalize) for reference in references)
        return binary_verdict(correct=correct, answer=answer, origin=extraction.origin)

    def _read_references(self, sample: Sample, extract: ExtractMode) -> list[str]:
        if self.multiple and isinstance(sample.reference, str):
            references = read_text_list(sample.reference)
            if not references:
                raise UnusableReferenceError(f"reference: expected a JSON list of texts, got {sample.reference!r:.80}")
            return references
        return reference_texts(sample, extract)


@dataclass(frozen=True, slots=True)
class TokenF1(PerSampleVerifier):
    """F1 of the words that answer and reference share: ``2 P R / (P + R)`` over bags of words, in [0, 1].

    Args:
        extract: where the answer is.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.

    Source: F1 of SQuAD (arXiv 1606.05250, section 6.1) and its evaluation script: no case, punctuation or English
    articles.

    Example:
        >>> round(TokenF1().verify([Sample("Who?", "The young Ada Lovelace", 0, "Ada Lovelace")])[0].value, 3)
        0.8
    """

    extract: ExtractMode = "answer"
    view: View = "final"

    def __post_init__(self) -> None:
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        return _overlap_verdict(sample, self.extract, self.view, "squad", _shared_words)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(known_failures={"hack_does_not_pay": CREDIT_FOR_WORDS})


@dataclass(frozen=True, slots=True)
class RougeL(PerSampleVerifier):
    """ROUGE-L of answer and reference: the F-measure of their longest common subsequence of words, in [0, 1].

    ``P = LCS / answer, R = LCS / reference, F = 2 P R / (P + R)``.

    Args:
        extract: where the answer is.
        view: what of the sample is read: the policy's last message without its thinking, or everything it wrote.

    Source: Lin, "ROUGE: A Package for Automatic Evaluation of Summaries" (2004), section 3, with beta = 1; the length
    is found bit-parallel, Hyyro, AWOCA (2004).

    Example:
        >>> RougeL().verify([Sample("Say it.", "the cat sat there", 0, "the cat was there")])[0].value
        0.75
    """

    extract: ExtractMode = "whole"
    view: View = "final"

    def __post_init__(self) -> None:
        check_choice("extract", self.extract, ExtractMode)
        check_choice("view", self.view, View)

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        return _overlap_verdict(sample, self.extract, self.view, "text", lcs_length)

    def check_tags(self) -> CheckTags:
        """Return what it fails by design."""
        return CheckTags(known_failures={"hack_does_not_pay": CREDIT_FOR_WORDS})


def _overlap_verdict(
    sample: Sample,
    extract: ExtractMode,
    view: View,
    normalize: Normalization,
    count_shared: Callable[[Sequence[str], Sequence[str]], int],
) -> Verdict:
    """Return the F-measure of the words that answer and reference share, the largest of several references."""
    references = [_words(text, normalize) for text in reference_texts(sample, extract)]
    if not all(references):
        raise UnusableReferenceError("reference: no words")
    answer, extraction = read_answer(sample, str, extract=extract, view=view)
    words = _words(answer or "", normalize)
    if not words:
        return unanswered(extraction, "no words")
    cut = max(len(words), *map(len, references)) >= _MAX_TOKENS
    reason = f"only the first {_MAX_TOKENS:,} words were compared" if cut else ""
    value = max(2.0 * count_shared(words, expected) / (len(words) + len(expected)) for expected in references)
    return Verdict(value, Status.JUDGED, reason, answer, extraction.origin)


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
