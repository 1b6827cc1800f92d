"""Do two expressions have the same value wherever both are defined? Cheapest exact answer first."""

import zlib
from enum import Enum
from fractions import Fraction

from herokit_math.exact import NotExactError, exact
from herokit_math.limits import Steps
from herokit_math.modular import NotRationalError, PoleError, modular, point
from herokit_math.numeric import MACHINE, Arithmetic, Bound, Evaluator, UndefinedError, many_digits
from herokit_math.tree import Node, has, symbols


class Tier(Enum):
    """Which reasoning decided; the value is how a verdict names it."""

    NORMAL = "normal form"
    EXACT = "exact value"
    RATIONAL = "rational identity"
    NUMERIC = "numeric identity"
    UNDECIDED = "undecided"


SALTS = (1, 2)
_POINTS = 10
_NEEDED = 3  # valid points at which two expressions with variables must agree
_STEPS = frozenset({"floor", "ceil"})
_COUNTING = frozenset("nkmjN")  # names that count, where floors and ceilings stand
_INTEGER_ONLY = frozenset({"sum", "prod", "factorial", "binomial", "gcd", "lcm"})


def identical(left: Node, right: Node, steps: Steps) -> tuple[bool | None, Tier]:
    """Decide whether two trees are equal as functions.

    Args:
        left: a tree.
        right: a tree.
        steps: what is left to spend on the pair.

    Returns:
        The verdict, None when no reasoning here reaches one, and the tier.

    Raises:
        LimitError: `steps` are spent.

    Example:
        >>> from herokit_math.lexer import tokenize
        >>> from herokit_math.expression import expression
        >>> identical(expression(tokenize("(x+1)^2")), expression(tokenize("x^2+2x+1")), Steps())[0]
        True
    """
    if left == right:
        return True, Tier.NORMAL
    names = symbols(left) | symbols(right)
    if not names:
        try:
            return exact(left, steps) == exact(right, steps), Tier.EXACT
        except NotExactError:
            pass
    try:
        return _rational(left, right, names, steps), Tier.RATIONAL
    except (NotRationalError, PoleError):
        pass
    verdict = _numeric(left, right, names, steps)
    return verdict, Tier.UNDECIDED if verdict is None else Tier.NUMERIC


def _rational(left: Node, right: Node, names: frozenset[str], steps: Steps) -> bool:
    for salt in SALTS:
        values = point(names, salt)
        if modular(left, values, salt, steps) != modular(right, values, salt, steps):
            return False
    return True


def sample(names: frozenset[str], k: int, *, integers: bool) -> dict[str, Fraction]:
    """Return the k-th test point: positive, negative, mixed, and so on; small integers at last, or on request."""
    if integers or k >= 7:  # noqa: PLR2004 - the last points are integers
        return {n: Fraction(zlib.crc32(f"{n}{k}".encode()) % 7 + 2 + 3 * (k % 3)) for n in names}
    values = {n: Fraction(zlib.crc32(f"{n}{k}".encode()) % 9_973 + 1_999, 4_999) for n in names}
    return {n: -v if k % 3 == 1 or (k % 3 == 2 and zlib.crc32(n.encode()) % 2) else v for n, v in values.items()}  # noqa: PLR2004


def _numeric(left: Node, right: Node, names: frozenset[str], steps: Steps) -> bool | None:
    """Compare at test points: in machine numbers to find a difference, in many digits to confirm that there is none."""
    integers = has(left, _INTEGER_ONLY) or has(right, _INTEGER_ONLY)
    if names <= _COUNTING and (has(left, _STEPS) or has(right, _STEPS)):
        integers = True
    needed = 6 if integers else _NEEDED
    agreed = 0
    complex_points: list[dict[str, Fraction]] = []
    for k in range(_POINTS if names else 1):
        values = sample(names, k, integers=integers)
        verdict, is_real = _at(left, right, values, steps)
        if verdict is None:
            continue
        if names and not is_real:
            complex_points.append(values)  # outside the real domain: counts only when no point is inside
            continue
        if not verdict:
            return False
        agreed += 1
        if agreed == needed:
            return True
    if agreed or not names:
        return True if agreed else None
    verdicts = [_at(left, right, values, steps)[0] for values in complex_points[:_NEEDED]]
    return all(verdicts) if verdicts else None


def _at(left: Node, right: Node, values: dict[str, Fraction], steps: Steps) -> tuple[bool | None, bool]:
    """Compare at one point; also say whether both values are real."""
    pair = _values(MACHINE, left, right, values, steps)
    if pair is not None:
        a, b = pair
        gap, noise = abs(a.value - b.value), a.error + b.error
        size = max(abs(a.value), abs(b.value))
        if gap > noise and noise <= 1e-6 * size:
            return False, _real(a) and _real(b)
    pair = _values(many_digits(), left, right, values, steps)
    if pair is None:
        return None, True
    a, b = pair
    noise = a.error + b.error
    if abs(a.value - b.value) > noise:
        return False, _real(a) and _real(b)
    size = max(abs(a.value), abs(b.value))
    settled = noise <= 1e-20 * size or noise <= 1e-40  # noqa: PLR2004 - forty digits of zero count as zero
    return (True if settled else None), _real(a) and _real(b)


def _values(
    how: Arithmetic, left: Node, right: Node, values: dict[str, Fraction], steps: Steps
) -> tuple[Bound, Bound] | None:
    at = Evaluator(how, values, steps)
    try:
        return at.bound(left), at.bound(right)
    except UndefinedError:
        return None


def _real(x: Bound) -> bool:
    return bool(abs(x.value.imag) <= x.error + 1e-12 * abs(x.value))


def number(node: Node, steps: Steps) -> float | None:
    """Return the real machine value of a tree without variables, or None."""
    if symbols(node):
        return None
    for how in (MACHINE, many_digits()):
        try:
            x = Evaluator(how, {}, steps).bound(node)
        except UndefinedError:
            continue
        if x.error <= 1e-9 * abs(x.value) or x.error < 1e-12:  # noqa: PLR2004
            return float(x.value.real) if _real(x) and abs(x.value) < 1e300 else None  # noqa: PLR2004
    return None
