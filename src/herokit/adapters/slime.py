"""slime: components from the reward hook, and the whole rollout batch combined in the reward post-processing hook.

``--custom-rm-path`` asks the sources about one rollout; its answer, a dictionary, travels in ``Sample.reward``.
``--custom-reward-post-process-path`` sees every sample of the step in the driver and returns what becomes the advantage.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from herokit.adapters.common.base import as_gold, load_state, save_state, text_of
from herokit.adapters.common.info import Support
from herokit.adapters.common.microbatch import Scorer
from herokit.adapters.common.rows import combine_rows
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample

SUPPORT = Support(
    trainer="slime",
    version="624b824",
    tried="contract only",
    sees="one rollout, then the whole step",
    settings="nothing: the post-processing replaces slime's normalization",
    state="with the data source, by `data_source`",
    lost="nothing known; not run in the tests, as slime is not on PyPI (tried by hand on a checkout of that commit)",
    page="how-to/slime.md",
)

SHOWN = "reward"
"""The key of the reward dictionary with the number to show; pass it as ``--reward-key``."""


class Reward:
    """slime's ``rm(args, sample)``: what every source says, as a dictionary; with ``--group-rm`` a list of them.

    Args:
        rewarder: whose sources are asked; nothing is combined.

    Raises:
        ConfigError: a source is called ``reward``.

    Example:
        >>> import asyncio
        >>> from types import SimpleNamespace
        >>> from herokit import Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.completion == s.reference)) for s in samples]
        >>> rm = Reward(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> sample = SimpleNamespace(prompt="2 + 2?", response="4", label="4", metadata={}, group_index=0)
        >>> asyncio.run(rm(None, sample))["reward"]
        1.0
    """

    def __init__(self, rewarder: Rewarder) -> None:
        if SHOWN in rewarder.sources:
            raise ConfigError(f"slime: a source cannot be called {SHOWN!r}; the number to show has that name")
        self.scorer = Scorer(rewarder)

    async def __call__(self, args: Any, sample: Any, **_passed: Any) -> Any:  # noqa: ARG002 - slime's signature
        """Return one dictionary for a sample, a list of them for a list."""
        asked = sample if isinstance(sample, list) else [sample]
        rows = await self.scorer.arows([_sample(one) for one in asked])
        found = [{SHOWN: self.scorer.shown(row), **row} for row in rows]
        return found if isinstance(sample, list) else found[0]


def _sample(sample: Any) -> Sample:
    label = as_gold(sample.label)
    return Sample(text_of(sample.prompt, "prompt"), sample.response, sample.group_index, label, dict(sample.metadata))


class PostProcess:
    """slime's ``fn(args, samples) -> (raw, rewards)``: combines the step by ``group_index``.

    Of a rollout that was cut into several samples the last one counts, and all of them get its advantage. A sample that a
    source failed on, or that was aborted, gets advantage 0 and leaves the loss (``remove_sample``).

    Args:
        rewarder: what combines; its state moves with every step.

    Attributes:
        outcome: of the last step.

    Raises:
        ConfigError: when called: samples carry no ``group_index``, or rewards that are no dictionaries.
    """

    def __init__(self, rewarder: Rewarder) -> None:
        self.rewarder = rewarder
        self.outcome: RewardOutput | None = None

    def __call__(self, args: Any, samples: Sequence[Any]) -> tuple[list[float], list[float]]:  # noqa: ARG002 - slime's signature
        """Return the numbers to show and the advantages, one a sample."""
        last: dict[Any, int] = {}
        names = []
        for row, sample in enumerate(samples):
            if sample.group_index is None:
                raise ConfigError(f"slime: sample {row} has no group_index; set it in the custom rollout function")
            if sample.reward is not None and not isinstance(sample.reward, dict):
                raise ConfigError(
                    f"slime: sample {row} has reward {sample.reward!r}; set --custom-rm-path to a slime.Reward"
                )
            rollout = sample.index if sample.rollout_id is None else sample.rollout_id
            names.append((sample.group_index, row if rollout is None else rollout))
            last[names[-1]] = row
        chosen = [samples[row] for row in last.values()]
        self.outcome = combine_rows(self.rewarder, [s.reward for s in chosen], [s.group_index for s in chosen])
        place = {name: at for at, name in enumerate(last)}
        advantages = np.nan_to_num(self.outcome.advantage).tolist()
        for sample, name in zip(samples, names, strict=True):
            if not self.outcome.valid[place[name]]:
                sample.remove_sample = True
        raw = [0.0 if s.reward is None else float(s.reward[SHOWN]) for s in samples]
        return raw, [float(advantages[place[name]]) for name in names]


def data_source(rewarder: Rewarder, base: Any = None) -> Any:
    """Return a data source class for ``--data-source-path`` that saves and loads the rewarder's state with its own.

    Args:
        rewarder: the one `PostProcess` combines with.
        base: the data source to extend; slime's `RolloutDataSourceWithBuffer` unless given.
    """
    if base is None:
        from slime.rollout.data_source import RolloutDataSourceWithBuffer

        base = RolloutDataSourceWithBuffer

    class DataSource(base):  # type: ignore[misc] # slime's own
        """slime's data source, with the rewarder's state beside its own."""

        def save(self, rollout_id: Any) -> None:
            super().save(rollout_id)
            save_state(rewarder, Path(self.args.save) / f"rollout/herokit_{rollout_id}")

        def load(self, rollout_id: Any = None) -> None:
            super().load(rollout_id)
            if self.args.load is not None:
                load_state(rewarder, Path(self.args.load) / f"rollout/herokit_{rollout_id}")

    return DataSource
