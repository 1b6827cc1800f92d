"""Adapter for tinker-cookbook: group rewards of an env group builder.

The cookbook adds the rewards of a group to those of its steps and centers the sum, nothing more: with steps that give 0, the
advantages of the chain reach the loss as they are.
"""

from collections.abc import Callable, Sequence
from typing import Any

from herokit.adapters.common.base import RewarderMixin, score_group, trainer_values_filled
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.rows import source_rows
from herokit.outcome import RewardOutput
from herokit.sources.execution import SourceOutputs
from herokit.types import Sample

__all__ = ["GroupRewardMixin"]

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
)


class GroupRewardMixin(RewarderMixin):
    """Mixin for an `EnvGroupBuilder`: the output of the chain as the rewards of the group.

    Attributes:
        herokit: the rewarder; builders that share it share its state, and a pickled copy has its own.
        herokit_make_sample: makes a `Sample` from a trajectory and its env; the mixin sets its group.
        herokit_update_state: False for evaluation.
        herokit_output: of the last group.
    """

    herokit_make_sample: Callable[[Any, Any], Sample]
    herokit_update_state: bool = True
    herokit_output: RewardOutput | None = None

    async def compute_group_rewards(
        self, trajectory_group: list[Any], env_group: Sequence[Any]
    ) -> list[tuple[float, dict[str, float]]]:
        """Return a reward and metrics for every trajectory; the cookbook calls this when a group is complete."""
        make_sample = type(self).herokit_make_sample  # a plain function, not bound to the builder
        samples = (make_sample(t, env) for t, env in zip(trajectory_group, env_group, strict=True))
        output = await score_group(self.herokit, samples, update_state=self.herokit_update_state)
        self.herokit_output = output
        return [
            (
                value,
                {name: float(row[name]) for name in self.herokit.sources if row[name] is not None}
                | {"herokit_failed": float(not valid)},
            )
            for value, row, valid in zip(
                trainer_values_filled(output),
                source_rows(SourceOutputs(output.verdicts, output.scores)),
                output.valid.tolist(),
                strict=True,
            )
        ]
