"""Exact evaluation of trees: rational arithmetic on integers of limited size."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from herokit_math.limits import MAX_ARGUMENT, MAX_BITS, MAX_TERMS, StepBudget
from herokit_math.tree import Call, Node, Num, Sym

__all__ = ["NotExactError", "evaluate_exactly", "make_index_range"]


class NotExactError(Exception):
    """The tree has no rational value within the limits, or no value at all (division by zero)."""


_SymbolValues = Mapping[str, Fraction]
_NO_VALUES: _SymbolValues = {}


def evaluate_exactly(node: Node, budget: StepBudget, values: _SymbolValues = _NO_VALUES) -> Fraction:
    """Return the exact rational value of a tree.

    Args:
        node: the tree.
        budget: the pair's remaining steps.
        values: exact values of variables.

    Raises:
        NotExactError: the value is irrational, undefined or too large, or a variable has no value.
        LimitError: `budget` is spent.

    Example:
        >>> evaluate_exactly(Call("factorial", (Num(Fraction(5)),)), StepBudget(100))
        Fraction(120, 1)
    """
    budget.spend(1)
    if isinstance(node, Num):
        return node.value
    if isinstance(node, Sym) and node.name in values:
        return values[node.name]
    if not isinstance(node, Call):
        raise NotExactError
    if node.op in {"sum", "prod"}:
        return _series(node, budget, values)
    compute = _COMPUTE.get(node.op)
    if compute is None:
        raise NotExactError
    return _check_size(compute(*(evaluate_exactly(arg, budget, values) for arg in node.args)))


def _check_size(value: Fraction) -> Fraction:
    """Return `value`.

    Raises:
        NotExactError: it has more than `MAX_BITS` bits.
    """
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise NotExactError
    return value


def make_index_range(start: Fraction, stop: Fraction) -> range:
    """Return the integers from `start` to `stop`.

    Raises:
        NotExactError: there are too many, or a bound is not an integer.
    """
    if start.denominator != 1 or stop.denominator != 1 or stop - start > MAX_TERMS:
        raise NotExactError
    return range(int(start), int(stop) + 1)


def _series(node: Call, budget: StepBudget, values: _SymbolValues) -> Fraction:
    body, index, first, last = node.args
    name = index.name if isinstance(index, Sym) else "i"
    total = Fraction(node.op == "prod")
    for k in make_index_range(evaluate_exactly(first, budget, values), evaluate_exactly(last, budget, values)):
        term = evaluate_exactly(body, budget, {**values, name: Fraction(k)})
        total = _check_size(total + term if node.op == "sum" else total * term)
    return total


def _add(*terms: Fraction) -> Fraction:
    total = Fraction(0)
    for term in terms:
        total += term
    return total


def _mul(*factors: Fraction) -> Fraction:
    total = Fraction(1)
    for factor in factors:
        total = _check_size(total * factor)
    return total


def _div(numerator: Fraction, denominator: Fraction) -> Fraction:
    if denominator == 0:
        raise NotExactError
    return numerator / denominator


def _pow(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        return _pow(_root(base, Fraction(exponent.denominator)), Fraction(exponent.numerator))
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if base in {0, 1, -1}:
        size = 0
    if (base == 0 and exponent <= 0) or size * abs(exponent) > MAX_BITS or abs(exponent) > 10**6:
        raise NotExactError
    return base ** int(exponent)


def _root(inside: Fraction, degree: Fraction) -> Fraction:
    if degree.denominator != 1 or not 0 < degree <= 64:  # noqa: PLR2004 - a root of higher degree is left to numerics
        raise NotExactError
    if inside < 0:
        if degree % 2 == 0:
            raise NotExactError
        return -_root(-inside, degree)
    numerator, denominator = (_integer_root(n, int(degree)) for n in (inside.numerator, inside.denominator))
    return Fraction(numerator, denominator)


def _integer_root(number: int, degree: int) -> int:
    if degree == 2:  # noqa: PLR2004 - a square root
        root = math.isqrt(number)
    else:
        try:
            root = round(number ** (1 / degree))
        except OverflowError:
            raise NotExactError from None
    if root**degree != number:
        raise NotExactError
    return root


def _natural(value: Fraction) -> int:
    if value.denominator != 1 or not 0 <= value <= MAX_ARGUMENT:
        raise NotExactError
    return int(value)


def _mod(dividend: Fraction, divisor: Fraction) -> Fraction:
    if divisor <= 0:
        raise NotExactError
    return dividend % divisor


def _factorial(n: Fraction) -> Fraction:
    if n > 900:  # noqa: PLR2004 - 900! is near MAX_BITS
        raise NotExactError
    return Fraction(math.factorial(_natural(n)))


def _integers(function: Callable[..., int]) -> Callable[..., Fraction]:
    def compute(*args: Fraction) -> Fraction:
        if any(arg.denominator != 1 for arg in args):
            raise NotExactError
        return Fraction(function(*map(int, args)))

    return compute


_COMPUTE: dict[str, Callable[..., Fraction]] = {
    "add": _add,
    "mul": _mul,
    "div": _div,
    "neg": lambda x: -x,
    "pow": _pow,
    "root": _root,
    "abs": abs,
    "floor": lambda x: Fraction(math.floor(x)),
    "ceil": lambda x: Fraction(math.ceil(x)),
    "percent": lambda x: x / 100,
    "factorial": _factorial,
    "binomial": lambda n, k: Fraction(math.comb(_natural(n), _natural(k))),
    "gcd": _integers(math.gcd),
    "lcm": _integers(math.lcm),
    "max": lambda *values: max(values),
    "min": lambda *values: min(values),
    "mod": _mod,
}
