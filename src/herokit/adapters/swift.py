"""ms-swift: an outcome reward model for ``--external_plugins``.

ms-swift sums rewards with ``nansum``: a row without one would count as reward 0. The chain's output is therefore given
with a neutral number in its place, and groups are rows side by side, as in TRL.
"""

from collections.abc import Sequence
from typing import Any

from herokit.adapters.common.base import REFERENCES, filled, groups_by_position, samples_of
from herokit.adapters.common.info import Support
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.trainers.cancellation import check_normalization

SUPPORT = Support(
    trainer="ms-swift, GRPO",
    version="4.6.0",
    tried="real objects",
    sees="one rank's rows",
    settings="`--scale_rewards none`; `--advantage_estimator grpo`",
    state="the rewarder's own: `save_state`, `load_state`",
    lost="no hook for advantages, and none after the gather: a group that ranks share raises; no sign of evaluation: mark "
    "its rows with a column `split`; `dynamic_sample` scores rejected groups too, and the running mean sees them",
    page="how-to/ms-swift.md",
)

HELD_OUT = ("eval", "validation", "val", "dev", "test")
"""Values of the column `split` that mark rows of an evaluation: they leave the running mean alone."""


class Group:
    """A rewarder as ms-swift's reward callable: whole groups of one rank, the chain's output for each row.

    Args:
        rewarder: what scores.
        size: rollouts a prompt.
        reference: the data set's column of gold answers, or names of which the first present is taken.
        uid: a column of ids that must then be equal within each group.

    Attributes:
        outcome: of the last call.

    Raises:
        ConfigError: when called: the rows are no whole groups; the message says what to set.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> group = Group(Rewarder({"rm": Length()}, Select("rm")), 2)
        >>> chat = [{"role": "user", "content": "Hi"}]
        >>> group(["a", "bcd"], messages=[[*chat, {"role": "assistant", "content": t}] for t in ("a", "bcd")])
        [1.0, 3.0]
    """

    def __init__(
        self,
        rewarder: Rewarder,
        size: int,
        *,
        reference: str | Sequence[str] = REFERENCES,
        uid: str | None = None,
    ) -> None:
        self.rewarder, self.size, self.reference, self.uid = rewarder, size, reference, uid
        self.outcome: RewardOutput | None = None

    def __call__(self, completions: Sequence[str], **passed: Any) -> list[float]:
        """Return one number a row; ms-swift calls this on every rank with its own rows."""
        count = len(completions)
        columns = {k: v for k, v in passed.items() if isinstance(v, list | tuple) and len(v) == count}
        if "messages" not in columns:
            raise ConfigError(f"ms-swift: no messages for {count} completions; there are {sorted(columns)}")
        prompts = [chat[:-1] for chat in columns.pop("messages")]
        uids = columns.get(self.uid) if self.uid is not None else columns.get("prompt_id")
        keys = groups_by_position(
            count,
            self.size,
            uids if uids is not None and all(uids) else None,
            owner="ms-swift, one rank",
            fix="make per_device_train_batch_size x steps_per_generation a multiple of num_generations",
        )
        held_out = any(value in HELD_OUT for value in columns.get("split", ()))
        samples = samples_of(prompts, completions, keys, columns, reference=self.reference)
        self.outcome = self.rewarder(samples, update_state=not held_out)
        return filled(self.outcome)


def check_settings(rewarder: Rewarder, args: Any) -> None:
    """Warn of training arguments that undo a step of the reward (`herokit.trainers.cancellation.StepCancelledWarning`)."""
    scale = getattr(args, "scale_rewards", None)
    entry = {"group": "ms-swift", "gdpo": "ms-swift", "batch": "ms-swift-batch", "none": "ms-swift-none"}.get(
        str(scale)
    )
    if entry is not None:
        check_normalization(rewarder, entry, fix="set --scale_rewards none")


def orm(rewarder: Rewarder, *, reference: str | Sequence[str] = REFERENCES, uid: str | None = None) -> Any:
    """Return an ``ORM`` class; put it into ``swift.rewards.orms`` under the name that ``--reward_funcs`` uses.

    Args:
        rewarder: what scores; each rank has one.
        reference: the data set's column of gold answers, or names of which the first present is taken.
        uid: a column of ids; ms-swift's own ``prompt_id`` unless given.
    """
    from swift.rewards import ORM

    class Herokit(ORM):  # type: ignore[misc] # ms-swift's own
        """ms-swift makes it with the training arguments, which say how many rollouts a prompt has."""

        def __init__(self, args: Any = None, **passed: Any) -> None:
            super().__init__(args, **passed)
            check_settings(rewarder, args)
            self.group = Group(rewarder, int(args.num_generations), reference=reference, uid=uid)

        def __call__(self, completions: Sequence[str], **passed: Any) -> list[float]:
            return self.group(completions, **passed)

    return Herokit
