"""A rewarder as a plain function of prompts and completions, for trainers that have no adapter of their own."""

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from herokit.adapters.common.base import REFERENCES, check_whole, final, groups_by_position, nullable, samples_of
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample

FIX = "give the function whole groups: call it with all rollouts of a prompt at once"


@dataclass(eq=False)
class RewardFunction:
    """``function(prompts, completions, **columns) -> list[float | None]``; make it with `as_reward_function`.

    Attributes:
        rewarder: what scores.
        size: rollouts a prompt; without `uid`, every `size` consecutive rows are a group.
        uid: the column that names groups.
        reference: the column of gold answers, or names of which the first present is taken.
        update_state: whether calls move the rewarder's state; for evaluation, `dataclasses.replace` it by False.
        outcome: of the last call.
    """

    rewarder: Rewarder
    size: int | None = None
    uid: str | None = None
    reference: str | Sequence[str] = REFERENCES
    update_state: bool = True
    outcome: RewardOutput | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.size is None and self.uid is None:
            raise ConfigError(
                "a reward function needs size, the rollouts a prompt, or uid, the column that names groups"
            )

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """Return the chain's output for N rollouts: an advantage if the chain reaches advantages, else a reward.

        Args:
            prompts: N texts or chats.
            completions: N texts or chats.
            columns: anything else the trainer passes; lists of N values are columns, the rest is ignored.

        Raises:
            ConfigError: a group is not whole, or there is no column `uid`.
        """
        samples = self.samples(prompts, completions, columns)
        return self._keep(self.rewarder(samples, update_state=self.update_state))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"outcome": None}

    def samples(self, prompts: Sequence[Any], completions: Sequence[Any], columns: dict[str, Any]) -> list[Sample]:
        """Return the samples of one call, their groups checked."""
        count = len(completions)
        data = {k: v for k, v in columns.items() if isinstance(v, list | tuple) and len(v) == count}
        return samples_of(prompts, completions, self._keys(count, data), data, reference=self.reference)

    def _keys(self, count: int, data: dict[str, Any]) -> Sequence[Hashable]:
        if self.uid is None:
            return groups_by_position(count, self.size or 1, owner="reward function", fix=FIX)
        if self.uid not in data:
            raise ConfigError(f"reward function: no column {self.uid!r} with {count} values; there are {sorted(data)}")
        keys: Sequence[Hashable] = data[self.uid]
        if self.size is not None:
            check_whole(keys, self.size, owner="reward function", fix=FIX)
        return keys

    def _keep(self, outcome: RewardOutput) -> list[float | None]:
        self.outcome = outcome
        return nullable(final(outcome))


@dataclass(eq=False)
class AsyncRewardFunction(RewardFunction):
    """The same as a coroutine function: sources are asked in a thread, so the event loop stays free."""

    async def __call__(  # type: ignore[override]  # on purpose: trainers look whether it is a coroutine function
        self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
    ) -> list[float | None]:
        """Return the chain's output for N rollouts; combining runs on the loop, one call after the other."""
        samples = self.samples(prompts, completions, columns)
        answers = await asyncio.to_thread(self.rewarder.run_sources, samples)
        return self._keep(self.rewarder.combine(answers, [s.group for s in samples], update_state=self.update_state))


def as_reward_function(
    rewarder: Rewarder,
    *,
    size: int | None = None,
    uid: str | None = None,
    reference: str | Sequence[str] = REFERENCES,
    update_state: bool = True,
) -> RewardFunction:
    """Make a reward function of a rewarder; it pickles where the sources do.

    Args:
        rewarder: what scores.
        size: rollouts a prompt; without `uid`, every `size` consecutive rows are a group.
        uid: the column that names groups; with `size`, each must then have that many rows.
        reference: the column of gold answers, or names of which the first present is taken.
        update_state: False for evaluation.

    Raises:
        ConfigError: neither `size` nor `uid`.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> function = as_reward_function(Rewarder({"rm": Length()}, Select("rm")), size=2)
        >>> function(prompts=["p", "p"], completions=["a", "bcd"])
        [1.0, 3.0]
    """
    return RewardFunction(rewarder, size, uid, reference, update_state)


def as_async_reward_function(
    rewarder: Rewarder,
    *,
    size: int | None = None,
    uid: str | None = None,
    reference: str | Sequence[str] = REFERENCES,
    update_state: bool = True,
) -> AsyncRewardFunction:
    """Make a coroutine function of a rewarder; see `as_reward_function`.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> function = as_async_reward_function(Rewarder({"rm": Length()}, Select("rm")), uid="uid")
        >>> asyncio.run(function(["p", "p"], ["a", "bcd"], uid=["q", "q"]))
        [1.0, 3.0]
    """
    return AsyncRewardFunction(rewarder, size, uid, reference, update_state)
