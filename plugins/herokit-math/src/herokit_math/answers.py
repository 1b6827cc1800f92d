"""What an answer can be: one small class a type."""

from typing import NamedTuple, TypeAlias

from herokit_math.tree import Node
from herokit_math.units import Unit


class Quantity(NamedTuple):
    r"""A number or an expression, with what was written around it.

    Attributes:
        node: its value; of ``45^\circ`` and ``28\%`` the 45 and the 28.
        unit: a known unit.
        words: the words behind it that are no known unit.
        mark: ``"%"``, ``"deg"`` or ``""``.
    """

    node: Node
    unit: Unit | None = None
    words: str = ""
    mark: str = ""


class Chain(NamedTuple):
    """Expressions joined by relations: an equation, an inequality, ``a < b < c``."""

    parts: tuple[Node, ...]
    relations: tuple[str, ...]


class Labelled(NamedTuple):
    """A value with a name: ``x = 3``, ``f(x) = x + 1``, ``Minimum: 1``.

    Attributes:
        label: the name's text.
        value: what it names.
        whole: the same text as an equation, where it is one.
        bound: variables that the label binds, as ``x`` in ``f(x)``.
    """

    label: str
    value: "Answer"
    whole: Chain | None = None
    bound: tuple[str, ...] = ()


class Interval(NamedTuple):
    """An interval of the real line; an infinite end is `INFINITY` or its negative."""

    low: Node
    high: Node
    closed_low: bool
    closed_high: bool


class Region(NamedTuple):
    """A union of intervals and single points, from brackets or from inequalities in one variable."""

    parts: "tuple[Interval | Quantity, ...]"


class Sequence(NamedTuple):
    """Several answers.

    Attributes:
        items: the members.
        bracket: ``""`` a plain list, ``"("`` a tuple, ``"{"`` a set, ``"["`` square brackets.
    """

    items: "tuple[Answer, ...]"
    bracket: str = ""


class Matrix(NamedTuple):
    """A matrix or vector, row by row."""

    rows: "tuple[tuple[Answer, ...], ...]"


class Based(NamedTuple):
    """A numeral in a base: ``2112_6``."""

    digits: str
    base: int


class Ratio(NamedTuple):
    """A ratio, or a time of day: ``3:1``, ``12:30``.

    Attributes:
        parts: what stands between the colons.
        clock: it is written as a time is: two digits behind the colon.
        half: ``"am"``, ``"pm"`` or ``""``.
    """

    parts: tuple[Node, ...]
    clock: bool = False
    half: str = ""


class Choice(NamedTuple):
    """An option of a multiple-choice question, and its text when it was given."""

    letter: str
    text: str = ""


class Text(NamedTuple):
    """Words."""

    words: tuple[str, ...]


Answer: TypeAlias = Quantity | Chain | Labelled | Interval | Region | Sequence | Matrix | Based | Ratio | Choice | Text
EMPTY_SET = Sequence((), "{")
