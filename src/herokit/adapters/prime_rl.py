"""prime-rl: an algorithm that hands the chain's advantages to every trace of a group.

prime-rl keeps its algorithms in a dictionary and their configs in a closed union, so a new name cannot be configured
without a fork. `install` replaces the class behind the name ``grpo``: a patch of that dictionary, and of nothing else.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from herokit.adapters.common.base import REFERENCES, load_state, save_state
from herokit.adapters.common.info import Support
from herokit.adapters.common.microbatch import Scorer
from herokit.adapters.common.rows import combine_rows
from herokit.adapters.verifiers import sample_of
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder

SUPPORT = Support(
    trainer="prime-rl",
    version="559b447",
    tried="contract only",
    sees="a group of episodes",
    settings="nothing: advantages are assigned as they are",
    state="a folder of its own, written after every group",
    lost="no hook for an algorithm's state in checkpoints: after a crash the state is of the last group, not of the "
    "checkpoint; a length penalty of the replaced GRPO is ignored",
    page="how-to/prime-rl.md",
)


class GroupRewards:
    """Mixin for prime-rl's `Algorithm`: ``score_group`` asks, combines, and assigns advantages.

    Attributes:
        herokit: the rewarder.
        herokit_reference: the task data's field with the gold answer.
        herokit_folder: where the state is kept; None keeps none.
        herokit_outcome: of the last group.
    """

    herokit: Rewarder
    herokit_reference: str | Sequence[str] = REFERENCES
    herokit_folder: str | Path | None = None
    herokit_outcome: RewardOutput | None = None
    _scorer: Scorer | None = None

    async def setup(self) -> None:
        """Go on from the kept state; prime-rl calls this once."""
        await super().setup()  # type: ignore[misc] # prime-rl's
        if self.herokit_folder is not None:
            load_state(self.herokit, self.herokit_folder)

    async def score_group(self, episodes: list[Any]) -> None:
        """Assign every trainable trace its advantage; 0 where a source could not say."""
        from prime_rl.orchestrator.algo.base import iter_trainable_traces
        from prime_rl.orchestrator.algo.routing import assign_advantages

        if self._scorer is None:
            self._scorer = Scorer(self.herokit)
        traces = [trace for _, trace in iter_trainable_traces(episodes)]
        if not traces:
            return
        rows = await self._scorer.arows([sample_of(trace, "group", self.herokit_reference) for trace in traces])
        self.herokit_outcome = combine_rows(self.herokit, rows, ["group"] * len(rows))
        for trace, row, advantage in zip(
            traces, rows, np.nan_to_num(self.herokit_outcome.advantage).tolist(), strict=True
        ):
            trace.record_metrics(self._scorer.numbers(row))
            assign_advantages(trace, float(advantage))
        if self.herokit_folder is not None:
            save_state(self.herokit, self.herokit_folder)


def install(
    rewarder: Rewarder,
    *,
    folder: str | Path | None = None,
    reference: str | Sequence[str] = REFERENCES,
    name: str = "grpo",
) -> Any:
    """Replace the algorithm behind `name` in the orchestrator's process, and return the new class.

    Args:
        rewarder: what scores; one for all envs.
        folder: where the state is kept.
        reference: the task data's field with the gold answer.
        name: ``algo.type`` in prime-rl's config; its action loss must be ``rl``.
    """
    from prime_rl.orchestrator import algo

    own = {"herokit": rewarder, "herokit_folder": folder, "herokit_reference": reference}
    made = type("GroupRewardsAlgorithm", (GroupRewards, algo.ALGORITHM_CLASSES[name]), own)
    algo.ALGORITHM_CLASSES[name] = made
    return made
