"""What a combiner is: a pure step over arrays with explicit state, and `chain` to compose steps.

The thing transformed (a reward, (N,)), the context it may look at (`Signals`) and the memory (a state that is
returned, never kept) are three separate values, so a scheme pickles, prints and compares equal.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from herokit._segment import namespace
from herokit.errors import ConfigError
from herokit.types import Array, Signals

S = TypeVar("S")


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


def alone(local: Mean, /) -> Mean:
    """Return `local`: the sync of a single process."""
    return local


class Combiner(Protocol[S]):
    """A step: reward in, reward out, state threaded through."""

    def init(self) -> S:
        """Return the state before any batch."""
        ...

    def combine(self, reward: Array, signals: Signals, state: S, *, sync: Sync = alone) -> tuple[Array, S]:
        """Return the new reward (N,) and the state after this batch; reads state before writing it."""
        ...


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

    def combine(self, reward: Array, signals: Signals, state: None, *, sync: Sync = alone) -> tuple[Array, None]:  # noqa: ARG002 - the protocol's signature
        """Apply the step; the state stays None."""
        return self(reward, signals), None


class Weight(ABC):
    """Base for steps that multiply each row by a weight, which callers can see before it is applied.

    A weight that is constant in a group cancels when the trainer divides by the group's standard deviation, so it is
    kept apart: `Outcome.weight` is the product of all weights of a chain.
    """

    __slots__ = ()

    @abstractmethod
    def init(self) -> Any:
        """Return the state before any batch."""

    @abstractmethod
    def weigh(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = alone) -> tuple[Array, Any]:
        """Return one weight a row, (N,), and the state after this batch."""

    def combine(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = alone) -> tuple[Array, Any]:
        """Multiply the reward by the weight."""
        weight, after = self.weigh(reward, signals, state, sync=sync)
        return reward * weight, after


class ToAdvantage:
    """Marks a step whose output is an advantage: what follows it acts on advantages, what precedes it on rewards."""

    __slots__ = ()
    reaches_advantage: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What one step of a chain did.

    Attributes:
        step: the step.
        after: (N,) the reward after it.
        weight: (N,) the weight it applied, None unless it is a `Weight`.
    """

    step: Combiner[Any]
    after: Array
    weight: Array | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps applied in order; build it with `chain`.

    The reward starts as zeros, so the first step is one that reads a signal, such as `Take`.
    """

    steps: tuple[Combiner[Any], ...]

    def init(self) -> tuple[Any, ...]:
        """Return the steps' states, in order."""
        return tuple(step.init() for step in self.steps)

    def combine(
        self, reward: Array, signals: Signals, state: tuple[Any, ...], *, sync: Sync = alone
    ) -> tuple[Array, tuple[Any, ...]]:
        """Apply every step."""
        done, after = self.trace(reward, signals, state, sync=sync)
        return (done[-1].after if done else reward), after

    def trace(
        self, reward: Array, signals: Signals, state: tuple[Any, ...], *, sync: Sync = alone
    ) -> tuple[Sequence[Trace], tuple[Any, ...]]:
        """Apply every step and keep what each one did, for explanations and diagnostics."""
        done, after = [], []
        for step, before in zip(self.steps, state, strict=True):
            weight = None
            if isinstance(step, Weight):
                weight, now = step.weigh(reward, signals, before, sync=sync)
                reward = reward * weight
            else:
                reward, now = step.combine(reward, signals, before, sync=sync)
            done.append(Trace(step, reward, weight))
            after.append(now)
        return done, tuple(after)


def chain(*steps: Combiner[Any]) -> Chain:
    """Compose steps into one combiner; a chain among them is flattened.

    Raises:
        ConfigError: no step, or something that is not one.

    Example:
        >>> from herokit.combine import Center, Take
        >>> chain(Take("rm"), Center())
        Chain(steps=(Take(signal='rm'), Center()))
    """
    if not steps:
        raise ConfigError("a chain needs at least one step")
    flat: list[Combiner[Any]] = []
    for step in steps:
        if isinstance(step, type) or not hasattr(step, "combine"):
            raise ConfigError(f"a chain is made of steps such as Take('rm'), got {step!r}")
        flat.extend(step.steps if isinstance(step, Chain) else (step,))
    return Chain(tuple(flat))


def start(signals: Signals) -> Array:
    """Return the reward a chain starts from: zeros (N,) like the first signal."""
    first = next(iter(signals.values.values()))
    return namespace(first).zeros_like(first)
