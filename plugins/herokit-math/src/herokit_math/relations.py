"""Equations and inequalities: make labelled values, regions or chains of relations of them, and compare chains."""

from fractions import Fraction

from herokit_math.answers import Answer, Interval, LabeledValue, Quantity, Region, RelationChain
from herokit_math.exact import NotExactError, evaluate_exactly
from herokit_math.identity import decide_identity, evaluate_real, sample_point
from herokit_math.limits import StepBudget
from herokit_math.modular import PRIME, NotRationalError, PoleError, evaluate_modulo, sample_residues
from herokit_math.numeric import MACHINE, Evaluator, UndefinedError
from herokit_math.tree import INFINITY, ZERO, Call, Const, Node, Num, Sym, free_symbols, negate, subtract

__all__ = [
    "MINUS_INFINITY",
    "build_relation",
    "equal_chains",
    "exclude_point",
    "intersect_regions",
    "is_solution",
]

_FLIPPED = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le", "=": "=", "\\ne": "\\ne"}
MINUS_INFINITY = negate(INFINITY)
_DECISION_STEPS = 2_000
_SALTS = (3, 4, 5)


def build_relation(parts: tuple[Node, ...], relations: tuple[str, ...], label: str) -> Answer:
    r"""Return the answer that expressions joined by relations represent.

    Args:
        parts: the expressions.
        relations: ``=``, ``<``, ``>``, ``\le``, ``\ge`` or ``\ne`` between them.
        label: the text of the first part.
    """
    chain = RelationChain(parts, relations)
    if set(relations) == {"="}:
        return _build_equation(chain, label)
    pieces = [_solve_inequality(a, r, b) for a, r, b in zip(parts, relations, parts[1:], strict=False)]
    if any(piece is None for piece in pieces):
        return chain
    region = pieces[0]
    for piece in pieces[1:]:
        region = intersect_regions(region, piece) if region and piece else None
    return region or chain


def _build_equation(chain: RelationChain, label: str) -> Answer:
    first, last = chain.parts[0], chain.parts[-1]
    if not any(free_symbols(part) for part in chain.parts) and not isinstance(first, Call | Const):
        return Quantity(last)
    if not free_symbols(first) and not free_symbols(last):
        return Quantity(last)
    if _is_name(first):
        variables = tuple(sorted(free_symbols(first))) if isinstance(first, Call) and first.op == "apply" else ()
        return LabeledValue(label, Quantity(last), RelationChain((first, last), ("=",)), variables)
    if _is_name(last) and len(chain.parts) == 2 and not free_symbols(first):  # noqa: PLR2004 - "3 = x"
        return LabeledValue(label, Quantity(first), chain)
    return LabeledValue(label, Quantity(last), None) if len(chain.parts) > 2 else chain  # noqa: PLR2004


def _is_name(node: Node) -> bool:
    """Return whether a side of an equation is a name: ``x``, ``f(x)``, ``AB``, ``NO / BO``, ``|AB|``."""
    if isinstance(node, Sym):
        return True
    if not isinstance(node, Call):
        return False
    if node.op == "apply":
        return True
    return node.op in {"mul", "div", "abs", "sin", "cos", "tan", "degree"} and all(map(_is_name, node.args))


def _solve_inequality(left: Node, sign: str, right: Node) -> Region | None:
    """Return the region of an inequality that is linear in one variable; None for other inequalities."""
    if _is_unknown(right) and not free_symbols(left):
        left, right, sign = right, left, _FLIPPED[sign]
    if _is_unknown(left) and not free_symbols(right):
        return _make_region(sign, right, absolute=isinstance(left, Call) and left.op == "abs")
    names = free_symbols(left) | free_symbols(right)
    if len(names) != 1:
        return None
    (name,) = names
    difference = subtract(left, right)
    try:
        at_0, at_1, at_2, at_5 = (
            evaluate_exactly(difference, StepBudget(_DECISION_STEPS), {name: Fraction(k)}) for k in (0, 1, 2, 5)
        )
    except NotExactError:
        return None
    slope = at_1 - at_0
    if slope == 0 or at_2 - at_1 != slope or at_5 - at_0 != 5 * slope:
        return None
    return _make_region(sign if slope > 0 else _FLIPPED[sign], Num(-at_0 / slope), absolute=False)


def _is_unknown(node: Node) -> bool:
    if isinstance(node, Call) and node.op == "abs":
        return isinstance(node.args[0], Sym)
    return isinstance(node, Sym) or (isinstance(node, Call) and node.op == "apply")


def exclude_point(point: Node) -> Region:
    """Return the real line without one point."""
    return _make_region("\\ne", point, absolute=False)


def _make_region(sign: str, end: Node, *, absolute: bool) -> Region:
    closed = sign in {"\\le", "\\ge"}
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
    return Region(tuple(parts))


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
    """Return whether two chains of relations are equivalent; None if that is undecided."""
    if len(reference.parts) != len(answer.parts):
        return False
    if len(reference.parts) == 2:  # noqa: PLR2004 - one relation
        return _equal_relations(reference, answer, budget)
    flipped = RelationChain(answer.parts[::-1], tuple(_FLIPPED[r] for r in answer.relations[::-1]))
    for other in (answer, flipped):
        if reference.relations == other.relations:
            verdicts = [decide_identity(r, a, budget)[0] for r, a in zip(reference.parts, other.parts, strict=True)]
            if all(verdicts):
                return True
    return False


def _equal_relations(reference: RelationChain, answer: RelationChain, budget: StepBudget) -> bool | None:
    sign = _find_factor_sign(subtract(*reference.parts), subtract(*answer.parts), budget)
    if sign is None:
        return None
    if sign == 0:
        return False
    relation, other = reference.relations[0], answer.relations[0]
    return relation == (other if sign > 0 else _FLIPPED[other])


def _find_factor_sign(left: Node, right: Node, budget: StepBudget) -> int | None:
    """Return the sign of the constant c with ``left = c right``; 0 if there is none, None if that is undecided."""
    names = free_symbols(left) | free_symbols(right)
    try:
        points = [sample_residues(names, salt) for salt in _SALTS]
        pairs = [tuple(evaluate_modulo(node, point, 0, budget) for node in (left, right)) for point in points]
    except (NotRationalError, PoleError):
        pass
    else:
        (a, b), *others = pairs
        if not a or not b or any((a * d - c * b) % PRIME for c, d in others):
            return 0
    ratios: list[complex] = []
    for k in range(6):
        evaluator = Evaluator(MACHINE, sample_point(names, k, integers=False), budget)
        try:
            ratios.append(complex(evaluator.evaluate(left).value / evaluator.evaluate(right).value))
        except (UndefinedError, ZeroDivisionError):
            continue
    if len(ratios) < 2:  # noqa: PLR2004 - one point is not evidence
        return None
    first = ratios[0]
    if abs(first) < 1e-12 or any(abs(r - first) > 1e-9 * abs(first) for r in ratios):  # noqa: PLR2004
        return 0
    return 1 if first.real > 0 else -1


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
    at_0, at_1, at_2 = (_substitute(difference, name, Num(Fraction(k))) for k in (0, 1, 2))
    is_linear = decide_identity(Call("add", (at_0, at_2)), Call("mul", (Num(Fraction(2)), at_1)), budget)[0] is True
    if not is_linear or decide_identity(at_0, at_1, budget)[0] is not False:
        return False
    return decide_identity(_substitute(difference, name, solution), ZERO, budget)[0] is True


def _substitute(node: Node, name: str, value: Node) -> Node:
    """Return `node` with `value` in place of a variable."""
    if isinstance(node, Sym):
        return value if node.name == name else node
    if isinstance(node, Call):
        return Call(node.op, tuple(_substitute(arg, name, value) for arg in node.args))
    return node
