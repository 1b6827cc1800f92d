"""The tiers that run in the caller's process, cheapest first; each is exact about what it claims."""

from dataclasses import dataclass
from functools import lru_cache

from herokit_math.limits import MAX_ANSWER
from herokit_math.normal import normal, rational


@dataclass(frozen=True, slots=True)
class Decision:
    """What the tiers say of a pair.

    Attributes:
        equal: None when no tier in this process can say.
        tier: which tier decided.
        reason: why, in words.
    """

    equal: bool | None
    tier: str
    reason: str


@lru_cache(maxsize=16_384)
def decide(gold: str, answer: str) -> Decision:
    """Decide a pair without sympy.

    Example:
        >>> decide("0.5", "1/2")
        Decision(equal=True, tier='rational', reason='equal values')
    """
    if len(gold) > MAX_ANSWER or len(answer) > MAX_ANSWER:
        return Decision(None, "limits", f"longer than {MAX_ANSWER} characters")
    left, right = normal(gold), normal(answer)
    if left == right and left:
        return Decision(equal=True, tier="normal form", reason="same text")
    exact, given = rational(left), rational(right)
    if exact is None or given is None:
        return Decision(None, "", "")
    return Decision(exact == given, "rational", "equal values" if exact == given else "different values")
