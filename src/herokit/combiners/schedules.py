"""Numbers that a step is given: checked against an interval, and perhaps different at each training step."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from herokit.errors import ConfigError

__all__ = [
    "CosineSchedule",
    "LinearSchedule",
    "PiecewiseConstantSchedule",
    "ScalarOrSchedule",
    "Schedule",
    "check_in_interval",
    "check_weights",
    "value_range",
]

ScalarOrSchedule: TypeAlias = Annotated[Any, "number"]
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
    def value_range(self) -> tuple[float, float]:
        """Return the least and the greatest value it ever takes."""


@dataclass(frozen=True, slots=True)
class _Ramp(Schedule):
    """Goes from one number to another within some training steps, then stays."""

    init_value: float
    end_value: float
    transition_steps: int

    def __post_init__(self) -> None:
        check_in_interval("transition_steps", self.transition_steps, "[1, inf)")

    @property
    def value_range(self) -> tuple[float, float]:
        """Return the least and the greatest value."""
        return min(self.init_value, self.end_value), max(self.init_value, self.end_value)

    def done(self, step: int) -> float:
        """Return the share of the way that is behind at a training step."""
        return min(step / self.transition_steps, 1.0)


@dataclass(frozen=True, slots=True)
class LinearSchedule(_Ramp):
    """Go from `init_value` to `end_value` in equal parts over `transition_steps` training steps, then stay.

    Args:
        init_value: the value at training step 0.
        end_value: the value from training step `transition_steps` on.
        transition_steps: how many training steps it takes.

    Raises:
        ConfigError: `transition_steps` is not positive.

    Example:
        >>> [LinearSchedule(0.2, 0.1, transition_steps=2)(t) for t in range(4)]
        [0.2, 0.15000000000000002, 0.1, 0.1]
    """

    def __call__(self, step: int) -> float:
        """Return the value at a training step."""
        return self.init_value * (1.0 - self.done(step)) + self.end_value * self.done(step)


@dataclass(frozen=True, slots=True)
class CosineSchedule(_Ramp):
    """Go from `init_value` to `end_value` along half a cosine over `transition_steps` training steps, then stay.

    Args:
        init_value: the value at training step 0.
        end_value: the value from training step `transition_steps` on.
        transition_steps: how many training steps it takes.

    Raises:
        ConfigError: `transition_steps` is not positive.

    Example:
        >>> [round(CosineSchedule(1.0, 0.0, transition_steps=4)(t), 3) for t in range(6)]
        [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    def __call__(self, step: int) -> float:
        """Return the value at a training step."""
        return self.end_value + (self.init_value - self.end_value) * (1.0 + math.cos(math.pi * self.done(step))) / 2.0


@dataclass(frozen=True, slots=True)
class PiecewiseConstantSchedule(Schedule):
    """Hold each value until the next boundary: ``values[i + 1]`` from training step ``boundaries[i]`` on.

    Args:
        values: one more than `boundaries`; the first holds from step 0.
        boundaries: increasing training steps at which the next value starts.

    Raises:
        ConfigError: the counts do not fit, or `boundaries` does not increase.

    Example:
        >>> [PiecewiseConstantSchedule((0.1, 0.05), boundaries=(2,))(t) for t in range(4)]
        [0.1, 0.1, 0.05, 0.05]
    """

    values: tuple[float, ...]
    boundaries: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            raise ConfigError(
                f"values has one more entry than boundaries, got {len(self.values)} and {len(self.boundaries)}"
            )
        if list(self.boundaries) != sorted(set(self.boundaries)) or (self.boundaries and self.boundaries[0] < 1):
            raise ConfigError(f"boundaries increases from 1 on, got {self.boundaries}")

    def __call__(self, step: int) -> float:
        """Return the value at a training step."""
        return self.values[sum(step >= start for start in self.boundaries)]

    @property
    def value_range(self) -> tuple[float, float]:
        """Return the least and the greatest value."""
        return min(self.values), max(self.values)


def value_range(value: ScalarOrSchedule) -> tuple[float, float]:
    """Return the least and the greatest value of a number: itself twice, unless it is a schedule."""
    return value.value_range if isinstance(value, Schedule) else (value, value)


def check_in_interval(name: str, value: ScalarOrSchedule, interval: str) -> None:
    """Refuse a number outside an interval; of a schedule, every value must lie inside.

    Args:
        name: the parameter's name.
        value: what was given.
        interval: as in mathematics, e.g. ``"(0, 1]"`` or ``"[0, inf)"``.

    Raises:
        ConfigError: it is no number, or lies outside.

    Example:
        >>> check_in_interval("alpha", 0.0, "(0, 1]")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: alpha lies in (0, 1], got 0.0
    """
    low, high = (float(edge) for edge in interval[1:-1].split(","))
    for number in value_range(value):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ConfigError(f"{name} is a number in {interval}, got {value!r}")
        above = number > low or (number == low and interval[0] == "[")
        below = number < high or (number == high and interval[-1] == "]")
        if not (above and below):
            raise ConfigError(f"{name} lies in {interval}, got {value!r}")


def check_weights(weights: Mapping[str, float], interval: str) -> None:
    """Refuse weights of signals that are none, or of which one lies outside an interval.

    Args:
        weights: signal -> weight.
        interval: as for `check_in_interval`.

    Raises:
        ConfigError: there is no weight, or one is no number or lies outside.

    Example:
        >>> check_weights({"rm": -1.0}, "[0, inf)")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: weights['rm'] lies in [0, inf), got -1.0
    """
    if not weights:
        raise ConfigError("weights names at least one signal, such as {'verifier': 1.0}")
    for name, weight in weights.items():
        check_in_interval(f"weights[{name!r}]", weight, interval)
