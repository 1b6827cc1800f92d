"""Judge a completion against a reference without sympy: select the answer, compare it, make a verdict."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from itertools import chain
from typing import NamedTuple, TypeAlias

from herokit.types import Status, Verdict
from herokit.verifiers.extraction import Extraction, ExtractMode
from herokit_math.answers import Answer, Choice, Text
from herokit_math.choices import find_chosen_letter
from herokit_math.expression import UnsupportedError
from herokit_math.extract import find_marked_answer, iterate_candidates, iterate_unmarked
from herokit_math.limits import LimitError, check_latex_limits
from herokit_math.parser import parse_answer
from herokit_math.quantity_comparison import Policy
from herokit_math.references import is_damaged
from herokit_math.scan import find_expressions
from herokit_math.tiers import (
    DIFFERENT_NUMBERS,
    EQUAL_NUMBERS,
    Decision,
    decide_equivalence,
    decide_plain_numbers,
    extract_reference,
    parse_plain_number,
)
from herokit_math.undefined import find_undefined

__all__ = ["OpenPair", "PairComparer", "judge", "judge_completion", "make_comparer", "undecided_verdict"]

_CONCLUSIVE_ORIGINS = {"answer tag", "box", "####", "A:"}  # the text there is the answer, even if it is not readable
_VALUE = re.compile(r"[\d\\]")
_JUDGED = Status.JUDGED  # an attribute of an enumeration takes longer
_NUMBER_REASONS = {plain.equal: f"{plain.tier}: {plain.reason}" for plain in (EQUAL_NUMBERS, DIFFERENT_NUMBERS)}
_DAMAGED = "the reference is damaged: it holds control characters, such as a form feed in place of \\f"
_NO_ANSWER = "no answer found in the completion"


class OpenPair(NamedTuple):
    """A pair that sympy must decide.

    Attributes:
        reference: the reference, as `extract_reference` returns it.
        answer: the extracted answer.
        origin: where the answer was found.
        decision: what the tiers in this process know of the pair.
    """

    reference: str
    answer: str
    origin: str
    decision: Decision


PairComparer: TypeAlias = Callable[[str, str, str], Verdict | OpenPair]
"""Compares a reference with an answer and where it was found."""


def judge(reference: str, completion: str, policy: Policy, extract: ExtractMode = "answer") -> Verdict | OpenPair:
    r"""Extract the answer of a completion and compare it with the reference, without sympy.

    Args:
        reference: the reference.
        completion: the policy's text; hostile.
        policy: options of the comparison.
        extract: where the answer is.

    Example:
        >>> verdict = judge("0.5", r"It is \boxed{\frac12}.", Policy())
        >>> verdict.answer, verdict.origin, verdict.value
        ('\\frac12', 'box', 1.0)
        >>> judge("0.5", r"It is \boxed{\int_0^1 x dx}.", Policy()).decision.reason
        'answer: \\int is not supported'
    """
    return judge_completion(reference, completion, make_comparer(policy), extract)


def judge_completion(
    reference: str, completion: str, compare: PairComparer, extract: ExtractMode = "answer"
) -> Verdict | OpenPair:
    """Extract the answer of a completion and compare it with a function from `make_comparer`."""
    best = find_marked_answer(completion) if extract == "answer" else None
    if best is None:
        candidates = iterate_unmarked(completion) if extract == "answer" else iterate_candidates(completion, extract)
        best = next(candidates)
        if best.origin not in _CONCLUSIVE_ORIGINS:
            best = _select_candidate(extract_reference(reference), completion, best, candidates)
    elif best.origin == "answer tag" and best.text and " " in best.text and isinstance(_try_parse(best.text), Text):
        best = _select_in_tag(extract_reference(reference), best, best.text)
    if best.text is None:
        return Verdict(0.0, Status.UNPARSED, best.problem or _NO_ANSWER, None, best.origin)
    return compare(reference, best.text, best.origin)


@lru_cache(maxsize=8)
def make_comparer(policy: Policy) -> PairComparer:
    """Return the function that compares pairs under a policy.

    It caches its results: identical pairs, as in a group of rollouts, are compared once. The policy is not part of the
    cache's key, because hashing it for each row costs more than the rest.

    Example:
        >>> make_comparer(Policy())("1", "2", "box").value
        0.0
    """
    return lru_cache(maxsize=32_768)(partial(_compare_pair, policy))


def _compare_pair(policy: Policy, reference: str, answer: str, origin: str) -> Verdict | OpenPair:
    if (plain := decide_plain_numbers(reference, answer)) is not None:
        return Verdict(1.0 if plain.equal else 0.0, _JUDGED, _NUMBER_REASONS[plain.equal], answer, origin)
    if parse_plain_number(reference) is None:
        reference = extract_reference(reference)
        if is_damaged(reference):
            return Verdict(None, Status.FAILED, _DAMAGED, answer, origin)
        if undefined := find_undefined(reference):
            return Verdict(None, Status.FAILED, f"the reference has no value: {undefined}", answer, origin)
    decision = decide_equivalence(reference, answer, policy)
    if decision.equal is not None:
        status = _JUDGED if decision.answer_readable else Status.UNPARSED
        return Verdict(float(decision.equal), status, f"{decision.tier}: {decision.reason}", answer, origin)
    reference_limit = check_latex_limits(reference)
    if limit := reference_limit or check_latex_limits(answer):
        reason = f"{decision.reason}; {limit}"
        return undecided_verdict(decision, reason, answer, origin, sympy_reads_reference=not reference_limit)
    return OpenPair(reference, answer, origin, decision)


def undecided_verdict(
    decision: Decision, reason: str, answer: str | None, origin: str, *, sympy_reads_reference: bool
) -> Verdict:
    """Return the verdict on a pair that neither the tiers nor sympy decided.

    None, FAILED for an unreadable reference, which is not the policy's fault; 0, UNPARSED for an unreadable answer; 0 if
    both are readable and were not proved equal.
    """
    if not (decision.reference_readable or sympy_reads_reference):
        return Verdict(None, Status.FAILED, f"{reason}; the reference cannot be read", answer, origin)
    return Verdict(0.0, Status.JUDGED if decision.answer_readable else Status.UNPARSED, reason, answer, origin)


def _select_in_tag(reference: str, tag: Extraction, sentence: str) -> Extraction:
    """Return the value in "The value of x is 5.", a sentence in a tag with one expression of digits or commands; else the tag."""
    values = [span for span in find_expressions(sentence) if _VALUE.search(span.text)]
    if len(values) != 1:
        return tag
    return _select_candidate(reference, sentence, tag, iterate_unmarked(sentence))._replace(origin=tag.origin)


def _select_candidate(reference: str, completion: str, best: Extraction, others: Iterable[Extraction]) -> Extraction:
    """Return the first readable candidate; one in words only if the reference is words or an option."""
    expected = None if parse_plain_number(reference) is not None else _try_parse(reference)
    if isinstance(expected, Choice) and (letter := find_chosen_letter(completion)) is not None:
        return Extraction(letter, "chosen option")
    for candidate in chain((best,), others):
        if candidate.text is None or parse_plain_number(candidate.text) is not None:
            return candidate
        if candidate.origin == "words" and not isinstance(expected, Text | Choice):
            continue
        answer = _try_parse(candidate.text)
        if answer is None and candidate.origin == "last expression" and "\\" in candidate.text:
            return candidate  # a formula for sympy
        if answer is not None and (isinstance(expected, Text | Choice) or not isinstance(answer, Text)):
            return candidate
    return best


@lru_cache(maxsize=8_192)
def _try_parse(text: str) -> Answer | None:
    try:
        return parse_answer(text)
    except (UnsupportedError, LimitError):
        return None
