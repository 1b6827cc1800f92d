"""From a completion and a reference to a judgement: which candidate is the answer, and what the fast tiers say of it."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias

from herokit.types import Status, Verdict
from herokit_math.answers import Answer, Choice, Text
from herokit_math.atoms import UnsupportedError
from herokit_math.choices import picked
from herokit_math.equivalence_policy import Policy
from herokit_math.extract import Extraction, candidates, pointed
from herokit_math.limits import LimitError, refuse_latex
from herokit_math.reading import read
from herokit_math.tiers import Decision, decide, plain, reference

_SURE = {"boxed", "####", "A:"}  # what these point at is the answer, readable or not


class Judgement(NamedTuple):
    """What came of one completion.

    Attributes:
        gold: the reference, out of its box.
        answer: the text that was taken for the answer, None when there was none.
        how: what pointed at it.
        decision: what the tiers in this process say of the pair.
        verdict: the verdict, where they decided.
    """

    gold: str
    answer: str | None
    how: str
    decision: Decision
    verdict: Verdict | None


Settle: TypeAlias = Callable[[str, str | None, str], Judgement]
_NOTHING = "no answer found in the completion"


def judge(gold: str, completion: str, policy: Policy) -> Judgement:
    r"""Find the answer in a completion and compare it with the reference, without sympy.

    Args:
        gold: the reference.
        completion: what the policy wrote; hostile.
        policy: what counts as the same.

    Example:
        >>> found = judge("0.5", r"It is \boxed{\frac12}.", Policy())
        >>> found.answer, found.how, found.decision.equal
        ('\\frac12', 'boxed', True)
    """
    return judged(gold, completion, settling(policy))


def judged(gold: str, completion: str, settle: Settle) -> Judgement:
    """Return what `judge` does, with the comparison that `settling` made for the policy."""
    found = pointed(completion)
    if not isinstance(found, tuple):
        if not (found := found or candidates(completion)):
            return settle(gold, None, "")
        found = _choose(reference(gold), completion, found)
    return settle(gold, *found)


@lru_cache(maxsize=8)
def settling(policy: Policy) -> Settle:
    """Return the comparison of one pair under a policy: reference, answer or None, what pointed at it.

    Identical pairs, as in a group of rollouts, are compared once and share their verdict. The policy is bound here and
    is no part of what is looked up for each row: hashing it cost more than the rest.

    Example:
        >>> settling(Policy())("1", "2", "boxed").verdict.value
        0.0
    """
    return lru_cache(maxsize=32_768)(partial(_settled, policy))


def _settled(policy: Policy, gold: str, answer: str | None, how: str) -> Judgement:
    gold = reference(gold)
    if answer is None:
        nothing = Decision(equal=False, tier="extraction", reason=_NOTHING, readable=False)
        return Judgement(gold, None, how, nothing, Verdict(0.0, Status.UNPARSED, _NOTHING))
    decision = decide(gold, answer, policy)
    if decision.equal is not None:
        status = Status.JUDGED if decision.readable else Status.UNPARSED
        said = f"{how}; {decision.tier}: {decision.reason}"
        return Judgement(gold, answer, how, decision, Verdict(float(decision.equal), status, said, answer))
    unasked = refuse_latex(gold)
    if refusal := unasked or refuse_latex(answer):
        verdict = undecided(decision, f"{how}; {decision.reason}; {refusal}", answer, gold=not unasked)
        return Judgement(gold, answer, how, decision, verdict)
    return Judgement(gold, answer, how, decision, None)


def undecided(decision: Decision, said: str, answer: str | None, *, gold: bool) -> Verdict:
    """Return the verdict on a pair that nothing could decide; `gold` says whether sympy reads the reference, or may.

    An unreadable reference abstains, for no policy causes it; an unreadable answer is 0, UNPARSED; two readable ones
    that nothing could prove equal are 0.
    """
    if not (decision.readable_gold or gold):
        return Verdict(None, Status.FAILED, f"{said}; the reference cannot be read", answer)
    return Verdict(0.0, Status.JUDGED if decision.readable else Status.UNPARSED, said, answer)


def _choose(gold: str, completion: str, found: list[Extraction]) -> Extraction:
    """Return the first candidate that reads as an answer of the reference's sort: words only where it is words."""
    sort = None if plain(gold) is not None else _read(gold)
    if isinstance(sort, Choice) and (letter := picked(completion)) is not None:
        return Extraction(letter, "picked option")
    for candidate in found:
        if candidate.how in _SURE or plain(candidate.text) is not None:
            return candidate
        answer = _read(candidate.text)
        if answer is None and candidate.how == "last value" and "\\" in candidate.text:
            return candidate  # a formula for sympy
        if answer is not None and (isinstance(sort, Text | Choice) or not isinstance(answer, Text)):
            return candidate
    return found[0]


@lru_cache(maxsize=8_192)
def _read(text: str) -> Answer | None:
    try:
        return read(text)
    except (UnsupportedError, LimitError):
        return None
