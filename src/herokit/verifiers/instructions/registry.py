"""Registry of constraints: ids of instructions and the functions that check them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herokit.errors import HerokitError, did_you_mean

__all__ = ["CONSTRAINTS", "ArgumentError", "Constraint", "check_texts", "compare_count", "constraint", "get_constraint"]

CheckFunction = Callable[..., bool]


class ArgumentError(HerokitError, ValueError):
    """A constraint is unknown, or its arguments are missing or unusable."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One checkable instruction.

    Attributes:
        name: its id, as data sets write it.
        function: returns whether a text follows the instruction; its keyword arguments are the instruction's.
    """

    name: str
    function: CheckFunction

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of its arguments, all of which are required."""
        return tuple(inspect.signature(self.function).parameters)[1:]

    def is_followed(self, text: str, arguments: Mapping[str, Any]) -> bool:
        """Return whether a text follows the instruction.

        Raises:
            ArgumentError: an argument is missing, unknown or unusable.

        Example:
            >>> get_constraint("punctuation:no_comma").is_followed("no pause", {})
            True
        """
        given = {key: value for key, value in arguments.items() if value is not None}
        for key in given:
            if key not in self.arguments:
                raise ArgumentError(f"{self.name} has no argument {key!r}; {did_you_mean(key, list(self.arguments))}")
        for key in self.arguments:
            if key not in given:
                raise ArgumentError(f"{self.name} needs the argument {key!r}")
        try:
            return bool(self.function(text, **given))
        except (TypeError, AttributeError, ValueError) as error:
            raise ArgumentError(f"{self.name} cannot use {given!r:.120}: {error}") from error


CONSTRAINTS: dict[str, Constraint] = {}
"""Every registered constraint by name."""


def constraint(name: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as a constraint, for use by data sets and schemes.

    Args:
        name: the id, ``"family:name"``.

    Raises:
        ArgumentError: the name is taken.

    Example:
        >>> @constraint("mine:no_digits")
        ... def no_digits(text):
        ...     return not any(c.isdigit() for c in text)
        >>> get_constraint("mine:no_digits").is_followed("four", {})
        True
        >>> del CONSTRAINTS["mine:no_digits"]
    """

    def register(function: CheckFunction) -> CheckFunction:
        if name in CONSTRAINTS:
            raise ArgumentError(f"constraint {name!r} is already registered")
        CONSTRAINTS[name] = Constraint(name, function)
        return function

    return register


def get_constraint(name: str) -> Constraint:
    """Return a constraint by name.

    Raises:
        ArgumentError: it is unknown; the message suggests the nearest name.
    """
    if name not in CONSTRAINTS:
        raise ArgumentError(f"unknown constraint {name!r}; {did_you_mean(name, list(CONSTRAINTS))}")
    return CONSTRAINTS[name]


def compare_count(count: int, relation: str, number: int) -> bool:
    """Compare a count with a number by one of IFEval's two relations.

    Raises:
        ValueError: the relation is unknown.

    Example:
        >>> compare_count(3, "at least", 3), compare_count(3, "less than", 3)
        (True, False)
    """
    if relation not in ("at least", "less than"):
        raise ValueError(f"relation must be 'at least' or 'less than', got {relation!r}")
    return count >= int(number) if relation == "at least" else count < int(number)


def check_texts(value: Any) -> Sequence[str]:
    """Return an argument as a list of texts that are not empty.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, str) or not all(isinstance(part, str) and part for part in value):
        raise ValueError(f"expected a list of texts, got {value!r:.60}")
    return list(value)
