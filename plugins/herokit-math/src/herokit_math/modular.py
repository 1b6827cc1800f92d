"""Evaluate rational functions at pseudo-random points of a prime field, to decide identities.

Two different rational functions of degree d agree at a random point with probability at most d / 2**61. pi is one more
variable: it is transcendental, so a rational identity holds at pi only if it holds everywhere.
"""

import zlib
from collections.abc import Mapping
from fractions import Fraction

from herokit_math.exact import NotExactError, evaluate_exactly
from herokit_math.limits import MAX_ARGUMENT, StepBudget
from herokit_math.tree import Call, Const, Node, Num, Sym

__all__ = ["PRIME", "NotRationalError", "PoleError", "evaluate_modulo", "sample_residues"]

PRIME = (1 << 61) - 1


class NotRationalError(Exception):
    """The tree is not a rational function within the limits."""


class PoleError(Exception):
    """A denominator is zero at this point."""


def sample_residues(names: frozenset[str], salt: int) -> dict[str, int]:
    """Return a pseudo-random residue for each name; it depends only on the name and `salt`."""
    return {name: _hash_residue(name, salt) for name in names}


def _hash_residue(name: str, salt: int) -> int:
    text = f"{name}\0{salt}".encode()
    return (zlib.crc32(text) << 32 | zlib.crc32(text[::-1], 0x9E3779B9)) % (PRIME - 2) + 1


def evaluate_modulo(node: Node, values: Mapping[str, int], salt: int, budget: StepBudget) -> int:
    """Return the tree's value in the field of `PRIME` elements.

    Args:
        node: the tree.
        values: a residue for each variable.
        salt: determines the values of pi and of unknown functions.
        budget: the pair's remaining steps.

    Raises:
        NotRationalError: an operation is not rational.
        PoleError: a denominator is zero.
        LimitError: `budget` is spent.
    """
    budget.spend(1)
    if isinstance(node, Num):
        return _divide(node.value.numerator, node.value.denominator)
    if isinstance(node, Sym):
        return values[node.name]
    if isinstance(node, Const):
        if node.constant != "pi":
            raise NotRationalError
        return _hash_residue("\\pi", salt)
    return _evaluate_call(node, values, salt, budget)


def _evaluate_call(node: Call, values: Mapping[str, int], salt: int, budget: StepBudget) -> int:  # noqa: PLR0911 - one return per operation
    op = node.op
    if op == "pow":
        return _evaluate_power(evaluate_modulo(node.args[0], values, salt, budget), node.args[1], budget)
    if op == "apply":
        name, arg = node.args
        return _hash_residue(f"{name}({evaluate_modulo(arg, values, salt, budget)})", salt)
    if op == "factorial":
        return _evaluate_factorial(node.args[0], budget)
    if op not in {"add", "mul", "div", "neg", "percent"}:
        constant = _evaluate_constant(node, budget)
        return _divide(constant.numerator, constant.denominator)
    args = [evaluate_modulo(arg, values, salt, budget) for arg in node.args]
    if op == "add":
        return sum(args) % PRIME
    if op == "mul":
        product = 1
        for value in args:
            product = product * value % PRIME
        return product
    if op == "neg":
        return -args[0] % PRIME
    return _divide(args[0], args[1] if op == "div" else 100)


def _divide(numerator: int, denominator: int) -> int:
    if denominator == 1:
        return numerator % PRIME
    if denominator % PRIME == 0:
        raise PoleError
    return numerator * pow(denominator, -1, PRIME) % PRIME


def _evaluate_constant(node: Node, budget: StepBudget) -> Fraction:
    try:
        return evaluate_exactly(node, budget)
    except NotExactError:
        raise NotRationalError from None


def _evaluate_power(base: int, exponent: Node, budget: StepBudget) -> int:
    power = _evaluate_constant(exponent, budget)
    if power.denominator != 1:
        raise NotRationalError
    if base == 0 and power <= 0:
        raise PoleError
    return pow(base, int(power), PRIME)


def _evaluate_factorial(node: Node, budget: StepBudget) -> int:
    number = _evaluate_constant(node, budget)
    if number.denominator != 1 or not 0 <= number <= MAX_ARGUMENT:
        raise NotRationalError
    budget.spend(int(number) // 16)
    product = 1
    for k in range(2, int(number) + 1):
        product = product * k % PRIME
    return product
