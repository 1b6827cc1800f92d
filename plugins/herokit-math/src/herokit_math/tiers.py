"""The tiers that run in the caller's process, cheapest first; each is exact about what it claims."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from herokit_math.answers import Answer, Text
from herokit_math.atoms import UnsupportedError
from herokit_math.boxes import last_boxed
from herokit_math.compare import Comparison
from herokit_math.equivalence_policy import Policy
from herokit_math.extract import TAIL, candidates
from herokit_math.limits import MAX_ANSWER, LimitError
from herokit_math.normalize import unify
from herokit_math.reading import read
from herokit_math.words import words

_OPTION = re.compile(r"(?:\\text\{)?\(?[A-J]\)?\}?")  # of a question; its letter may be written small
_SPACE = re.compile(r"(?<![\d.,]) | (?![\d.,])")  # one between digits parts two numbers
_COMMA = re.compile(r"[-+]?(?:0,\d|\d{1,9},\d\d)\d{0,7}")
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
_PLAIN = re.compile(r"\$?[-+]?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d+)?")
FLOAT_DIGITS = 10**9  # a relative gap below its inverse may be the noise of a float
LONG_DECIMAL = 5  # decimal places below which no decimal is the noise of a float
MAX_PLAIN = 40  # characters of a number that is compared without being parsed
_POINT = re.compile(r"[-+]?\d{1,9}\.\d{1,9}")
_SOMETHING = re.compile(r"\w|\\")
_DECLARED = re.compile(r"integer|\\in\s*\\mathbb|arbitrary|∈|real number|parameter|constant", re.IGNORECASE)


class Decision(NamedTuple):
    """What the tiers say of a pair.

    Attributes:
        equal: None when no tier in this process can say.
        tier: which tier decided.
        reason: why, in words.
        readable: the answer could be read; when not, it may be for sympy.
        readable_gold: the reference could be read.
    """

    equal: bool | None
    tier: str
    reason: str
    readable: bool = True
    readable_gold: bool = True


_SAME = Decision(equal=True, tier="exact value", reason="equal numbers")
_DIFFERENT = Decision(equal=False, tier="exact value", reason="different numbers")


def plain(text: str) -> tuple[int, int] | None:
    """Return text that is nothing but a number, ``1,200``, ``-3.50``, ``$7``, as its digits and its decimal places.

    Example:
        >>> plain("$1,200.50")
        (120050, 2)
    """
    return (int(text), 0) if text.isdigit() and text.isascii() and len(text) <= MAX_PLAIN else written(text)


@lru_cache(maxsize=16_384)
def written(text: str) -> tuple[int, int] | None:
    """Return what `plain` does, where it is more than digits."""
    found = _PLAIN.fullmatch(text.strip())
    if found is None or len(text) > MAX_PLAIN:
        return None
    whole, _, part = found[0].replace(",", "").replace("$", "").partition(".")
    return int(whole + part), len(part)


@lru_cache(maxsize=16_384)
def reference(gold: str) -> str:
    r"""Return the answer inside a reference: its last box, what a marker points at, or all of it.

    Example:
        >>> reference(r"We get \boxed{7}.")
        '7'
    """
    if plain(gold) is not None:
        return gold
    if "box" in gold and (boxed := last_boxed(gold[-TAIL:])):
        return boxed
    found = candidates(gold)
    marked = found[0].how in {"marker", "####", "A:"} if found else False
    return found[0].text if marked else gold


def decide(gold: str, answer: str, policy: Policy) -> Decision:  # noqa: PLR0911 - one return a tier
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
        said = f"longer than {MAX_ANSWER} characters"
        return Decision(None, "limits", said, len(answer) <= MAX_ANSWER, len(gold) <= MAX_ANSWER)
    if (numbers := _numbers(gold, answer)) is not None:
        return numbers
    if _SOMETHING.search(answer.replace("_", "")) is None:
        return Decision(equal=False, tier="extraction", reason="nothing to read", readable=False)
    bare = _bare(gold), _bare(answer)
    if bare[0] == bare[1] or (_OPTION.fullmatch(bare[0]) and _letters(bare[0]) == _letters(bare[1])):
        return Decision(equal=True, tier="normal form", reason="same text")
    try:
        ours = read(gold)
    except (UnsupportedError, LimitError) as error:
        return Decision(None, "parser", f"reference: {error}", readable=_readable(answer), readable_gold=False)
    try:
        theirs = read(answer)
    except (UnsupportedError, LimitError) as error:
        return Decision(None, "parser", f"answer: {error}", readable=False)
    if isinstance(ours, Text) != isinstance(theirs, Text) and words(gold) == words(answer):
        return Decision(equal=True, tier="structure", reason="same words")
    if (same := _decimal_comma(gold, answer)) is not None:
        return Decision(same, "exact value", "decimal comma")
    return _compared(ours, theirs, policy, free=bool(_DECLARED.search(gold) or _DECLARED.search(answer)))


def _numbers(gold: str, answer: str) -> Decision | None:
    """Decide two plain numbers without parsing them; None when the rounding policy has a say."""
    exact, given = plain(gold), plain(answer)
    if exact is None or given is None:
        return None
    (ours, places), (theirs, decimals) = exact, given
    if places or decimals:
        ours, theirs = ours * 10**decimals, theirs * 10**places
    if ours == theirs:
        return _SAME
    one = 10 ** (places + decimals)
    if ours % one:
        return None
    if theirs % one and decimals >= LONG_DECIMAL and (places or abs(ours - theirs) * FLOAT_DIGITS < abs(ours)):
        return None
    return _DIFFERENT  # a whole reference is never approximate


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


def _decimal_comma(gold: str, answer: str) -> bool | None:
    """Compare ``2,74`` with ``2.74``: a comma is a decimal point only where the other side has one; ``1,125`` is 1125."""
    pair = [unify(text).replace(" ", "") for text in (gold, answer)]
    if not (_COMMA.fullmatch(pair[0]) and _POINT.fullmatch(pair[1])) and not (
        _POINT.fullmatch(pair[0]) and _COMMA.fullmatch(pair[1])
    ):
        return None
    if any(map(_GROUPED.fullmatch, pair)):
        return None
    ours, theirs = (Fraction(text.replace(",", ".")) for text in pair)
    return True if ours == theirs else None


def _letters(text: str) -> str:
    return text.replace("\\text", "").strip("{()}").casefold()


def _bare(text: str) -> str:
    """Return the normal form: one spelling, no white space but between digits; R and r are two names."""
    unified = _SPACE.sub("", " ".join(unify(text).split()))
    return unified.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac") or text
