"""SkyRL: an environment that scores one rollout, a trainer mixin that combines the batch, an estimator that passes it on.

The environment's metrics carry the components. The mixin sees every rollout with its uid before rewards become tensors,
and puts the chain's advantages in their place; the estimator ``herokit`` hands them to the loss as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from herokit.adapters.common.base import as_gold, text_of
from herokit.adapters.common.info import Support
from herokit.adapters.common.metrics import metrics
from herokit.adapters.common.microbatch import Scorer
from herokit.adapters.common.rows import combine_rows
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.trainers.cancellation import check_normalization
from herokit.types import Sample

SUPPORT = Support(
    trainer="SkyRL",
    version="skyrl-gym 0.4.0; skyrl 0.4.0",
    tried="real objects",
    sees="one trajectory; the trainer sees the batch and its uids",
    settings="`trainer.algorithm.advantage_estimator=herokit`",
    state="the rewarder's own: override `save_checkpoints`",
    lost="the environment was tried in skyrl-gym; trainer mixin and estimator are contract only (skyrl needs Python 3.12 "
    "and a GPU); rewards for every token are refused",
    page="how-to/skyrl.md",
)

COMPONENTS = "herokit"
"""The key of an environment's metrics that holds the row of components; SkyRL averages numbers only, and drops it."""


def environment(rewarder: Rewarder, base: Any = None) -> Any:
    """Return an environment class for ``skyrl_gym.register``: one turn, scored by the sources.

    Args:
        rewarder: whose sources are asked; nothing is combined.
        base: skyrl-gym's `BaseTextEnv` unless given.
    """
    if base is None:
        from skyrl_gym.envs.base_text_env import BaseTextEnv

        base = BaseTextEnv
    scorer = Scorer(rewarder)

    class Environment(base):  # type: ignore[misc] # skyrl-gym's own
        """One turn: the action is the completion, ``reward_spec.ground_truth`` the reference."""

        def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
            super().__init__()
            self.extras = dict(extras or {})
            gold = (self.extras.get("reward_spec") or {}).get("ground_truth")
            self.reference = as_gold(gold)
            self.env_config = env_config
            self.prompt = ""
            self.row: dict[str, Any] | None = None

        def init(self, prompt: Any) -> Any:
            self.prompt = text_of(prompt, "prompt")
            return super().init(prompt)

        def step(self, action: str) -> dict[str, Any]:
            self.turns += 1
            row = scorer.rows([Sample(self.prompt, action, None, self.reference, self.extras)])[0]
            self.row = row
            return {"observations": [], "reward": scorer.shown(row), "done": True, "metadata": dict(row)}

        def get_metrics(self) -> dict[str, Any]:
            return {} if self.row is None else scorer.numbers(self.row) | {COMPONENTS: self.row}

    return Environment


class GroupRewards:
    """Mixin for SkyRL's `RayPPOTrainer`: advantages of the chain in place of the rewards.

    Attributes:
        herokit: the rewarder; its state stays in the trainer.
        herokit_outcome: of the last batch.

    Raises:
        ConfigError: rewards for every token, or environments that carry no components.
    """

    herokit: Rewarder
    herokit_outcome: RewardOutput | None = None
    cfg: Any
    all_metrics: dict[str, Any]

    def postprocess_generator_output(
        self,
        generator_output: dict[str, Any],
        uids: list[str],
        metrics_generator_output: dict[str, Any] | None = None,
        metrics_uids: list[str] | None = None,
    ) -> Any:
        """Combine by uid, then go on as SkyRL does; its own reward metrics are of the rewards, not the advantages."""
        self._check()
        rewards = generator_output["rewards"]
        if rewards and isinstance(rewards[0], list | tuple):
            raise ConfigError("SkyRL: rewards for every token; herokit's environment gives one a trajectory")
        last = generator_output.get("is_last_step") or [True] * len(rewards)
        rows = _components(generator_output.get("env_metrics") or [], last)
        self.herokit_outcome = combine_rows(
            self.herokit, rows, [uid for uid, end in zip(uids, last, strict=True) if end]
        )
        advantages = iter(np.nan_to_num(self.herokit_outcome.advantage).tolist())
        given = dict(generator_output) | {"rewards": [next(advantages) if end else 0.0 for end in last]}
        self.all_metrics.update(metrics(self.herokit_outcome))
        return super().postprocess_generator_output(  # type: ignore[misc] # SkyRL's
            given,
            uids,
            generator_output if metrics_generator_output is None else metrics_generator_output,
            uids if metrics_uids is None else metrics_uids,
        )

    def _check(self) -> None:
        """Once: does the configured estimator undo a step?"""
        if self.herokit_outcome is None:
            algorithm = self.cfg.trainer.algorithm
            name = str(algorithm.advantage_estimator)
            entry = {"grpo": "skyrl" if algorithm.grpo_norm_by_std else "skyrl-none", "rloo": "skyrl-rloo"}.get(name)
            if entry is not None:
                check_normalization(self.herokit, entry, fix="set trainer.algorithm.advantage_estimator=herokit")


def _components(env_metrics: Sequence[Mapping[str, Any]], last: Sequence[bool]) -> list[dict[str, Any]]:
    found = [row.get(COMPONENTS) for row, end in zip(env_metrics, last, strict=False) if end]
    if len(env_metrics) != len(last) or any(row is None for row in found):
        raise ConfigError(
            f"SkyRL: {sum(row is not None for row in found)} of {sum(last)} trajectories carry components; use an "
            "environment made by herokit.adapters.skyrl.environment"
        )
    return [dict(row) for row in found if row is not None]


def estimator(token_level_rewards: Any, response_mask: Any, **_passed: Any) -> tuple[Any, Any]:
    """Give every token of a trajectory its reward, which `GroupRewards` has made the chain's advantage.

    Register it: ``AdvantageEstimatorRegistry.register("herokit", estimator)``.

    Args:
        token_level_rewards: (N, T) rewards.
        response_mask: (N, T) 1 where a token is trained.

    Returns:
        Advantages and returns, both (N, T).
    """
    mask = response_mask.to(token_level_rewards.dtype)
    advantages = token_level_rewards.sum(-1, keepdim=True) * mask
    return advantages, advantages.clone()
