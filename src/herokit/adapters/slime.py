"""Adapter for slime: source results from the reward hook, and the whole batch combined in the post-processing hook.

``--custom-rm-path`` runs the sources on one rollout; its answer, a dictionary, travels in ``Sample.reward``.
``--custom-reward-post-process-path`` has every sample of the step in the driver and returns the advantages.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderLike, load_state, save_state, to_rewarder
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import combine_rows, display_value
from herokit.adapters.common.samples import make_sample
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample

__all__ = ["AdvantageEstimator", "RewardFunction", "data_source"]

INFO = AdapterInfo(
    trainer="slime",
    version="624b824",
    tested="contract",
    scope="one rollout, then the whole step",
    settings="none: the post-processing hook replaces slime's normalization",
    state="with the data source, by `data_source`",
    limitations="none known; not run in the tests, as slime is not on PyPI (tested by hand on a checkout of that commit)",
    page="how-to/slime.md",
)

REWARD_KEY = "reward"
"""The key of the reward dictionary with the value to show; pass it as ``--reward-key``."""


class RewardFunction:
    """slime's ``rm(args, sample)``: the source results as a dictionary; with ``--group-rm`` a list of them.

    Args:
        rewarder: the one whose sources run; nothing is combined.

    Raises:
        ConfigError: a source is named ``reward``.

    Example:
        >>> import asyncio
        >>> from types import SimpleNamespace
        >>> from herokit import Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.final_text == s.reference)) for s in samples]
        >>> rm = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> sample = SimpleNamespace(prompt="2 + 2?", response="4", label="4", metadata={}, group_index=0)
        >>> asyncio.run(rm(None, sample))["reward"]
        1.0
    """

    def __init__(self, rewarder: RewarderLike) -> None:
        self.rewarder = to_rewarder(rewarder)
        if REWARD_KEY in self.rewarder.sources:
            raise ConfigError(f"slime: a source cannot be named {REWARD_KEY!r}; the value to show has that name")
        self._batcher = MicroBatcher(self.rewarder)

    async def __call__(self, args: Any, sample: Any, **_kwargs: Any) -> Any:  # noqa: ARG002 - slime's signature
        """Return one dictionary for a sample, a list of them for a list."""
        batch = sample if isinstance(sample, list) else [sample]
        rows = await self._batcher.arun([_make_sample(one) for one in batch])
        results = [{REWARD_KEY: display_value(self.rewarder, row), **row} for row in rows]
        return results if isinstance(sample, list) else results[0]


def _make_sample(sample: Any) -> Sample:
    """Read a sample of slime; its loss mask covers what the policy wrote, without the answers of tools."""
    mask, status = getattr(sample, "loss_mask", None), getattr(sample, "status", None)
    return make_sample(
        sample.prompt,
        sample.response,
        sample.group_index,
        sample.label,
        dict(sample.metadata),
        location=f"slime: sample {getattr(sample, 'index', None)}",
        num_tokens=sum(mask) if mask is not None else getattr(sample, "response_length", 0) or None,
        truncated=None if status is None else getattr(status, "value", status) == "truncated",
    )


class AdvantageEstimator:
    """slime's reward post-processing, ``fn(args, samples) -> (raw, rewards)``: combines the step by ``group_index``.

    Of a rollout that was cut into several samples the last one counts, and all of them get its advantage. A sample on which
    a source failed, or that was aborted, gets advantage 0 and is removed from the loss (``remove_sample``).

    Args:
        rewarder: the one that combines; every step updates its state.

    Attributes:
        output: of the last step.

    Raises:
        ConfigError: when called: samples have no ``group_index``, or rewards that are not dictionaries.
        DataError: when called: rollouts of one group have different prompts.
    """

    def __init__(self, rewarder: RewarderLike) -> None:
        self.rewarder = to_rewarder(rewarder)
        self.output: RewardOutput | None = None

    def __call__(self, args: Any, samples: Sequence[Any]) -> tuple[list[float], list[float]]:  # noqa: ARG002 - slime's signature
        """Return the values to show and the advantages, one per sample."""
        first_row: dict[Any, int] = {}
        last_row: dict[Any, int] = {}
        rollouts = []
        for row, sample in enumerate(samples):
            _check_sample(row, sample)
            index = sample.index if sample.rollout_id is None else sample.rollout_id
            rollouts.append((sample.group_index, row if index is None else index))
            first_row.setdefault(rollouts[-1], row)
            last_row[rollouts[-1]] = row
        last = [samples[row] for row in last_row.values()]
        prompts = [samples[row].prompt for row in first_row.values()]  # a later part of a rollout may have its own
        self.output = combine_rows(
            self.rewarder, [s.reward for s in last], [s.group_index for s in last], prompts=prompts
        )
        position = {rollout: i for i, rollout in enumerate(last_row)}
        advantages = np.nan_to_num(self.output.advantage).tolist()
        for sample, rollout in zip(samples, rollouts, strict=True):
            if not self.output.valid[position[rollout]]:
                sample.remove_sample = True
        raw = [0.0 if s.reward is None else float(s.reward[REWARD_KEY]) for s in samples]
        return raw, [float(advantages[position[rollout]]) for rollout in rollouts]


def _check_sample(row: int, sample: Any) -> None:
    if sample.group_index is None:
        raise ConfigError(f"slime: sample {row} has no group_index; set it in the custom rollout function")
    if sample.reward is not None and not isinstance(sample.reward, dict):
        raise ConfigError(
            f"slime: sample {row} has reward {sample.reward!r}, expected a dictionary; set --custom-rm-path to a "
            "RewardFunction of herokit.adapters.slime"
        )


def data_source(rewarder: Rewarder, base: Any = None) -> Any:
    """Return a data source class for ``--data-source-path`` that saves and loads the rewarder's state with its own.

    Args:
        rewarder: the one of the `AdvantageEstimator`.
        base: the class to extend, by default slime's `RolloutDataSourceWithBuffer`.

    Raises:
        ConfigError: `rewarder` is a scheme or its path or name: the new rewarder's state would not be that of the estimator.
    """
    if not isinstance(rewarder, Rewarder):
        raise ConfigError(
            f"slime: data_source saves the state of the AdvantageEstimator's Rewarder, got {rewarder!r:.200}; "
            "pass the `rewarder` attribute of the AdvantageEstimator"
        )
    if base is None:
        from slime.rollout.data_source import RolloutDataSourceWithBuffer

        base = RolloutDataSourceWithBuffer

    class DataSource(base):  # type: ignore[misc] # slime's own
        """slime's data source, with the rewarder's state in the same checkpoint."""

        def save(self, rollout_id: Any) -> None:
            super().save(rollout_id)
            save_state(rewarder, Path(self.args.save) / f"rollout/herokit_{rollout_id}")

        def load(self, rollout_id: Any = None) -> None:
            super().load(rollout_id)
            if self.args.load is not None:
                load_state(rewarder, Path(self.args.load) / f"rollout/herokit_{rollout_id}")

    return DataSource
