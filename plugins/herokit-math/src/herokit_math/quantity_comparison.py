"""Compare quantities under a policy: rounding, percent, degrees, units, names of parameters."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args, get_type_hints

from herokit.errors import ConfigError
from herokit_math.answers import Answer, Quantity
from herokit_math.exact import NotExactError, evaluate_exactly
from herokit_math.identity import Tier, decide_identity, evaluate_real
from herokit_math.limits import StepBudget
from herokit_math.tree import (
    INFINITY,
    Call,
    Const,
    Node,
    Num,
    Sym,
    free_symbols,
    has_operation,
    rename_symbols,
    subtract,
)
from herokit_math.units import UNITS, Unit, split_unit
from herokit_math.words import find_content_words

__all__ = ["Policy", "QuantityComparison", "to_quantity"]

_PARAMETER_NAMES = frozenset("kmnltjrsK")
_CONSTANT_NAMES = frozenset("cKk")  # names of a constant of integration
_INDEXED_CONSTANT = re.compile(r"[cC]_\{?\d\}?")  # nothing but an arbitrary constant has such a name
_ARBITRARY_CONSTANT = re.compile(r"[A-DKk]|[cC](?:_\{?\d\}?)?")
_INVERSE_OPERATIONS = frozenset({"asin", "acos", "atan", "asec", "acsc", "acot"})
_KELVINS = {
    UNITS["kelvin"].dimension: (Fraction(1), Fraction(0)),
    UNITS["celsius"].dimension: (Fraction(1), Fraction("273.15")),
    UNITS["fahrenheit"].dimension: (Fraction(5, 9), Fraction("459.67") * 5 / 9),
}
"""The size of a degree of each scale of temperature in kelvins, and its zero."""
_MAX_EXPONENT = 100  # decimal exponent of a number that may be rounded
_DENYING = {"wrong", "incorrect", "false", "impossible", "not"}
_VERBS = {"is", "are", "was", "were", "not", "cannot", "must", "has", "have", "does"}
_MIN_TRUNCATED_DIGITS = 3  # significant digits of a value that may be truncated instead of rounded
_MIN_ROUNDED_DIGITS = 2  # significant digits of a value that may be rounded


@dataclass(frozen=True, slots=True)
class Policy:
    """Options of the comparison; the defaults agree with the labels of most data sets.

    Attributes:
        decimals: ``"round"`` accepts a decimal that is the other value rounded or truncated to at least two significant
            digits (a whole reference must be matched exactly); ``"exact"`` requires equal values.
        percent: ``"lenient"`` accepts 28% for 28 and for 0.28; ``"fraction"`` only for 0.28; ``"strict"`` for neither.
        units: ``"lenient"`` allows a missing unit on one side and converts if both sides have one; ``"strict"`` requires
            a unit on both sides or on neither; ``"ignore"`` drops units.
        lists: ``"unordered"`` compares lists without brackets as sets; ``"ordered"`` as tuples.
        labels: ``"ignore"`` accepts ``x = 3`` for 3; ``"strict"`` requires the same label.
        intervals: ``"inequalities"`` accepts ``-3 <= x <= 2`` for ``[-3, 2]``; ``"strict"`` does not.
        degrees: ``"lenient"`` accepts 45 degrees for 45 and for pi / 4; ``"strict"`` only for pi / 4.
        bases: ``"lenient"`` accepts an answer without the base; ``"strict"`` does not.
        parameters: ``"rename"`` accepts any name for a free parameter (``k * pi``, "for some integer t") and either case
            for a variable; ``"strict"`` does not.
        constant: ``"strict"`` compares ``+ C``; ``"ignore"`` drops a final ``+ C`` on both sides.
        ends: ``"strict"`` distinguishes open and closed ends of intervals; ``"ignore"`` does not.
        case: ``"ignore"`` accepts words and option letters in upper or lower case; ``"strict"`` does not.
        commas: ``"decimal"`` accepts ``2,5`` for 2.5; ``"strict"`` reads a list.

    Raises:
        ConfigError: an option has an unknown value.

    Example:
        >>> Policy(decimals="exact").percent
        'lenient'
    """

    decimals: Literal["round", "exact"] = "round"
    percent: Literal["lenient", "fraction", "strict"] = "lenient"
    units: Literal["lenient", "strict", "ignore"] = "lenient"
    lists: Literal["unordered", "ordered"] = "unordered"
    labels: Literal["ignore", "strict"] = "ignore"
    intervals: Literal["inequalities", "strict"] = "inequalities"
    degrees: Literal["lenient", "strict"] = "lenient"
    bases: Literal["lenient", "strict"] = "lenient"
    parameters: Literal["rename", "strict"] = "rename"
    constant: Literal["strict", "ignore"] = "strict"
    ends: Literal["strict", "ignore"] = "strict"
    case: Literal["ignore", "strict"] = "ignore"
    commas: Literal["decimal", "strict"] = "decimal"

    @classmethod
    def strict(cls) -> "Policy":
        """Return the options that accept only what is equal as it is written.

        Example:
            >>> Policy.strict().labels, Policy.strict().decimals
            ('strict', 'exact')
        """
        strict = {name: "strict" for name, hint in get_type_hints(cls).items() if "strict" in get_args(hint)}
        return cls(**strict | {"decimals": "exact", "lists": "ordered"})  # type: ignore[arg-type]  # names of options

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if value not in get_args(hint):
                raise ConfigError(f"Policy: {name} must be one of {', '.join(get_args(hint))}, got {value!r}")


class QuantityComparison:
    """Comparison of quantities under a policy.

    Args:
        policy: options of the comparison.
        budget: the pair's remaining steps.
        has_parameter: whether the text declares a free parameter; one variable may then have another name.

    Attributes:
        tier: the tier that decided the last pair.
    """

    def __init__(self, policy: Policy, budget: StepBudget, *, has_parameter: bool = False) -> None:
        self.policy = policy
        self.budget = budget
        self.has_parameter = has_parameter
        self.tier = Tier.UNDECIDED

    def equal(self, reference: Quantity, answer: Quantity) -> bool | None:
        """Return whether two quantities are equal; None if that is undecided."""
        if not _agree_in_words(reference, answer):
            return False
        reference, answer = _apply_scale(reference, answer), _apply_scale(answer, reference)
        reference, answer = _parse_letter_unit(reference, answer), _parse_letter_unit(answer, reference)
        if self.policy.units != "ignore":
            if reference.unit is not None and answer.unit is not None and reference.unit != answer.unit:
                return self._equal_converted(reference.node, reference.unit, answer.node, answer.unit)
            if self.policy.units == "strict" and reference.unit != answer.unit:
                return False
        if reference.mark == answer.mark:
            return self.equal_nodes(reference.node, answer.node)
        return self._equal_marked(reference, answer)

    def _equal_marked(self, reference: Quantity, answer: Quantity) -> bool | None:
        """Compare quantities with different marks: an angle in degrees or radians, a percentage, a bare number."""
        if self.policy.units != "ignore" and (_measures_other(reference, answer) or _measures_other(answer, reference)):
            return False
        if {"deg", "rad"} & {reference.mark, answer.mark}:
            return self._equal_angles(reference, answer)
        return self._equal_percent(reference, answer)

    def _equal_converted(self, reference: Node, reference_unit: Unit, answer: Node, answer_unit: Unit) -> bool | None:
        if reference_unit.dimension != answer_unit.dimension:
            if reference_unit.dimension not in _KELVINS or answer_unit.dimension not in _KELVINS:
                return False
            (size, zero), (answer_size, answer_zero) = (
                _KELVINS[reference_unit.dimension],
                _KELVINS[answer_unit.dimension],
            )
            kelvins = Call("add", (Call("mul", (answer, Num(answer_size))), Num(answer_zero - zero)))
            return self.equal_nodes(reference, Call("div", (kelvins, Num(size))))
        factor = Num(answer_unit.factor / reference_unit.factor)
        return self.equal_nodes(reference, Call("mul", (answer, factor)))

    def _equal_percent(self, reference: Quantity, answer: Quantity) -> bool | None:
        if self.policy.percent == "strict":
            return False
        if self.policy.percent == "lenient":
            equal = self.equal_nodes(reference.node, answer.node)
            if equal is not False:
                return equal
        return self.equal_nodes(_apply_percent(reference), _apply_percent(answer))

    def _equal_angles(self, reference: Quantity, answer: Quantity) -> bool | None:
        marks = {reference.mark, answer.mark}
        if "%" in marks:
            return False
        if "deg" not in marks:
            return self.equal_nodes(reference.node, answer.node)
        if self.policy.degrees == "lenient" and "rad" not in marks:
            equal = self.equal_nodes(reference.node, answer.node)
            if equal is not False:
                return equal
        radians = [Call("degree", (q.node,)) if q.mark == "deg" else q.node for q in (reference, answer)]
        unmarked = reference.node if reference.mark != "deg" else answer.node
        is_angle = "rad" in marks or _contains_pi(unmarked) or has_operation(unmarked, _INVERSE_OPERATIONS)
        if not is_angle or (equal := self.equal_nodes(radians[0], radians[1])):
            return is_angle
        factor = Call("div", (Num(Fraction(180)), Const("pi")))  # a decimal is rounded in degrees
        degrees = [q.node if q.mark == "deg" else Call("mul", (q.node, factor)) for q in (reference, answer)]
        return self.equal_nodes(degrees[0], degrees[1]) or equal

    def equal_nodes(self, reference: Node, answer: Node) -> bool | None:
        """Return whether two expressions have the same value, up to rounding and the names of parameters."""
        if self.policy.constant == "ignore":
            reference, answer = _drop_constant(reference), _drop_constant(answer)
        if _is_infinite(reference) or _is_infinite(answer):
            return reference == answer
        reference_names, answer_names = free_symbols(reference), free_symbols(answer)
        if not reference_names and not answer_names and (rounded := self._equal_rounded(reference, answer)) is not None:
            self.tier = Tier.EXACT
            return rounded
        equal, self.tier = decide_identity(reference, answer, self.budget)
        if equal is False and self._differ_by_constant(reference, answer):
            return True
        if equal is True or reference_names == answer_names or self.policy.parameters == "strict":
            return equal
        if (renamed := self._rename(reference, answer)) is not None:
            renamed_equal, tier = decide_identity(reference, renamed, self.budget)
            if renamed_equal or self._differ_by_constant(reference, renamed):
                self.tier = tier
                return True
        return equal

    def _differ_by_constant(self, reference: Node, answer: Node) -> bool:
        """Return whether two expressions in one variable, both with ``+ C``, differ by a number, which C takes up."""
        first, second = _drop_constant(reference), _drop_constant(answer)
        if first is reference or second is answer:
            return False
        gap = subtract(first, second)
        names = free_symbols(gap)
        if len(names) != 1:
            return False
        elsewhere = rename_symbols(gap, {name: f"{name}'" for name in names})
        return decide_identity(gap, elsewhere, self.budget)[0] is True

    @contextmanager
    def rename_once(self, reference: Sequence[Answer], answer: Sequence[Answer]) -> Iterator[Sequence[Answer]]:
        """Give the one declared parameter of a tuple the reference's name; inside, no member renames it on its own."""
        names = [
            {name for item in items if isinstance(item, Quantity) for name in free_symbols(item.node)}
            for items in (reference, answer)
        ]
        old, new = names[1] - names[0], names[0] - names[1]
        has_parameter = self.has_parameter
        if has_parameter and self.policy.parameters == "rename" and len(old) == len(new) == 1:
            renamed = {old.pop(): new.pop()}
            answer = [
                item._replace(node=rename_symbols(item.node, renamed)) if isinstance(item, Quantity) else item
                for item in answer
            ]
        self.has_parameter = False
        try:
            yield answer
        finally:
            self.has_parameter = has_parameter

    def _rename(self, reference: Node, answer: Node) -> Node | None:
        """Return the answer with the reference's names where the policy allows that, else None."""
        reference_names, answer_names = free_symbols(reference), free_symbols(answer)
        old, new = sorted(answer_names - reference_names), sorted(reference_names - answer_names)
        if len(old) != len(new):
            return None
        if [name.lower() for name in old] == [name.lower() for name in new]:
            return rename_symbols(answer, dict(zip(old, new, strict=True)))
        is_solution = reference_names > {*new} and all(map(_ARBITRARY_CONSTANT.fullmatch, (*old, *new)))
        if is_solution and any(all(map(_INDEXED_CONSTANT.fullmatch, names)) for names in (old, new)):
            return rename_symbols(answer, dict(zip(old, new, strict=True)))  # c_1 and c_2 for A and B
        if len(old) != 1 or isinstance(reference, Sym):  # the answer is that variable and no other
            return None
        if new == ["C"] and old[0] in _CONSTANT_NAMES and isinstance(reference, Call) and Sym("C") in reference.args:
            return rename_symbols(answer, {old[0]: "C"}) if reference.op == "add" else None
        is_period = {*old, *new} <= _PARAMETER_NAMES and _contains_pi(reference) and _contains_pi(answer)
        return rename_symbols(answer, {old[0]: new[0]}) if is_period or self.has_parameter else None

    def _equal_rounded(self, reference: Node, answer: Node) -> bool | None:
        """Apply the rounding policy to two numbers; None if it does not decide."""
        places = _decimal_places(reference), _decimal_places(answer)
        if places == (None, None):
            return None
        pair = self._evaluate_pair(reference, answer)
        if pair is None:
            return None
        expected, value = pair
        if expected == value:
            return True
        if not (isinstance(expected, Fraction) and isinstance(value, Fraction)):
            is_round = self.policy.decimals == "round"
            is_rounded = is_round and self._is_rounded(reference, answer, Fraction(expected), Fraction(value))
            return True if is_rounded else None  # the floating-point error decides nothing
        return self.policy.decimals == "round" and self._is_rounded(reference, answer, expected, value)

    def _is_rounded(self, reference: Node, answer: Node, expected: Fraction, value: Fraction) -> bool:
        """Return whether one of two numbers is the other one, rounded or truncated, as they are written."""
        places = _decimal_places(reference), _decimal_places(answer)
        gap = abs(expected - value)
        if _is_whole(reference):  # only floating-point errors are accepted
            return gap * 10**9 < abs(expected) and (places[1] or 0) >= 6  # noqa: PLR2004 - digits of a float
        if _is_whole(answer):
            places = places[0], 0
        if places[0] == places[1]:
            return False
        min_places = min(count for count in places if count is not None)
        is_answer_shorter = places[1] == min_places
        digits = _count_significant_digits(answer if is_answer_shorter else reference, min_places)
        if digits < _MIN_TRUNCATED_DIGITS and not is_answer_shorter and places[1] is not None:
            return False  # a reference of one or two digits is exact
        step = Fraction(10) ** -min_places
        if digits >= _MIN_TRUNCATED_DIGITS:
            is_truncated = abs(value) < abs(expected) if is_answer_shorter else abs(expected) < abs(value)
            return 2 * gap <= step or (gap < step and is_truncated)
        return digits >= _MIN_ROUNDED_DIGITS and min_places > 0 and 2 * gap <= step

    def _evaluate_pair(self, reference: Node, answer: Node) -> tuple[Fraction | float, Fraction | float] | None:
        values: list[Fraction | float] = []
        for node in (reference, answer):
            try:
                values.append(evaluate_exactly(node, self.budget))
            except NotExactError:
                value = evaluate_real(node, self.budget)
                if value is None:
                    return None
                values.append(value)
        return values[0], values[1]


def to_quantity(node: Node) -> Quantity:
    """Return an expression as a quantity; a mark of degrees or percent at its end is the quantity's."""
    if isinstance(node, Call) and node.op in {"percent", "degree"}:
        return Quantity(node.args[0], mark="%" if node.op == "percent" else "deg")
    return Quantity(node)


def _measures_other(marked: Quantity, other: Quantity) -> bool:
    """Return whether one side is an angle or a percentage, and the other one has a unit: ``2 rad`` and ``2 cm``."""
    if not marked.mark or marked.unit is not None or other.mark or other.unit is None:
        return False
    is_degree = other.unit in (UNITS["celsius"], UNITS["fahrenheit"])  # 20 degrees may be meant as 20 °C
    return marked.mark != "deg" or not is_degree


def _is_infinite(node: Node) -> bool:
    return node == INFINITY or (isinstance(node, Call) and node.op == "neg" and node.args[0] == INFINITY)


def _simplify_literal(node: Node) -> Num | None:
    """Return a number as one literal, also negated, as a percentage or times a power of ten; None for other nodes."""
    match node:
        case Num():
            return node
        case Call("neg", (Num(value, places),)):
            return Num(-value, places)
        case Call("percent", (Num(value, places),)):
            return Num(value / 100, (places or 0) + 2)
        case Call("mul", (head, Call("pow", (Num(base), Num(exponent))))) if (
            base == 10 and exponent.denominator == 1 and abs(exponent) <= _MAX_EXPONENT  # noqa: PLR2004 - scientific notation
        ):
            literal = _simplify_literal(head)
            if literal is not None and literal.places is not None:
                return Num(literal.value * base ** int(exponent), literal.places - int(exponent))
    return None


def _decimal_places(node: Node) -> int | None:
    literal = _simplify_literal(node)
    return literal.places if literal else None


def _count_significant_digits(node: Node, places: int) -> int:
    """Return the number of significant digits of a literal that is written with `places` decimals."""
    literal = _simplify_literal(node)
    return len(str(int(abs(literal.value) * Fraction(10) ** places)).lstrip("0")) if literal else 0


def _is_whole(node: Node) -> bool:
    return isinstance(node, Num) and node.places is None and node.value.denominator == 1


def _apply_percent(quantity: Quantity) -> Node:
    return Call("percent", (quantity.node,)) if quantity.mark == "%" else quantity.node


def _contains_pi(node: Node) -> bool:
    return node == Const("pi") or (isinstance(node, Call) and any(map(_contains_pi, node.args)))


def _agree_in_words(reference: Quantity, answer: Quantity) -> bool:
    """Return False if the words after a name or a number say something else of it: ``p is odd``, ``p is even``."""
    if reference.words == answer.words or not (reference.words or answer.words):
        return True
    if reference.unit is not None or answer.unit is not None:
        return True
    if not (reference.words and answer.words) and _DENYING & set(f"{reference.words} {answer.words}".split()):
        return False  # "5 is wrong" for 5
    first, second = (find_content_words(quantity.words) if quantity.words else () for quantity in (reference, answer))
    if first == second:
        return True
    both = bool(reference.words and answer.words)
    if set(first) & set(second) & set(UNITS) and set(first) - set(second) and set(second) - set(first):
        return False  # "km north" and "km south"
    are_names = bool(free_symbols(reference.node) or free_symbols(answer.node))
    has_verb = any(quantity.words.partition(" ")[0] in _VERBS for quantity in (reference, answer))
    return not (both and (are_names or has_verb)) and not (are_names and has_verb)


def _apply_scale(quantity: Quantity, other: Quantity) -> Quantity:
    """Return ``70K`` as 70000 if the other side is a bare number."""
    if quantity.scale == 1 or other.unit is not None or free_symbols(other.node):
        return quantity
    node = quantity.node  # the letter is a factor of it, or a unit beside it
    number = node.args[0] if isinstance(node, Call) and node.op == "mul" else node
    return Quantity(Call("mul", (number, Num(Fraction(quantity.scale)))))


def _parse_letter_unit(quantity: Quantity, other: Quantity) -> Quantity:
    """Parse the variables in ``5 m`` or ``12 m/s`` as units if the other side has no variable, or only units as well."""
    if quantity.unit is not None or not free_symbols(quantity.node):
        return quantity
    if (parts := split_unit(quantity.node)) is None:
        return quantity
    if free_symbols(other.node) and split_unit(other.node) is None:
        return quantity
    return quantity._replace(node=parts[0], unit=parts[1])


def _drop_constant(node: Node) -> Node:
    """Return a sum without its term C."""
    if not isinstance(node, Call) or node.op != "add" or Sym("C") not in node.args:
        return node
    if has_operation(node, frozenset({"apply"})):
        return node
    at = node.args.index(Sym("C"))
    rest = node.args[:at] + node.args[at + 1 :]
    return rest[0] if len(rest) == 1 else Call("add", rest)
