"""NeMo-RL: an environment whose rewards are the components, and an advantage estimator that combines them.

NeMo-RL chooses estimators in a closed if/elif. `install` replaces that chooser, ``_create_advantage_estimator``, in the
module it is called from: a patch, and the only one. Environments may name several rewards; NeMo-RL carries them as
``reward/<name>`` to the estimator.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from herokit.adapters.common.base import REFERENCES, gold_of, text_of
from herokit.adapters.common.info import Support
from herokit.adapters.common.microbatch import Scorer
from herokit.adapters.common.rows import combine_rows
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample

SUPPORT = Support(
    trainer="NeMo-RL",
    version="7ea279a",
    tried="contract only",
    sees="a batch without groups; the estimator sees the batch and its prompts",
    settings="nothing after `install`: the estimator's advantages are used as they are",
    state="the rewarder's own: `save_state`, `load_state`",
    lost="no registry of estimators (`install` patches the chooser); groups are known by the prompt's tokens alone, so "
    "one prompt twice in a batch is one group; not run: needs Python 3.13 and a GPU",
    page="how-to/nemo-rl.md",
)


MARK = 1e-6
"""The reward ``<name>_failed`` of a rollout that a source could not judge: NeMo-RL adds all rewards up for its logs, so a
missing one is 0 there, and this tells it from a real 0."""


class Scoring:
    """What an environment's ``step`` needs: rewards by source, and which of them are missing.

    Args:
        rewarder: whose sources are asked; nothing is combined.
        reference: the key of a rollout's metadata with the gold answer.

    Example:
        >>> from herokit import Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.completion == s.reference)) for s in samples]
        >>> scoring = Scoring(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> log = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
        >>> scoring.columns([log], [{"ground_truth": "4"}])
        {'verifier': [1.0], 'verifier_failed': [0.0]}
    """

    def __init__(self, rewarder: Rewarder, reference: str | Sequence[str] = REFERENCES) -> None:
        self.scorer, self.reference = Scorer(rewarder), reference

    def columns(self, message_logs: Sequence[Any], metadata: Sequence[Any]) -> dict[str, list[float]]:
        """Return source name -> N numbers."""
        samples = []
        for log, meta in zip(message_logs, metadata, strict=True):
            fields: Mapping[str, Any] = meta or {}
            asked, written = list(log[:-1]), log[-1]["content"]
            reference = gold_of(fields, self.reference)
            samples.append(
                Sample(text_of(asked, "message log"), text_of(written, "reply"), None, reference, dict(fields))
            )
        rows = self.scorer.rows(samples)
        columns: dict[str, list[float]] = {}
        for name in self.scorer.rewarder.sources:
            columns[name] = [0.0 if row[name] is None else float(row[name]) for row in rows]
            columns[f"{name}_failed"] = [MARK if row[name] is None else 0.0 for row in rows]
        return columns


def environment(
    rewarder: Rewarder, *, reference: str | Sequence[str] = REFERENCES, base: Any = None, result: Any = None
) -> Any:
    """Return an environment class for ``register_env``: one turn, every source's value as a reward of its own.

    Args:
        rewarder: whose sources are asked.
        reference: the key of a rollout's metadata with the gold answer.
        base: NeMo-RL's `EnvironmentInterface` unless given.
        result: NeMo-RL's `EnvironmentReturn` unless given.
    """
    if base is None or result is None:
        from nemo_rl.environments.interfaces import EnvironmentInterface, EnvironmentReturn

        base, result = base or EnvironmentInterface, result or EnvironmentReturn

    class Environment(base):  # type: ignore[misc] # NeMo-RL's own
        """Make it a Ray actor as NeMo-RL's own environments are."""

        def __init__(self, cfg: Any = None) -> None:
            self.cfg, self.scoring = cfg, Scoring(rewarder, reference)

        def step(self, message_log_batch: list[Any], metadata: list[Any]) -> Any:
            import torch

            columns = self.scoring.columns(message_log_batch, metadata)
            count = len(message_log_batch)
            return result(
                observations=[{"role": "environment", "content": ""} for _ in range(count)],
                metadata=metadata,
                next_stop_strings=[None] * count,
                rewards={name: torch.tensor(values) for name, values in columns.items()},
                terminateds=torch.ones(count),
                answers=[None] * count,
            )

        def global_post_process_and_metrics(self, batch: Any) -> tuple[Any, dict[str, float]]:
            return batch, {}

    return Environment


class Estimator:
    """NeMo-RL's advantage estimator: combines the batch by prompt.

    Args:
        rewarder: what combines; its state moves with every batch.

    Attributes:
        outcome: of the last batch.

    Raises:
        ConfigError: when called: the batch lacks a source's ``reward/<name>``.
    """

    def __init__(self, rewarder: Rewarder) -> None:
        self.rewarder = rewarder
        self.outcome: RewardOutput | None = None

    def compute_advantage(
        self, prompt_ids: Any, rewards: Any, mask: Any, repeated_batch: Any = None, **_passed: Any
    ) -> Any:
        """Return advantages, (N, T), the same for every token.

        Args:
            prompt_ids: (N,) ids or (N, L) tokens of prompts; equal rows are a group.
            rewards: (N,) the sum of the components; used where there is one source and no component.
            mask: (N, T) for the shape.
            repeated_batch: holds ``reward/<name>``, (N,), for every source.
        """
        prompts = np.asarray(prompt_ids.tolist())
        _, group = np.unique(prompts, axis=0, return_inverse=True)
        rows = self._rows(rewards, {} if repeated_batch is None else repeated_batch)
        self.outcome = combine_rows(self.rewarder, rows, group.reshape(-1).tolist())
        advantages = rewards.new_tensor(np.nan_to_num(self.outcome.advantage))
        return advantages.unsqueeze(-1).expand(mask.shape)

    def _rows(self, rewards: Any, batch: Any) -> list[dict[str, float | None]]:
        names = list(self.rewarder.sources)
        missing = [name for name in names if f"reward/{name}" not in batch]
        if missing and len(names) > 1:
            raise ConfigError(
                f"NeMo-RL: the batch has no component {missing}; use an environment made by "
                "herokit.adapters.nemo_rl.environment"
            )
        rows: list[dict[str, float | None]] = [{} for _ in range(len(rewards))]
        for name in names:
            values = rewards.tolist() if missing else batch[f"reward/{name}"].tolist()
            failed = [0.0] * len(rows) if missing else batch[f"reward/{name}_failed"].tolist()
            for row, value, mark in zip(rows, values, failed, strict=True):
                row[name] = None if mark > 0 else value
        return rows


def install(rewarder: Rewarder) -> Estimator:
    """Make ``nemo_rl.algorithms.grpo`` use the estimator, whatever ``grpo.adv_estimator.name`` says, and return it."""
    from nemo_rl.algorithms import grpo

    estimator = Estimator(rewarder)
    grpo._create_advantage_estimator = lambda _config: estimator  # noqa: SLF001 - the patch, as documented
    return estimator
