"""Numerical values with error bounds, in machine numbers or in many digits; the same code for both."""

import cmath
import math
import threading
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath  # type: ignore[import-untyped]  # mpmath ships no types

from herokit_math.exact import NotExactError, exact, index_range
from herokit_math.limits import MAX_MAGNITUDE, Steps
from herokit_math.tree import Call, Const, Node, Num, Sym


class UndefinedError(Exception):
    """No value there: a pole, an overflow, an operation without a numerical meaning, an error bound too wide."""


class Bound(NamedTuple):
    """A complex value and a bound on its absolute error."""

    value: Any
    error: Any


class Arithmetic(NamedTuple):
    """A number system: how to make numbers, its functions, its unit roundoff, what a step costs."""

    make: Callable[[Fraction], Any]
    functions: Any
    gamma: Callable[[Any], Any]
    pi: Any
    e: Any
    roundoff: Any
    largest: Any
    cost: int


def _machine_gamma(z: complex) -> complex:
    if abs(z.imag) > 0 or abs(z.real) > 150:  # noqa: PLR2004 - beyond, machine numbers overflow
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


def many_digits() -> Arithmetic:
    """Return 60-digit arithmetic of this thread."""
    if not hasattr(_LOCAL, "arithmetic"):
        context = mpmath.MPContext()
        context.dps = 60
        _LOCAL.arithmetic = Arithmetic(
            lambda q: context.mpc(context.mpf(q.numerator) / q.denominator),
            context,
            context.gamma,
            context.mpc(context.pi),
            context.mpc(context.e),
            context.mpf(10) ** -58,
            context.mpf(10) ** MAX_MAGNITUDE,
            20,
        )
    found: Arithmetic = _LOCAL.arithmetic
    return found


class Evaluator:
    """Evaluates trees at one point in one arithmetic.

    Args:
        arithmetic: `MACHINE` or `many_digits()`.
        values: an exact value for each variable.
        steps: what is left to spend on the pair.
    """

    def __init__(self, arithmetic: Arithmetic, values: Mapping[str, Fraction], steps: Steps) -> None:
        self.a = arithmetic
        self.values = dict(values)
        self.steps = steps

    def bound(self, node: Node) -> Bound:
        """Return the value of a tree.

        Raises:
            UndefinedError: it has none here.
            LimitError: the steps are spent.
        """
        try:
            return self._value(node)
        except (ArithmeticError, ValueError, TypeError, NotImplementedError):
            raise UndefinedError from None

    def _value(self, node: Node) -> Bound:  # noqa: PLR0911 - one return a sort of node
        self.steps.spend(self.a.cost)
        if isinstance(node, Num):
            return self._exact(node.value)
        if isinstance(node, Sym):
            return self._exact(self.values[node.name])
        if isinstance(node, Const):
            return self._constant(node.constant)
        if node.op in {"sum", "prod"}:
            return self._series(node)
        if node.op in {"floor", "ceil", "gcd", "lcm", "max", "min"}:
            return self._discrete(node)
        compute = getattr(self, f"_{node.op}", None)
        args = [self._value(arg) for arg in (node.args[1:] if node.op == "apply" else node.args)]
        if node.op == "apply":
            return self._apply(str(node.args[0]), args[0])
        result = compute(*args) if compute else self._function(node.op, args[0])
        if not abs(result.value) <= self.a.largest:  # also when it is not a number
            raise UndefinedError
        return result

    def _rounded(self, value: Any, error: Any, scale: Any = None) -> Bound:
        return Bound(value, error + self.a.roundoff * abs(value if scale is None else scale))

    def _exact(self, value: Fraction) -> Bound:
        return self._rounded(self.a.make(value), 0)

    def _constant(self, name: str) -> Bound:
        if name == "i":
            return Bound(self.a.make(Fraction(0)) + 1j, 0)
        if name == "inf":
            raise UndefinedError
        return self._rounded(self.a.pi if name == "pi" else self.a.e, 0)

    def _add(self, *terms: Bound) -> Bound:
        scale = sum(abs(t.value) for t in terms)
        return self._rounded(sum(t.value for t in terms), sum(t.error for t in terms), scale * len(terms))

    def _neg(self, x: Bound) -> Bound:
        return Bound(-x.value, x.error)

    def _mul(self, *factors: Bound) -> Bound:
        total = factors[0]
        for f in factors[1:]:
            error = abs(total.value) * f.error + abs(f.value) * total.error + total.error * f.error
            total = self._rounded(total.value * f.value, error)
        return total

    def _div(self, top: Bound, bottom: Bound) -> Bound:
        size = abs(bottom.value)
        if size <= 2 * bottom.error:
            raise UndefinedError
        value = top.value / bottom.value
        return self._rounded(value, 2 * (top.error + abs(value) * bottom.error) / size)

    def _percent(self, x: Bound) -> Bound:
        return self._div(x, self._exact(Fraction(100)))

    def _degree(self, x: Bound) -> Bound:
        return self._mul(x, self._rounded(self.a.pi / 180, 0))

    def _pow(self, base: Bound, power: Bound) -> Bound:
        if power.value == round(power.value.real) and abs(power.value) <= 64 and power.error < 1e-9:  # noqa: PLR2004
            return self._whole_power(base, round(power.value.real))
        return self._exp(self._mul(power, self._ln(base)))

    def _whole_power(self, base: Bound, power: int) -> Bound:
        one = self._exact(Fraction(1))
        if power == 0:
            return one
        raised = self._mul(*([base] * abs(power)))
        return raised if power > 0 else self._div(one, raised)

    def _root(self, inside: Bound, degree: Bound) -> Bound:
        n = round(degree.value.real)
        odd = n % 2 == 1 and abs(degree.value - n) <= degree.error + 1e-12
        if abs(inside.value) <= inside.error:
            return Bound(inside.value * 0, inside.error ** (1 / max(n, 1)) if inside.error else 0)
        if odd and abs(inside.value.imag) <= inside.error and inside.value.real < 0:
            return self._neg(self._root(self._neg(inside), degree))
        if n == 2 and degree.error < 1e-9:  # noqa: PLR2004 - the square root has a function of its own
            value = self.a.functions.sqrt(inside.value)
            return self._rounded(value, inside.error / abs(value))
        return self._exp(self._div(self._ln(inside), degree))

    def _abs(self, x: Bound) -> Bound:
        return Bound(abs(x.value) + 0 * x.value, x.error)

    def _exp(self, x: Bound) -> Bound:
        if abs(x.value) > 700 * self.a.cost or x.error > 0.1:  # noqa: PLR2004 - e**700 is the machine's largest
            raise UndefinedError
        value = self.a.functions.exp(x.value)
        return self._rounded(value, 2 * abs(value) * x.error, 4 * abs(value))

    def _ln(self, x: Bound) -> Bound:
        size = abs(x.value)
        if size <= 2 * x.error:
            raise UndefinedError
        return self._rounded(self.a.functions.log(x.value), 2 * x.error / size)

    def _log(self, x: Bound, base: Bound) -> Bound:
        return self._div(self._ln(x), self._ln(base))

    def _factorial(self, x: Bound) -> Bound:
        if abs(x.value) > 1000:  # noqa: PLR2004 - larger ones are compared in the exact tiers
            raise UndefinedError
        value = self.a.gamma(x.value + 1)
        return self._rounded(value, 16 * abs(value) * x.error, 64 * abs(value))

    def _binomial(self, n: Bound, k: Bound) -> Bound:
        rest = self._add(n, self._neg(k))
        return self._div(self._factorial(n), self._mul(self._factorial(k), self._factorial(rest)))

    def _function(self, op: str, x: Bound) -> Bound:
        """Apply a function whose derivative is bounded by 1 + its own square or so, or its reciprocal."""
        f = self.a.functions
        reciprocal = {"sec": "cos", "csc": "sin", "cot": "tan"}.get(op)
        if reciprocal:
            return self._div(self._exact(Fraction(1)), self._function(reciprocal, x))
        if abs(x.value) > 10**6 or x.error > 0.01:  # noqa: PLR2004 - large arguments lose all digits
            raise UndefinedError
        value = getattr(f, op)(x.value)
        slope = _SLOPES[op](x.value, value)
        return self._rounded(value, 4 * (slope + 1) * x.error, 4 * value)

    def _discrete(self, node: Call) -> Bound:
        try:
            return self._exact(exact(node, self.steps, self.values))
        except NotExactError:
            pass
        args = [self._value(arg) for arg in node.args]
        if node.op in {"max", "min"}:
            pick = max if node.op == "max" else min
            return pick(args, key=lambda b: b.value.real)
        x = args[0]
        low, high = (_floor(x.value.real + sign * x.error) for sign in (-1, 1))
        if node.op not in {"floor", "ceil"} or low != high or abs(x.value.imag) > x.error:
            raise UndefinedError
        return self._exact(Fraction(low + (node.op == "ceil")))

    def _series(self, node: Call) -> Bound:
        body, index, first, last = node.args
        name = index.name if isinstance(index, Sym) else "i"
        try:
            span = index_range(exact(first, self.steps, self.values), exact(last, self.steps, self.values))
        except NotExactError:
            raise UndefinedError from None
        outer = self.values
        terms = []
        for k in span:
            self.values = {**outer, name: Fraction(k)}
            terms.append(self._value(body))
        self.values = outer
        if not terms:
            return self._exact(Fraction(node.op == "prod"))
        return self._add(*terms) if node.op == "sum" else self._mul(*terms)

    def _apply(self, name: str, x: Bound) -> Bound:
        """Give an uninterpreted function a value that depends on its name and its argument, to eight digits."""
        z = complex(x.value)
        digest = zlib.crc32(f"{name}:{z.real:.8g}:{z.imag:.8g}".encode())
        return self._exact(Fraction(digest % 100_003 + 1, 50_000))


def _floor(x: Any) -> int:
    whole = int(x)
    return whole - bool(whole > x)


_SLOPES: dict[str, Callable[[Any, Any], Any]] = {
    "sin": lambda _, __: 1,
    "cos": lambda _, __: 1,
    "tan": lambda _, v: abs(v) ** 2,
    "asin": lambda z, _: 1 / abs(1 - z * z) if abs(1 - z * z) else math.inf,
    "acos": lambda z, _: 1 / abs(1 - z * z) if abs(1 - z * z) else math.inf,
    "atan": lambda z, _: 1 / abs(1 + z * z) if abs(1 + z * z) else math.inf,
    "sinh": lambda _, v: abs(v) + 1,
    "cosh": lambda _, v: abs(v) + 1,
    "tanh": lambda _, __: 1,
}
