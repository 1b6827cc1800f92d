"""Numerical evaluation with error bounds, in machine numbers or 60 digits."""

import cmath
import math
import threading
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath  # type: ignore[import-untyped]  # mpmath ships no types

from herokit_math.exact import NotExactError, evaluate_exactly, make_index_range
from herokit_math.limits import MAX_DECIMAL_EXPONENT, StepBudget
from herokit_math.tree import Call, Const, Node, Num, Sym

__all__ = ["MACHINE", "Arithmetic", "BoundedValue", "Evaluator", "UndefinedError", "high_precision"]


class UndefinedError(Exception):
    """No value at this point: a pole, an overflow, an operation without numerical value, a too large error bound."""


class BoundedValue(NamedTuple):
    """A complex value and a bound on its absolute error."""

    value: Any
    error: Any


class Arithmetic(NamedTuple):
    """A number system: conversion from fractions, functions, constants, unit roundoff, steps per operation."""

    from_fraction: Callable[[Fraction], Any]
    functions: Any
    gamma: Callable[[Any], Any]
    pi: Any
    e: Any
    roundoff: Any
    max_magnitude: Any
    step_cost: int


def _machine_gamma(z: complex) -> complex:
    if abs(z.imag) > 0 or abs(z.real) > 150:  # noqa: PLR2004 - larger ones overflow
        raise UndefinedError
    return complex(math.gamma(z.real))


MACHINE = Arithmetic(
    lambda q: complex(q.numerator / q.denominator),
    cmath,
    _machine_gamma,
    complex(math.pi),
    complex(math.e),
    2.0**-51,
    1e300,
    1,
)
_LOCAL = threading.local()
_MAX_EXACT = 2**53  # every number system here holds the integers up to it without an error


def high_precision() -> Arithmetic:
    """Return this thread's 60-digit arithmetic; its numbers are real as long as they can be, which takes half the time."""
    if not hasattr(_LOCAL, "arithmetic"):
        context = mpmath.MPContext()
        context.dps = 60
        _LOCAL.arithmetic = Arithmetic(
            lambda q: context.mpf(q.numerator) / q.denominator if q.denominator != 1 else context.mpf(q.numerator),
            context,
            context.gamma,
            context.mpf(context.pi),
            context.mpf(context.e),
            context.mpf(10) ** -58,
            context.mpf(10) ** MAX_DECIMAL_EXPONENT,
            20,
        )
    arithmetic: Arithmetic = _LOCAL.arithmetic
    return arithmetic


class Evaluator:
    """Evaluator of trees at one point; the method for an operation ``op`` is ``_op``.

    Args:
        arithmetic: `MACHINE` or `high_precision()`.
        values: an exact value for each variable.
        budget: the pair's remaining steps.

    Attributes:
        is_real: whether every value so far was real, also those of the parts of a tree.
    """

    def __init__(self, arithmetic: Arithmetic, values: Mapping[str, Fraction], budget: StepBudget) -> None:
        self.is_real = True
        self.arithmetic = arithmetic
        self.values = dict(values)
        self.budget = budget

    def evaluate(self, node: Node) -> BoundedValue:
        """Return the value of a tree.

        Raises:
            UndefinedError: it has no value at this point.
            LimitError: the step budget is spent.
        """
        try:
            result = self._value(node)
        except (ArithmeticError, ValueError, TypeError, NotImplementedError):
            raise UndefinedError from None
        return result

    def _value(self, node: Node) -> BoundedValue:
        result = self._compute(node)
        if self.is_real and (imag := result.value.imag) and abs(imag) > result.error + 1e-12 * abs(result.value):
            self.is_real = False
        return result

    def _compute(self, node: Node) -> BoundedValue:  # noqa: PLR0911 - one return per kind of node
        self.budget.spend(self.arithmetic.step_cost)
        if isinstance(node, Num):
            return self._exact(node.value)
        if isinstance(node, Sym):
            return self._exact(self.values[node.name])
        if isinstance(node, Const):
            return self._constant(node.constant)
        if node.op in {"sum", "prod"}:
            return self._series(node)
        if node.op in {"floor", "ceil", "gcd", "lcm", "max", "min", "mod"}:
            return self._discrete(node)
        compute = getattr(self, f"_{node.op}", None)
        args = [self._value(arg) for arg in (node.args[1:] if node.op == "apply" else node.args)]
        if node.op == "apply":
            return self._apply(str(node.args[0]), args[0])
        result = compute(*args) if compute else self._function(node.op, args[0])
        if not abs(result.value) <= self.arithmetic.max_magnitude:  # also true for NaN
            raise UndefinedError
        return result

    def _rounded(self, value: Any, error: Any, scale: Any = None) -> BoundedValue:
        return BoundedValue(value, error + self.arithmetic.roundoff * abs(value if scale is None else scale))

    def _exact(self, value: Fraction) -> BoundedValue:
        number = self.arithmetic.from_fraction(value)
        if value.denominator == 1 and -_MAX_EXACT <= value.numerator <= _MAX_EXACT:
            return BoundedValue(number, 0)
        return self._rounded(number, 0)

    def _constant(self, name: str) -> BoundedValue:
        if name == "i":
            return BoundedValue(self.arithmetic.from_fraction(Fraction(0)) + 1j, 0)
        if name not in {"pi", "e"}:
            raise UndefinedError
        return self._rounded(self.arithmetic.pi if name == "pi" else self.arithmetic.e, 0)

    def _add(self, *terms: BoundedValue) -> BoundedValue:
        scale = sum(abs(t.value) for t in terms)
        return self._rounded(sum(t.value for t in terms), sum(t.error for t in terms), scale * len(terms))

    def _neg(self, x: BoundedValue) -> BoundedValue:
        return BoundedValue(-x.value, x.error)

    def _mul(self, *factors: BoundedValue) -> BoundedValue:
        total = factors[0]
        for f in factors[1:]:
            error = abs(f.value) * total.error if total.error else 0
            if f.error:
                error += (abs(total.value) + total.error) * f.error
            total = self._rounded(total.value * f.value, error)
        return total

    def _div(self, top: BoundedValue, bottom: BoundedValue) -> BoundedValue:
        size = abs(bottom.value)
        if size <= 2 * bottom.error:
            raise UndefinedError
        value = top.value / bottom.value
        return self._rounded(value, 2 * (top.error + abs(value) * bottom.error) / size)

    def _percent(self, x: BoundedValue) -> BoundedValue:
        return self._div(x, self._exact(Fraction(100)))

    def _degree(self, x: BoundedValue) -> BoundedValue:
        return self._mul(x, self._rounded(self.arithmetic.pi / 180, 0))

    def _pow(self, base: BoundedValue, power: BoundedValue) -> BoundedValue:
        if power.value == round(power.value.real) and abs(power.value) <= 64 and power.error < 1e-9:  # noqa: PLR2004
            return self._whole_power(base, round(power.value.real))
        return self._exp(self._mul(power, self._ln(base)))

    def _whole_power(self, base: BoundedValue, power: int) -> BoundedValue:
        one = self._exact(Fraction(1))
        if power == 0:
            if abs(base.value) <= base.error:
                raise UndefinedError
            return one
        product = self._mul(*([base] * abs(power)))
        return product if power > 0 else self._div(one, product)

    def _root(self, inside: BoundedValue, degree: BoundedValue) -> BoundedValue:
        n = round(degree.value.real)
        is_whole = abs(degree.value - n) <= degree.error + 1e-12
        if abs(inside.value) <= inside.error:
            return BoundedValue(inside.value * 0, inside.error ** (1 / max(n, 1)) if inside.error else 0)
        if n % 2 == 1 and is_whole and abs(inside.value.imag) <= inside.error and inside.value.real < 0:
            return self._neg(self._root(self._neg(inside), degree))
        if n == 2 and is_whole:  # noqa: PLR2004 - a square root
            value = self.arithmetic.functions.sqrt(inside.value)
            return self._rounded(value, inside.error / abs(value))
        return self._exp(self._div(self._ln(inside), degree))

    def _abs(self, x: BoundedValue) -> BoundedValue:
        return BoundedValue(abs(x.value), x.error)

    def _exp(self, x: BoundedValue) -> BoundedValue:
        if abs(x.value) > 700 * self.arithmetic.step_cost or x.error > 0.1:  # noqa: PLR2004 - e**710 overflows
            raise UndefinedError
        value = self.arithmetic.functions.exp(x.value)
        return self._rounded(value, 2 * abs(value) * x.error, 4 * abs(value))

    def _ln(self, x: BoundedValue) -> BoundedValue:
        size = abs(x.value)
        if size <= 2 * x.error:
            raise UndefinedError
        return self._rounded(self.arithmetic.functions.log(x.value), 2 * x.error / size)

    def _log(self, x: BoundedValue, base: BoundedValue) -> BoundedValue:
        return self._div(self._ln(x), self._ln(base))

    def _factorial(self, x: BoundedValue) -> BoundedValue:
        if abs(x.value) > 1000:  # noqa: PLR2004 - the exact tiers compare larger ones
            raise UndefinedError
        value = self.arithmetic.gamma(x.value + 1)
        return self._rounded(value, 16 * abs(value) * x.error, 64 * abs(value))

    def _binomial(self, n: BoundedValue, k: BoundedValue) -> BoundedValue:
        rest = self._add(n, self._neg(k))
        return self._div(self._factorial(n), self._mul(self._factorial(k), self._factorial(rest)))

    def _function(self, op: str, x: BoundedValue) -> BoundedValue:
        """Apply a function with an entry in `_SLOPES`, or one that a reciprocal makes of it."""
        if op in _RECIPROCALS:
            return self._div(self._exact(Fraction(1)), self._function(_RECIPROCALS[op], x))
        if op == "acot" and not x.value.real > 0:
            raise UndefinedError  # two conventions differ there
        if op in _INVERSE_RECIPROCALS:
            return self._function(_INVERSE_RECIPROCALS[op], self._div(self._exact(Fraction(1)), x))
        if abs(x.value) > 10**6 or x.error > 0.01:  # noqa: PLR2004 - large arguments lose all digits
            raise UndefinedError
        value = getattr(self.arithmetic.functions, op)(x.value)
        slope = _SLOPES[op](x.value, value)
        return self._rounded(value, 4 * (slope + 1) * x.error, 4 * value)

    def _discrete(self, node: Call) -> BoundedValue:
        try:
            return self._exact(evaluate_exactly(node, self.budget, self.values))
        except NotExactError:
            pass
        args = [self._value(arg) for arg in node.args]
        if node.op in {"max", "min"}:
            select = max if node.op == "max" else min
            return select(args, key=lambda arg: arg.value.real)
        x = args[0]
        low, high = (_round_down(x.value.real + sign * x.error) for sign in (-1, 1))
        if node.op not in {"floor", "ceil"} or low != high or abs(x.value.imag) > x.error:
            raise UndefinedError
        return self._exact(Fraction(low + (node.op == "ceil")))

    def _series(self, node: Call) -> BoundedValue:
        body, index, first, last = node.args
        name = index.name if isinstance(index, Sym) else "i"
        try:
            indices = make_index_range(
                evaluate_exactly(first, self.budget, self.values), evaluate_exactly(last, self.budget, self.values)
            )
        except NotExactError:
            raise UndefinedError from None
        outer_values = self.values
        terms = []
        for k in indices:
            self.values = {**outer_values, name: Fraction(k)}
            terms.append(self._value(body))
        self.values = outer_values
        if not terms:
            return self._exact(Fraction(node.op == "prod"))
        return self._add(*terms) if node.op == "sum" else self._mul(*terms)

    def _apply(self, name: str, x: BoundedValue) -> BoundedValue:
        """Return a pseudo-random value of an unknown function, from its name and its argument to eight digits."""
        z = complex(x.value)
        digest = zlib.crc32(f"{name}:{z.real:.8g}:{z.imag:.8g}".encode())
        return self._exact(Fraction(digest, 1 << 31))


def _round_down(x: Any) -> int:
    whole = int(x)
    return whole - bool(whole > x)


def _invert(z: Any) -> Any:
    return 1 / abs(z) if z else math.inf


_RECIPROCALS = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}
_INVERSE_RECIPROCALS = {"asec": "acos", "acsc": "asin", "acot": "atan"}
_SLOPES: dict[str, Callable[[Any, Any], Any]] = {  # bounds on |f'(z)| from z and f(z)
    "sin": lambda _, v: abs(v) + 1,
    "cos": lambda _, v: abs(v) + 1,
    "tan": lambda _, v: abs(v) ** 2,
    "asin": lambda z, _: _invert(1 - z * z),
    "acos": lambda z, _: _invert(1 - z * z),
    "atan": lambda z, _: _invert(1 + z * z),
    "sinh": lambda _, v: abs(v) + 1,
    "cosh": lambda _, v: abs(v) + 1,
    "tanh": lambda _, v: abs(v) ** 2 + 1,
    "asinh": lambda z, _: _invert(1 + z * z) + 1,
    "acosh": lambda z, _: _invert(1 - z * z) + 1,
    "atanh": lambda z, _: _invert(1 - z * z),
}
