"""The tree an expression is read into: plain, small, free of sympy, and safe to print, hash and compare."""

from fractions import Fraction
from typing import NamedTuple, TypeAlias


class Num(NamedTuple):
    """An exact number as written.

    Attributes:
        value: its exact value.
        places: digits after the decimal point, None when it was not written as a decimal.
    """

    value: Fraction
    places: int | None = None


class Sym(NamedTuple):
    r"""A variable, with its subscript and primes: ``x``, ``a_{1}``, ``\theta``."""

    name: str


class Const(NamedTuple):
    """A named constant: ``pi``, ``e``, ``i``, ``inf``."""

    constant: str


class Call(NamedTuple):
    """An operation on trees.

    Attributes:
        op: one of `OPERATIONS`.
        args: its operands.
    """

    op: str
    args: "tuple[Node, ...]"


Node: TypeAlias = Num | Sym | Const | Call

OPERATIONS = frozenset({
    "add", "mul", "div", "pow", "neg", "root", "abs", "floor", "ceil", "factorial", "binomial", "degree", "percent",
    "sin", "cos", "tan", "sec", "csc", "cot", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "ln", "log",
    "sum", "prod", "apply", "gcd", "lcm", "max", "min",
})  # fmt: skip

ZERO = Num(Fraction(0))
ONE = Num(Fraction(1))
INFINITY = Const("inf")


def negative(node: Node) -> Node:
    """Return the tree of ``-node``; a negated number stays a number."""
    if isinstance(node, Num):
        return Num(-node.value, node.places)
    return Call("neg", (node,))


def minus(left: Node, right: Node) -> Node:
    """Return the tree of ``left - right``."""
    return Call("add", (left, negative(right)))


def symbols(node: Node) -> frozenset[str]:
    """Return the names of the free variables.

    Example:
        >>> sorted(symbols(Call("add", (Sym("x"), Sym("a_{1}")))))
        ['a_{1}', 'x']
    """
    if isinstance(node, Sym):
        return frozenset((node.name,))
    if not isinstance(node, Call):
        return frozenset()
    if node.op in {"sum", "prod"}:  # (body, index, from, to): the index is bound
        body, index, start, stop = node.args
        return (symbols(body) - symbols(index)) | symbols(start) | symbols(stop)
    args = node.args[1:] if node.op == "apply" else node.args
    return frozenset().union(*map(symbols, args))


def rename(node: Node, names: dict[str, str]) -> Node:
    """Return `node` with variables renamed.

    Example:
        >>> rename(Sym("k"), {"k": "n"})
        Sym(name='n')
    """
    if isinstance(node, Sym):
        return Sym(names.get(node.name, node.name))
    if isinstance(node, Call):
        return Call(node.op, tuple(rename(arg, names) for arg in node.args))
    return node


def has(node: Node, ops: frozenset[str]) -> bool:
    """Say whether any operation in `ops` occurs in `node`."""
    return isinstance(node, Call) and (node.op in ops or any(has(arg, ops) for arg in node.args))
