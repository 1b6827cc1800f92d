"""Expression trees: named tuples without sympy, which can be printed, hashed and compared safely."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from typing import NamedTuple, TypeAlias

__all__ = [
    "INFINITY",
    "ONE",
    "OPERATIONS",
    "ZERO",
    "Call",
    "Const",
    "Node",
    "Num",
    "Sym",
    "free_symbols",
    "has_names",
    "has_operation",
    "make_determinant",
    "make_double_factorial",
    "make_selection",
    "multiply",
    "negate",
    "rename_symbols",
    "subtract",
]


class Num(NamedTuple):
    """A number literal.

    Attributes:
        value: its exact value.
        places: digits after the decimal point; None if it was not written as a decimal.
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
        args: the operands.
    """

    op: str
    args: "tuple[Node, ...]"


Node: TypeAlias = Num | Sym | Const | Call

OPERATIONS = frozenset({
    "add", "mul", "div", "pow", "neg", "root", "abs", "floor", "ceil", "factorial", "binomial", "degree", "percent",
    "sin", "cos", "tan", "sec", "csc", "cot", "asin", "acos", "atan", "asec", "acsc", "acot", "sinh", "cosh", "tanh", "sech",
    "csch", "coth", "asinh", "acosh", "atanh", "exp", "ln", "log", "sum", "prod", "apply", "gcd", "lcm", "max", "min", "mod",
})  # fmt: skip

_MAX_DOUBLE_FACTORIAL = 300

ZERO = Num(Fraction(0))
ONE = Num(Fraction(1))
INFINITY = Const("inf")


def negate(node: Node) -> Node:
    """Return the tree of ``-node``; for a number, the negative number."""
    if isinstance(node, Num):
        return Num(-node.value, node.places)
    return Call("neg", (node,))


def subtract(left: Node, right: Node) -> Node:
    """Return the tree of ``left - right``."""
    return Call("add", (left, negate(right)))


def multiply(left: Node, right: Node) -> Node:
    """Return the tree of ``left right``; factors of a product on the left are not nested."""
    if isinstance(left, Call) and left.op == "mul":
        return Call("mul", (*left.args, right))
    return Call("mul", (left, right))


def make_determinant(rows: Sequence[Sequence[Node]]) -> Node:
    """Return the determinant of a square matrix as the sum over permutations; n! terms."""
    terms: list[Node] = []
    for columns in permutations(range(len(rows))):
        product = Call("mul", tuple(rows[k][column] for k, column in enumerate(columns)))
        num_inversions = sum(a > b for k, a in enumerate(columns) for b in columns[k:])
        terms.append(negate(product) if num_inversions % 2 else product)
    return Call("add", tuple(terms))


def make_double_factorial(node: Node) -> Node:
    """Return ``n!!``, the product of every other number down from a literal; an unknown function of other trees.

    Example:
        >>> make_double_factorial(Num(Fraction(7)))
        Num(value=Fraction(105, 1), places=None)
    """
    if isinstance(node, Num) and node.value.denominator == 1 and 0 < node.value <= _MAX_DOUBLE_FACTORIAL:
        return Num(Fraction(math.prod(range(int(node.value), 0, -2))))
    return Call("apply", (Sym("!!"), node))


def make_selection(total: Node, chosen: Node, *, is_ordered: bool) -> Node:
    """Return the number of ways to choose some of a total, with or without an order.

    Example:
        >>> make_selection(Sym("n"), Sym("k"), is_ordered=False)
        Call(op='binomial', args=(Sym(name='n'), Sym(name='k')))
    """
    count = Call("binomial", (total, chosen))
    return Call("mul", (count, Call("factorial", (chosen,)))) if is_ordered else count


def free_symbols(node: Node) -> frozenset[str]:
    """Return the names of the free variables.

    Example:
        >>> sorted(free_symbols(Call("add", (Sym("x"), Sym("a_{1}")))))
        ['a_{1}', 'x']
    """
    names: set[str] = set()
    _add_free_symbols(node, names)
    return frozenset(names)


def _add_free_symbols(node: Node, names: set[str]) -> None:
    if isinstance(node, Sym):
        names.add(node.name)
    elif isinstance(node, Call) and node.op in {"sum", "prod"}:  # (body, index, start, stop): the index is bound
        body, index, start, stop = node.args
        names |= free_symbols(body) - free_symbols(index)
        _add_free_symbols(start, names)
        _add_free_symbols(stop, names)
    elif isinstance(node, Call):
        for arg in node.args[1:] if node.op == "apply" else node.args:
            _add_free_symbols(arg, names)


def has_names(node: Node) -> bool:
    """Return whether a tree has a free variable or an unknown function.

    Example:
        >>> has_names(Call("apply", (Sym("f"), Num(Fraction(2)))))
        True
    """
    return bool(free_symbols(node)) or has_operation(node, frozenset({"apply"}))


def rename_symbols(node: Node, names: dict[str, str]) -> Node:
    """Return `node` with variables renamed.

    Example:
        >>> rename_symbols(Sym("k"), {"k": "n"})
        Sym(name='n')
    """
    if isinstance(node, Sym):
        return Sym(names.get(node.name, node.name))
    if isinstance(node, Call):
        return Call(node.op, tuple(rename_symbols(arg, names) for arg in node.args))
    return node


def has_operation(node: Node, ops: frozenset[str]) -> bool:
    """Return whether any operation in `ops` occurs in `node`."""
    return isinstance(node, Call) and (node.op in ops or any(has_operation(arg, ops) for arg in node.args))
