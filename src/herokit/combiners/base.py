"""What a combiner is: a pure step over arrays, with explicit state.

The thing transformed (a reward, (N,)), the context it may look at (`Signals`) and the memory (a state that is
returned, never kept) are three separate values, so a scheme pickles, prints and compares equal.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, TypeVar

from herokit.types import Array, Signals

S = TypeVar("S")

CORRECT_THRESHOLD = 0.5
"""A verifier value above this counts as right."""


@dataclass(frozen=True, slots=True)
class Mean:
    """A running mean that merges in any order and any grouping.

    Attributes:
        count: how many values it has seen.
        value: their mean; 0.0 while `count` is 0.

    Example:
        >>> Mean(1, 2.0).merge(Mean(3, 6.0))
        Mean(count=4, value=5.0)
    """

    count: int = 0
    value: float = 0.0

    def merge(self, other: "Mean") -> "Mean":
        """Return the mean of both; two ranks merged equal one rank that saw everything."""
        n = self.count + other.count
        return Mean(n, (self.count * self.value + other.count * other.value) / n) if n else self


class Sync(Protocol):
    """Merges one process's `Mean` of a batch with those of its peers."""

    def __call__(self, local: Mean, /) -> Mean:
        """Return the merge over all processes; every process must call it once a step."""
        ...


def no_sync(local: Mean, /) -> Mean:
    """Return `local`: the sync of a single process."""
    return local


class Combiner(Protocol[S]):
    """A step: reward in, reward out, state threaded through."""

    def init(self) -> S:
        """Return the state before any batch."""
        ...

    def combine(self, reward: Array, signals: Signals, state: S, *, sync: Sync = no_sync) -> tuple[Array, S]:
        """Return the new reward (N,) and the state after this batch; reads state before writing it."""
        ...


def is_step(value: object) -> TypeGuard[Combiner[Any]]:
    """Return whether a value is a step or a chain: an instance with the methods `init` and `combine`.

    A step's class, a `Scheme` and a `Rewarder` are not steps.

    Example:
        >>> from herokit.combiners import Center
        >>> is_step(Center()), is_step(Center), is_step(0.5)
        (True, False, False)
    """
    if isinstance(value, type):
        return False
    return all(callable(getattr(value, method, None)) for method in ("init", "combine"))


class Stateless(ABC):
    """Base for steps without memory: write `__call__`, inherit the rest.

    Example:
        >>> class Negate(Stateless):
        ...     def __call__(self, reward, signals):
        ...         return -reward
    """

    __slots__ = ()

    @abstractmethod
    def __call__(self, reward: Array, signals: Signals) -> Array:
        """Return the new reward, (N,)."""

    def init(self) -> None:  # noqa: B027 - a concrete default, not a forgotten abstract method
        """Return None: there is no state."""

    def combine(self, reward: Array, signals: Signals, state: None, *, sync: Sync = no_sync) -> tuple[Array, None]:  # noqa: ARG002 - the protocol's signature
        """Apply the step; the state stays None."""
        return self(reward, signals), None


class Weight(ABC):
    """Base for steps that multiply each row by a weight, which callers can see before it is applied.

    A weight that is constant in a group cancels when the trainer divides by the group's standard deviation, so it is
    kept apart: `RewardOutput.weight` is the product of all weights of a chain.
    """

    __slots__ = ()

    def init(self) -> Any:
        """Return the state before any batch; None unless the weight has a memory."""
        return None

    @abstractmethod
    def weigh(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[Array, Any]:
        """Return one weight a row, (N,), and the state after this batch."""

    def combine(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[Array, Any]:
        """Multiply the reward by the weight."""
        weight, after = self.weigh(reward, signals, state, sync=sync)
        return reward * weight, after


class Filter(ABC):
    """Base for steps that mark rows: the marked ones are out of play for every later step, and come back as zeros.

    No row is lost: `RewardOutput.kept` says which were marked; their advantage and weight are 0, their reward NaN.
    """

    __slots__ = ()

    @abstractmethod
    def keep(self, reward: Array, signals: Signals) -> Array:
        """Return which rows stay in play, (N,) booleans."""

    def init(self) -> None:  # noqa: B027 - a concrete default, not a forgotten abstract method
        """Return None: there is no state."""

    def combine(self, reward: Array, signals: Signals, state: None, *, sync: Sync = no_sync) -> tuple[Array, None]:  # noqa: ARG002 - the protocol's signature
        """Put zeros where a row is marked; a chain goes further and hides it from later steps."""
        return reward * self.keep(reward, signals), None


class ProducesAdvantage:
    """Marks a step whose output is an advantage: what follows it acts on advantages, what precedes it on rewards."""

    __slots__ = ()

    @property
    def to_advantage(self) -> bool:
        """Whether it does so with its settings."""
        return True


def produces_advantage(step: object) -> bool:
    """Return whether a step's output is an advantage."""
    return isinstance(step, ProducesAdvantage) and step.to_advantage
