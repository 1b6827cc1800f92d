"""Equations and inequalities: named values, intervals that inequalities describe, chains as they are."""

from fractions import Fraction

from herokit_math.answers import Answer, Chain, Interval, Labelled, Quantity, Region
from herokit_math.exact import NotExactError, exact
from herokit_math.limits import Steps
from herokit_math.tree import INFINITY, Call, Const, Node, Num, Sym, minus, negative, symbols

FLIPPED = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le", "=": "=", "\\ne": "\\ne"}
MINUS_INFINITY = negative(INFINITY)
_DECISION_STEPS = 2_000


def relation(parts: tuple[Node, ...], relations: tuple[str, ...], label: str) -> Answer:
    r"""Return the answer that expressions joined by relations stand for.

    Args:
        parts: the expressions.
        relations: ``=``, ``<``, ``>``, ``\le``, ``\ge`` or ``\ne`` between them.
        label: the text of the first part.
    """
    chain = Chain(parts, relations)
    if set(relations) == {"="}:
        return _equation(chain, label)
    pieces = [_half_line(a, r, b) for a, r, b in zip(parts, relations, parts[1:], strict=False)]
    if any(piece is None for piece in pieces):
        return chain
    found = pieces[0]
    for piece in pieces[1:]:
        found = intersect(found, piece) if found and piece else None
    return found or chain


def _equation(chain: Chain, label: str) -> Answer:
    first, last = chain.parts[0], chain.parts[-1]
    if not any(symbols(part) for part in chain.parts) and not isinstance(first, Call | Const):
        return Quantity(last)
    if not symbols(first) and not symbols(last):
        return Quantity(last)
    if names_something(first):
        bound = tuple(sorted(symbols(first))) if isinstance(first, Call) and first.op == "apply" else ()
        return Labelled(label, Quantity(last), Chain((first, last), ("=",)), bound)
    if names_something(last) and len(chain.parts) == 2 and not symbols(first):  # noqa: PLR2004 - "3 = x"
        return Labelled(label, Quantity(first), chain)
    return Labelled(label, Quantity(last), None) if len(chain.parts) > 2 else chain  # noqa: PLR2004


def names_something(node: Node) -> bool:
    """Say whether a left side is a name: ``x``, ``f(x)``, ``AB``, ``NO / BO``, ``|AB|``; no number, no sum in it."""
    if isinstance(node, Sym):
        return True
    if not isinstance(node, Call):
        return False
    if node.op == "apply":
        return True
    return node.op in {"mul", "div", "abs", "sin", "cos", "tan", "degree"} and all(map(names_something, node.args))


def _half_line(left: Node, sign: str, right: Node) -> Region | None:
    """Return the region that one inequality in one variable describes."""
    if _is_unknown(right) and not symbols(left):
        left, right, sign = right, left, FLIPPED[sign]
    if _is_unknown(left) and not symbols(right):
        return _ray(sign, right, absolute=isinstance(left, Call) and left.op == "abs")
    names = symbols(left) | symbols(right)
    if len(names) != 1:
        return None
    (name,) = names
    difference = minus(left, right)
    try:
        at = [exact(difference, Steps(_DECISION_STEPS), {name: Fraction(k)}) for k in (0, 1, 2, 5)]
    except NotExactError:
        return None
    slope = at[1] - at[0]
    if slope == 0 or at[2] - at[1] != slope or at[3] - at[0] != 5 * slope:
        return None
    return _ray(sign if slope > 0 else FLIPPED[sign], Num(-at[0] / slope), absolute=False)


def _is_unknown(node: Node) -> bool:
    if isinstance(node, Call) and node.op == "abs":
        return isinstance(node.args[0], Sym)
    return isinstance(node, Sym) or (isinstance(node, Call) and node.op == "apply")


def half_lines(end: Node) -> Region:
    """Return the real line without one point."""
    return _ray("\\ne", end, absolute=False)


def _ray(sign: str, end: Node, *, absolute: bool) -> Region:
    closed = sign in {"\\le", "\\ge"}
    if absolute and sign in {"<", "\\le"}:
        return Region((Interval(negative(end), end, closed, closed),))
    low = negative(end) if absolute else end
    below = Interval(MINUS_INFINITY, low, closed_low=False, closed_high=closed)
    above = Interval(end, INFINITY, closed, closed_high=False)
    if sign == "\\ne" or (absolute and sign in {">", "\\ge"}):
        return Region((below, above))
    return Region((below if sign in {"<", "\\le"} else above,))


def intersect(left: Region, right: Region) -> Region | None:
    """Return the intersection of two regions of intervals with comparable ends, or None."""
    parts: list[Interval] = []
    for a in left.parts:
        for b in right.parts:
            if not isinstance(a, Interval) or not isinstance(b, Interval):
                return None
            low, high = _tighter(a, b, side=0), _tighter(a, b, side=1)
            if low is None or high is None:
                return None
            order = _order(low[0], high[0])
            if order is None or order < 0 or (order == 0 and low[1] and high[1]):
                parts.append(Interval(low[0], high[0], low[1], high[1]))
    return Region(tuple(parts))


def _tighter(a: Interval, b: Interval, side: int) -> tuple[Node, bool] | None:
    """Return the end that binds, the larger low end (side 0) or the smaller high end (side 1)."""
    free = INFINITY if side else MINUS_INFINITY
    one, two = ((i[side], i[side + 2]) for i in (a, b))
    if one[0] == free or two[0] == free:
        node, closed = two if one[0] == free else one
        return node, bool(closed)  # type: ignore[return-value]  # fields 0 and 1 are nodes, 2 and 3 flags
    order = _order(one[0], two[0])  # type: ignore[arg-type]
    if order is None:
        return None
    if order == 0:
        return one[0], bool(one[1] and two[1])  # type: ignore[return-value]
    pick = one if (order > 0) == (side == 0) else two
    return pick[0], bool(pick[1])  # type: ignore[return-value]


def _order(a: Node, b: Node) -> int | None:
    """Return -1, 0 or 1 as `a` is below, at or above `b`; None when that is not clear."""
    from herokit_math.identity import number

    if a == b:
        return 0
    if MINUS_INFINITY in (a, b):
        return -1 if a == MINUS_INFINITY else 1
    if INFINITY in (a, b):
        return 1 if a == INFINITY else -1
    x, y = number(a, Steps(_DECISION_STEPS)), number(b, Steps(_DECISION_STEPS))
    if x is None or y is None:
        return None
    return (x > y) - (x < y)
