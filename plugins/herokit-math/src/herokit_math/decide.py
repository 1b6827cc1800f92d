"""The tiers that run in the caller's process, cheapest first; each is exact about what it claims."""

import re
from functools import lru_cache
from typing import NamedTuple

from herokit_math.answers import Answer, Text
from herokit_math.atoms import UnsupportedError
from herokit_math.boxes import last_boxed
from herokit_math.compare import Comparison
from herokit_math.limits import MAX_ANSWER, LimitError
from herokit_math.policy import Policy
from herokit_math.reading import read
from herokit_math.text import unify
from herokit_math.words import words

_SPACES = re.compile(r"\s+")
_DECLARED = re.compile(r"integer|\\in\s*\\mathbb|arbitrary|∈|real number|parameter|constant", re.IGNORECASE)


class Decision(NamedTuple):
    """What the tiers say of a pair.

    Attributes:
        equal: None when no tier in this process can say.
        tier: which tier decided.
        reason: why, in words.
        readable: the answer could be read; when not, it may be for sympy.
    """

    equal: bool | None
    tier: str
    reason: str
    readable: bool = True


@lru_cache(maxsize=16_384)
def reference(gold: str) -> str:
    r"""Return the answer inside a reference: its last box, or all of it.

    Example:
        >>> reference(r"We get \boxed{7}.")
        '7'
    """
    return (last_boxed(gold) if "box" in gold else None) or gold


@lru_cache(maxsize=32_768)
def decide(gold: str, answer: str, policy: Policy) -> Decision:
    """Decide a pair without sympy.

    Args:
        gold: the reference, out of its box.
        answer: the extracted answer; hostile.
        policy: what counts as the same.

    Example:
        >>> decide("0.5", "1/2", Policy())[:2]
        (True, 'exact value')
    """
    if len(answer) > MAX_ANSWER or len(gold) > MAX_ANSWER:
        return Decision(None, "limits", f"longer than {MAX_ANSWER} characters", readable=False)
    if _bare(gold) == _bare(answer):
        return Decision(equal=True, tier="normal form", reason="same text")
    try:
        ours = read(gold)
    except (UnsupportedError, LimitError) as error:
        return Decision(None, "parser", f"reference: {error}", readable=_readable(answer))
    try:
        theirs = read(answer)
    except (UnsupportedError, LimitError) as error:
        return Decision(None, "parser", f"answer: {error}", readable=False)
    if isinstance(ours, Text) != isinstance(theirs, Text) and words(gold) == words(answer):
        return Decision(equal=True, tier="structure", reason="same words")
    return _compared(ours, theirs, policy, free=bool(_DECLARED.search(gold) or _DECLARED.search(answer)))


def _compared(ours: Answer, theirs: Answer, policy: Policy, *, free: bool) -> Decision:
    comparison = Comparison(policy, free=free)
    try:
        equal = comparison.same(ours, theirs)
    except LimitError as error:
        return Decision(None, "limits", str(error))
    kinds = f"{type(ours).__name__} against {type(theirs).__name__}".lower()
    if equal is None:
        return Decision(None, "undecided", kinds)
    tier = comparison.tier.value if comparison.tier else "structure"
    return Decision(equal, tier, comparison.reason or f"{kinds}: {'same' if equal else 'different'}")


def _readable(answer: str) -> bool:
    try:
        read(answer)
    except (UnsupportedError, LimitError):
        return False
    return True


def _bare(text: str) -> str:
    """Return the normal form: one spelling, no white space, no outer braces."""
    return _SPACES.sub("", unify(text)).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac").casefold() or text
