"""A rewarder as a plain function of prompts and completions, for trainers without an adapter."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from herokit.adapters.common.base import (
    RewarderLike,
    check_complete_groups,
    group_ids_by_position,
    nan_to_none,
    to_rewarder,
    trainer_values,
)
from herokit.adapters.common.samples import REFERENCE_COLUMNS, find_columns, make_samples
from herokit.adapters.common.templates import ChatTemplate
from herokit.distributed import abort_peers_on_error, run_sources_in_thread
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample

__all__ = ["AsyncRewardFunction", "RewardFunction"]

_FIX = "call the function with all rollouts of a prompt at once"


@dataclass(eq=False, init=False)
class RewardFunction:
    """``function(prompts, completions, **columns) -> list[float | None]``; it pickles if its sources do.

    Attributes:
        rewarder: the sources and the chain.
        group_size: rollouts per prompt; without `uid`, every `group_size` consecutive rows are a group.
        uid: the column that names the groups; with `group_size`, each must then have that many rows.
        reference: the column of reference answers, or several names of which the first present is used.
        update_state: whether calls update the rewarder's state; for evaluation, `dataclasses.replace` it by False.
        template: the policy's chat template, which says whether it opens the thinking behind prompts that are messages.
        output: of the last call.

    Raises:
        ConfigError: neither `group_size` nor `uid`.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> function = RewardFunction(Rewarder({"rm": Length()}, Select("rm")), group_size=2)
        >>> function(prompts=["p", "p"], completions=["a", "bcd"])
        [1.0, 3.0]
    """

    rewarder: Rewarder
    group_size: int | None
    uid: str | None
    reference: str | Sequence[str]
    update_state: bool
    template: ChatTemplate | None
    output: RewardOutput | None = field(init=False, repr=False)

    def __init__(
        self,
        rewarder: RewarderLike,
        group_size: int | None = None,
        uid: str | None = None,
        reference: str | Sequence[str] = REFERENCE_COLUMNS,
        *,
        update_state: bool = True,
        template: ChatTemplate | None = None,
    ) -> None:
        self.rewarder, self.update_state, self.output = to_rewarder(rewarder), update_state, None
        self.template = template
        self.group_size, self.uid, self.reference = group_size, uid, reference
        if group_size is None and uid is None:
            raise ConfigError(
                "a reward function needs group_size, the rollouts per prompt, or uid, the column that names groups"
            )

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """Return the output of the chain for N rollouts: an advantage if the chain produces advantages, else a reward.

        Args:
            prompts: N texts or chats.
            completions: N texts or chats.
            columns: anything else the trainer passes; lists and arrays of N values are columns, the rest is ignored.

        Raises:
            ConfigError: a group is incomplete, or there is no column `uid`.
        """
        samples = self._make_samples(prompts, completions, columns)
        return self._values(self.rewarder(samples, update_state=self.update_state))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"output": None}

    def _make_samples(
        self, prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]
    ) -> list[Sample]:
        count = len(completions)
        data = find_columns(columns, count)
        with abort_peers_on_error(self.rewarder):
            group_keys = self._group_keys(count, data)
            opened = None if self.template is None else list(map(self.template.opens_thinking, prompts))
            return make_samples(
                prompts, completions, group_keys, data, reference=self.reference, thinking_opened=opened
            )

    def _group_keys(self, count: int, data: Mapping[str, Sequence[Any]]) -> Sequence[Hashable]:
        if self.uid is None:
            return group_ids_by_position(count, self.group_size or 1, owner="reward function", fix=_FIX)
        if self.uid not in data:
            raise ConfigError(
                f"reward function: no column {self.uid!r} with {count} values; got columns {sorted(data)}"
            )
        group_keys: Sequence[Hashable] = data[self.uid]
        if self.group_size is not None:
            check_complete_groups(group_keys, self.group_size, owner="reward function", fix=_FIX)
        return group_keys

    def _values(self, output: RewardOutput) -> list[float | None]:
        self.output = output
        return nan_to_none(trainer_values(output))


class AsyncRewardFunction(RewardFunction):
    """`RewardFunction` as a coroutine function: sources run in a thread, so the event loop is not blocked.

    Example:
        >>> import asyncio
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> function = AsyncRewardFunction(Rewarder({"rm": Length()}, Select("rm")), uid="uid")
        >>> asyncio.run(function(["p", "p"], ["a", "bcd"], uid=["q", "q"]))
        [1.0, 3.0]
    """

    async def __call__(  # type: ignore[override]  # trainers check whether it is a coroutine function
        self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
    ) -> list[float | None]:
        """Return the output of the chain for N rollouts; combining runs on the event loop, one call after the other."""
        samples = self._make_samples(prompts, completions, columns)
        outputs = await run_sources_in_thread(self.rewarder, samples)
        group_keys = [sample.group for sample in samples]
        return self._values(self.rewarder.combine(outputs, group_keys, update_state=self.update_state))
