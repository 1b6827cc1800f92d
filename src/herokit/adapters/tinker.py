"""tinker-cookbook: group rewards of an env group builder.

The cookbook adds a group's rewards to those of the steps and centres the sum, nothing more: with steps that give 0, the
chain's advantages reach the loss as they are.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from herokit.adapters.common.base import filled
from herokit.adapters.common.info import Support
from herokit.adapters.common.rows import rows_of
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample

SUPPORT = Support(
    trainer="tinker-cookbook",
    version="0.6.1",
    tried="real objects",
    sees="a group of trajectories",
    settings="nothing: it centres only; steps must give reward 0",
    state="the rewarder's own: `save_state`, `load_state`",
    lost="no sign of evaluation: give its builders `update_state=False`; no training run (needs the Tinker service)",
    page="how-to/tinker-cookbook.md",
)


class GroupRewards:
    """Mixin for an `EnvGroupBuilder`: the chain's output as the group's rewards.

    Attributes:
        herokit: the rewarder; builders that share it share its state, and a copy made by pickling has its own.
        herokit_sample: makes a `Sample` of a trajectory and its env; its group is set by the mixin.
        herokit_remember: False for evaluation.
        herokit_outcome: of the last group.
    """

    herokit: Rewarder
    herokit_sample: Callable[[Any, Any], Sample]
    herokit_remember: bool = True
    herokit_outcome: RewardOutput | None = None

    async def compute_group_rewards(
        self, trajectory_group: list[Any], env_group: Sequence[Any]
    ) -> list[tuple[float, dict[str, float]]]:
        """Return a reward and metrics for every trajectory; the cookbook calls this when a group is whole."""
        sample_of = type(self).herokit_sample  # a plain function, not bound to the builder
        samples = [sample_of(t, env) for t, env in zip(trajectory_group, env_group, strict=True)]
        answers = await asyncio.to_thread(self.herokit.run_sources, samples)
        outcome = self.herokit.combine(answers, ["group"] * len(samples), update_state=self.herokit_remember)
        self.herokit_outcome = outcome
        return [
            (
                value,
                {name: float(row[name]) for name in self.herokit.sources if row[name] is not None}
                | {"herokit_failed": float(not usable)},
            )
            for value, row, usable in zip(filled(outcome), rows_of(answers), outcome.valid.tolist(), strict=True)
        ]
