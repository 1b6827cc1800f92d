"""Compare parsed answers: one rule for each pair of types; pairs without a rule are different."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, ClassVar

from herokit_math.answers import (
    Answer,
    BasedNumeral,
    Cases,
    Choice,
    Collection,
    Formula,
    Interval,
    LabeledValue,
    Matrix,
    Quantity,
    Ratio,
    Region,
    RelationChain,
    Residues,
    Text,
)  # fmt: skip
from herokit_math.exact import NotExactError, evaluate_exactly
from herokit_math.expression import UnsupportedError
from herokit_math.identity import Tier, decide_identity
from herokit_math.labels import (
    MAX_NAME_CHARS,
    adapt_labels,
    count_names,
    get_label,
    have_compatible_labels,
    pair_by_label,
)
from herokit_math.limits import StepBudget
from herokit_math.lists import to_region
from herokit_math.parser import parse_answer
from herokit_math.quantity_comparison import Policy, QuantityComparison, to_quantity
from herokit_math.relations import (
    equal_chains,
    find_line,
    is_solution,
    merge_parts,
    named_value,
    substitute,
)
from herokit_math.tree import (
    INFINITY,
    ONE,
    ZERO,
    Call,
    Const,
    Node,
    Num,
    Sym,
    free_symbols,
    make_selection,
)
from herokit_math.words import equal_words

__all__ = ["Comparison"]

_INCREASING, _DECREASING = {"<", "\\le"}, {">", "\\ge"}
_ORDERED_BRACKETS = {"(", "[", "|"}
_INTEGERS = (Collection((Quantity(Const("Z")),)),)
_UNIT_VECTORS = ("hat i", "hat j", "hat k")


class Comparison:
    """Comparison of one pair of answers.

    Args:
        policy: options of the comparison.
        has_parameter: whether the texts declare a free parameter.
        has_reference_parameter: whether the reference does.
    """

    def __init__(self, policy: Policy, *, has_parameter: bool = False, has_reference_parameter: bool = False) -> None:
        self.policy = policy
        self.budget = StepBudget()
        self.quantities = QuantityComparison(policy, self.budget, has_parameter=has_parameter)
        self.has_reference_parameter = has_reference_parameter
        self.reason = ""

    @property
    def tier(self) -> Tier | None:
        """The tier that decided the last pair of quantities; None if no quantities were compared."""
        return self.quantities.tier if self.quantities.tier is not Tier.UNDECIDED else None

    def equal(self, reference: Answer, answer: Answer) -> bool | None:
        """Return whether an answer is equal to the reference; None if no rule can decide.

        Raises:
            LimitError: the step budget is spent.
        """
        if isinstance(reference, Quantity) and isinstance(answer, Quantity):
            return self.quantities.equal(reference, answer)
        if isinstance(answer, Interval) and isinstance(reference, Collection) and not reference.bracket:
            answer = _to_list(answer)  # the list [1, 2]
        pair = self._to_components(reference, answer), self._to_components(answer, reference)
        rules = (compare for kind, compare in self._rules if any(isinstance(side, kind) for side in pair))
        return next(rules)(self, *pair)

    def _to_components(self, vector: Answer, other: Answer) -> Answer:
        r"""Return a sum of multiples of ``\hat{i}``, ``\hat{j}``, ``\hat{k}`` as a vector if the other side is one."""
        if not isinstance(vector, Quantity) or (rows := _get_rows(other)) is None:
            return vector
        if not free_symbols(vector.node) & {*_UNIT_VECTORS}:
            return vector
        names = _UNIT_VECTORS[: sum(map(len, rows))]
        zero = dict.fromkeys(_UNIT_VECTORS, ZERO)
        parts = tuple(substitute(vector.node, zero | {name: ONE}) for name in names)
        total = Call("add", tuple(Call("mul", (part, Sym(name))) for part, name in zip(parts, names, strict=True)))
        is_linear = decide_identity(total, vector.node, self.budget)[0]
        return Collection(tuple(map(Quantity, parts)), "(") if is_linear else vector

    def _equal_choices(self, reference: Answer, answer: Answer) -> bool | None:
        if isinstance(reference, Choice) and isinstance(answer, Choice):
            return reference.letter == answer.letter
        contents = [item.text if isinstance(item, Choice) else item for item in (reference, answer)]
        if "" in contents:
            return False
        try:
            return self.equal(*(parse_answer(item) if isinstance(item, str) else item for item in contents))
        except UnsupportedError:
            return False

    def _equal_labeled_values(self, reference: Answer, answer: Answer) -> bool | None:
        first, second = _to_selection(reference, answer), _to_selection(answer, reference)
        if isinstance(first, Quantity) and isinstance(second, Quantity):
            return self.quantities.equal(first, second)
        if self.policy.labels == "strict" and get_label(reference) != get_label(answer):
            return False
        value, other = (item.value if isinstance(item, LabeledValue) else item for item in (reference, answer))
        if isinstance(reference, LabeledValue):
            other = adapt_labels(reference, answer, other)
        if isinstance(value, RelationChain) or isinstance(other, RelationChain):
            return self._equal_chains(
                value if isinstance(value, RelationChain) else reference,
                other if isinstance(other, RelationChain) else answer,
            )
        equation = reference.equation if isinstance(reference, LabeledValue) else None
        if isinstance(answer, LabeledValue) and equation and answer.equation:
            are_comparable = have_compatible_labels(equation.parts[0], answer.equation.parts[0])
            equal = self.equal(value, other) if are_comparable else False
            return equal or equal_chains(equation, answer.equation, self.budget) or equal
        equal = self.equal(value, other)
        if equal is not True and equation and isinstance(answer, Quantity):
            return is_solution(equation, answer.node, self.budget) or equal
        return equal

    def _equal_residues(self, reference: Answer, answer: Answer) -> bool | None:
        first, second = (item.value if isinstance(item, LabeledValue) else item for item in (reference, answer))
        if isinstance(first, Residues) and isinstance(second, Residues):
            return self._equal_classes(first, second)
        residues, other = (first, second) if isinstance(first, Residues) else (second, first)
        if not isinstance(residues, Residues) or residues.subject or not isinstance(other, Quantity | Collection):
            return False
        is_family = first is residues or self.has_reference_parameter
        if isinstance(other, Collection) and other.bracket == "|" and other.items[1:] == _INTEGERS:
            other, is_family = other.items[0], True  # {7k + 3 | k is an integer}
        line = find_line(other.node) if isinstance(other, Quantity) and is_family else None
        if line is not None and abs(line.slope) > 1:
            family = Residues((Num(line.value),), Num(abs(line.slope)))
            return self._equal_classes(*((residues, family) if first is residues else (family, residues)))
        if not _is_bare(other) or (second is residues and not _are_reduced(residues)):
            return False
        values = Collection(tuple(map(Quantity, residues.residues)))
        return self._equal_collections(*((values, other) if first is residues else (other, values)))

    def _equal_classes(self, first: Residues, second: Residues) -> bool | None:
        modulus = first.modulus

        def equal(r: Node, a: Node) -> bool | None:
            pair = Call("mod", (r, modulus)), Call("mod", (a, modulus))
            return self.quantities.equal_nodes(r, a) or decide_identity(*pair, self.budget)[0]

        subjects = first.subject or ZERO, second.subject or ZERO
        is_same = _all_equal(decide_identity(r, a, self.budget)[0] for r, a in (subjects, (modulus, second.modulus)))
        return self._equal_unordered(first.residues, second.residues, equal) if is_same else is_same

    def _equal_cases(self, reference: Answer, answer: Answer) -> bool | None:
        if not (isinstance(reference, Cases) and isinstance(answer, Cases)) or len(reference.items) != len(
            answer.items
        ):
            return False
        return self._equal_unordered(reference.items, answer.items, self._equal_case)

    def _equal_case(self, reference: tuple[Answer, Answer | None], answer: tuple[Answer, Answer | None]) -> bool | None:
        """Compare two values with their conditions; "otherwise" is any condition that no other case has."""
        conditions = reference[1], answer[1]
        if conditions[0] is not None and conditions[1] is not None and not self.equal(conditions[0], conditions[1]):
            return False
        return self.equal(reference[0], answer[0])

    def _equal_chains(self, reference: Answer, answer: Answer) -> bool | None:
        chain, other = (item.equation if isinstance(item, LabeledValue) else item for item in (reference, answer))
        if isinstance(chain, Quantity) and isinstance(other, RelationChain):
            value = named_value(other) if chain.unit is None else None  # a chain has no units
            return self.quantities.equal(chain, to_quantity(value)) if value is not None else False
        if not isinstance(chain, RelationChain):
            return False
        if isinstance(other, RelationChain):
            return equal_chains(chain, other, self.budget)
        if isinstance(other, Quantity):
            return is_solution(chain, other.node, self.budget)
        is_monotone = set(chain.relations) <= _INCREASING or set(chain.relations) <= _DECREASING
        if isinstance(other, Collection) and is_monotone:
            return self._equal_in_order([Quantity(part) for part in chain.parts], other.items)
        return False

    def _equal_regions(self, reference: Answer, answer: Answer) -> bool | None:
        num_parts = sum(len(item.parts) if isinstance(item, Region) else 1 for item in (reference, answer))
        is_inequality = isinstance(reference, Region) != isinstance(answer, Region) and num_parts == 2  # noqa: PLR2004
        if is_inequality and self.policy.intervals == "strict":
            return False
        region, other = to_region(reference), to_region(answer)
        if region is None or other is None:
            return False
        if region.name and other.name and region.name != other.name and "(" in region.name + other.name:
            return False  # x > 2 and f(x) > 2
        if len(region.parts) + len(other.parts) > 2:  # noqa: PLR2004 - a union
            region, other = merge_parts(region), merge_parts(other)
        if len(region.parts) != len(other.parts):
            return False
        return self._equal_unordered(region.parts, other.parts, self._equal_region_parts)

    def _equal_region_parts(self, reference: Interval | Quantity, answer: Interval | Quantity) -> bool | None:
        if isinstance(reference, Quantity) and isinstance(answer, Quantity):
            return self.quantities.equal(reference, answer)
        if isinstance(reference, Quantity) or isinstance(answer, Quantity):
            return False
        ends = (reference.closed_low, reference.closed_high) == (answer.closed_low, answer.closed_high)
        if not ends and self.policy.ends == "strict":
            return False
        pairs = ((reference.low, answer.low), (reference.high, answer.high))
        return _all_equal(self.quantities.equal_nodes(r, a) for r, a in pairs)

    def _equal_matrices(self, reference: Answer, answer: Answer) -> bool | None:
        rows, other = _get_rows(reference), _get_rows(answer)
        if rows is None or other is None:
            return False
        if [len(row) for row in rows] != [len(row) for row in other]:
            vectors = [
                [entry for row in matrix for entry in row]
                for matrix in (rows, other)
                if len(matrix) == 1 or all(len(row) == 1 for row in matrix)
            ]
            if len(vectors) != 2 or isinstance(reference, Matrix) == isinstance(answer, Matrix):  # noqa: PLR2004
                return False
            return self._equal_in_order(*vectors)
        return _all_equal(self._equal_in_order(r, a) for r, a in zip(rows, other, strict=True))

    def _equal_collections(self, reference: Answer, answer: Answer) -> bool | None:
        items, other = (item.items if isinstance(item, Collection) else (item,) for item in (reference, answer))
        brackets = {item.bracket for item in (reference, answer) if isinstance(item, Collection)}
        if brackets == {"and", "or"} or (
            "or" in brackets and len(brackets) > 1 < max(count_names(items), count_names(other))
        ):
            return False  # x = 1 or y = 2, and x = 1, y = 2
        is_tuple = bool(brackets & _ORDERED_BRACKETS)
        if len(items) != len(other) and not is_tuple:
            items, other = self._drop_duplicates(items), self._drop_duplicates(other)
        if len(items) != len(other):
            return False
        if not is_tuple and (pairs := pair_by_label(items, other)):
            return _all_equal(self.equal(r, a) for r, a in pairs)
        names = count_names(items), count_names(other)
        if not is_tuple and all(names) and names[0] != names[1]:
            return False  # x = 1 or x = 2, and x = 1, y = 2
        is_assigned = (
            1 < names[0] == len(items)
            and names[1] == 0
            and all(len(get_label(item)) <= MAX_NAME_CHARS for item in items)
        )
        if is_tuple or self.policy.lists == "ordered" or is_assigned:
            with self.quantities.rename_once(items, other) as renamed:
                return self._equal_in_order(items, renamed)
        return self._equal_unordered(items, other, self.equal)

    def _drop_duplicates(self, items: tuple[Answer, ...]) -> tuple[Answer, ...]:
        unique: list[Answer] = []
        for item in items:
            if not any(self.equal(item, other) for other in unique):
                unique.append(item)
        return tuple(unique)

    def _equal_in_order(self, reference: Sequence[Answer], answer: Sequence[Answer]) -> bool | None:
        if len(reference) != len(answer):
            return False
        return _all_equal(self.equal(r, a) for r, a in zip(reference, answer, strict=True))

    def _equal_unordered(
        self, reference: Sequence[Any], answer: Sequence[Any], equal: Callable[[Any, Any], bool | None]
    ) -> bool | None:
        """Match members one to one, each with the first equal one."""
        if len(reference) != len(answer):
            return False
        remaining = list(answer)
        is_unsure = False
        for r in reference:
            for k, a in enumerate(remaining):
                verdict = equal(r, a)
                is_unsure |= verdict is None
                if verdict:
                    del remaining[k]
                    break
            else:
                return None if is_unsure else False
        return True

    def _equal_based_numerals(self, reference: Answer, answer: Answer) -> bool | None:
        if isinstance(reference, BasedNumeral) and isinstance(answer, BasedNumeral):
            return reference == answer
        if not isinstance(reference, BasedNumeral) or not isinstance(answer, Quantity) or self.policy.bases == "strict":
            return False
        return reference.base > 1 and reference.digits.isdigit() and answer.node == Num(Fraction(reference.digits))

    def _equal_ratios(self, reference: Answer, answer: Answer) -> bool | None:
        if isinstance(reference, Ratio) and isinstance(answer, Ratio):
            if reference.half_day and answer.half_day and reference.half_day != answer.half_day:
                return False
            if {reference.half_day, answer.half_day} in ({"", "am"}, {"", "pm"}):
                reference, answer = _to_day(reference, answer), _to_day(answer, reference)
            if len(reference.parts) != len(answer.parts):
                return False
            pairs = zip(reference.parts, answer.parts, strict=True)
            equal = _all_equal(self.quantities.equal_nodes(r, a) for r, a in pairs)
            if equal or reference.is_clock or answer.half_day:
                return equal
            quotients = [
                [Call("div", (first, part)) for part in rest] for first, *rest in (reference.parts, answer.parts)
            ]
            return _all_equal(self.quantities.equal_nodes(r, a) for r, a in zip(*quotients, strict=True))
        ratio, other = (reference, answer) if isinstance(reference, Ratio) else (answer, reference)
        if not isinstance(ratio, Ratio) or not isinstance(other, Quantity) or len(ratio.parts) != 2 or ratio.half_day:  # noqa: PLR2004
            return False
        quotient = Quantity(Call("div", ratio.parts))
        return self.quantities.equal(*((quotient, other) if isinstance(reference, Ratio) else (other, quotient)))

    def _equal_texts(self, reference: Answer, answer: Answer) -> bool | None:
        if isinstance(reference, Text) and isinstance(answer, Text):
            self.reason = "words compared"
            return equal_words(reference.words, answer.words)
        text, other = (reference, answer) if isinstance(reference, Text) else (answer, reference)
        if isinstance(text, Text) and text.words == ("infinitely",) and isinstance(other, Quantity):
            return other.node == INFINITY
        self.reason = "words compared with mathematics"
        return False

    def _equal_formulas(self, reference: Answer, answer: Answer) -> bool:
        return reference == answer

    _rules: ClassVar[tuple[tuple[Any, Callable[["Comparison", Any, Any], bool | None]], ...]] = (
        (Choice, _equal_choices),
        (Residues, _equal_residues),
        (LabeledValue, _equal_labeled_values),
        (RelationChain, _equal_chains),
        (Cases, _equal_cases),
        (Interval | Region, _equal_regions),
        (Matrix, _equal_matrices),
        (Collection, _equal_collections),
        (BasedNumeral, _equal_based_numerals),
        (Ratio, _equal_ratios),
        (Text, _equal_texts),
        (Formula, _equal_formulas),
    )
    """Types of answers, and the comparison of a pair of which one has that type; the first that fits counts."""


def _is_bare(answer: Answer) -> bool:
    """Return whether an answer is a number without a unit or words, or a list or set of such numbers."""
    if isinstance(answer, Collection):
        return answer.bracket in {"", "{"} and all(
            isinstance(item, Quantity) and _is_bare(item) for item in answer.items
        )
    return isinstance(answer, Quantity) and answer.unit is None and not answer.words and not answer.mark


def _are_reduced(residues: Residues) -> bool:
    """Return whether residues are numbers from 0 to the modulus."""
    try:
        modulus, *values = (evaluate_exactly(node, StepBudget()) for node in (residues.modulus, *residues.residues))
    except NotExactError:
        return False
    return all(0 <= value < modulus for value in values)


def _to_list(interval: Interval) -> Answer:
    """Return ``[1, 2]`` as a list of two numbers; other intervals as they are."""
    if interval.closed_low and interval.closed_high:
        return Collection((Quantity(interval.low), Quantity(interval.high)), "[")
    return interval


def _to_selection(answer: Answer, other: Answer) -> Answer:
    """Return ``C(10, 3)``, a point or a number of combinations, as the latter if the other side is a number; likewise P."""
    if not isinstance(answer, LabeledValue) or answer.label not in {"C", "P"} or not isinstance(other, Quantity):
        return answer
    items = answer.value.items if isinstance(answer.value, Collection) else ()
    nodes = tuple(item.node for item in items if isinstance(item, Quantity))
    if len(nodes) != len(items) or len(nodes) != 2:  # noqa: PLR2004 - a total and a part
        return answer
    return Quantity(make_selection(*nodes, is_ordered=answer.label == "P"))


def _to_day(time: Ratio, other: Ratio) -> Ratio:
    """Return a time of one half day in the 24 hours of a day, if the other time is after noon in them."""
    hour, first = time.parts[0], other.parts[0]
    if not time.half_day or not (isinstance(hour, Num) and isinstance(first, Num)):
        return time
    is_late = first.value > 12 or first.value == 0  # noqa: PLR2004 - hours of half a day
    hours = hour.value % 12 + 12 * (time.half_day == "pm")
    return time._replace(parts=(Num(hours), *time.parts[1:])) if is_late else time


def _all_equal(verdicts: Iterable[bool | None]) -> bool | None:
    """Return False if any verdict is False, else None if any is None, else True."""
    is_unsure = False
    for verdict in verdicts:
        if verdict is False:
            return False
        is_unsure |= verdict is None
    return None if is_unsure else True


def _get_rows(answer: Answer) -> list[list[Answer]] | None:
    if isinstance(answer, Matrix):
        return [list(row) for row in answer.rows]
    if isinstance(answer, Collection) and answer.bracket in _ORDERED_BRACKETS:
        return [list(answer.items)]
    if isinstance(answer, Collection) and len(answer.items) == 1:
        return _get_rows(answer.items[0])
    return None
