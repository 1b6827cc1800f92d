"""Adapter for prime-rl: an algorithm that gives every trace of a group the advantage of the chain.

prime-rl keeps its algorithms in a dictionary and their configs in a closed union, so a new name cannot be configured without
a fork. `install` replaces the class under the name ``grpo`` in that dictionary, and patches nothing else.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderLike, RewarderMixin, load_state, save_state, to_rewarder
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import combine_rows, log_values
from herokit.adapters.common.samples import REFERENCE_COLUMNS
from herokit.adapters.verifiers import make_sample, token_credit
from herokit.combiners.chain import ends_with_credit
from herokit.distributed import abort_peers_on_error
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput

__all__ = ["GroupRewardMixin", "install"]

INFO = AdapterInfo(
    trainer="prime-rl",
    version="559b447",
    tested="contract",
    scope="a group of episodes",
    settings="none: advantages are assigned as they are",
    state="a folder of its own, written after every group",
    limitations="no hook for the state of an algorithm in checkpoints: after a crash the state is that of the last group, not "
    "of the checkpoint; a length penalty of the replaced GRPO is refused",
    page="how-to/prime-rl.md",
    credit="every sampled token has the advantage of its turn",
)


class GroupRewardMixin(RewarderMixin):
    """Mixin for prime-rl's `Algorithm`: ``score_group`` runs the sources, combines, and assigns advantages.

    Attributes:
        herokit: the rewarder.
        herokit_reference: the field of the reference answer in the task data.
        herokit_folder: where the state is saved; with None it is not.
        herokit_output: of the last group.
    """

    herokit_reference: str | Sequence[str] = REFERENCE_COLUMNS
    herokit_folder: str | Path | None = None
    herokit_output: RewardOutput | None = None
    _batcher: MicroBatcher | None = None
    _takes_credit = True

    async def setup(self) -> None:
        """Check the settings and restore the saved state; prime-rl calls this once.

        Raises:
            ConfigError: ``length_penalty`` is set, which the advantages of the chain would drop.
        """
        if getattr(self, "length_penalty", None) is not None:
            raise ConfigError(
                "prime-rl: orchestrator.algo.length_penalty has no effect, because the chain's advantages replace those of "
                "GRPO; remove it, and shape with GroupLengthPenalty in the chain and a source tokens = NumTokens()"
            )
        await super().setup()  # type: ignore[misc] # prime-rl's
        if self.herokit_folder is not None:
            load_state(self.herokit, self.herokit_folder)

    async def score_group(self, episodes: list[Any]) -> None:
        """Assign every trainable trace its advantage; 0 where a source failed.

        A chain that ends with credit gives every sampled token the advantage of its turn.

        Raises:
            DataError: the turns of a trace are not the parts that the sources judged, or it has branches; see
                `herokit.adapters.verifiers.token_credit`.
        """
        from prime_rl.orchestrator.algo.base import iter_trainable_traces
        from prime_rl.orchestrator.algo.routing import assign_advantages

        if self._batcher is None:
            self._batcher = MicroBatcher(self.herokit)
        traces = [trace for _, trace in iter_trainable_traces(episodes)]
        if not traces:
            return
        with abort_peers_on_error(self.herokit):
            samples = [make_sample(trace, "group", self.herokit_reference) for trace in traces]
            rows = await self._batcher.arun(samples)
        output = self.herokit_output = combine_rows(self.herokit, rows, ["group"] * len(rows), samples=samples)
        has_credit = ends_with_credit(self.herokit.combiner)
        advantages: list[Any] = np.nan_to_num(output.advantage).tolist()
        if has_credit:
            advantages = token_credit(traces, output, "prime-rl")
        for trace, row, advantage in zip(traces, rows, advantages, strict=True):
            trace.record_metrics(log_values(self.herokit, row))
            assign_advantages(trace, advantage)
        if self.herokit_folder is not None:
            save_state(self.herokit, self.herokit_folder)


def install(
    rewarder: RewarderLike,
    *,
    folder: str | Path | None = None,
    reference: str | Sequence[str] = REFERENCE_COLUMNS,
    name: str = "grpo",
) -> Any:
    """Replace the algorithm called `name` in the orchestrator's process, and return the new class.

    Args:
        rewarder: the sources and the chain, for all environments.
        folder: where the state is saved.
        reference: the field of the reference answer in the task data.
        name: ``algo.type`` in prime-rl's config; its action loss must be ``rl``.
    """
    from prime_rl.orchestrator import algo

    attributes = {
        "herokit": to_rewarder(rewarder, takes_credit=True),
        "herokit_folder": folder,
        "herokit_reference": reference,
    }
    algorithm = type("GroupRewardAlgorithm", (GroupRewardMixin, algo.ALGORITHM_CLASSES[name]), attributes)
    algo.ALGORITHM_CLASSES[name] = algorithm
    return algorithm
