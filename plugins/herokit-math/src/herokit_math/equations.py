"""Equations and inequalities as a whole: same solutions because one is a multiple of the other, or solved for a name."""

from fractions import Fraction

from herokit_math.answers import Chain
from herokit_math.identity import identical, sample
from herokit_math.limits import Steps
from herokit_math.modular import PRIME, NotRationalError, PoleError, modular, point
from herokit_math.numeric import MACHINE, Evaluator, UndefinedError
from herokit_math.relations import FLIPPED
from herokit_math.tree import ZERO, Call, Node, Num, Sym, minus, symbols

_SALTS = (3, 4, 5)


def same_chain(gold: Chain, answer: Chain, steps: Steps) -> bool | None:
    """Decide whether two chains of relations say the same."""
    if len(gold.parts) != len(answer.parts):
        return False
    if len(gold.parts) == 2:  # noqa: PLR2004 - one relation
        return _same_relation(gold, answer, steps)
    for other in (answer, Chain(answer.parts[::-1], tuple(FLIPPED[r] for r in answer.relations[::-1]))):
        if gold.relations == other.relations:
            verdicts = [identical(g, a, steps)[0] for g, a in zip(gold.parts, other.parts, strict=True)]
            if all(verdicts):
                return True
    return False


def _same_relation(gold: Chain, answer: Chain, steps: Steps) -> bool | None:
    factor = multiple(minus(*gold.parts), minus(*answer.parts), steps)
    if factor is None:
        return None
    sign, other = gold.relations[0], answer.relations[0]
    if factor == 0:
        return False
    return sign == (other if factor > 0 else FLIPPED[other])


def multiple(left: Node, right: Node, steps: Steps) -> int | None:
    """Return the sign of the constant that `left` is of `right`; 0 when it is no multiple, None when that is unclear."""
    names = symbols(left) | symbols(right)
    try:
        pairs = [(modular(left, point(names, s), 0, steps), modular(right, point(names, s), 0, steps)) for s in _SALTS]
    except (NotRationalError, PoleError):
        pass
    else:
        (a, b), *others = pairs
        if not a or not b or any((a * d - c * b) % PRIME for c, d in others):
            return 0
    ratios: list[complex] = []
    for k in range(6):
        at = Evaluator(MACHINE, sample(names, k, integers=False), steps)
        try:
            ratios.append(complex(at.bound(left).value / at.bound(right).value))
        except (UndefinedError, ZeroDivisionError):
            continue
    if len(ratios) < 2:  # noqa: PLR2004 - one point shows nothing
        return None
    first = ratios[0]
    if abs(first) < 1e-12 or any(abs(r - first) > 1e-9 * abs(first) for r in ratios):  # noqa: PLR2004
        return 0
    return 1 if first.real > 0 else -1


def solves(equation: Chain, solution: Node, steps: Steps) -> bool:
    """Say whether an equation, linear in one name that `solution` does not hold, gives that name the value `solution`."""
    if equation.relations != ("=",):
        return False
    difference = minus(*equation.parts)
    candidates = symbols(difference) - symbols(solution)
    if len(candidates) != 1:
        return False
    (name,) = candidates
    if not symbols(difference) - {name} <= symbols(solution):
        return False
    at = [substitute(difference, name, Num(Fraction(k))) for k in (0, 1, 2)]
    middle = Call("mul", (Num(Fraction(2)), at[1]))
    if (
        identical(Call("add", (at[0], at[2])), middle, steps)[0] is not True
        or identical(at[0], at[1], steps)[0] is not False
    ):
        return False
    return identical(substitute(difference, name, solution), ZERO, steps)[0] is True


def substitute(node: Node, name: str, value: Node) -> Node:
    """Return `node` with a variable replaced."""
    if isinstance(node, Sym):
        return value if node.name == name else node
    if isinstance(node, Call):
        return Call(node.op, tuple(substitute(arg, name, value) for arg in node.args))
    return node
