"""Names of constraints to the functions that check them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herokit.errors import HerokitError, did_you_mean

Check = Callable[..., bool]


class ArgumentError(HerokitError, ValueError):
    """A row names a constraint that is not known, or gives it arguments that it does not take."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One checkable instruction.

    Attributes:
        name: its id, as data sets write it.
        check: says of a text whether it follows the instruction; keyword arguments are the instruction's.
    """

    name: str
    check: Check

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of its arguments, all of which it needs."""
        return tuple(inspect.signature(self.check).parameters)[1:]

    def holds(self, text: str, arguments: Mapping[str, Any]) -> bool:
        """Whether a text follows the instruction.

        Raises:
            ArgumentError: an argument is missing, unknown or of no use.

        Example:
            >>> find("punctuation:no_comma").holds("no pause", {})
            True
        """
        given = {key: value for key, value in arguments.items() if value is not None}
        for key in given:
            if key not in self.arguments:
                raise ArgumentError(f"{self.name} takes no {key!r}; {did_you_mean(key, list(self.arguments))}")
        for key in self.arguments:
            if key not in given:
                raise ArgumentError(f"{self.name} needs {key!r}")
        try:
            return bool(self.check(text, **given))
        except (TypeError, AttributeError, ValueError) as error:
            raise ArgumentError(f"{self.name} cannot use {given!r:.120}: {error}") from error


CONSTRAINTS: dict[str, Constraint] = {}
"""Every known constraint by name; `constraint` adds one."""


def constraint(name: str) -> Callable[[Check], Check]:
    """Offer a function under a name, for data sets and schemes to use.

    Args:
        name: the id, ``"family:what"``.

    Raises:
        ArgumentError: the name is taken.

    Example:
        >>> @constraint("mine:no_digits")
        ... def no_digits(text):
        ...     return not any(c.isdigit() for c in text)
        >>> find("mine:no_digits").holds("four", {})
        True
        >>> del CONSTRAINTS["mine:no_digits"]
    """

    def offer(check: Check) -> Check:
        if name in CONSTRAINTS:
            raise ArgumentError(f"there is a constraint {name!r} already")
        CONSTRAINTS[name] = Constraint(name, check)
        return check

    return offer


def find(name: str) -> Constraint:
    """Return the constraint of a name.

    Raises:
        ArgumentError: there is none; the message offers the nearest.
    """
    if name not in CONSTRAINTS:
        raise ArgumentError(f"no constraint {name!r}; {did_you_mean(name, list(CONSTRAINTS))}")
    return CONSTRAINTS[name]


def compare(count: int, relation: str, number: int) -> bool:
    """Compare a count as IFEval's relations do.

    Raises:
        ValueError: another relation.

    Example:
        >>> compare(3, "at least", 3), compare(3, "less than", 3)
        (True, False)
    """
    if relation not in ("at least", "less than"):
        raise ValueError(f"a relation is 'at least' or 'less than', got {relation!r}")
    return count >= int(number) if relation == "at least" else count < int(number)


def listed(value: Any) -> Sequence[str]:
    """Check that an argument is a list of texts.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, str) or not all(isinstance(part, str) and part for part in value):
        raise ValueError(f"expected a list of texts, got {value!r:.60}")
    return list(value)
