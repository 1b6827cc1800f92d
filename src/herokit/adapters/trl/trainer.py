"""TRL's trainers with group rewards where they belong: combined after the gather, advantages as the chain made them."""

from dataclasses import replace
from typing import Any

import numpy as np

from herokit.adapters.common.base import groups_by_position, reaches_advantages
from herokit.adapters.common.rows import answers_of
from herokit.adapters.trl.functions import Part, RewardFunction, check_settings, group_size
from herokit.combiners import no_sync, produces_advantage
from herokit.errors import ConfigError, PluginError
from herokit.outcome import RewardOutput


class GroupRewards:
    """Mixin for `GRPOTrainer`, `RLOOTrainer` and their subclasses; one of the reward functions is herokit's.

    ::

        class Trainer(GroupRewards, GRPOTrainer): ...

    Each rank asks the sources for its own rows; what they said is gathered, and every rank combines the same whole batch,
    so groups may lie across ranks and running means are equal everywhere without an all-reduce.

    If the chain reaches advantages, they go to the loss as they are, whatever ``scale_rewards`` says: ``A = w A_chain +
    A_rest``, with w the function's reward weight, and A_rest what the trainer made of other reward functions and of
    RLOO's KL penalty. A_rest is separable only where the trainer divides by nothing, and other settings are refused. If
    the chain stays with rewards, the trainer normalizes them as ever.

    Raises:
        ConfigError: at construction: no herokit reward function or several, settings that undo a step, settings under
            which A_rest cannot be told apart, or a `sync` in the rewarder, which would count every row once a rank.
        PluginError: a source broke its contract on some rank; every rank raises.
    """

    _function: RewardFunction
    _column: int
    _outcome: RewardOutput
    _table: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        trainer: Any = self
        found = [(i, f) for i, f in enumerate(trainer.reward_funcs) if isinstance(f, RewardFunction)]
        if len(found) != 1:
            raise ConfigError(
                f"GroupRewards needs one herokit.adapters.trl.functions.RewardFunction among reward_funcs, got {len(found)}"
            )
        self._column, self._function = found[0]
        if self._function.rewarder.sync is not no_sync:
            raise ConfigError("GroupRewards: every rank combines all rows, so the Rewarder needs no sync; leave it out")
        if not _makes_advantages(self._function):
            check_settings(self._function, self)
        elif self._has_rest():
            self._check_rest()

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        import torch
        from accelerate.utils import gather_object

        trainer: Any = self
        function, training = self._function, trainer.model.training
        function.deferred = Part()
        try:
            table = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)  # type: ignore[misc]
            local = function.deferred
        finally:
            function.deferred = None
        parts: list[Part] = gather_object([replace(local, cause=None)])
        for rank, part in enumerate(parts):
            if part.error:
                raise PluginError(f"{function.name}, rank {rank} of {len(parts)}: {part.error}") from local.cause
        rows = [row for part in parts for row in part.rows]
        uids = [uid for part in parts for uid in part.uids or ()] if local.uids is not None else None
        owner = f"TRL, all {len(parts)} ranks"
        keys = groups_by_position(
            len(rows), group_size(trainer), uids, owner=owner, fix="the trainer drew no whole groups"
        )
        answers = replace(answers_of(function.rewarder, rows), seconds=local.seconds)
        self._outcome = function.combine(answers, keys, trainer.state, training=training)
        start = len(prompts) * trainer.accelerator.process_index
        here = slice(start, start + len(prompts))
        function.log(self._outcome, rows[here], here, trainer._log_completion_extra, trainer._log_metric)  # noqa: SLF001 - TRL hands these two to every reward function
        table[:, self._column] = torch.as_tensor(self._outcome.reward, dtype=table.dtype, device=table.device)
        self._table = table.clone()
        return table

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)  # type: ignore[misc]
        if not reaches_advantages(self._outcome):
            return out
        import torch

        trainer: Any = self
        theirs = out["advantages"]
        start = theirs.shape[0] * trainer.accelerator.process_index
        weight = float(trainer.reward_weights[self._column])
        advantage = torch.as_tensor(np.nan_to_num(self._outcome.advantage) * weight).to(theirs.device)
        if self._has_rest():
            rest = trainer.accelerator.gather(theirs).double() - self._ours(weight)
            advantage = advantage + rest
        advantage = advantage.to(theirs.dtype)
        out["advantages"] = advantage[start : start + theirs.shape[0]]
        logged = trainer._logs["advantages"]  # noqa: SLF001 - the completions table shows what the loss sees
        for _ in range(min(len(logged), len(advantage))):
            logged.pop()
        logged.extend(advantage.tolist())
        return out

    def _ours(self, weight: float) -> Any:
        """Return the part of the trainer's advantages that came from our column: centred, or leave-one-out; (N,)."""
        import torch

        reward = torch.nan_to_num(self._table[:, self._column].double()) * weight
        reward[torch.isnan(self._table).all(dim=1)] = torch.nan
        grouped = reward.view(-1, group_size(self))
        if hasattr(self, "scale_rewards"):
            away = grouped - torch.nanmean(grouped, dim=1, keepdim=True)
        else:
            others = (~torch.isnan(grouped)).sum(dim=1, keepdim=True) - 1
            away = grouped - (torch.nansum(grouped, dim=1, keepdim=True) - grouped) / others
        return torch.nan_to_num(away.reshape(-1), nan=0.0, posinf=0.0, neginf=0.0)

    def _has_rest(self) -> bool:
        """Say whether anything but our function reaches the trainer's advantages."""
        trainer: Any = self
        return len(trainer.reward_funcs) > 1 or (not hasattr(trainer, "scale_rewards") and trainer.beta != 0.0)

    def _check_rest(self) -> None:
        trainer: Any = self
        if hasattr(trainer, "scale_rewards"):
            wrong: dict[str, Any] = {"scale_rewards": "none", "multi_objective_aggregation": "sum_then_normalize"}
        else:
            wrong = {"normalize_advantages": False, "reward_clip_range": None}
        for name, needed in wrong.items():
            if getattr(trainer, name) != needed:
                raise ConfigError(
                    f"GroupRewards: {name}={getattr(trainer, name)!r} mixes herokit's advantages with other reward "
                    f"functions or the KL penalty; set {name}={needed!r}, or leave the others out"
                )


def _makes_advantages(function: RewardFunction) -> bool:
    """Say whether the chain has a step that makes advantages."""
    return any(map(produces_advantage, function.rewarder.combiner.steps))
