"""Types of parsed answers."""

from typing import NamedTuple, TypeAlias

from herokit_math.tree import Node
from herokit_math.units import Unit

__all__ = [
    "EMPTY_SET",
    "Answer",
    "BasedNumeral",
    "Cases",
    "Choice",
    "Collection",
    "Formula",
    "Interval",
    "LabeledValue",
    "Matrix",
    "Quantity",
    "Ratio",
    "Region",
    "RelationChain",
    "Residues",
    "Text",
]


class Quantity(NamedTuple):
    r"""A number or an expression, with its unit or mark.

    Attributes:
        node: its value; 45 in ``45^\circ``, 28 in ``28\%``.
        unit: its unit, if that is known.
        words: the words after it that are not a known unit.
        mark: ``"%"``, ``"deg"``, ``"rad"`` or ``""``.
        scale: 1000 for ``70K``, a million for ``70M`` and so on, if the other side is a bare number; else 1.
    """

    node: Node
    unit: Unit | None = None
    words: str = ""
    mark: str = ""
    scale: int = 1


class RelationChain(NamedTuple):
    """Expressions joined by relations: an equation, an inequality, ``a < b < c``."""

    parts: tuple[Node, ...]
    relations: tuple[str, ...]


class LabeledValue(NamedTuple):
    """A value with a label: ``x = 3``, ``f(x) = x + 1``, ``Minimum: 1``.

    Attributes:
        label: the text of the label.
        value: the value.
        equation: the same text as an equation, if it is one.
        bound_variables: variables that the label binds, such as ``x`` in ``f(x)``.
    """

    label: str
    value: "Answer"
    equation: RelationChain | None = None
    bound_variables: tuple[str, ...] = ()


class Interval(NamedTuple):
    """An interval of the real line; an infinite end is `INFINITY` or its negative."""

    low: Node
    high: Node
    closed_low: bool
    closed_high: bool


class Region(NamedTuple):
    """A union of intervals and single points, from brackets or from inequalities in one variable.

    Attributes:
        parts: the intervals and points.
        name: the variable of the inequalities; empty for brackets.
    """

    parts: "tuple[Interval | Quantity, ...]"
    name: str = ""


class Collection(NamedTuple):
    """Several answers: a list, a tuple or a set.

    Attributes:
        items: the members.
        bracket: ``""`` for a list, ``"("`` for a tuple, ``"{"`` for a set, ``"["`` for square brackets, ``"|"`` for a set
            that is given by an expression and a condition, ``"and"`` or ``"or"`` for words with such a conjunction,
            ``"or"`` also for values of different names.
    """

    items: "tuple[Answer, ...]"
    bracket: str = ""


class Matrix(NamedTuple):
    """A matrix or vector, by rows."""

    rows: "tuple[tuple[Answer, ...], ...]"


class Cases(NamedTuple):
    """A value by cases.

    Attributes:
        items: each value with its condition; None for "otherwise".
    """

    items: "tuple[tuple[Answer, Answer | None], ...]"


class Residues(NamedTuple):
    """Residues modulo a number: ``x = 3 (mod 7)``.

    Attributes:
        residues: the residues.
        modulus: the modulus.
        subject: the left side, if it is not a name.
    """

    residues: tuple[Node, ...]
    modulus: Node
    subject: Node | None = None


class BasedNumeral(NamedTuple):
    """A numeral with a base: ``2112_6``."""

    digits: str
    base: int


class Ratio(NamedTuple):
    """A ratio or a time of day: ``3:1``, ``12:30``.

    Attributes:
        parts: the expressions between the colons.
        is_clock: whether it has the form of a time: two digits after each colon.
        half_day: ``"am"``, ``"pm"`` or ``""``.
    """

    parts: tuple[Node, ...]
    is_clock: bool = False
    half_day: str = ""


class Choice(NamedTuple):
    """An option of a multiple-choice question: its letter, and its text if given."""

    letter: str
    text: str = ""


class Text(NamedTuple):
    """An answer in words."""

    words: tuple[str, ...]


class Formula(NamedTuple):
    r"""A formula of sets or propositions, ``A \cap B``, as its truth table.

    Attributes:
        names: the names that change its value, sorted.
        table: bit ``r`` is its value in the row in which the names are the bits of ``r``, the first one the lowest.
    """

    names: tuple[str, ...]
    table: int


Answer: TypeAlias = (
    Quantity
    | RelationChain
    | LabeledValue
    | Interval
    | Region
    | Collection
    | Matrix
    | BasedNumeral
    | Cases
    | Residues
    | Ratio
    | Choice
    | Text
    | Formula
)
EMPTY_SET = Collection((), "{")
