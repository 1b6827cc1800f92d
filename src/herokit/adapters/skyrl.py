"""Adapter for SkyRL: an environment that scores one rollout, a trainer mixin that combines the batch, and an estimator.

The metrics of the environment contain the source results. The mixin has every rollout with its uid before rewards become
tensors, and replaces rewards by the advantages of the chain; the estimator ``herokit`` passes them to the loss, and
``herokit_credit`` passes those of tokens.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderLike, RewarderMixin, token_advantages
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.metrics import compute_metrics
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import Row, combine_rows, display_value, log_values
from herokit.adapters.common.samples import make_sample
from herokit.adapters.common.templates import ChatTemplate
from herokit.combiners.chain import ends_with_credit
from herokit.conversations.messages import ASSISTANT
from herokit.errors import ConfigError, DataError
from herokit.outcome import RewardOutput
from herokit.trainers.cancellation import check_normalization
from herokit.types import Sample

__all__ = [
    "GroupRewardMixin",
    "advantage_estimator",
    "environment",
    "register",
    "token_advantage_estimator",
]

INFO = AdapterInfo(
    trainer="SkyRL",
    version="skyrl-gym 0.4.0; skyrl 0.4.0, 0.3.0",
    tested="integration",
    scope="one trajectory; the trainer sees the batch and its uids",
    settings="`trainer.algorithm.advantage_estimator=herokit`; `herokit_credit` for a chain that ends with credit",
    state="by hand: override `save_checkpoints`",
    limitations="no training run (needs a GPU); tested with skyrl 0.3.0 on a CPU were the generator, the trainer's rewards and the registry's "
    "estimators, with 0.4.0 (Python 3.12) the signatures",
    page="how-to/skyrl.md",
    credit="every token of a turn has its advantage: the runs of 1 in `loss_masks`; step-wise trajectories raise",
)

ROW_KEY = "herokit"
"""The key of the source results in an environment's metrics; SkyRL averages only numbers, and drops it."""


_CREDIT_SUFFIX = "_credit"
"""What the name of the estimator of tokens ends with."""


def environment(rewarder: RewarderLike, base: Any = None, *, template: ChatTemplate | None = None) -> Any:
    """Return an environment class for ``skyrl_gym.register`` whose rollouts are scored by the sources.

    With a base that has turns of its own, the whole conversation is scored after its last turn; what the base's steps gave is
    ``meta["turn_rewards"]`` of the sample, which a source may read. A rollout that SkyRL ends before its environment does is
    scored as truncated. Without one, an environment has one turn.

    Args:
        rewarder: the one whose sources run; nothing is combined.
        template: the policy's chat template, which says whether it opens the thinking; SkyRL shows environments none.
        base: the class to extend, by default skyrl-gym's `BaseTextEnv`.
    """
    if base is None:
        from skyrl_gym.envs.base_text_env import BaseTextEnv

        base = BaseTextEnv
    attributes = {"herokit_batcher": MicroBatcher(rewarder), "herokit_template": template}
    return type("Environment", (_ScoringMixin, base), attributes)


class _ScoringMixin:
    """Mixin for an environment: the actions are the completion, ``reward_spec.ground_truth`` is the reference."""

    herokit_batcher: MicroBatcher
    herokit_template: ChatTemplate | None
    turns: int

    def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
        settings = {"env_config": env_config, "extras": extras}
        parent: Any = super()
        parent.__init__(**settings if "extras" in inspect.signature(parent.__init__).parameters else {})
        self.herokit_rollout = _Rollout(dict(extras or {}))

    def init(self, prompt: Any) -> Any:
        self.herokit_rollout = _Rollout(self.herokit_rollout.extras, prompt)
        return super().init(prompt)  # type: ignore[misc] # skyrl-gym's

    def step(self, action: str) -> dict[str, Any]:
        parent: Any = super()
        output = parent.step(action) if hasattr(parent, "step") else None
        rollout = self.herokit_rollout
        if output is None:  # that of skyrl-gym's BaseTextEnv
            self.turns += 1
            output = {"observations": [], "reward": 0.0, "done": True, "metadata": {}}
        else:
            rollout.turn_rewards.append(output["reward"])
        text = output.get("postprocessed_action")
        rollout.messages.append({"role": ASSISTANT, "content": action if text is None else text})
        if not output["done"]:
            rollout.messages.extend(output["observations"])
            return output | {"reward": 0.0}
        row = self._score(truncated=None)
        value = display_value(self.herokit_batcher.rewarder, row)
        return output | {"reward": value, "metadata": output["metadata"] | row}

    def get_metrics(self) -> dict[str, Any]:
        parent: Any = super()
        metrics = parent.get_metrics() if hasattr(parent, "get_metrics") else {}
        rollout = self.herokit_rollout
        if rollout.row is None and rollout.messages:
            self._score(truncated=True)
        row = rollout.row
        return metrics if row is None else metrics | log_values(self.herokit_batcher.rewarder, row) | {ROW_KEY: row}

    def _score(self, *, truncated: bool | None) -> Row:
        rollout, template = self.herokit_rollout, self.herokit_template
        opened = None if template is None else template.opens_thinking(rollout.prompt)
        rollout.row = self.herokit_batcher.run([rollout.sample(thinking_opened=opened, truncated=truncated)])[0]
        return rollout.row


@dataclass(slots=True, eq=False)
class _Rollout:
    """What an environment has seen of its rollout."""

    extras: dict[str, Any]
    prompt: Any = ""
    messages: list[Any] = field(default_factory=list)
    turn_rewards: list[float] = field(default_factory=list)
    row: Row | None = None

    def sample(self, **generation: Any) -> Sample:
        """Return the rollout as a sample: the text of its one turn, or messages."""
        reference = (self.extras.get("reward_spec") or {}).get("ground_truth")
        meta = self.extras | {"turn_rewards": self.turn_rewards} if self.turn_rewards else self.extras
        completion = self.messages if len(self.messages) > 1 else self.messages[0]["content"]
        return make_sample(self.prompt, completion, None, reference, meta, location="SkyRL", **generation)


class GroupRewardMixin(RewarderMixin):
    """Mixin for SkyRL's `RayPPOTrainer`: advantages of the chain in place of the rewards.

    A chain that ends with credit gives every token of a turn the turn's advantage: the runs of 1 in SkyRL's ``loss_masks`` are the
    turns. It needs the estimator that passes the advantages of tokens, ``herokit_credit``.

    Attributes:
        herokit: the rewarder; its state stays in the trainer.
        herokit_output: of the last batch.

    Raises:
        ConfigError: environments without source results; or an estimator that does not fit the chain, or step-wise trajectories, of
            which SkyRL trains every step with the advantage of the last, with a chain that ends with credit.
        DataError: a loss mask shows another number of turns than the sources judged.
    """

    herokit_output: RewardOutput | None = None
    _takes_credit = True
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
        self._check_estimator(step_wise=bool(generator_output.get("is_last_step")))
        last_step = generator_output.get("is_last_step") or [True] * len(uids)
        rows = _source_results(generator_output.get("env_metrics") or [], last_step)
        self.herokit_output = combine_rows(
            self.herokit, rows, [uid for uid, last in zip(uids, last_step, strict=True) if last], takes_credit=True
        )
        if ends_with_credit(self.herokit.combiner):
            rewards: list[Any] = _turn_advantages(self.herokit_output, generator_output["loss_masks"], uids)
        else:
            advantages = iter(np.nan_to_num(self.herokit_output.advantage).tolist())
            rewards = [next(advantages) if last else 0.0 for last in last_step]
        replaced = dict(generator_output) | {"rewards": rewards}
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

    def _check_estimator(self, *, step_wise: bool) -> None:
        name = str(self.cfg.trainer.algorithm.advantage_estimator)
        has_credit = ends_with_credit(self.herokit.combiner)
        if has_credit and step_wise:
            raise ConfigError(
                "SkyRL: the chain ends with credit of turns, but with generator.step_wise_trajectories every step is trained with the "
                "advantage of the last; set it to false, or end the chain with AggregateParts"
            )
        if has_credit != name.endswith(_CREDIT_SUFFIX):
            wanted = f"herokit{_CREDIT_SUFFIX}" if has_credit else "herokit"
            kind = "credit of turns, one advantage a token" if has_credit else "one advantage a rollout"
            raise ConfigError(
                f"SkyRL: the chain gives {kind}, which trainer.algorithm.advantage_estimator={name} does not pass on; set it to {wanted}"
            )


def _turn_advantages(output: RewardOutput, masks: Sequence[Sequence[int]], uids: Sequence[str]) -> list[list[float]]:
    """Return for each trajectory the advantages of its response tokens, by the runs of its loss mask.

    Raises:
        DataError: a mask shows another number of turns than the credit has; the message has the trajectory and both numbers.
    """
    names = [f"SkyRL: trajectory {row} of group {uid!r}" for row, uid in enumerate(uids)]
    try:
        return [row.tolist() for row in token_advantages(output, masks, names=names)]
    except DataError as error:
        raise DataError(
            f"{error}. SkyRL shows a turn as a run of 1 in loss_masks; two turns without an observation between them are one run, "
            "and a turn without tokens is none. Judge the turns that the mask shows"
        ) from None


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


def token_advantage_estimator(token_level_rewards: Any, response_mask: Any, **_kwargs: Any) -> tuple[Any, Any]:
    """Give every token its own reward, which `GroupRewardMixin` has replaced by the advantage of its turn.

    Args:
        token_level_rewards: (N, T) rewards.
        response_mask: (N, T), 1 where there is a token of the response.

    Returns:
        Advantages and returns, both (N, T).
    """
    advantages = token_level_rewards * response_mask.to(token_level_rewards.dtype)
    return advantages, advantages.clone()


def register(name: str = "herokit") -> Any:
    """Register `advantage_estimator` under `name` and `token_advantage_estimator` under ``NAME_credit``, and return the first."""
    from skyrl.backends.skyrl_train.utils.ppo_utils import AdvantageEstimatorRegistry

    AdvantageEstimatorRegistry.register(name, advantage_estimator)
    AdvantageEstimatorRegistry.register(f"{name}{_CREDIT_SUFFIX}", token_advantage_estimator)
    return advantage_estimator
