"""What each step of a chain did, and what steps that hold chains of their own say of those."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from herokit.combiners.base import Combiner, ProducesAdvantage, Sync, no_sync, produces_advantage
from herokit.types import Array, Signals


@dataclass(frozen=True, slots=True, eq=False)
class StepTrace:
    """What one step of a chain did.

    Attributes:
        step: the step, its schedules resolved.
        after: (N,) the reward after it; zero where a row was marked.
        weight: (N,) the weight it applied, None unless it is a `Weight` or holds one.
        kept: (N,) which rows are still in play after it, None unless it is a `Filter` or holds one.
        reward: (N,) the reward before a step inside it made an advantage of it, None if none did.
    """

    step: Combiner[Any]
    after: Array
    weight: Array | None = None
    kept: Array | None = None
    reward: Array | None = None


def summarize_trace(trace: Sequence[StepTrace], before: Array) -> tuple[Array | None, Array | None, Array | None]:
    """Put together what steps did: the reward before the first advantage, the product of weights, the rows kept.

    Args:
        trace: what each step did, in order.
        before: (N,) the reward before the first step.

    Returns:
        Each (N,), or None where no step made an advantage, weighed, or marked rows.
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


class Composite(ProducesAdvantage, ABC):
    """Base for steps that hold steps of their own and tell what those did, so that no weight or mark acts unseen.

    Its state is the tuple of its parts' states.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def parts(self) -> tuple[Any, ...]:
        """The chains that it holds."""

    @abstractmethod
    def with_parts(self, parts: Sequence[Any]) -> Self:
        """Return the same step with other chains in their places."""

    @abstractmethod
    def trace_step(self, reward: Array, signals: Signals, state: Any, *, sync: Sync = no_sync) -> tuple[StepTrace, Any]:
        """Apply the step; return what it did and the state after this batch."""

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
