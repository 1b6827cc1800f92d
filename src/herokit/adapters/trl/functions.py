"""TRL: a reward function for `GRPOTrainer` and `RLOOTrainer`, and a mixin for groups that several ranks share.

TRL scores each rank's rows before it gathers them, so a function alone needs whole groups on every rank and raises
where they are not. `GroupRewards` combines after the gather and hands the chain's advantages to the loss as they are.
"""

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, gcd
from typing import Any, Literal

from herokit.adapters.common.base import REFERENCES, final, groups_by_position, nullable, samples_of
from herokit.adapters.common.hf_state import CheckpointedState, has_memory
from herokit.adapters.common.info import Support
from herokit.adapters.common.metrics import metrics
from herokit.adapters.common.rows import rows_of, status_of
from herokit.combiners import no_sync
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.sources.execution import SourceOutputs
from herokit.trainers.cancellation import check_normalization
from herokit.types import Sample

SUPPORT = Support(
    trainer="TRL, GRPOTrainer and RLOOTrainer",
    version="1.16.0",
    tried="ran",
    sees="one rank's rows; with `GroupRewards`, all",
    settings='`scale_rewards="none"`, or `GroupRewards` with a chain that makes advantages',
    state="in `trainer_state.json` of every checkpoint",
    lost="AsyncGRPO divides by the group's deviation whatever is set; its scoring was called, training with it (vLLM) not",
    page="how-to/trl.md",
)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of the reward function: its samples, and what TRL passed with them."""

    samples: list[Sample]
    training: bool
    state: Any
    log_extra: Any
    log_metric: Any


@dataclass(frozen=True, slots=True)
class Part:
    """What one rank's call found, for `GroupRewards` to gather: component rows and ids, or an error."""

    rows: Sequence[dict[str, Any]] = ()
    uids: Sequence[Any] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    cause: Exception | None = None


@dataclass(eq=False)
class RewardFunction:
    """A rewarder as TRL's reward function; pickles where the sources do.

    Groups are consecutive rows, as TRL lays them; the trainer's own settings say how many, found through the bound
    method ``log_metric`` that TRL passes. Evaluation leaves the state alone; training keeps it in the trainer's state, so
    checkpoints carry it. A row on which a source failed is None, which TRL leaves out of baseline and loss.

    Attributes:
        rewarder: what scores.
        name: what TRL's log calls it, and the prefix of its metrics; one name a trainer.
        uid: a column of ids that must then be equal within each group.
        reference: the column of gold answers, or names of which the first present is taken.
        num_generations: rollouts a prompt, for callers that are no GRPO or RLOO trainer, such as TRL's AsyncGRPO.
        on_cancelled_step: what happens if the trainer's settings undo a step: ``"warn"``, ``"raise"`` or ``"ignore"``.
        log_rows: whether TRL's completions table gets a column for each source, and NAME_reward, _weight and _status.
        outcome: of the last call.

    Raises:
        ConfigError: when called: groups that ranks share, no way to know their size, or a step that would be undone.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> reward = RewardFunction(Rewarder({"rm": Length()}, Select("rm")), num_generations=2)
        >>> reward(prompts=["p", "p"], completions=["a", "bcd"])
        [1.0, 3.0]
    """

    rewarder: Rewarder
    name: str = "herokit"
    uid: str | None = None
    reference: str | Sequence[str] = REFERENCES
    num_generations: int | None = None
    on_cancelled_step: Literal["warn", "raise", "ignore"] = "warn"
    log_rows: bool = True
    outcome: RewardOutput | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.__name__ = self.name  # what TRL's log calls a reward function
        self.memory = CheckpointedState(self.name)
        self.deferred: Part | None = None
        self._checked = False

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"outcome": None, "deferred": None}

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **passed: Any) -> list[float | None]:
        """Return the chain's output for N rollouts; TRL calls this.

        Args:
            prompts: N texts or chats.
            completions: N texts or chats.
            passed: the data set's columns, ``completion_ids``, ``trainer_state``, ``log_extra``, ``log_metric``.
        """
        if self.deferred is not None:
            return self._defer(prompts, completions, passed)
        call = self._begin(prompts, completions, passed)
        return self._end(call, self.rewarder.run_sources(call.samples))

    def _begin(self, prompts: Sequence[Any], completions: Sequence[Any], passed: dict[str, Any]) -> _Call:
        trainer = seen_trainer(passed.get("log_metric"))
        count, columns = len(completions), _columns(completions, passed)
        size = self.num_generations if trainer is None else group_size(trainer)
        if size is None:
            raise ConfigError(f"{self.name}: cannot see the trainer; pass num_generations, the rollouts a prompt")
        keys = groups_by_position(count, size, self._uids(columns), owner=_owner(trainer), fix=_fix(trainer))
        self._check(trainer)
        samples = samples_of(prompts, completions, keys, columns, reference=self.reference)
        return _Call(
            samples,
            trainer is None or trainer.model.training,
            passed.get("trainer_state"),
            passed.get("log_extra"),
            passed.get("log_metric"),
        )

    def _end(self, call: _Call, answers: SourceOutputs) -> list[float | None]:
        outcome = self.combine(answers, [s.group for s in call.samples], call.state, training=call.training)
        self.log(outcome, rows_of(answers), slice(None), call.log_extra, call.log_metric)
        return nullable(final(outcome))

    def _defer(self, prompts: Sequence[Any], completions: Sequence[Any], passed: dict[str, Any]) -> list[float | None]:
        """Ask the sources and leave the rest to `GroupRewards`; an error too, so that every rank hears of it."""
        try:
            columns = _columns(completions, passed)
            keys = [None] * len(completions)  # known once the rows of all ranks are there
            answers = self.rewarder.run_sources(
                samples_of(prompts, completions, keys, columns, reference=self.reference)
            )
            part = Part(rows_of(answers), self._uids(columns), answers.seconds)
        except Exception as error:  # noqa: BLE001 - raised on every rank, after the gather
            part = Part(error=f"{type(error).__name__}: {error}", cause=error)
        self.deferred = part
        return [0.0] * len(completions)

    def combine(
        self, answers: SourceOutputs, keys: Sequence[Any], trainer_state: Any, *, training: bool
    ) -> RewardOutput:
        """Combine; recall the state of a resumed run before, keep the new state for the next checkpoint after."""
        if trainer_state is not None:
            self.memory.recall(trainer_state, self.rewarder)
        self.outcome = self.rewarder.combine(answers, keys, update_state=training)
        if trainer_state is not None and training:
            self.memory.keep(trainer_state, self.rewarder)
        return self.outcome

    def log(
        self, outcome: RewardOutput, rows: Sequence[dict[str, Any]], here: slice, log_extra: Any, log_metric: Any
    ) -> None:
        """Log a batch's metrics, and this rank's rows as columns of the completions table."""
        if callable(log_metric):
            for name, value in metrics(outcome, f"{self.name}/").items():
                log_metric(name, value)
        if callable(log_extra) and self.log_rows:
            sources = list(self.rewarder.sources)
            for source in sources:
                log_extra(source, [row[source] for row in rows])
            log_extra(f"{self.name}_reward", nullable(outcome.reward[here]))
            log_extra(f"{self.name}_weight", nullable(outcome.weight[here]))
            log_extra(f"{self.name}_status", [status_of(row, sources) for row in rows])

    def _uids(self, columns: dict[str, Any]) -> Sequence[Any] | None:
        if self.uid is not None and self.uid not in columns:
            raise ConfigError(f"{self.name}: no column {self.uid!r}; there are {sorted(columns)}")
        return None if self.uid is None else columns[self.uid]

    def _check(self, trainer: Any) -> None:
        """Once: does the trainer undo a step, will evaluation have whole groups, do ranks keep means of their own?"""
        if trainer is None or self._checked:
            return
        self._checked = True
        check_settings(self, trainer)
        rows, size = trainer.args.per_device_eval_batch_size, trainer.num_generations_eval
        if trainer.args.eval_strategy != "no" and rows % size:
            raise ConfigError(f"{_owner(trainer)}: evaluation would split groups: {_fix_evaluation(rows, size)}")
        if trainer.accelerator.num_processes > 1 and self.rewarder.sync is no_sync and has_memory(self.rewarder):
            warnings.warn(
                f"{self.name}: each of {trainer.accelerator.num_processes} ranks keeps a running mean of its own and "
                "checkpoints carry that of rank 0; give the Rewarder sync=AllReduce() of herokit-torch, or use "
                "herokit.adapters.trl.trainer.GroupRewards",
                RuntimeWarning,
                stacklevel=2,
            )


class AsyncRewardFunction(RewardFunction):
    """The same as a coroutine: TRL runs it beside other coroutines, and sources are asked in a thread.

    Example:
        >>> from herokit import Select
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion) for s in samples]
        >>> reward = AsyncRewardFunction(Rewarder({"rm": Length()}, Select("rm")), num_generations=2)
        >>> asyncio.run(reward(prompts=["p", "p"], completions=["a", "bcd"]))
        [1.0, 3.0]
    """

    async def __call__(  # type: ignore[override]  # on purpose: TRL looks whether it is a coroutine function
        self, prompts: Sequence[Any], completions: Sequence[Any], **passed: Any
    ) -> list[float | None]:
        """Return the chain's output for N rollouts; see `RewardFunction`."""
        if self.deferred is not None:
            return await asyncio.to_thread(self._defer, prompts, completions, passed)
        call = self._begin(prompts, completions, passed)
        return self._end(call, await asyncio.to_thread(self.rewarder.run_sources, call.samples))


def _columns(completions: Sequence[Any], passed: dict[str, Any]) -> dict[str, Sequence[Any]]:
    return {k: v for k, v in passed.items() if isinstance(v, list | tuple) and len(v) == len(completions)}


def seen_trainer(log_metric: Any) -> Any:
    """Return the trainer behind the bound method that TRL passes to reward functions; None if there is none."""
    trainer = getattr(log_metric, "__self__", None)
    return trainer if hasattr(trainer, "num_generations") and hasattr(trainer, "accelerator") else None


def group_size(trainer: Any) -> int:
    """Return the rollouts a prompt in the trainer's present mode."""
    return int(trainer.num_generations if trainer.model.training else trainer.num_generations_eval)


def check_settings(function: RewardFunction, trainer: Any) -> None:
    """Warn of, or refuse, settings of the trainer that undo a step of the reward.

    Raises:
        ConfigError: they do, and the function says ``on_cancelled_step="raise"``.
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
        fix += ", or use herokit.adapters.trl.trainer.GroupRewards with a chain that makes advantages (hero_advantage)"
        check_normalization(function.rewarder, entry, fix=fix, on_cancelled_step=function.on_cancelled_step)


def _owner(trainer: Any) -> str:
    if trainer is None:
        return "TRL"
    return f"TRL, rank {trainer.accelerator.process_index} of {trainer.accelerator.num_processes}"


def _fix(trainer: Any) -> str:
    """Name the setting that makes every rank's rows whole groups."""
    if trainer is None:
        return "num_generations must be the rollouts a prompt"
    args, size = trainer.args, group_size(trainer)
    if not trainer.model.training:
        return _fix_evaluation(args.per_device_eval_batch_size, size)
    steps, rows = args.steps_per_generation, args.per_device_train_batch_size
    unit = size // gcd(steps, size)
    return (
        f"per_device_train_batch_size={rows} x steps_per_generation={steps} is no multiple of num_generations={size}: "
        f"set per_device_train_batch_size={ceil(rows / unit) * unit}, {MIXIN}"
    )


def _fix_evaluation(rows: int, size: int) -> str:
    return (
        f"per_device_eval_batch_size={rows} is no multiple of num_generations_eval={size}: "
        f"set per_device_eval_batch_size={ceil(rows / size) * size}, {MIXIN}"
    )


MIXIN = "or use herokit.adapters.trl.trainer.GroupRewards, which combines after the gather"
