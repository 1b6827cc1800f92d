r"""References without a value: a division by zero, ``0^0``, infinity minus infinity, a pole."""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import chain

from herokit_math.answers import (
    Answer,
    Cases,
    Collection,
    Interval,
    LabeledValue,
    Matrix,
    Quantity,
    Ratio,
    Region,
    Residues,
)
from herokit_math.exact import NotExactError, evaluate_exactly, make_index_range
from herokit_math.expression import UnsupportedError
from herokit_math.identity import decide_identity, evaluate_real
from herokit_math.limits import LimitError, StepBudget
from herokit_math.parser import parse_answer
from herokit_math.relations import substitute
from herokit_math.tree import INFINITY, ONE, ZERO, Call, Node, Num, Sym, subtract

__all__ = ["find_undefined"]

_PERIODIC = frozenset({"sin", "cos", "tan", "sec", "csc", "cot"})
_DENOMINATORS: dict[str, tuple[Callable[..., Node], str]] = {
    "div": (lambda _, bottom: bottom, "a division by zero"),
    "mod": (lambda _, modulus: modulus, "a remainder modulo zero"),
    "ln": (lambda x: x, "a logarithm of zero"),
    "log": (lambda x, base: Call("mul", (x, base, subtract(base, ONE))), "a logarithm of zero, or to base zero or one"),
}
"""For an operation, what must not be zero and what it is then."""
_POLES = {"tan": "cos", "sec": "cos", "cot": "sin", "csc": "sin", "coth": "sinh", "csch": "sinh"}
"""Functions, each with the one at whose zeros it has a pole."""


@lru_cache(maxsize=8_192)
def find_undefined(reference: str) -> str:
    r"""Return what has no value in a reference; an empty string if nothing has none, or if words say what is meant.

    Args:
        reference: the reference, as `herokit_math.tiers.extract_reference` returns it.

    Example:
        >>> find_undefined("4+0^0"), find_undefined(r"\infty"), find_undefined("undefined")
        ('a power of zero', '', '')
    """
    try:
        parts = list(_iterate_nodes(parse_answer(reference)))
        return next(filter(None, (_find_in_node(part, StepBudget()) for part in parts)), "")
    except (UnsupportedError, LimitError):
        return ""


def _iterate_nodes(answer: Answer) -> Iterator[Node]:
    """Yield the expressions that an answer consists of, without those in statements, words and choices."""
    match answer:
        case Quantity(node, unit, words) if unit is not None or not words:  # not "1/0 (undefined)"
            yield node
        case Interval(low, high):
            yield from (low, high)
        case Residues(nodes) | Ratio(nodes):
            yield from nodes
        case _:
            for member in _get_members(answer):
                yield from _iterate_nodes(member)


def _get_members(answer: Answer) -> Iterable[Answer]:
    match answer:
        case LabeledValue(_, value):
            return (value,)
        case Collection(items) | Region(items):
            return items
        case Matrix(rows):
            return chain.from_iterable(rows)
        case Cases(items):
            return (value for value, _ in items)
    return ()


def _find_in_node(node: Node, budget: StepBudget) -> str:
    """Return what has no value in a tree, the innermost first."""
    if not isinstance(node, Call):
        return ""
    if node.op in {"sum", "prod"}:
        return _find_in_terms(node, budget)
    if part := next(filter(None, (_find_in_node(arg, budget) for arg in node.args)), ""):
        return part
    return _find_singularity(node, budget) or _find_undetermined_form(node, budget)


def _find_in_terms(series: Call, budget: StepBudget) -> str:
    """Return what has no value in a term of a sum or product; nothing if its bounds are not known."""
    body, index, first, last = series.args
    try:
        indices = make_index_range(evaluate_exactly(first, budget), evaluate_exactly(last, budget))
    except NotExactError:
        return ""
    name = index.name if isinstance(index, Sym) else "i"
    terms = (substitute(body, {name: Num(Fraction(k))}) for k in indices)
    return next(filter(None, (_find_in_node(term, budget) for term in terms)), "")


def _find_singularity(node: Call, budget: StepBudget) -> str:
    """Return of which operation a tree is a singularity."""
    match node:
        case Call("pow", (base, exponent)) if not _is_positive(exponent, budget) and _is_zero(base, budget):
            return "a power of zero"
        case Call("factorial", (number,)) if _is_negative_integer(number, budget):
            return "the factorial of a negative integer"
        case Call(op, args) if op in _DENOMINATORS:
            get_denominator, problem = _DENOMINATORS[op]
            return problem if _is_zero(get_denominator(*args), budget) else ""
        case Call(op, args) if op in _POLES and _is_zero(Call(_POLES[op], args), budget):
            return f"a pole of {op}"
    return ""


def _find_undetermined_form(node: Call, budget: StepBudget) -> str:  # noqa: PLR0911 - one return per form
    """Return which undetermined form of infinity a tree is."""
    signs = [_find_infinity(arg, budget) for arg in node.args]
    if not any(signs):
        return ""
    zeros = [_is_zero(arg, budget) for arg in node.args]
    match node.op:
        case "add" if {1, -1} <= {*signs}:
            return "infinity minus infinity"
        case "mul" if any(zeros):
            return "zero times infinity"
        case "div" if all(signs):
            return "infinity divided by infinity"
        case "pow" if zeros[1]:
            return "infinity to the power of zero"
        case "pow" if _is_zero(subtract(node.args[0], ONE), budget):
            return "one to the power of infinity"
        case op if op in _PERIODIC:
            return f"{op} of infinity"
    return ""


def _find_infinity(node: Node, budget: StepBudget) -> int:
    """Return the sign of an infinite tree; 0 if it is finite, or if its sign depends on a variable."""
    if node == INFINITY:
        return 1
    match node:
        case Call("neg", (inside,)):
            return -_find_infinity(inside, budget)
        case Call("add", terms):
            return next(filter(None, (_find_infinity(term, budget) for term in terms)), 0)
        case Call("mul", factors):
            signs = [_find_infinity(factor, budget) for factor in factors]
            values = [sign or evaluate_real(f, budget) for f, sign in zip(factors, signs, strict=True)]
            return _find_sign(values) if any(signs) else 0
        case Call("div", (top, bottom)) if sign := _find_infinity(top, budget):
            return _find_sign([sign, evaluate_real(bottom, budget)])
    return 0


def _find_sign(factors: list[float | None]) -> int:
    """Return the sign of a product; 0 if a factor is not known."""
    if None in factors:
        return 0
    return -1 if sum(factor < 0 for factor in factors if factor is not None) % 2 else 1


def _is_zero(node: Node, budget: StepBudget) -> bool:
    if isinstance(node, Num):
        return node.value == 0
    return isinstance(node, Call) and decide_identity(node, ZERO, budget)[0] is True


def _is_positive(node: Node, budget: StepBudget) -> bool:
    """Return whether a tree is positive, or its sign is not known."""
    value = evaluate_real(node, budget)
    return value is None or (value > 0 and not _is_zero(node, budget))


def _is_negative_integer(node: Node, budget: StepBudget) -> bool:
    try:
        value = evaluate_exactly(node, budget)
    except NotExactError:
        return False
    return value < 0 and value.denominator == 1
