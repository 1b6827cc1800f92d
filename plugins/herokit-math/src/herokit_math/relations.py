"""Equations and inequalities: make labelled values, regions or chains of relations of them, and compare chains."""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from herokit_math.answers import Answer, Interval, LabeledValue, Quantity, Region, RelationChain
from herokit_math.exact import NotExactError, evaluate_exactly
from herokit_math.identity import decide_identity, evaluate_real, sample_point
from herokit_math.limits import StepBudget
from herokit_math.modular import PRIME, NotRationalError, PoleError, evaluate_modulo, sample_residues
from herokit_math.numeric import MACHINE, Evaluator, UndefinedError
from herokit_math.tree import INFINITY, ZERO, Call, Node, Num, Sym, free_symbols, has_names, negate, subtract

__all__ = [
    "MINUS_INFINITY",
    "Line",
    "build_relation",
    "equal_chains",
    "exclude_point",
    "find_line",
    "intersect_regions",
    "is_plain_label",
    "is_solution",
    "merge_parts",
    "named_value",
    "prime_derivative",
    "substitute",
]

_FLIPPED = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le", "=": "=", "\\ne": "\\ne"}
_CLOSED = {
    "<": False,
    ">": False,
    "\\le": True,
    "\\ge": True,
}  # the inequalities, and whether their ends belong to them
MINUS_INFINITY = negate(INFINITY)
_DECISION_STEPS = 2_000
_SALTS = (3, 4, 5)
_NUM_POINTS = 16  # test points for the sign of a factor
_TOLERANCE = 1e-9
_LINE_POINTS = (Fraction(-7, 3), Fraction(5, 2))  # where a function that is linear at 0 and 1 is tested
_MODIFIERS = {"overline", "hat", "tilde", "dot", "widehat"}  # x with a bar is not x


def build_relation(parts: tuple[Node, ...], relations: tuple[str, ...], labels: tuple[str, str]) -> Answer:
    r"""Return the answer that expressions joined by relations represent.

    Args:
        parts: the expressions.
        relations: ``=``, ``<``, ``>``, ``\le``, ``\ge`` or ``\ne`` between them.
        labels: the texts of the first and the last part.
    """
    chain = RelationChain(parts, relations)
    if set(relations) == {"="}:
        return _build_equation(chain, labels)
    pieces = [_solve_inequality(a, r, b) for a, r, b in zip(parts, relations, parts[1:], strict=False)]
    region = pieces[0]
    for piece in pieces[1:]:
        is_same = region is not None and piece is not None and region.name == piece.name
        region = intersect_regions(region, piece) if region and piece and is_same else None
    return region if region and region.parts else chain


def _build_equation(chain: RelationChain, labels: tuple[str, str]) -> Answer:
    """Return a labelled value, the value of a computation, or a plain statement.

    The value of a name is the last part of its derivation. Without a computation, or without a name, a chain has a value
    only if its parts are equal.
    """
    first, last = _read_call(chain.parts[0], chain.parts[-1]), chain.parts[-1]
    if _is_label(first, last) and (
        any(isinstance(part, Call) for part in chain.parts[1:-1]) or _is_consistent(chain.parts[1:])
    ):
        return LabeledValue(labels[0], Quantity(last), RelationChain((first, last), ("=",)), _bound_variables(first))
    if not _is_consistent([part for part in chain.parts if not has_names(part)]):
        return chain
    if not any(map(has_names, chain.parts)):
        return Quantity(last) if any(isinstance(part, Call) for part in chain.parts[:-1]) else chain
    if len(chain.parts) > 2:  # noqa: PLR2004 - a derivation
        return LabeledValue(labels[0], Quantity(last), None)
    last = _read_call(last, first)
    if _is_label(last, first):  # "3 = x"
        return LabeledValue(labels[1], Quantity(first), RelationChain((last, first), ("=",)), _bound_variables(last))
    return chain


def _read_call(side: Node, value: Node) -> Node:
    """Return ``x(t)``, which is parsed as a product, as a call if only the argument occurs in the value."""
    match side:
        case Call("mul", (Sym(name), Sym(variable))) if {name, variable} & free_symbols(value) == {variable}:
            return Call("apply", side.args)
    return side


def _is_consistent(values: Sequence[Node]) -> bool:
    """Return whether constant parts of a chain are equal, as written or rounded."""
    for a, b in pairwise(values):
        if decide_identity(a, b, StepBudget(_DECISION_STEPS))[0] is True:
            continue
        x, y = (evaluate_real(node, StepBudget(_DECISION_STEPS)) for node in (a, b))
        places = [node.places for node in (a, b) if isinstance(node, Num) and node.places is not None]
        if x is None or y is None or not places or abs(x - y) > 10.0 ** -min(places):
            return False
    return True


def _bound_variables(label: Node) -> tuple[str, ...]:
    """Return the variables of ``f(x)``, and the index of ``a_n``."""
    if isinstance(label, Sym):
        index = label.name.partition("_")[2]
        return (index,) if len(index) == 1 and index.islower() else ()
    return tuple(sorted(free_symbols(label))) if isinstance(label, Call) and label.op == "apply" else ()


def _is_label(side: Node, value: Node) -> bool:
    """Return whether a side of an equation only names its value, which must not contain the name."""
    if not _is_name(side) or side == value:
        return False
    is_call = isinstance(side, Call) and side.op == "apply"
    return is_call or _is_derivative(side) or not free_symbols(side) & free_symbols(value)


def _is_name(node: Node) -> bool:
    """Return whether a side of an equation is a name: ``x``, ``f(x)``, ``AB``, ``NO / BO``, ``|AB|``."""
    if isinstance(node, Sym):
        return True
    if not isinstance(node, Call):
        return False
    if node.op == "apply":
        return True
    if node.op == "abs" and isinstance(node.args[0], Sym) and node.args[0].name.islower():
        return False  # |x| = 3 is an equation with two solutions
    is_distinct = len(set(node.args)) == len(node.args)
    return (
        node.op in {"mul", "div", "abs", "sin", "cos", "tan", "degree"}
        and is_distinct
        and all(map(_is_name, node.args))
    )


def named_value(chain: RelationChain) -> Node | None:
    """Return the 9 of ``m + n = 9``: an equation in several unknowns names the value of one side; None for other chains."""
    if chain.relations != ("=",):
        return None
    for side, value in (chain.parts, chain.parts[::-1]):
        if len(free_symbols(side)) > 1 and not has_names(value) and value != ZERO:
            return value
    return None


def _is_derivative(node: Node) -> bool:
    """Return whether a side is ``dy / dx``."""
    if not isinstance(node, Call) or node.op != "div":
        return False
    return all(isinstance(arg, Call) and arg.op == "mul" and arg.args[0] == Sym("d") for arg in node.args)


def prime_derivative(side: Node) -> Node:
    """Return ``y'`` for ``dy / dx``; other nodes as they are."""
    match side:
        case Call("div", (Call("mul", (Sym("d"), Sym(name))), Call("mul", (Sym("d"), Sym("x" | "t"))))):
            return Sym(f"{name}'")
    return side


def is_plain_label(side: Node) -> bool:
    r"""Return whether a side of an equation is a plain name or a call of an unknown function, without primes.

    The values of two equations with plain labels can be compared; with other labels, such as ``f'(x)``, ``\sin x`` or
    ``|AB|``, the labels must be the same.
    """
    if isinstance(side, Sym):
        modifier, _, letter = side.name.rpartition(" ")
        return not {"'", "^"} & {*side.name} and not (modifier in _MODIFIERS and len(letter) == 1)
    if not isinstance(side, Call):
        return False
    if side.op == "apply":
        return is_plain_label(side.args[0])
    return side.op == "mul" and all(
        isinstance(arg, Sym) and arg.name[:1].isupper() and "'" not in arg.name for arg in side.args
    )


def _solve_inequality(left: Node, sign: str, right: Node) -> Region | None:
    """Return the region of an inequality that is linear in one variable; None for other inequalities."""
    if _is_unknown(right) and not free_symbols(left):
        left, right, sign = right, left, _FLIPPED[sign]
    if _is_unknown(left) and not free_symbols(right):
        is_call = isinstance(left, Call) and left.op == "apply"
        name = (
            f"{left.args[0]}({left.args[1]})" if isinstance(left, Call) and is_call else next(iter(free_symbols(left)))
        )
        return _make_region(sign, right, absolute=isinstance(left, Call) and not is_call)._replace(name=name)
    if (bands := _solve_absolute(left, sign, right)) is not None:
        return bands
    names = free_symbols(left) | free_symbols(right)
    line = find_line(subtract(left, right))
    if line is None or not line.slope or len(names) != 1:
        return None
    relation = sign if line.slope > 0 else _FLIPPED[sign]
    return _make_region(relation, Num(-line.value / line.slope), absolute=False)._replace(name=line.name)


def _solve_absolute(left: Node, sign: str, right: Node) -> Region | None:
    """Return the region of ``|ax + b| < c`` or ``|ax + b| > c``, also turned round; None for other inequalities."""
    for side, bound, relation in ((left, right, sign), (right, left, _FLIPPED[sign])):
        if not isinstance(side, Call) or side.op != "abs" or free_symbols(bound) or relation not in _CLOSED:
            continue
        inside = side.args[0]
        one, two = (
            _solve_inequality(inside, relation, bound),
            _solve_inequality(inside, _FLIPPED[relation], negate(bound)),
        )
        if one is None or two is None:
            return None
        return intersect_regions(one, two) if relation in {"<", "\\le"} else one._replace(parts=one.parts + two.parts)
    return None


class Line(NamedTuple):
    """A linear function of a variable: its slope and its value at 0."""

    name: str
    slope: Fraction
    value: Fraction


def find_line(node: Node) -> Line | None:
    """Return a tree as a linear function of its only variable; None for other trees.

    Example:
        >>> find_line(subtract(Call("mul", (Num(Fraction(7)), Sym("k"))), Num(Fraction(3))))
        Line(name='k', slope=Fraction(7, 1), value=Fraction(-3, 1))
    """
    names = free_symbols(node)
    if len(names) != 1:
        return None
    (name,) = names
    try:
        at_0, at_1, at_2, at_5 = (
            evaluate_exactly(node, StepBudget(_DECISION_STEPS), {name: Fraction(k)}) for k in (0, 1, 2, 5)
        )
    except NotExactError:
        return None
    slope = at_1 - at_0
    is_line = at_2 - at_1 == slope and at_5 - at_0 == 5 * slope
    return Line(name, slope, at_0) if is_line else None


def _is_unknown(node: Node) -> bool:
    if isinstance(node, Call) and node.op == "abs":
        return isinstance(node.args[0], Sym)
    return isinstance(node, Sym) or (isinstance(node, Call) and node.op == "apply")


def exclude_point(point: Node) -> Region:
    """Return the real line without one point."""
    return _make_region("\\ne", point, absolute=False)


def _make_region(sign: str, end: Node, *, absolute: bool) -> Region:
    closed = _CLOSED.get(sign, False)
    if absolute and sign in {"<", "\\le"}:
        return Region((Interval(negate(end), end, closed, closed),))
    low = negate(end) if absolute else end
    below = Interval(MINUS_INFINITY, low, closed_low=False, closed_high=closed)
    above = Interval(end, INFINITY, closed, closed_high=False)
    if sign == "\\ne" or (absolute and sign in {">", "\\ge"}):
        return Region((below, above))
    return Region((below if sign in {"<", "\\le"} else above,))


def intersect_regions(left: Region, right: Region) -> Region | None:
    """Return the intersection of two regions; None if they contain points or their ends cannot be compared."""
    parts: list[Interval] = []
    for a in left.parts:
        for b in right.parts:
            if not isinstance(a, Interval) or not isinstance(b, Interval):
                return None
            low = _binding_end((a.low, a.closed_low), (b.low, b.closed_low), MINUS_INFINITY, 1)
            high = _binding_end((a.high, a.closed_high), (b.high, b.closed_high), INFINITY, -1)
            if low is None or high is None:
                return None
            order = _compare_ends(low[0], high[0])
            if order is None or order < 0 or (order == 0 and low[1] and high[1]):
                parts.append(Interval(low[0], high[0], low[1], high[1]))
    return Region(tuple(parts), left.name or right.name)


def merge_parts(region: Region) -> Region:
    """Return a region with its overlapping and touching parts merged, in order; unchanged if an end has no real value.

    Example:
        >>> one, two, three = (Num(Fraction(k)) for k in (1, 2, 3))
        >>> merge_parts(Region((Interval(two, three, True, False), Interval(one, two, True, False)))).parts
        (Interval(low=Num(value=Fraction(1, 1), places=None), high=Num(value=Fraction(3, 1), places=None), closed_low=True, closed_high=False),)
    """
    parts = [
        p if isinstance(p, Interval) else Interval(p.node, p.node, closed_low=True, closed_high=True)
        for p in region.parts
    ]
    keys = [(_sort_key(part.low), _sort_key(part.high)) for part in parts]
    if any(low is None or high is None or low > high for low, high in keys):
        return region
    merged: list[Interval] = []
    for _, part in sorted(zip(keys, parts, strict=True), key=lambda pair: (pair[0][0], not pair[1].closed_low)):
        last = merged[-1] if merged else None
        order = _compare_ends(part.low, last.high) if last else 1
        if last is None or order is None or order > 0 or (order == 0 and not (part.closed_low or last.closed_high)):
            merged.append(part)
        elif (end := _compare_ends(part.high, last.high)) is not None and end >= 0:
            closed = part.closed_high or (end == 0 and last.closed_high)
            merged[-1] = last._replace(high=part.high, closed_high=closed)
    points = (Quantity(p.low) if p.closed_low and _compare_ends(p.low, p.high) == 0 else p for p in merged)
    return Region(tuple(points), region.name)


def _sort_key(end: Node) -> float | None:
    if end in {INFINITY, MINUS_INFINITY}:
        return math.inf if end == INFINITY else -math.inf
    return evaluate_real(end, StepBudget(_DECISION_STEPS))


def _binding_end(
    one: tuple[Node, bool], two: tuple[Node, bool], unbounded: Node, direction: int
) -> tuple[Node, bool] | None:
    """Return the larger of two low ends (direction 1), or the smaller of two high ends (-1), and whether it is closed."""
    if one[0] == unbounded or two[0] == unbounded:
        return two if one[0] == unbounded else one
    order = _compare_ends(one[0], two[0])
    if order is None:
        return None
    if order == 0:
        return one[0], one[1] and two[1]
    return one if order == direction else two


def _compare_ends(a: Node, b: Node) -> int | None:
    """Return -1 if `a` is less than `b`, 0 if they are equal, 1 if it is greater; None if that is undecided."""
    if a == b:
        return 0
    if MINUS_INFINITY in (a, b):
        return -1 if a == MINUS_INFINITY else 1
    if INFINITY in (a, b):
        return 1 if a == INFINITY else -1
    x, y = evaluate_real(a, StepBudget(_DECISION_STEPS)), evaluate_real(b, StepBudget(_DECISION_STEPS))
    if x is None or y is None:
        return None
    return (x > y) - (x < y)


def equal_chains(reference: RelationChain, answer: RelationChain, budget: StepBudget) -> bool | None:
    """Return whether two chains of relations are the same statement; None if that is undecided.

    Their parts must be equal side by side, in this order or turned round; an equation or inequality with variables may
    also be multiplied by a constant and rearranged. Whether a statement is true does not matter.
    """
    if len(reference.parts) != len(answer.parts):
        return False
    flipped = RelationChain(answer.parts[::-1], tuple(_FLIPPED[r] for r in answer.relations[::-1]))
    for other in (answer, flipped):
        if reference.relations == other.relations:
            verdicts = [decide_identity(r, a, budget)[0] for r, a in zip(reference.parts, other.parts, strict=True)]
            if all(verdicts):
                return True
    return _equal_relations(reference, answer, budget) if len(reference.parts) == 2 else False  # noqa: PLR2004


def _equal_relations(reference: RelationChain, answer: RelationChain, budget: StepBudget) -> bool | None:
    differences = subtract(*reference.parts), subtract(*answer.parts)
    if not all(map(has_names, differences)):
        return False
    sign = _find_factor_sign(*differences, budget)
    if sign is None:
        return None
    if sign == 0:
        return False
    relation, other = reference.relations[0], answer.relations[0]
    return relation == (other if sign > 0 else _FLIPPED[other])


def _find_factor_sign(left: Node, right: Node, budget: StepBudget) -> int | None:
    """Return the sign of the constant c with ``left = c right``; None if that is undecided.

    0 if there is none, or if both sides are constant: a statement such as ``x = x + 1`` is equal to no other.
    """
    names = free_symbols(left) | free_symbols(right)
    try:
        points = [sample_residues(names, salt) for salt in _SALTS]
        pairs = [
            tuple(evaluate_modulo(node, point, salt, budget) for node in (left, right))
            for salt, point in zip(_SALTS, points, strict=True)
        ]
    except (NotRationalError, PoleError):
        pass
    else:
        (a, b), *others = pairs
        if (
            not a
            or not b
            or all((a, b) == other for other in others)
            or any((a * d - c * b) % PRIME for c, d in others)
        ):
            return 0
    values: list[tuple[complex, complex]] = []
    for k in range(_NUM_POINTS):
        evaluator = Evaluator(MACHINE, sample_point(names, k, integers=False), budget)
        try:
            pair = evaluator.evaluate(left).value, evaluator.evaluate(right).value
        except UndefinedError:
            continue
        if evaluator.is_real:
            values.append(pair)
    return _find_common_sign(values)


def _find_common_sign(values: list[tuple[complex, complex]]) -> int | None:
    if len(values) < 3:  # noqa: PLR2004 - fewer points are not evidence
        return None
    (a, b), *others = values
    if not a or not b or all(abs(c - a) <= _TOLERANCE * abs(a) for c, _ in others):
        return 0
    if any(abs(a * d - c * b) > _TOLERANCE * abs(a * d) for c, d in others):
        return 0
    return 1 if (a / b).real > 0 else -1


def is_solution(equation: RelationChain, solution: Node, budget: StepBudget) -> bool:
    """Return whether an equation, linear in one variable that `solution` does not contain, is solved by `solution`."""
    if equation.relations != ("=",):
        return False
    difference = subtract(*equation.parts)
    names = free_symbols(difference) - free_symbols(solution)
    if len(names) != 1:
        return False
    (name,) = names
    if not free_symbols(difference) - {name} <= free_symbols(solution):
        return False
    if decide_identity(substitute(difference, {name: solution}), ZERO, budget)[0] is not True:
        return False
    at_0, at_1, *others = (substitute(difference, {name: Num(x)}) for x in (Fraction(0), Fraction(1), *_LINE_POINTS))
    for x, value in zip(_LINE_POINTS, others, strict=True):
        slope = Call("mul", (Num(x), subtract(at_1, at_0)))
        if decide_identity(subtract(value, at_0), slope, budget)[0] is not True:
            return False
    return decide_identity(at_0, at_1, budget)[0] is False


def substitute(node: Node, values: Mapping[str, Node]) -> Node:
    """Return `node` with values in place of variables.

    Example:
        >>> substitute(Sym("x"), {"x": ZERO})
        Num(value=Fraction(0, 1), places=None)
    """
    if isinstance(node, Sym):
        return values.get(node.name, node)
    if isinstance(node, Call):
        return Call(node.op, tuple(substitute(arg, values) for arg in node.args))
    return node
