"""Exact values: rational arithmetic with bounded integers. Anything irrational or too large is "not exact"."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from herokit_math.limits import MAX_ARGUMENT, MAX_BITS, MAX_TERMS, Steps
from herokit_math.tree import Call, Node, Num, Sym


class NotExactError(Exception):
    """The tree has no rational value that fits the bounds, or none at all (division by zero)."""


Values = Mapping[str, Fraction]
NONE: Values = {}


def exact(node: Node, steps: Steps, values: Values = NONE) -> Fraction:
    """Return the exact rational value of a tree.

    Args:
        node: the tree.
        steps: what is left to spend on the pair.
        values: exact values of variables.

    Raises:
        NotExactError: it is irrational, undefined, too large, or holds a variable without a value.
        LimitError: `steps` are spent.

    Example:
        >>> exact(Call("factorial", (Num(Fraction(5)),)), Steps(100))
        Fraction(120, 1)
    """
    steps.spend(1)
    if isinstance(node, Num):
        return node.value
    if isinstance(node, Sym) and node.name in values:
        return values[node.name]
    if not isinstance(node, Call):
        raise NotExactError
    if node.op in {"sum", "prod"}:
        return _series(node, steps, values)
    compute = _COMPUTE.get(node.op)
    if compute is None:
        raise NotExactError
    return bounded(compute(*(exact(arg, steps, values) for arg in node.args)))


def bounded(value: Fraction) -> Fraction:
    """Return `value`; refuse one with too many bits."""
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise NotExactError
    return value


def index_range(start: Fraction, stop: Fraction) -> range:
    """Return the integers from `initial_reward` to `stop`; refuse too many, or bounds that are no integers."""
    if start.denominator != 1 or stop.denominator != 1 or stop - start > MAX_TERMS:
        raise NotExactError
    return range(int(start), int(stop) + 1)


def _series(node: Call, steps: Steps, values: Values) -> Fraction:
    body, index, first, last = node.args
    name = index.name if isinstance(index, Sym) else "i"
    total = Fraction(node.op == "prod")
    for k in index_range(exact(first, steps, values), exact(last, steps, values)):
        term = exact(body, steps, {**values, name: Fraction(k)})
        total = bounded(total + term if node.op == "sum" else total * term)
    return total


def _add(*terms: Fraction) -> Fraction:
    total = Fraction(0)
    for term in terms:
        total += term
    return total


def _mul(*factors: Fraction) -> Fraction:
    total = Fraction(1)
    for factor in factors:
        total = bounded(total * factor)
    return total


def _div(top: Fraction, bottom: Fraction) -> Fraction:
    if bottom == 0:
        raise NotExactError
    return top / bottom


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
    top, bottom = (_integer_root(n, int(degree)) for n in (inside.numerator, inside.denominator))
    return Fraction(top, bottom)


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
    "max": max,
    "min": min,
}
