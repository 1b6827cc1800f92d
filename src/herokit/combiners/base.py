"""The protocol of a combiner, a pure step over arrays with explicit state, and base classes for steps.

The input (a reward, (N,)), the context (`Signals`) and the memory (a state, which is returned and never stored) are
three separate values, so a scheme can be pickled, printed and compared.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeGuard, TypeVar

from herokit import _segment
from herokit.signals import ArrayT
from herokit.types import Array, Groups, Parts, Signals

__all__ = [
    "CORRECT_THRESHOLD",
    "ZERO_ADVANTAGE",
    "Combiner",
    "Composite",
    "CreditStep",
    "Filter",
    "Mean",
    "ProducesAdvantage",
    "Stateless",
    "StepTrace",
    "Sync",
    "Weight",
    "correct_rate",
    "find_level",
    "is_step",
    "is_step_type",
    "no_sync",
    "produces_advantage",
    "summarize_trace",
]

S = TypeVar("S")

CORRECT_THRESHOLD = 0.5
"""A verifier's value above this counts as correct."""

ZERO_ADVANTAGE = 1e-9
"""A group whose advantages are all within this of zero gives no signal."""


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
    return is_step_type(type(value))


def is_step_type(value: object) -> TypeGuard[type[Any]]:
    """Return whether a value is the class of steps.

    Example:
        >>> from herokit.combiners import Center
        >>> is_step_type(Center), is_step_type(Center())
        (True, False)
    """
    return isinstance(value, type) and all(callable(getattr(value, method, None)) for method in ("init", "combine"))


class Stateless(ABC, Generic[ArrayT]):
    """Base class for steps without state: write `__call__`, inherit the rest.

    ``Stateless[torch.Tensor]`` is a step for one array library; type checkers then know what it returns.

    Example:
        >>> class Negate(Stateless):
        ...     def __call__(self, reward, signals):
        ...         return -reward
    """

    __slots__ = ()

    @abstractmethod
    def __call__(self, reward: ArrayT, signals: Signals[ArrayT]) -> ArrayT:
        """Return the new reward, (N,)."""

    def init(self) -> None:
        """Return None: there is no state."""

    def combine(
        self,
        reward: ArrayT,
        signals: Signals[ArrayT],
        state: None,  # noqa: ARG002 - the protocol's signature
        *,
        sync: Sync = no_sync,  # noqa: ARG002 - the protocol's signature
    ) -> tuple[ArrayT, None]:
        """Apply the step; the state stays None."""
        return self(reward, signals), None


class Weight(ABC, Generic[ArrayT]):
    """Base class for steps that multiply each row by a weight.

    A weight that is constant in a group cancels when the trainer divides by the group's standard deviation, so it is
    also returned by itself: `RewardOutput.weight` is the product of all weights of a chain.
    """

    __slots__ = ()

    def init(self) -> Any:
        """Return the state before any batch; None unless the weight has a memory."""
        return None

    @abstractmethod
    def weigh(
        self, reward: ArrayT, signals: Signals[ArrayT], state: Any, *, sync: Sync = no_sync
    ) -> tuple[ArrayT, Any]:
        """Return one weight a row, (N,), and the state after this batch."""

    def combine(
        self, reward: ArrayT, signals: Signals[ArrayT], state: Any, *, sync: Sync = no_sync
    ) -> tuple[ArrayT, Any]:
        """Multiply the reward by the weight."""
        weight: Any
        weight, after = self.weigh(reward, signals, state, sync=sync)
        return reward * weight, after


class Filter(Stateless[ArrayT]):
    """Base class for steps that exclude rows: later steps do not see them.

    The rows stay in the output: `RewardOutput.kept` is False for them, their advantage and weight are 0, their reward
    is NaN.
    """

    __slots__ = ()

    @abstractmethod
    def keep(self, reward: ArrayT, signals: Signals[ArrayT]) -> ArrayT:
        """Return which rows to keep, (N,) booleans."""

    def __call__(self, reward: ArrayT, signals: Signals[ArrayT]) -> ArrayT:
        """Return 0 for removed rows; in a chain they are also hidden from later steps."""
        kept: Any = self.keep(reward, signals)
        return reward * kept  # type: ignore[no-any-return] # an array of the same library


class ProducesAdvantage:
    """Mixin for a step whose output is an advantage: later steps act on advantages, earlier ones on rewards."""

    __slots__ = ()

    @property
    def to_advantage(self) -> bool:
        """Whether the output is an advantage with these settings."""
        return True


def correct_rate(signals: Signals, verifier: str, like: Array) -> Array:
    """Return each group's share of rows that the verifier accepts, (G,), in the dtype of `like`.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups
        >>> signals = Signals({"verifier": np.array([1.0, 0.0, 1.0])}, Groups.from_keys("aab"))
        >>> correct_rate(signals, "verifier", np.zeros(3)).tolist()
        [0.5, 1.0]
    """
    correct = signals[verifier] > CORRECT_THRESHOLD
    return _segment.mean(_segment.namespace(like).astype(correct, like.dtype), signals.groups)


def find_level(signals: Signals) -> Parts:
    """Return where rows are in their rollouts; a row that is no part is the only part of its rollout, after the prompt.

    Example:
        >>> import numpy as np
        >>> from herokit import Groups
        >>> find_level(Signals({}, Groups(np.array([0, 0]), 1))).rollouts.ids.tolist()
        [0, 1]
    """
    if signals.level is not None:
        return signals.level
    ids = signals.groups.ids
    xp = _segment.namespace(ids)
    rows: Groups = Groups(xp.cumulative_sum(xp.ones_like(ids)) - 1, ids.shape[0])
    return Parts({}, rows, xp.zeros_like(ids), 1, signals.groups)


def produces_advantage(step: object) -> bool:
    """Return whether a step's output is an advantage."""
    return isinstance(step, ProducesAdvantage) and step.to_advantage


@dataclass(frozen=True, slots=True, eq=False)
class StepTrace:
    """The effect of one step of a chain.

    Attributes:
        step: the step, with its schedules resolved.
        after: (N,) the reward after it; zero for removed rows.
        weight: (N,) the weight it applied, None unless it is a `Weight` or contains one.
        kept: (N,) which rows remain after it, None unless it is a `Filter` or contains one.
        reward: (N,) the reward before a step inside it made an advantage, None if none did.
        credit: (S,) the credit of every part after it, zero for parts of removed rows; None if there is none.
        parts: what the steps inside `ForParts` did to the parts.
    """

    step: Combiner[Any]
    after: Array
    weight: Array | None = None
    kept: Array | None = None
    reward: Array | None = None
    credit: Array | None = None
    parts: "Sequence[StepTrace]" = ()


def summarize_trace(trace: Sequence[StepTrace], before: Array) -> tuple[Array | None, Array | None, Array | None]:
    """Summarize a trace: the reward before the first advantage, the product of weights, the rows kept.

    Args:
        trace: one entry per step, in order.
        before: (N,) the reward before the first step.

    Returns:
        Each (N,), or None if no step makes an advantage, is a weight, or is a filter.
    """
    reward: Array | None = None
    weight: Array | None = None
    kept: Array | None = None
    for done in trace:
        if reward is None and produces_advantage(done.step):
            reward = before if done.reward is None else done.reward
        if done.weight is not None:
            weight = done.weight if weight is None else weight * done.weight
        if done.kept is not None:
            kept = done.kept
        before = done.after
    return reward, weight, kept


class CreditStep(ABC):
    """Base class for steps that give credit to the parts of rollouts, or gather it again.

    In a chain the credit, (S,), goes beside the reward, (N,), from the first `ForParts` to `AggregateParts` or the end.
    """

    __slots__ = ()

    @abstractmethod
    def trace_credit(
        self, reward: Array, credit: Array | None, signals: Signals, state: Any, *, sync: Sync = no_sync
    ) -> tuple[StepTrace, Any]:
        """Apply the step to reward and credit; return its trace and the state after this batch.

        Args:
            reward: (N,) the chain so far.
            credit: (S,) the credit so far, None before the first step that gives any.
            signals: the signals of the rollouts, with their parts.
            state: of this step.
            sync: merges running means across processes.
        """


class Composite(ProducesAdvantage, ABC):
    """Base class for steps that contain chains; exposes their weights and filters.

    Its state is the tuple of its parts' states.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def parts(self) -> tuple[Any, ...]:
        """The chains that it contains."""

    @abstractmethod
    def with_parts(self, parts: Sequence[Any]) -> Self:
        """Return the same step with other chains as its parts."""

    @abstractmethod
    def trace_step(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[StepTrace, Any]:
        """Apply the step; return its trace and the state after this batch."""

    @property
    def to_advantage(self) -> bool:
        """Whether any part's output is an advantage."""
        return any(produces_advantage(step) for part in self.parts for step in part.steps)

    def init(self) -> tuple[Any, ...]:
        """Return the parts' states, in order."""
        return tuple(part.init() for part in self.parts)

    def combine(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[Array, Any]:
        """Apply the step."""
        done, after = self.trace_step(reward, signals, state, sync=sync)
        return done.after, after
