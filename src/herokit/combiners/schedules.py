"""Numbers that a step is given: checked against an interval, and perhaps different at each training step."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from herokit.errors import ConfigError

Number: TypeAlias = Annotated[Any, "number"]
"""A float, or a `Schedule` that gives one for each training step; the mark is what `herokit.config.schema` goes by."""


class Schedule(ABC):
    """A number that depends on the training step; write it wherever a step takes a number.

    `chain` notices schedules and keeps the count of training steps in the chain's state, so it is saved, restored and
    left alone by evaluation like everything else.
    """

    __slots__ = ()

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the value at a training step, counted from 0."""

    @property
    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """Return the least and the greatest value it ever takes."""


@dataclass(frozen=True, slots=True)
class _Ramp(Schedule):
    """Goes from one number to another within some training steps, then stays."""

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        check("steps", self.steps, "[1, inf)")

    @property
    def ends(self) -> tuple[float, float]:
        """Return the least and the greatest value."""
        return min(self.start, self.end), max(self.start, self.end)

    def done(self, step: int) -> float:
        """Return the share of the way that is behind at a training step."""
        return min(step / self.steps, 1.0)


@dataclass(frozen=True, slots=True)
class Linear(_Ramp):
    """Go from `start` to `end` in equal parts over `steps` training steps, then stay.

    Args:
        start: the value at training step 0.
        end: the value from training step `steps` on.
        steps: how many training steps it takes.

    Raises:
        ConfigError: `steps` is not positive.

    Example:
        >>> [Linear(0.2, 0.1, steps=2)(t) for t in range(4)]
        [0.2, 0.15000000000000002, 0.1, 0.1]
    """

    def __call__(self, step: int) -> float:
        """Return the value at a training step."""
        return self.start * (1.0 - self.done(step)) + self.end * self.done(step)


@dataclass(frozen=True, slots=True)
class Cosine(_Ramp):
    """Go from `start` to `end` along half a cosine over `steps` training steps, then stay.

    Args:
        start: the value at training step 0.
        end: the value from training step `steps` on.
        steps: how many training steps it takes.

    Raises:
        ConfigError: `steps` is not positive.

    Example:
        >>> [round(Cosine(1.0, 0.0, steps=4)(t), 3) for t in range(6)]
        [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    def __call__(self, step: int) -> float:
        """Return the value at a training step."""
        return self.end + (self.start - self.end) * (1.0 + math.cos(math.pi * self.done(step))) / 2.0


@dataclass(frozen=True, slots=True)
class Piecewise(Schedule):
    """Hold each value until the next training step named: ``values[i]`` from ``since[i]`` on.

    Args:
        values: one more than `since`; the first holds from step 0.
        since: increasing training steps at which the next value starts.

    Raises:
        ConfigError: the counts do not fit, or `since` does not increase.

    Example:
        >>> [Piecewise((0.1, 0.05), since=(2,))(t) for t in range(4)]
        [0.1, 0.1, 0.05, 0.05]
    """

    values: tuple[float, ...]
    since: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.since) + 1:
            raise ConfigError(f"values has one more entry than since, got {len(self.values)} and {len(self.since)}")
        if list(self.since) != sorted(set(self.since)) or (self.since and self.since[0] < 1):
            raise ConfigError(f"since increases from 1 on, got {self.since}")

    def __call__(self, step: int) -> float:
        """Return the value at a training step."""
        return self.values[sum(step >= start for start in self.since)]

    @property
    def ends(self) -> tuple[float, float]:
        """Return the least and the greatest value."""
        return min(self.values), max(self.values)


def ends(value: Number) -> tuple[float, float]:
    """Return the least and the greatest value of a number: itself twice, unless it is a schedule."""
    return value.ends if isinstance(value, Schedule) else (value, value)


def check(name: str, value: Number, interval: str) -> None:
    """Refuse a number outside an interval; of a schedule, every value must lie inside.

    Args:
        name: the parameter's name.
        value: what was given.
        interval: as in mathematics, e.g. ``"(0, 1]"`` or ``"[0, inf)"``.

    Raises:
        ConfigError: it is no number, or lies outside.

    Example:
        >>> check("alpha", 0.0, "(0, 1]")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: alpha lies in (0, 1], got 0.0
    """
    low, high = (float(edge) for edge in interval[1:-1].split(","))
    for number in ends(value):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ConfigError(f"{name} is a number in {interval}, got {value!r}")
        above = number > low or (number == low and interval[0] == "[")
        below = number < high or (number == high and interval[-1] == "]")
        if not (above and below):
            raise ConfigError(f"{name} lies in {interval}, got {value!r}")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse a value that is none of the choices.

    Example:
        >>> check_choice("ddof", 2, (0, 1))
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: ddof is 0 or 1, got 2
    """
    if value not in choices or isinstance(value, bool):
        raise ConfigError(f"{name} is {' or '.join(map(repr, choices))}, got {value!r}")
