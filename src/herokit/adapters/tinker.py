"""Adapter for tinker-cookbook: group rewards of an env group builder, and the credit of turns in its training data.

The cookbook adds the rewards of a group to those of its steps and centers the sum, nothing more: with steps that give 0, the
advantages of the chain reach the loss as they are. It has one advantage a trajectory and no hook for more; `install` wraps the
function that makes the data of the loss, ``assemble_training_data``, and patches nothing else.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderMixin, score_group, trainer_values_filled
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.rows import source_rows
from herokit.combiners.chain import ends_with_credit
from herokit.errors import ConfigError, DataError
from herokit.outcome import RewardOutput
from herokit.sources.execution import SourceOutputs
from herokit.types import Sample

__all__ = ["GroupRewardMixin", "install"]

INFO = AdapterInfo(
    trainer="tinker-cookbook",
    version="0.6.1",
    tested="integration",
    scope="a group of trajectories",
    settings="none: it centers only; steps must give reward 0",
    state="by hand: `save_state`, `load_state`",
    limitations="evaluation is not marked: give its builders `herokit_update_state = False`; no training run (needs the Tinker "
    "service)",
    page="how-to/tinker-cookbook.md",
    credit="after `install`, every token of an action has the advantage of its transition",
)

_ADVANTAGE = "herokit_advantage"
"""The key of a transition's advantage in its ``logs``, which travel with the trajectory to the process that trains."""

_PACKAGE = "tinker_cookbook"
_FUNCTION = "assemble_training_data"


class GroupRewardMixin(RewarderMixin):
    """Mixin for an `EnvGroupBuilder`: the output of the chain as the rewards of the group.

    A chain that ends with credit, such as `turn_grpo`, writes the advantage of every turn into its transition, and `install` takes
    it from there to the loss; the rewards of the group are then `RewardOutput.reward`, for logs.

    Attributes:
        herokit: the rewarder; builders that share it share its state, and a pickled copy has its own.
        herokit_make_sample: makes a `Sample` from a trajectory and its env; the mixin sets its group.
        herokit_update_state: False for evaluation.
        herokit_output: of the last group.

    Raises:
        ConfigError: when called: the chain ends with credit, and `install` was not called in this process.
        DataError: when called: a trajectory has another number of transitions than its sources judged parts.
    """

    herokit_make_sample: Callable[[Any, Any], Sample]
    herokit_update_state: bool = True
    herokit_output: RewardOutput | None = None
    _takes_credit = True

    async def compute_group_rewards(
        self, trajectory_group: list[Any], env_group: Sequence[Any]
    ) -> list[tuple[float, dict[str, float]]]:
        """Return a reward and metrics for every trajectory; the cookbook calls this when a group is complete."""
        if ends_with_credit(self.herokit.combiner):
            _check_installed()
        make_sample = type(self).herokit_make_sample  # a plain function, not bound to the builder
        samples = (make_sample(t, env) for t, env in zip(trajectory_group, env_group, strict=True))
        output = await score_group(self.herokit, samples, takes_credit=True, update_state=self.herokit_update_state)
        self.herokit_output = output
        if output.credit is not None:
            _set_advantages(trajectory_group, output)
        values = trainer_values_filled(output) if output.credit is None else np.nan_to_num(output.reward).tolist()
        return [
            (
                value,
                {name: float(row[name]) for name in self.herokit.sources if row[name] is not None}
                | {"herokit_failed": float(not valid)},
            )
            for value, row, valid in zip(
                values,
                source_rows(SourceOutputs(output.verdicts, output.scores)),
                output.valid.tolist(),
                strict=True,
            )
        ]


def _set_advantages(trajectories: Sequence[Any], output: RewardOutput) -> None:
    """Write the advantage of every transition into its logs; 0 where a source failed."""
    assert output.credit is not None  # noqa: S101 - the caller has asked for it
    rows = output.credit.ragged()
    for number, (trajectory, credit) in enumerate(zip(trajectories, rows, strict=True)):
        count = len(trajectory.transitions)
        if output.valid[number] and len(credit) != count:
            raise DataError(
                f"tinker-cookbook: trajectory {number} has {len(credit)} parts, but {count} transitions; judge a part for each "
                "transition, or end the chain with AggregateParts"
            )
        advantages = credit if output.valid[number] else [0.0] * count
        for transition, advantage in zip(trajectory.transitions, advantages, strict=True):
            transition.logs[_ADVANTAGE] = advantage


@dataclass(frozen=True, slots=True)
class _CreditWriter:
    """``assemble_training_data``, with the advantages of transitions in place of those of trajectories."""

    original: Callable[..., tuple[list[Any], list[dict[str, int]]]]

    def __call__(self, trajectory_groups_P: Any, *args: Any, **kwargs: Any) -> tuple[list[Any], list[dict[str, int]]]:  # noqa: N803 - the cookbook's name
        data, places = self.original(trajectory_groups_P, *args, **kwargs)
        rows = defaultdict(list)
        for datum, place in zip(data, places, strict=True):
            rows[place["group_idx"], place["traj_idx"]].append(datum)
        for (group, number), datums in rows.items():
            _write_tokens(
                trajectory_groups_P[group].trajectories_G[number], datums, f"group {group}, trajectory {number}"
            )
        return data, places


def _write_tokens(trajectory: Any, data: Sequence[Any], name: str) -> None:
    """Write the advantages of a trajectory's transitions to its data, if it has some.

    Raises:
        DataError: the data train another number of tokens than the actions have.
    """
    import torch
    from tinker import TensorData
    from tinker_cookbook.rl.types import PARSE_ERROR_MASKED_METRIC_KEY

    transitions = trajectory.transitions
    if not any(_ADVANTAGE in transition.logs for transition in transitions):
        return  # of a builder without credit
    counts = [0 if t.metrics.get(PARSE_ERROR_MASKED_METRIC_KEY, 0.0) >= 1.0 else len(t.ac.tokens) for t in transitions]
    masks = [datum.loss_fn_inputs["mask"].to_torch() > 0 for datum in data]
    trained = [int(mask.sum()) for mask in masks]
    if sum(trained) != sum(counts):
        raise DataError(
            f"tinker-cookbook: {name}: the actions have {sum(counts)} tokens to train, but the data train {sum(trained)}; a first "
            "observation without tokens leaves out the first token of its action"
        )
    values = np.repeat([t.logs[_ADVANTAGE] for t in transitions], counts).astype(np.float32)
    for datum, mask, own in zip(data, masks, np.split(values, np.cumsum(trained)[:-1]), strict=True):
        advantages = torch.zeros(len(mask))
        advantages[mask] = torch.as_tensor(own)
        datum.loss_fn_inputs["advantages"] = TensorData.from_torch(advantages)


def install() -> None:
    """Let the cookbook train on the credit of turns, if a builder's chain gives some; a second call changes nothing.

    Call it in the module of the builder, so that processes that unpickle the builder call it, too. Modules of the cookbook that
    have imported the function by name get it, too.
    """
    from tinker_cookbook.rl import data_processing

    original = getattr(data_processing, _FUNCTION)
    if isinstance(original, _CreditWriter):
        return
    writer = _CreditWriter(original)
    for name, module in list(sys.modules.items()):
        if name.startswith(_PACKAGE) and vars(module).get(_FUNCTION) is original:
            setattr(module, _FUNCTION, writer)


def _check_installed() -> None:
    module = sys.modules.get(f"{_PACKAGE}.rl.data_processing")
    if not isinstance(getattr(module, _FUNCTION, None), _CreditWriter):
        raise ConfigError(
            "tinker-cookbook takes one number a trajectory, but the chain ends with credit of parts; call "
            "herokit.adapters.tinker.install() in the module of the builder, or end the chain with AggregateParts"
        )
