"""A mixin for TRL's trainers: rewards are combined after the gather, and the loss gets the advantages of the chain."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from herokit.adapters.common.base import (
    find_step_spans,
    group_ids_by_position,
    remove_credit,
    returns_advantages,
    token_advantages,
)
from herokit.adapters.trl.functions import RewardFunction, check_settings, group_size
from herokit.combiners.base import no_sync, produces_advantage
from herokit.combiners.chain import check_no_credit, ends_with_credit
from herokit.conversations.prompts import check_group_prompts, compress_prompt
from herokit.errors import ConfigError, DataError, PluginError, warn_of_silence
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.sources.execution import SourceOutputs
from herokit.types import Sample, Scores

__all__ = ["GroupRewardMixin"]


@dataclass(frozen=True, slots=True)
class RankResult:
    """What one rank contributes to the gather: the outputs of its sources, ids and prompts of its rows, or an error."""

    outputs: SourceOutputs | None = None
    uids: Sequence[Any] | None = None
    prompts: Sequence[Any] = ()
    error: str = ""
    cause: Exception | None = None


class GroupRewardMixin:
    """Mixin for `GRPOTrainer`, `RLOOTrainer` and their subclasses, with one `RewardFunction` in ``reward_funcs``.

    ::

        class Trainer(GroupRewardMixin, GRPOTrainer): ...

    Each rank runs the sources on its own rows. Their outputs are gathered, and every rank combines the same whole batch, so
    a group may lie on several ranks, and running means are equal on all ranks without an all-reduce.

    If the chain produces advantages, they go to the loss as they are, whatever ``scale_rewards`` says: ``A = w A_chain +
    A_rest``, with w the reward weight of the function, and A_rest the advantages from other reward functions and from
    RLOO's KL penalty. A_rest can be computed only if the trainer divides by nothing; other settings raise. If the chain
    returns rewards, the trainer normalizes them as usual.

    A chain that ends with credit, such as `turn_grpo`, gives every token of a turn the turn's advantage, and tokens of tools 0:
    GRPO's loss takes advantages (B, T). The turns are the runs of TRL's own `tool_mask` (``env_mask`` of a rollout function), or the
    column ``turn_spans``: for each rollout the tokens of each turn. The steps of a local process reward model are found in the tokens by
    `step_tokens`; a rollout where they are not found trains on no credit, with a `NoSignalWarning`.

    In ``trainer.reward_funcs`` a function that returns zeros takes the place of the `RewardFunction`: TRL keeps its column
    and its weight, and the mixin fills in the values.

    Attributes:
        herokit: the rewarder.
        herokit_output: of the last batch.

    Raises:
        ConfigError: at construction: not exactly one `RewardFunction`, a cancelled step, settings under which A_rest cannot
            be computed, a `sync` in the rewarder, which would count every row once per rank, or a loss that cannot take
            the credit of the chain.
        DataError: prompts differ inside a group, or the tokens show other turns than the credit; every rank raises.
        PluginError: a source failed as a whole on some rank; every rank raises.
    """

    herokit: Rewarder
    herokit_output: RewardOutput
    _function: RewardFunction
    _column: int
    _table: Any
    _has_credit: bool
    _local_samples: Sequence[Sample] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        trainer: Any = self
        columns = [i for i, function in enumerate(trainer.reward_funcs) if isinstance(function, RewardFunction)]
        if len(columns) != 1:
            raise ConfigError(
                f"GroupRewardMixin needs one herokit.adapters.trl.RewardFunction among reward_funcs, got {len(columns)}"
            )
        self._column = columns[0]
        self._function = trainer.reward_funcs[self._column]
        self.herokit = self._function.rewarder
        if self.herokit.sync is not no_sync:
            raise ConfigError("GroupRewardMixin: every rank combines all rows; remove sync from the Rewarder")
        self._has_credit = ends_with_credit(self.herokit.combiner)
        if self._has_credit:
            self._check_loss()
        if not self._has_credit and not any(map(produces_advantage, self.herokit.combiner.steps)):
            check_settings(self._function, self)
        elif self._has_rest():
            self._check_rest()
        trainer.reward_funcs = [_zero_rewards if i == self._column else f for i, f in enumerate(trainer.reward_funcs)]

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        import torch

        trainer: Any = self
        function, rank = self._function, trainer.accelerator.process_index
        table = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)  # type: ignore[misc]
        columns = _columns(trainer, inputs, completion_ids_list)
        results = self._gather(lambda: function.run_sources(prompts, completions, columns, trainer), columns, prompts)
        outputs = _concatenate([result.outputs for result in results if result.outputs is not None])
        local = results[rank].outputs or outputs
        uids = None if results[rank].uids is None else [uid for result in results for uid in result.uids or ()]
        group_keys = group_ids_by_position(
            table.shape[0],
            group_size(trainer),
            uids,
            owner=f"TRL, all {len(results)} ranks",
            fix="the trainer generated incomplete groups",
        )
        if self.herokit.equal_prompts:
            check_group_prompts([prompt for result in results for prompt in result.prompts], group_keys)
        output = function.combine(
            replace(outputs, seconds=local.seconds), group_keys, trainer.state, training=trainer.model.training
        )
        self.herokit_output = output
        self._local_samples = function.samples if self._has_credit else ()
        rows = slice(len(prompts) * rank, len(prompts) * (rank + 1))
        function.log(output, local, rows, trainer._log_completion_extra, trainer._log_metric)  # noqa: SLF001 - TRL passes these two to every reward function
        function.record(output, rows, trainer.state, training=trainer.model.training)
        table[:, self._column] = torch.as_tensor(output.reward, dtype=table.dtype, device=table.device)
        self._table = table.clone()
        return table

    def _gather(
        self, run_sources: Callable[[], SourceOutputs], columns: Mapping[str, Sequence[Any]], prompts: Sequence[Any]
    ) -> list[RankResult]:
        """Run the sources on this rank, and return the results of all ranks; an error on one rank raises on every rank."""
        from accelerate.utils import gather_object

        function = self._function
        try:
            local = RankResult(run_sources(), function.uids(columns), [compress_prompt(prompt) for prompt in prompts])
        except Exception as error:  # noqa: BLE001 - every rank raises it after the gather
            local = RankResult(error=f"{type(error).__name__}: {error}", cause=error)
        results: list[RankResult] = gather_object([replace(local, cause=None)])
        for rank, result in enumerate(results):
            if result.error:
                raise PluginError(f"{function.name}, rank {rank} of {len(results)}: {result.error}") from local.cause
        return results

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)  # type: ignore[misc]
        if not self._has_credit and not returns_advantages(self.herokit_output):
            return out
        import torch

        trainer: Any = self
        local = out["advantages"]
        start = local.shape[0] * trainer.accelerator.process_index
        weight = float(trainer.reward_weights[self._column])
        chain = torch.as_tensor(np.nan_to_num(self.herokit_output.advantage) * weight).to(local.device)
        advantage = chain
        if self._has_rest():
            advantage = advantage + trainer.accelerator.gather(local).double() - self._trainer_advantage(weight)
        rows, rest = slice(start, start + local.shape[0]), advantage - chain
        advantage = advantage.to(local.dtype)
        out["advantages"] = advantage[rows]
        if self._has_credit:
            out["advantages"] = self._token_advantages(out, start, weight, rest[rows]).to(local.dtype)
            removed = torch.as_tensor(np.isnan(self.herokit_output.advantage)).to(local.device)
            advantage = torch.where(removed, rest.to(local.dtype), advantage)
        logged = trainer._logs["advantages"]  # noqa: SLF001 - the completions table shows what the loss gets
        for _ in range(min(len(logged), len(advantage))):
            logged.pop()
        logged.extend(advantage.tolist())
        return out

    def _token_advantages(self, out: Any, start: int, weight: float, rest: Any) -> Any:
        """Return the advantages of the tokens of this rank's rows, (B, T); an error on one rank raises on every rank.

        Args:
            out: the batch that TRL made for the loss.
            start: the first of the rows in the whole batch.
            weight: of our function.
            rest: (B,) the advantages from elsewhere, the same for every token that is trained.
        """
        import torch
        from accelerate.utils import gather_object

        trainer: Any = self
        mask = out["completion_mask"] * out["tool_mask"] if "tool_mask" in out else out["completion_mask"]
        tokens, error = [], ""
        problems: dict[int, str] = {}
        try:
            ids, tokenizer = out["completion_ids"].tolist(), trainer.processing_class
            masks, samples = mask.tolist(), self._local_samples
            spans, problems = find_step_spans(self.herokit_output, samples, tokenizer, ids, masks, start)
            tokens = token_advantages(remove_credit(self.herokit_output, problems), masks, start, spans=spans)
        except DataError as raised:
            error = str(raised)
        results = gather_object([(error, problems)])
        for rank, (text, _) in enumerate(results):
            if text:
                raise DataError(
                    f"{self._function.name}, rank {rank}: {text}. TRL's masks show a turn as a run of the policy's tokens; "
                    "judge turns, or give the column turn_spans"
                )
        self._remove_credit({row: reason for _, rows in results for row, reason in rows.items()})
        return torch.as_tensor(np.stack(tokens)).to(mask.device) * weight + rest.unsqueeze(1) * mask

    def _remove_credit(self, problems: dict[int, str]) -> None:
        """Take the credit of rows out of the output, and warn of it; the same on every rank."""
        if not problems:
            return
        self.herokit_output = remove_credit(self.herokit_output, problems)
        message = (
            f"{self._function.name}: {len(problems)} of {len(self.herokit_output.valid)} rollouts train on no credit, because the "
            f"tokens of their steps were not found: {next(iter(problems.values()))}; all are in herokit_output.problems()"
        )
        warn_of_silence(message)

    def _check_loss(self) -> None:
        """Check that the loss takes an advantage a token.

        Raises:
            ConfigError: it takes one a rollout, or reads the sign of a rollout's advantage.
        """
        trainer: Any = self
        if not hasattr(trainer, "scale_rewards"):
            check_no_credit(self.herokit.combiner, type(self).__name__ + ", whose ratio is that of the whole rollout,")
        for name, used in (
            ("off_policy_mask_threshold", trainer.off_policy_mask_threshold is not None),
            ("loss_type", trainer.loss_type == "vespo"),
        ):
            if used:
                raise ConfigError(
                    f"GroupRewardMixin: {name}={getattr(trainer, name)!r} reads the sign of a rollout's advantage, but the chain "
                    "gives every turn its own; change the setting, or end the chain with AggregateParts"
                )

    def _trainer_advantage(self, weight: float) -> Any:
        """Return the part of the trainer's advantages that comes from our column: centered, or leave-one-out; (N,)."""
        import torch

        reward = torch.nan_to_num(self._table[:, self._column].double()) * weight
        reward[torch.isnan(self._table).all(dim=1)] = torch.nan
        grouped = reward.view(-1, group_size(self))
        if hasattr(self, "scale_rewards"):
            centered = grouped - torch.nanmean(grouped, dim=1, keepdim=True)
        else:
            others = (~torch.isnan(grouped)).sum(dim=1, keepdim=True) - 1
            centered = grouped - (torch.nansum(grouped, dim=1, keepdim=True) - grouped) / others
        return torch.nan_to_num(centered.reshape(-1), nan=0.0, posinf=0.0, neginf=0.0)

    def _has_rest(self) -> bool:
        """Return whether anything besides our function contributes to the trainer's advantages."""
        trainer: Any = self
        return len(trainer.reward_funcs) > 1 or (not hasattr(trainer, "scale_rewards") and trainer.beta != 0.0)

    def _check_rest(self) -> None:
        trainer: Any = self
        if hasattr(trainer, "scale_rewards"):
            required: dict[str, Any] = {"scale_rewards": "none", "multi_objective_aggregation": "sum_then_normalize"}
        else:
            required = {"normalize_advantages": False, "reward_clip_range": None}
        for name, value in required.items():
            if getattr(trainer, name) != value:
                funcs = zip(trainer.reward_funcs, trainer.reward_func_names, strict=True)
                owners = [owner for f, owner in funcs if "_env_type" in inspect.signature(f).parameters]  # made by TRL
                cause = f"get_reward of the environment ({', '.join(owners)})" if owners else "other reward functions"
                raise ConfigError(
                    f"GroupRewardMixin: {name}={getattr(trainer, name)!r} mixes herokit's advantages with {cause} "
                    f"or the KL penalty; set {name}={value!r}, or remove {'get_reward' if owners else 'the others'}"
                )


def _zero_rewards(completions: Sequence[Any], **_kwargs: Any) -> list[float]:
    """Take the place of the `RewardFunction` in TRL's list."""
    return [0.0] * len(completions)


def _columns(trainer: Any, inputs: Any, completion_ids: Any) -> dict[str, Sequence[Any]]:
    """Return the columns of this rank's rows, as TRL passes them to reward functions."""
    names = [name for name in inputs[0] if name not in {"prompt", "completion", "completion_ids"}]
    columns: dict[str, Sequence[Any]] = {name: [row[name] for row in inputs] for name in names}
    columns["completion_ids"] = completion_ids
    if getattr(trainer, "environments", None):
        columns["environments"] = trainer.environments
    return columns


def _concatenate(parts: Sequence[SourceOutputs]) -> SourceOutputs:
    """Join the outputs of all ranks in their order."""
    first = parts[0]
    verdicts = {name: [verdict for part in parts for verdict in part.verdicts[name]] for name in first.verdicts}
    scores = {
        name: Scores.from_rows(row for part in parts for row in part.scores[name].rows()) for name in first.scores
    }
    turns = None if first.turns is None else [turn for part in parts for turn in part.turns or ()]
    return SourceOutputs(verdicts, scores, turns=turns)
