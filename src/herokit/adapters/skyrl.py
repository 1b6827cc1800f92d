"""Adapter for SkyRL: an environment that scores one rollout, a trainer mixin that combines the batch, and an estimator.

The metrics of the environment contain the source results. The mixin has every rollout with its uid before rewards become
tensors, and replaces rewards by the advantages of the chain; the estimator ``herokit`` passes them to the loss.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderLike, RewarderMixin, to_rewarder
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.metrics import compute_metrics
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import Row, combine_rows, display_value, log_values
from herokit.adapters.common.samples import make_sample
from herokit.adapters.common.templates import ChatTemplate
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.trainers.cancellation import check_normalization

__all__ = [
    "GroupRewardMixin",
    "advantage_estimator",
    "environment",
    "register",
]

INFO = AdapterInfo(
    trainer="SkyRL",
    version="skyrl-gym 0.4.0; skyrl 0.4.0",
    tested="integration",
    scope="one trajectory; the trainer sees the batch and its uids",
    settings="`trainer.algorithm.advantage_estimator=herokit`",
    state="by hand: override `save_checkpoints`",
    limitations="the environment was tested in skyrl-gym; trainer mixin and estimator were tested against signatures only "
    "(skyrl needs Python 3.12 and a GPU); token-level rewards raise",
    page="how-to/skyrl.md",
)

ROW_KEY = "herokit"
"""The key of the source results in an environment's metrics; SkyRL averages only numbers, and drops it."""


def environment(rewarder: RewarderLike, base: Any = None, *, template: ChatTemplate | None = None) -> Any:
    """Return an environment class for ``skyrl_gym.register``: one turn, scored by the sources.

    Args:
        rewarder: the one whose sources run; nothing is combined.
        template: the policy's chat template, which says whether it opens the thinking; SkyRL shows environments none.
        base: the class to extend, by default skyrl-gym's `BaseTextEnv`.
    """
    if base is None:
        from skyrl_gym.envs.base_text_env import BaseTextEnv

        base = BaseTextEnv
    shared_rewarder = to_rewarder(rewarder)
    batcher = MicroBatcher(shared_rewarder)

    class Environment(base):  # type: ignore[misc] # skyrl-gym's own
        """One turn: the action is the completion, ``reward_spec.ground_truth`` the reference."""

        def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
            super().__init__()
            self.extras = dict(extras or {})
            self.reference = (self.extras.get("reward_spec") or {}).get("ground_truth")
            self.env_config = env_config
            self.prompt: Any = ""
            self.row: Row | None = None

        def init(self, prompt: Any) -> Any:
            self.prompt = prompt
            return super().init(prompt)

        def step(self, action: str) -> dict[str, Any]:
            self.turns += 1
            opened = None if template is None else template.opens_thinking(self.prompt)
            sample = make_sample(
                self.prompt, action, None, self.reference, self.extras, location="SkyRL", thinking_opened=opened
            )
            row = batcher.run([sample])[0]
            self.row = row
            reward = display_value(shared_rewarder, row)
            return {"observations": [], "reward": reward, "done": True, "metadata": dict(row)}

        def get_metrics(self) -> dict[str, Any]:
            return {} if self.row is None else log_values(shared_rewarder, self.row) | {ROW_KEY: self.row}

    return Environment


class GroupRewardMixin(RewarderMixin):
    """Mixin for SkyRL's `RayPPOTrainer`: advantages of the chain in place of the rewards.

    Attributes:
        herokit: the rewarder; its state stays in the trainer.
        herokit_output: of the last batch.

    Raises:
        ConfigError: token-level rewards, or environments without source results.
    """

    herokit_output: RewardOutput | None = None
    cfg: Any
    all_metrics: dict[str, Any]

    def postprocess_generator_output(
        self,
        generator_output: dict[str, Any],
        uids: list[str],
        metrics_generator_output: dict[str, Any] | None = None,
        metrics_uids: list[str] | None = None,
    ) -> Any:
        """Combine by uid, then continue as SkyRL does; its reward metrics are those of the rewards, not of advantages."""
        self._check_normalization()
        rewards = generator_output["rewards"]
        if rewards and isinstance(rewards[0], list | tuple):
            raise ConfigError("SkyRL: token-level rewards; herokit's environment gives one reward per trajectory")
        last_step = generator_output.get("is_last_step") or [True] * len(rewards)
        rows = _source_results(generator_output.get("env_metrics") or [], last_step)
        self.herokit_output = combine_rows(
            self.herokit, rows, [uid for uid, last in zip(uids, last_step, strict=True) if last]
        )
        advantages = iter(np.nan_to_num(self.herokit_output.advantage).tolist())
        replaced = dict(generator_output) | {"rewards": [next(advantages) if last else 0.0 for last in last_step]}
        self.all_metrics.update(compute_metrics(self.herokit_output))
        return super().postprocess_generator_output(  # type: ignore[misc] # SkyRL's
            replaced,
            uids,
            generator_output if metrics_generator_output is None else metrics_generator_output,
            uids if metrics_uids is None else metrics_uids,
        )

    def _check_normalization(self) -> None:
        """Warn once if the configured estimator cancels a step."""
        if self.herokit_output is None:
            algorithm = self.cfg.trainer.algorithm
            name = str(algorithm.advantage_estimator)
            entry = {"grpo": "skyrl" if algorithm.grpo_norm_by_std else "skyrl-none", "rloo": "skyrl-rloo"}.get(name)
            if entry is not None:
                check_normalization(self.herokit, entry, fix="set trainer.algorithm.advantage_estimator=herokit")


def _source_results(env_metrics: Sequence[Mapping[str, Any]], last_step: Sequence[bool]) -> list[Row]:
    rows = [row.get(ROW_KEY) for row, last in zip(env_metrics, last_step, strict=False) if last]
    if len(env_metrics) != len(last_step) or any(row is None for row in rows):
        raise ConfigError(
            f"SkyRL: {sum(row is not None for row in rows)} of {sum(last_step)} trajectories have source results; use an "
            "environment made by herokit.adapters.skyrl.environment"
        )
    return [dict(row) for row in rows if row is not None]


def advantage_estimator(token_level_rewards: Any, response_mask: Any, **_kwargs: Any) -> tuple[Any, Any]:
    """Give every token of a trajectory its reward, which `GroupRewardMixin` has replaced by the chain's advantage.

    A function, because SkyRL's registry takes functions; `register` registers it.

    Args:
        token_level_rewards: (N, T) rewards.
        response_mask: (N, T), 1 where a token is trained.

    Returns:
        Advantages and returns, both (N, T).
    """
    mask = response_mask.to(token_level_rewards.dtype)
    advantages = token_level_rewards.sum(-1, keepdim=True) * mask
    return advantages, advantages.clone()


def register(name: str = "herokit") -> Any:
    """Register `advantage_estimator` under `name`, and return it."""
    from skyrl.backends.skyrl_train.utils.ppo_utils import AdvantageEstimatorRegistry

    AdvantageEstimatorRegistry.register(name, advantage_estimator)
    return advantage_estimator
