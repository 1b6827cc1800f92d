"""Decide whether two expressions have the same value wherever both are defined; cheapest method first."""

import zlib
from enum import Enum
from fractions import Fraction

from herokit_math.exact import NotExactError, evaluate_exactly
from herokit_math.limits import StepBudget
from herokit_math.modular import NotRationalError, PoleError, evaluate_modulo, sample_residues
from herokit_math.numeric import MACHINE, Arithmetic, BoundedValue, Evaluator, UndefinedError, high_precision
from herokit_math.tree import Node, free_symbols, has_operation

__all__ = ["Tier", "decide_identity", "evaluate_real", "sample_point"]


class Tier(Enum):
    """Method that decided; its value is its name in a verdict's reason."""

    NORMAL = "normal form"
    EXACT = "exact value"
    RATIONAL = "rational identity"
    NUMERIC = "numeric identity"
    UNDECIDED = "undecided"


_NUM_RESIDUES = 2  # points at which rational expressions must agree modulo a prime
_NUM_POINTS = 18
_MIN_POINTS = 3  # points at which expressions with variables must agree
_MIN_INTEGER_POINTS = 6  # the same for integer points
_STEP_FUNCTIONS = frozenset({"floor", "ceil", "mod"})
_PIECEWISE_OPERATIONS = frozenset({"floor", "ceil", "mod", "abs", "max", "min"})  # must agree at every point
_INTEGER_NAMES = frozenset("nkmjN")  # variables that are integers in expressions with step functions
_INTEGER_OPERATIONS = frozenset({"sum", "prod", "factorial", "binomial", "gcd", "lcm"})


def decide_identity(left: Node, right: Node, budget: StepBudget) -> tuple[bool | None, Tier]:
    """Decide whether two trees are equal as functions.

    Args:
        left: a tree.
        right: a tree.
        budget: the pair's remaining steps.

    Returns:
        The decision, None if no method decides, and the tier.

    Raises:
        LimitError: `budget` is spent.

    Example:
        >>> from herokit_math.lexer import tokenize
        >>> from herokit_math.expression import parse_expression
        >>> decide_identity(parse_expression(tokenize("(x+1)^2")), parse_expression(tokenize("x^2+2x+1")), StepBudget())[0]
        True
    """
    if left == right:
        return True, Tier.NORMAL
    names = free_symbols(left) | free_symbols(right)
    if not names:
        try:
            return evaluate_exactly(left, budget) == evaluate_exactly(right, budget), Tier.EXACT
        except NotExactError:
            pass
    try:
        return _decide_rational(left, right, names, budget), Tier.RATIONAL
    except (NotRationalError, PoleError):
        pass
    equal = _decide_numeric(left, right, names, budget)
    return equal, Tier.UNDECIDED if equal is None else Tier.NUMERIC


def _decide_rational(left: Node, right: Node, names: frozenset[str], budget: StepBudget) -> bool:
    for salt in range(_NUM_RESIDUES):
        values = sample_residues(names, salt)
        if evaluate_modulo(left, values, salt, budget) != evaluate_modulo(right, values, salt, budget):
            return False
    return True


def sample_point(names: frozenset[str], k: int, *, integers: bool) -> dict[str, Fraction]:
    """Return the k-th test point.

    The first seven are positive, negative and mixed fractions in turn, 7 to 9 small integers, 10 to 12 fractions below 1,
    13 to 15 fractions above 5, 16 and 17 fractions below -5, for functions that are defined or differ only there.
    """
    if integers or 7 <= k <= 9:  # noqa: PLR2004 - the points of the docstring
        return {n: Fraction(zlib.crc32(f"{n}{k}".encode()) % 7 + 2 + 3 * (k % 3)) for n in names}
    values = {n: Fraction(zlib.crc32(f"{n}{k}".encode()) % 9_973 + 1_999, 4_999) for n in names}
    if k > 9:  # noqa: PLR2004 - the same
        return {n: v / 3 if k < 13 else (5 * v + 4) * (1 if k < 16 else -1) for n, v in values.items()}  # noqa: PLR2004
    return {n: -v if k % 3 == 1 or (k % 3 == 2 and zlib.crc32(n.encode()) % 2) else v for n, v in values.items()}  # noqa: PLR2004


def _decide_numeric(left: Node, right: Node, names: frozenset[str], budget: StepBudget) -> bool | None:
    """Compare at test points; points where some part of an expression is not real count only if there are no others."""
    sides = (left, right)
    integers = any(has_operation(side, _INTEGER_OPERATIONS) for side in sides)
    if names <= _INTEGER_NAMES and any(has_operation(side, _STEP_FUNCTIONS) for side in sides):
        integers = True
    min_points = _MIN_INTEGER_POINTS if integers else _MIN_POINTS
    if any(has_operation(side, _PIECEWISE_OPERATIONS) for side in sides):
        min_points = _NUM_POINTS
    num_agreeing = 0
    complex_verdicts: list[bool] = []
    for k in range(_NUM_POINTS if names else 1):
        compared = _compare_at_point(left, right, sample_point(names, k, integers=integers), budget)
        if compared is None:
            continue
        equal, is_real = compared
        if names and not is_real:
            complex_verdicts.append(equal)
        elif not equal:
            return False
        else:
            num_agreeing += 1
            if num_agreeing == min_points:
                return True
    if num_agreeing:
        return True
    return all(complex_verdicts[:_MIN_POINTS]) if complex_verdicts else None


def _compare_at_point(
    left: Node, right: Node, values: dict[str, Fraction], budget: StepBudget
) -> tuple[bool, bool] | None:
    """Return whether two trees are equal at a point, and whether all their parts are real there; None if that is undecided.

    Machine numbers suffice to find a difference; only 60 digits confirm that there is none.
    """
    pair = _evaluate_pair(MACHINE, left, right, values, budget)
    if pair is not None:
        a, b, is_real = pair
        gap, max_error = abs(a.value - b.value), a.error + b.error
        size = max(abs(a.value), abs(b.value))
        if gap > max_error and max_error <= 1e-6 * size:
            return False, is_real
    pair = _evaluate_pair(high_precision(), left, right, values, budget)
    if pair is None:
        return None
    a, b, is_real = pair
    max_error = a.error + b.error
    if abs(a.value - b.value) > max_error:
        return False, is_real
    is_precise = max_error <= max(1e-20 * abs(a.value), 1e-40)  # values below 1e-40 are zero
    return (True, is_real) if is_precise else None


def _evaluate_pair(
    arithmetic: Arithmetic, left: Node, right: Node, values: dict[str, Fraction], budget: StepBudget
) -> tuple[BoundedValue, BoundedValue, bool] | None:
    evaluator = Evaluator(arithmetic, values, budget)
    try:
        return evaluator.evaluate(left), evaluator.evaluate(right), evaluator.is_real
    except UndefinedError:
        return None


def _is_real(x: BoundedValue) -> bool:
    return bool(abs(x.value.imag) <= x.error + 1e-12 * abs(x.value))


def evaluate_real(node: Node, budget: StepBudget) -> float | None:
    """Return the value of a tree without variables; None if it is not real, undefined or imprecise."""
    if free_symbols(node):
        return None
    for arithmetic in (MACHINE, high_precision()):
        try:
            x = Evaluator(arithmetic, {}, budget).evaluate(node)
        except UndefinedError:
            continue
        if x.error <= max(1e-9 * abs(x.value), 1e-12):
            return float(x.value.real) if _is_real(x) and abs(x.value) < 1e300 else None  # noqa: PLR2004
    return None
