"""Adapter for ms-swift: an outcome reward model for ``--external_plugins``.

ms-swift sums rewards with ``nansum``: a missing reward would count as 0. The output of the chain is therefore returned with
a neutral number in its place. Groups are consecutive rows, as in TRL.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from herokit.adapters.common.base import (
    RewarderLike,
    group_ids_by_position,
    to_rewarder,
    trainer_values_filled,
)
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.samples import REFERENCE_COLUMNS, find_columns, make_samples
from herokit.adapters.common.templates import ChatTemplate
from herokit.conversations.messages import ASSISTANT
from herokit.distributed import abort_peers_on_error
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.trainers.cancellation import check_normalization
from herokit.types import Sample

__all__ = [
    "RewardFunction",
    "orm",
]

INFO = AdapterInfo(
    trainer="ms-swift, GRPO",
    version="4.6.0",
    tested="integration",
    scope="the rows of one rank",
    settings="`--scale_rewards none`; `--advantage_estimator grpo`",
    state="by hand: `save_state`, `load_state`",
    limitations="no hook for advantages, and none after the gather: a group on several ranks raises; evaluation is not marked: "
    "give its rows a column `split`; `dynamic_sample` scores rejected groups too, and they update the running mean",
    page="how-to/ms-swift.md",
)

_EVALUATION_SPLITS = ("eval", "validation", "val", "dev", "test")
"""Values of the column `split` that mark rows of an evaluation, which does not update the running mean."""


class RewardFunction:
    """A rewarder as ms-swift's reward callable: complete groups of one rank, the output of the chain for each row.

    Args:
        rewarder: the sources and the chain.
        group_size: rollouts per prompt.
        reference: the column of reference answers, or several names of which the first present is used.
        uid: a column of ids that must be equal within each group.
        template: the policy's chat template, which says whether it opens the thinking; ms-swift passes none.

    Attributes:
        output: of the last call.

    Raises:
        ConfigError: when called: the rows do not form complete groups; the message says what to set.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> reward = RewardFunction(Rewarder({"rm": Length()}, Select("rm")), 2)
        >>> chat = [{"role": "user", "content": "Hi"}]
        >>> reward(["a", "bcd"], messages=[[*chat, {"role": "assistant", "content": t}] for t in ("a", "bcd")])
        [1.0, 3.0]
    """

    def __init__(
        self,
        rewarder: RewarderLike,
        group_size: int,
        *,
        reference: str | Sequence[str] = REFERENCE_COLUMNS,
        uid: str | None = None,
        template: ChatTemplate | None = None,
    ) -> None:
        self.rewarder, self.group_size, self.template = to_rewarder(rewarder), group_size, template
        self.reference, self.uid = reference, uid
        self.output: RewardOutput | None = None

    def __call__(self, completions: Sequence[str], **kwargs: Any) -> list[float]:
        """Return one number per row; ms-swift calls this on every rank with its own rows."""
        columns = find_columns(kwargs, len(completions))
        evaluation = any(value in _EVALUATION_SPLITS for value in columns.get("split", ()))
        with abort_peers_on_error(self.rewarder):
            samples = self._make_samples(completions, columns)
        self.output = self.rewarder(samples, update_state=not evaluation)
        return trainer_values_filled(self.output)

    def _make_samples(self, completions: Sequence[str], columns: dict[str, Sequence[Any]]) -> list[Sample]:
        count = len(completions)
        if "messages" not in columns:
            raise ConfigError(f"ms-swift: no messages for {count} completions; got columns {sorted(columns)}")
        chats, infos = columns.pop("messages"), columns.get("rollout_infos", [None] * count)
        splits = [_split_chat(*pair) for pair in zip(chats, infos, strict=True)]
        uids = columns.get(self.uid) if self.uid is not None else columns.get("prompt_id")
        group_keys = group_ids_by_position(
            count,
            self.group_size,
            uids if uids is not None and all(uids) else None,
            owner="ms-swift, one rank",
            fix="make per_device_train_batch_size x steps_per_generation a multiple of num_generations",
        )
        prompts, answers = [prompt for prompt, _ in splits], [answer for _, answer in splits]
        opened = None if self.template is None else list(map(self.template.opens_thinking, prompts))
        return make_samples(
            prompts,
            answers,
            group_keys,
            columns,
            reference=self.reference,
            truncated=columns.get("is_truncated"),
            thinking_opened=opened,
        )


def _split_chat(chat: Sequence[Any], infos: Any) -> tuple[list[Any], list[Any]]:
    """Split a chat where the policy began: its last message, or that of the first turn of a multi-turn scheduler."""
    turns = infos.get("num_turns") if isinstance(infos, Mapping) else None
    written = [number for number, message in enumerate(chat) if message["role"] == ASSISTANT]
    start = written[-(turns or 1) :][0] if written else len(chat)
    return list(chat[:start]), list(chat[start:])


def check_settings(rewarder: Rewarder, args: Any) -> None:
    """Warn of training arguments that cancel a step of the chain (`herokit.trainers.cancellation.StepCancelledWarning`)."""
    scale = getattr(args, "scale_rewards", None)
    entry = {"group": "ms-swift", "gdpo": "ms-swift", "batch": "ms-swift-batch", "none": "ms-swift-none"}.get(
        str(scale)
    )
    if entry is not None:
        check_normalization(rewarder, entry, fix="set --scale_rewards none")


def orm(
    rewarder: RewarderLike,
    *,
    reference: str | Sequence[str] = REFERENCE_COLUMNS,
    uid: str | None = None,
    template: ChatTemplate | None = None,
) -> Any:
    """Return an ``ORM`` class; put it into ``swift.rewards.orms`` under the name that ``--reward_funcs`` uses.

    Args:
        rewarder: the sources and the chain; each rank has one.
        reference: the column of reference answers, or several names of which the first present is used.
        uid: a column of ids, by default ms-swift's ``prompt_id``.
        template: the policy's chat template, which says whether it opens the thinking.
    """
    from swift.rewards import ORM

    shared_rewarder = to_rewarder(rewarder)

    class Herokit(ORM):  # type: ignore[misc] # ms-swift's own
        """ms-swift constructs it with the training arguments, which contain the group size."""

        def __init__(self, args: Any = None, **kwargs: Any) -> None:
            super().__init__(args, **kwargs)
            check_settings(shared_rewarder, args)
            self.reward_function = RewardFunction(
                shared_rewarder, int(args.num_generations), reference=reference, uid=uid, template=template
            )

        def __call__(self, completions: Sequence[str], **kwargs: Any) -> list[float]:
            return self.reward_function(completions, **kwargs)

    return Herokit
