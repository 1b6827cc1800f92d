"""Identity of rational functions, decided exactly but for chance: both sides in a prime field at random points.

pi counts as one more variable: it is transcendental, so a rational identity in it holds only when it holds for all
values. Two different rational functions of degree d agree at a random point with probability at most d / 2**61.
"""

import zlib
from collections.abc import Mapping

from herokit_math.exact import NotExactError, exact
from herokit_math.limits import MAX_ARGUMENT, Steps
from herokit_math.tree import Call, Const, Node, Num, Sym

PRIME = (1 << 61) - 1


class NotRationalError(Exception):
    """The tree is no rational function that fits the bounds."""


class PoleError(Exception):
    """A denominator vanishes at this point."""


def point(names: frozenset[str], salt: int) -> dict[str, int]:
    """Return a pseudo-random residue for each name: the same for the same name and salt, in every process."""
    return {name: residue(name, salt) for name in names}


def residue(name: str, salt: int) -> int:
    """Return a pseudo-random residue that depends on both arguments."""
    text = f"{name}\0{salt}".encode()
    return (zlib.crc32(text) << 32 | zlib.crc32(text[::-1], 0x9E3779B9)) % (PRIME - 2) + 1


def modular(node: Node, values: Mapping[str, int], salt: int, steps: Steps) -> int:
    """Return the tree's value in the field of `PRIME` elements.

    Args:
        node: the tree.
        values: a residue for each variable.
        salt: picks the values of pi and of uninterpreted functions.
        steps: what is left to spend on the pair.

    Raises:
        NotRationalError: an operation is not rational.
        PoleError: a denominator is zero there.
        LimitError: `steps` are spent.
    """
    steps.spend(1)
    if isinstance(node, Num):
        return _over(node.value.numerator, node.value.denominator)
    if isinstance(node, Sym):
        return values[node.name]
    if isinstance(node, Const):
        if node.constant != "pi":
            raise NotRationalError
        return residue("\\pi", salt)
    return _call(node, values, salt, steps)


def _call(node: Call, values: Mapping[str, int], salt: int, steps: Steps) -> int:  # noqa: PLR0911 - one return an operation
    op = node.op
    if op == "pow":
        return _power(modular(node.args[0], values, salt, steps), node.args[1], steps)
    if op == "apply":
        name, arg = node.args
        return residue(f"{name}({modular(arg, values, salt, steps)})", salt)
    if op == "factorial":
        return _factorial(node.args[0], steps)
    if op not in {"add", "mul", "div", "neg", "percent"}:
        return _constant(node, steps)
    args = [modular(arg, values, salt, steps) for arg in node.args]
    if op == "add":
        return sum(args) % PRIME
    if op == "mul":
        total = 1
        for value in args:
            total = total * value % PRIME
        return total
    if op == "neg":
        return -args[0] % PRIME
    return _over(args[0], args[1] if op == "div" else 100)


def _over(top: int, bottom: int) -> int:
    if bottom == 1:
        return top % PRIME
    if bottom % PRIME == 0:
        raise PoleError
    return top * pow(bottom, -1, PRIME) % PRIME


def _constant(node: Node, steps: Steps) -> int:
    try:
        value = exact(node, steps)
    except NotExactError:
        raise NotRationalError from None
    return _over(value.numerator, value.denominator)


def _power(base: int, exponent: Node, steps: Steps) -> int:
    try:
        power = exact(exponent, steps)
    except NotExactError:
        raise NotRationalError from None
    if power.denominator != 1:
        raise NotRationalError
    if base == 0 and power < 0:
        raise PoleError
    return pow(base, int(power), PRIME)


def _factorial(node: Node, steps: Steps) -> int:
    try:
        number = exact(node, steps)
    except NotExactError:
        raise NotRationalError from None
    if number.denominator != 1 or not 0 <= number <= MAX_ARGUMENT:
        raise NotRationalError
    steps.spend(int(number) // 16)
    total = 1
    for k in range(2, int(number) + 1):
        total = total * k % PRIME
    return total
