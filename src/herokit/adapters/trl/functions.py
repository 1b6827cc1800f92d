"""Reward functions for TRL's `GRPOTrainer` and `RLOOTrainer`.

TRL scores the rows of each rank before it gathers them, so a function alone needs complete groups on every rank and raises
where they are not. `GroupRewardMixin` combines after the gather and passes the advantages of the chain to the loss.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, gcd
from typing import Any, Literal, TypeAlias

from herokit.adapters.common.base import (
    RewarderLike,
    group_ids_by_position,
    nan_to_none,
    to_rewarder,
    trainer_values,
)
from herokit.adapters.common.metrics import compute_metrics
from herokit.adapters.common.rows import format_status, source_rows
from herokit.adapters.common.samples import REFERENCE_COLUMNS, find_columns, make_samples
from herokit.adapters.common.templates import ChatTemplate
from herokit.adapters.trl.state import CheckpointedState, has_state
from herokit.combiners.base import no_sync
from herokit.combiners.chain import check_no_credit
from herokit.distributed import abort_peers_on_error, run_sources_in_thread
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.sources.execution import SourceOutputs
from herokit.trainers.cancellation import check_normalization
from herokit.types import Sample

__all__ = ["AsyncRewardFunction", "BatchCallback", "RewardFunction", "check_settings", "group_size"]

BatchCallback: TypeAlias = Callable[[Sequence[Sample], RewardOutput, slice, int | None], None]
"""Called with the samples of this rank, the output of the batch, this rank's rows of it, and the training step."""

_USE_MIXIN = "or use herokit.adapters.trl.GroupRewardMixin, which combines after the gather"


@dataclass(frozen=True, slots=True)
class _Batch:
    """The samples of one call, and what TRL passed with them."""

    samples: list[Sample]
    training: bool
    trainer_state: Any
    log_extra: Any
    log_metric: Any


class RewardFunction:
    """A rewarder as TRL's reward function; it pickles if its sources do.

    Groups are consecutive rows, as TRL places them. Their size comes from the trainer, which is reached through the bound
    method ``log_metric`` that TRL passes. Evaluation does not update the state. Training saves it in the `TrainerState`, and
    so in checkpoints. A row on which a source failed is None, which TRL leaves out of baseline and loss.

    Samples have messages as TRL has them, with tool calls and results; the number of tokens, except of rows with messages of
    tools, whose tokens TRL mixes in; whether the generation was truncated, as TRL counts it; and whether the chat template
    opens the thinking.

    Args:
        rewarder: the sources and the chain.
        name: the name in TRL's log and the prefix of the metrics; unique within a trainer.
        uid: a column of ids that must be equal within each group.
        reference: the column of reference answers, or several names of which the first present is used.
        num_generations: rollouts per prompt, for callers other than a GRPO or RLOO trainer, such as TRL's AsyncGRPO.
        on_cancelled_step: what to do if the trainer's settings cancel a step: ``"warn"``, ``"raise"`` or ``"ignore"``.
        template: the policy's chat template, for such callers; a GRPO or RLOO trainer has its own.
        log_rows: whether TRL's completions table gets one column per source, and NAME_reward, _weight and _status.

    Attributes:
        output: of the last call.
        samples: of the call that is running.
        on_batch: called with (samples of this rank, output of the batch, this rank's rows of it, training step) after every batch
            of training; `ReportCallback` sets it. It does not pickle.

    Raises:
        ConfigError: when called: incomplete groups on this rank, unknown group size, a cancelled step, or a chain that ends
            with credit of parts, which `GroupRewardMixin` takes.
        DataError: when called: prompts differ inside a group, as those of an environment with random observations do; see
            ``Rewarder(equal_prompts=False)``.

    Example:
        >>> from herokit import Rewarder, Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> reward = RewardFunction(Rewarder({"rm": Length()}, Select("rm")), num_generations=2)
        >>> reward(prompts=["p", "p"], completions=["a", "bcd"])
        [1.0, 3.0]
    """

    def __init__(
        self,
        rewarder: RewarderLike,
        name: str = "herokit",
        uid: str | None = None,
        reference: str | Sequence[str] = REFERENCE_COLUMNS,
        num_generations: int | None = None,
        on_cancelled_step: Literal["warn", "raise", "ignore"] = "warn",
        *,
        template: ChatTemplate | None = None,
        log_rows: bool = True,
    ) -> None:
        self.rewarder, self.name, self.uid, self.reference = (
            to_rewarder(rewarder, takes_credit=True),
            name,
            uid,
            reference,
        )
        self.num_generations, self.on_cancelled_step, self.log_rows = num_generations, on_cancelled_step, log_rows
        self.output: RewardOutput | None = None
        self.on_batch: BatchCallback | None = None
        self.samples: Sequence[Sample] = ()
        self.__name__ = name  # what TRL's log calls a reward function
        self.state = CheckpointedState(name)
        self._checked = False
        self.template = template
        self._trainer_template: ChatTemplate | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"output": None, "on_batch": None, "samples": (), "_trainer_template": None}

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **kwargs: Any) -> list[float | None]:
        """Return the output of the chain for N rollouts; TRL calls this.

        Args:
            prompts: N texts or chats.
            completions: N texts or chats.
            kwargs: the columns of the data set, ``completion_ids``, ``trainer_state``, ``log_extra``, ``log_metric``.
        """
        with abort_peers_on_error(self.rewarder):
            batch = self._prepare(prompts, completions, kwargs)
        return self._finish(batch, self.rewarder.run_sources(batch.samples))

    def run_sources(
        self, prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Sequence[Any]], trainer: Any
    ) -> SourceOutputs:
        """Run the sources on N rollouts whose groups are not known yet."""
        no_keys = [None] * len(completions)
        self.samples = self._make_samples(prompts, completions, no_keys, columns, trainer)
        return self.rewarder.run_sources(self.samples)

    def combine(
        self, outputs: SourceOutputs, group_keys: Sequence[Any], trainer_state: Any, *, training: bool
    ) -> RewardOutput:
        """Combine N rows; restore the state of a resumed run before, save the new state after."""
        self._restore(trainer_state)
        self.output = self.rewarder.combine(outputs, group_keys, update_state=training)
        if trainer_state is not None and training:
            self.state.save(trainer_state, self.rewarder)
        return self.output

    def log(self, output: RewardOutput, outputs: SourceOutputs, rows: slice, log_extra: Any, log_metric: Any) -> None:
        """Log the metrics of a batch, and the rows of this rank as columns of the completions table.

        Args:
            output: the whole batch.
            outputs: of the sources, for this rank.
            rows: which rows of the batch are this rank's.
            log_extra: TRL's function for columns, or None.
            log_metric: TRL's function for metrics, or None.
        """
        if callable(log_metric):
            for name, value in compute_metrics(output, f"{self.name}/").items():
                log_metric(name, value)
        if callable(log_extra) and self.log_rows:
            rows_of_sources, sources = source_rows(outputs), list(self.rewarder.sources)
            for source in sources:
                log_extra(source, [row[source] for row in rows_of_sources])
            log_extra(f"{self.name}_reward", nan_to_none(output.reward[rows]))
            log_extra(f"{self.name}_weight", nan_to_none(output.weight[rows]))
            log_extra(f"{self.name}_status", [format_status(row, sources) for row in rows_of_sources])

    def record(self, output: RewardOutput, rows: slice, trainer_state: Any, *, training: bool) -> None:
        """Pass a batch of training to `on_batch`, if there is one.

        Args:
            output: the whole batch.
            rows: which rows of the batch are this rank's, those of the last call.
            trainer_state: has the training step, or None.
            training: whether the batch is one of training.
        """
        if self.on_batch is not None and training:
            self.on_batch(self.samples, output, rows, getattr(trainer_state, "global_step", None))
        self.samples = ()

    def uids(self, columns: Mapping[str, Sequence[Any]]) -> Sequence[Any] | None:
        """Return the column `uid`, or None if the function has none.

        Raises:
            ConfigError: there is no such column.
        """
        if self.uid is not None and self.uid not in columns:
            raise ConfigError(f"{self.name}: no column {self.uid!r}; got columns {sorted(columns)}")
        return None if self.uid is None else columns[self.uid]

    def _prepare(self, prompts: Sequence[Any], completions: Sequence[Any], kwargs: dict[str, Any]) -> _Batch:
        check_no_credit(self.rewarder.combiner, "TRL's reward function")
        trainer = _find_trainer(kwargs.get("log_metric"))
        columns = find_columns(kwargs, len(completions))
        size = self.num_generations if trainer is None else group_size(trainer)
        if size is None:
            raise ConfigError(f"{self.name}: the group size is unknown without a trainer; pass num_generations")
        keys = group_ids_by_position(
            len(completions), size, self.uids(columns), owner=_owner(trainer), fix=_fix_training(trainer)
        )
        self._check(trainer)
        samples = self._make_samples(prompts, completions, keys, columns, trainer)
        trainer_state = kwargs.get("trainer_state")
        self._restore(trainer_state)
        training = trainer is None or trainer.model.training
        return _Batch(samples, training, trainer_state, kwargs.get("log_extra"), kwargs.get("log_metric"))

    def _make_samples(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        group_keys: Sequence[Any],
        columns: Mapping[str, Sequence[Any]],
        trainer: Any,
    ) -> list[Sample]:
        ids = columns.get("completion_ids", [()] * len(completions))
        return make_samples(
            prompts,
            completions,
            group_keys,
            columns,
            reference=self.reference,
            num_tokens=[_count_tokens(*pair) for pair in zip(completions, ids, strict=True)],
            truncated=[_is_truncated(trainer, row) for row in ids],
            thinking_opened=self._find_openings(prompts, trainer),
        )

    def _find_openings(self, prompts: Sequence[Any], trainer: Any) -> Sequence[bool | None] | None:
        """Return for each row whether the trainer's chat template opens the thinking."""
        tokenizer = getattr(trainer, "processing_class", None)
        if tokenizer is None:
            return None if self.template is None else list(map(self.template.opens_thinking, prompts))
        if self._trainer_template is None or self._trainer_template.tokenizer is not tokenizer:
            settings = getattr(trainer, "chat_template_kwargs", None) or {}
            self._trainer_template = ChatTemplate(tokenizer, getattr(trainer, "chat_template", None), **settings)
        if _has_parser(tokenizer):  # it knows what the prompt has opened, and has moved the thinking
            return [None if isinstance(prompt, str) else False for prompt in prompts]
        return list(map(self._trainer_template.opens_thinking, prompts))

    def _finish(self, batch: _Batch, outputs: SourceOutputs) -> list[float | None]:
        keys = [sample.group for sample in batch.samples]
        output = self.combine(outputs, keys, batch.trainer_state, training=batch.training)
        self.log(output, outputs, slice(None), batch.log_extra, batch.log_metric)
        self.samples = batch.samples
        self.record(output, slice(None), batch.trainer_state, training=batch.training)
        return nan_to_none(trainer_values(output))

    def _restore(self, trainer_state: Any) -> None:
        if trainer_state is not None:
            self.state.restore(trainer_state, self.rewarder)

    def _check(self, trainer: Any) -> None:
        """Check once for cancelled steps, groups split by evaluation, and running means that differ between ranks."""
        if trainer is None or self._checked:
            return
        self._checked = True
        check_settings(self, trainer)
        rows, size = trainer.args.per_device_eval_batch_size, trainer.num_generations_eval
        if trainer.args.eval_strategy != "no" and rows % size:
            raise ConfigError(f"{_owner(trainer)}: evaluation would split groups: {_fix_evaluation(rows, size)}")
        if trainer.accelerator.num_processes > 1 and self.rewarder.sync is no_sync and has_state(self.rewarder):
            warnings.warn(
                f"{self.name}: each of {trainer.accelerator.num_processes} ranks has its own running mean and "
                "checkpoints contain that of rank 0; give the Rewarder sync=AllReduce() of herokit-torch, or use "
                "herokit.adapters.trl.GroupRewardMixin",
                RuntimeWarning,
                stacklevel=2,
            )


class AsyncRewardFunction(RewardFunction):
    """`RewardFunction` as a coroutine function: TRL runs it concurrently with others, and sources run in a thread.

    Example:
        >>> import asyncio
        >>> from herokit import Rewarder, Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> reward = AsyncRewardFunction(Rewarder({"rm": Length()}, Select("rm")), num_generations=2)
        >>> asyncio.run(reward(prompts=["p", "p"], completions=["a", "bcd"]))
        [1.0, 3.0]
    """

    async def __call__(  # type: ignore[override]  # TRL checks whether it is a coroutine function
        self, prompts: Sequence[Any], completions: Sequence[Any], **kwargs: Any
    ) -> list[float | None]:
        """Return the output of the chain for N rollouts; see `RewardFunction`."""
        with abort_peers_on_error(self.rewarder):
            batch = self._prepare(prompts, completions, kwargs)
        return self._finish(batch, await run_sources_in_thread(self.rewarder, batch.samples))


def group_size(trainer: Any) -> int:
    """Return the rollouts per prompt in the current mode of the trainer."""
    return int(trainer.num_generations if trainer.model.training else trainer.num_generations_eval)


def check_settings(function: RewardFunction, trainer: Any) -> None:
    """Warn of settings of the trainer that cancel a step of the chain, or raise, as ``on_cancelled_step`` says.

    Raises:
        ConfigError: a step is cancelled, and the function has ``on_cancelled_step="raise"``.
    """
    entry, fix = "", ""
    if hasattr(trainer, "scale_rewards"):
        gdpo = trainer.multi_objective_aggregation == "normalize_then_sum"
        entry = (
            "trl-gdpo" if gdpo else {"group": "trl", "batch": "trl-batch", "none": "trl-none"}[trainer.scale_rewards]
        )
        fix = 'set multi_objective_aggregation="sum_then_normalize" and ' if gdpo else "set "
        fix += 'scale_rewards="none"'
    elif hasattr(trainer, "normalize_advantages"):
        entry = "trl-rloo-batch" if trainer.normalize_advantages else "trl-rloo"
        fix = "set normalize_advantages=False"
    if entry and function.on_cancelled_step != "ignore":
        fix += ", or use herokit.adapters.trl.GroupRewardMixin with a chain that produces advantages (hero_advantage)"
        check_normalization(function.rewarder, entry, fix=fix, on_cancelled_step=function.on_cancelled_step)


def _count_tokens(completion: Any, ids: Sequence[int]) -> int | None:
    """Return the tokens that the policy wrote; None where TRL mixes in those of tools, or passes none."""
    is_pure = isinstance(completion, str) or all(message.get("role") == "assistant" for message in completion)
    return len(ids) if is_pure and len(ids) else None


def _is_truncated(trainer: Any, ids: Sequence[int]) -> bool | None:
    """Return whether the last token is no end of a turn, which is how TRL counts truncated completions."""
    ends = getattr(trainer, "eos_token_ids", None)
    if not ends or not len(ids):
        return None
    tokenizer = getattr(trainer.processing_class, "tokenizer", trainer.processing_class)
    return ids[-1] not in (*ends, tokenizer.pad_token_id)


def _has_parser(tokenizer: Any) -> bool:
    """Return whether TRL has the tokenizer parse completions, so that thinking and calls are in fields of their own."""
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    return any(getattr(tokenizer, name, None) is not None for name in ("response_template", "response_schema"))


def _find_trainer(log_metric: Any) -> Any:
    """Return the trainer whose bound method TRL passed to the reward function; None if there is none."""
    trainer = getattr(log_metric, "__self__", None)
    return trainer if hasattr(trainer, "num_generations") and hasattr(trainer, "accelerator") else None


def _owner(trainer: Any) -> str:
    if trainer is None:
        return "TRL"
    return f"TRL, rank {trainer.accelerator.process_index} of {trainer.accelerator.num_processes}"


def _fix_training(trainer: Any) -> str:
    """Name the setting that gives every rank complete groups."""
    if trainer is None:
        return "num_generations must be the number of rollouts per prompt"
    args, size = trainer.args, group_size(trainer)
    if not trainer.model.training:
        return _fix_evaluation(args.per_device_eval_batch_size, size)
    steps, rows = args.steps_per_generation, args.per_device_train_batch_size
    unit = size // gcd(steps, size)
    return (
        f"per_device_train_batch_size={rows} x steps_per_generation={steps} is not a multiple of num_generations={size}: "
        f"set per_device_train_batch_size={ceil(rows / unit) * unit}, {_USE_MIXIN}"
    )


def _fix_evaluation(rows: int, size: int) -> str:
    return (
        f"per_device_eval_batch_size={rows} is not a multiple of num_generations_eval={size}: "
        f"set per_device_eval_batch_size={ceil(rows / size) * size}, {_USE_MIXIN}"
    )
