"""A mixin for verl's v1 trainers: the batch is combined by uid before the actor is updated.

`install` replaces each trainer in verl's registry by a subclass with the mixin. It patches the registry because verl gives
a trainer of a new name the settings of an asynchronous one, and ``register_trainer`` raises for an existing name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderLike, RewarderMixin, to_rewarder
from herokit.adapters.common.metrics import compute_metrics
from herokit.adapters.common.rows import Row, combine_rows
from herokit.adapters.verl.state import set_default_rewarder
from herokit.errors import ConfigError, DataError
from herokit.outcome import RewardOutput
from herokit.types import Verifier

__all__ = ["GroupRewardMixin", "install"]

_VERDICT_METRICS = frozenset({"reward", "score", "acc"})
"""Metrics of verl's filter that are the verdict under `RewardFunction` without packing; verl sums ``rm_scores`` for the first."""


class GroupRewardMixin(RewarderMixin):
    """Mixin for verl's `PPOTrainer`: the chain's advantages replace those of the configured estimator.

    Source results come from ``extra_fields["reward_extra_info"]``, where `RewardFunction` puts them. The configured
    estimator still runs first, for its returns, corrections and metrics; then the advantages are overwritten. Synthetic
    padding is left out. Of a session with several outputs the last one counts, as in verl's GRPO; all outputs of a session
    get its advantage.

    Attributes:
        herokit: the rewarder; its state stays in the driver.
        herokit_output: of the last batch.

    Raises:
        ConfigError: KL in the reward, which the chain's advantages would drop; or a filter of groups by the verdict, of which
            the chain makes more.
        DataError: a rollout has no source results.
    """

    herokit_output: RewardOutput | None = None
    config: Any

    def _resolve_filter_groups_metric(self) -> str | None:
        """Return the metric of verl's group filter.

        Raises:
            ConfigError: it is the verdict, and the chain learns from groups of equal verdicts.
        """
        metric: str | None = super()._resolve_filter_groups_metric()  # type: ignore[misc] # verl's
        others = [name for name, source in self.herokit.sources.items() if not isinstance(source, Verifier)]
        if metric in _VERDICT_METRICS and others:
            raise ConfigError(
                f"verl: algorithm.filter_groups.metric={metric} is the verdict, so groups that are all correct or all "
                f"incorrect never reach the chain, which learns from {', '.join(others)} there; set "
                f"algorithm.filter_groups.metric={others[0]} or algorithm.filter_groups.enable=False"
            )
        return metric

    def _compute_advantage(self, batch: Any, metrics: dict[str, Any]) -> Any:
        import transfer_queue as tq

        if self.config.algorithm.use_kl_in_reward:
            raise ConfigError(
                "verl: algorithm.use_kl_in_reward=True has no effect, because the chain's advantages replace those of that "
                "reward; set it to False and actor_rollout_ref.actor.use_kl_loss=True"
            )
        indices, session = _last_outputs(batch.keys, batch.tags)
        fields = tq.kv_batch_get(
            keys=[batch.keys[i] for i in indices],
            partition_id=batch.partition_id,
            select_fields=["uid", "extra_fields"],
        )
        rows = [
            _source_results(extra, row) for extra, row in zip(_to_list(fields["extra_fields"]), indices, strict=True)
        ]
        output = combine_rows(self.herokit, rows, _to_list(fields["uid"]))
        self.herokit_output = output
        metrics.update(compute_metrics(output))
        updated = super()._compute_advantage(batch, metrics)  # type: ignore[misc] # verl's
        _overwrite(batch, np.append(np.nan_to_num(output.advantage), 0.0)[session])
        return updated


def _last_outputs(keys: Sequence[str], tags: Sequence[Mapping[str, Any]]) -> tuple[list[int], Any]:
    """Find the last output of every session: verl's keys are ``{uid}_{session}_{output}``.

    Returns:
        The rows that count, and for each of the N rows its position among them; -1 for synthetic padding.

    Raises:
        DataError: a key has another form.

    Example:
        >>> indices, session = _last_outputs(["u_0_0", "u_0_1", "u_1_0", "pad_0_0"], [{}, {}, {}, {"is_padding": True}])
        >>> indices, session.tolist()
        ([1, 2], [0, 0, 1, -1])
    """
    last: dict[str, tuple[int, int]] = {}
    names: list[str | None] = []
    for row, (key, tag) in enumerate(zip(keys, tags, strict=True)):
        parts = key.rsplit("_", 2)
        if len(parts) != 3 or not parts[2].isdigit():  # noqa: PLR2004 - uid, session, output
            raise DataError(f"verl: row {row} has key {key!r}; expected uid_session_output")
        if tag.get("is_padding", False):
            names.append(None)
            continue
        name = f"{parts[0]}_{parts[1]}"
        names.append(name)
        last[name] = max(last.get(name, (-1, -1)), (int(parts[2]), row))
    position = {name: i for i, name in enumerate(last)}
    return [row for _, row in last.values()], np.array([-1 if name is None else position[name] for name in names])


def _source_results(extra_fields: Any, row: int) -> Row:
    """Return the source results of one rollout.

    Raises:
        DataError: there are none.
    """
    info = extra_fields.get("reward_extra_info") if isinstance(extra_fields, Mapping) else None
    if not info:
        raise DataError(
            f"verl: row {row} has no reward_extra_info; set reward.custom_reward_function to a RewardFunction of "
            "herokit.adapters.verl"
        )
    return dict(info)


def _to_list(column: Any) -> list[Any]:
    """Return a column of objects as a list, for any backend of the queue."""
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _overwrite(batch: Any, advantages: Any) -> None:
    """Write one advantage per rollout to its trained tokens; returns get the same values, as in verl's GRPO."""
    import torch
    import transfer_queue as tq
    from tensordict import TensorDict

    masks = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["response_mask"])
    tokens = [x * mask.float() for x, mask in zip(advantages.tolist(), masks["response_mask"].unbind(), strict=True)]
    nested = torch.nested.as_nested_tensor(tokens, layout=torch.jagged)
    fields = TensorDict({"advantages": nested, "returns": nested.clone()}, batch_size=len(tokens))
    tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=fields)


def install(rewarder: RewarderLike) -> None:
    """Replace every trainer in verl's registry by a subclass with `GroupRewardMixin`.

    Call it in a module that ``VERL_USE_EXTERNAL_MODULES`` names. A second call changes nothing.
    """
    from verl.trainer.ppo.v1 import trainer_base

    default = set_default_rewarder(to_rewarder(rewarder))
    for mode, trainer in list(trainer_base.TRAINER_REGISTRY.items()):
        if not issubclass(trainer, GroupRewardMixin):
            subclass = type(f"GroupReward{trainer.__name__}", (GroupRewardMixin, trainer), {"herokit": default})
            trainer_base.TRAINER_REGISTRY[mode] = subclass
