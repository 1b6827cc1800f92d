"""A mixin for verl's v1 trainers: the batch is combined by uid before the actor is updated.

`install` replaces each trainer in verl's registry by a subclass with the mixin. It patches the registry because verl gives
a trainer of a new name the settings of an asynchronous one, and ``register_trainer`` raises for an existing name.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderLike, RewarderMixin, to_rewarder, token_advantages
from herokit.adapters.common.metrics import compute_metrics
from herokit.adapters.common.rows import Row, combine_rows
from herokit.adapters.verl.state import set_default_rewarder
from herokit.combiners.chain import ends_with_credit
from herokit.errors import ConfigError, DataError
from herokit.outcome import RewardOutput
from herokit.types import Floats, Verifier

__all__ = ["GroupRewardMixin", "install"]

_VERDICT_METRICS = frozenset({"reward", "score", "acc"})
"""Metrics of verl's filter that are the verdict under `RewardFunction` without packing; verl sums ``rm_scores`` for the first."""


class GroupRewardMixin(RewarderMixin):
    """Mixin for verl's `PPOTrainer`: the chain's advantages replace those of the configured estimator.

    Source results come from ``extra_fields["reward_extra_info"]``, where `RewardFunction` puts them. The configured
    estimator still runs first, for its returns, corrections and metrics; then the advantages are overwritten. Synthetic
    padding is left out. Of a session with several outputs the last one counts, as in verl's GRPO; all outputs of a session
    get its advantage.

    A chain that ends with credit gives every trained token the advantage of its turn: the runs of verl's ``response_mask``, before
    its rejection of tokens, are the parts. Outputs of a session with several have no such runs of the whole session.

    Attributes:
        herokit: the rewarder; its state stays in the driver.
        herokit_output: of the last batch.

    Raises:
        ConfigError: KL in the reward, which the chain's advantages would drop; or a filter of groups by the verdict, of which
            the chain makes more.
        DataError: a rollout has no source results; or the chain gives credit, and the mask shows another number of turns than the
            sources judged, or a session has several outputs.
    """

    herokit_output: RewardOutput | None = None
    _takes_credit = True
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
            select_fields=["uid", "extra_fields", "response_mask"],
        )
        rows = [
            _source_results(extra, row) for extra, row in zip(_to_list(fields["extra_fields"]), indices, strict=True)
        ]
        output = combine_rows(self.herokit, rows, _to_list(fields["uid"]), takes_credit=True)
        advantages: list[Any] = np.nan_to_num(output.advantage).tolist()
        if ends_with_credit(self.herokit.combiner):
            _check_one_output(batch.keys, session)
            advantages = _turn_advantages(output, fields["response_mask"].unbind(), [batch.keys[i] for i in indices])
        self.herokit_output = output
        metrics.update(compute_metrics(output))
        updated = super()._compute_advantage(batch, metrics)  # type: ignore[misc] # verl's
        _overwrite(batch, [*advantages, 0.0], session)
        return updated


def _check_one_output(keys: Sequence[str], session: Any) -> None:
    """Check that no session has several outputs.

    Raises:
        DataError: one has; the message has its key.
    """
    for position, number in Counter(session.tolist()).items():
        if position >= 0 and number > 1:
            key = keys[int(np.flatnonzero(session == position)[0])]
            raise DataError(
                f"verl: the session of {key!r} has {number} outputs; the turns that the sources judged cannot be told apart in "
                "their masks. End the chain with AggregateParts, or let the agent loop return one output"
            )


def _turn_advantages(output: RewardOutput, masks: Sequence[Any], keys: Sequence[str]) -> list[Floats]:
    """Return for each rollout the advantages of its tokens, by the runs of its mask.

    Raises:
        DataError: a mask shows another number of turns than the credit has; the message has the key and both numbers.
    """
    try:
        return token_advantages(output, [mask.tolist() for mask in masks], names=[f"verl: {key!r}" for key in keys])
    except DataError as error:
        raise DataError(
            f"{error}. verl shows a turn as a run of 1 in response_mask; two turns without a token of the world between them are "
            "one run, and a turn beyond response_length is none. Judge the turns that the mask shows"
        ) from None


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
    return {
        key: json.loads(value) if key.endswith("_steps") and isinstance(value, str) else value
        for key, value in info.items()
    }


def _to_list(column: Any) -> list[Any]:
    """Return a column of objects as a list, for any backend of the queue."""
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _overwrite(batch: Any, advantages: Sequence[Any], session: Any) -> None:
    """Write the advantages to the tokens that are still trained; returns get the same values, as in verl's GRPO.

    Args:
        batch: of verl.
        advantages: for each rollout one number, or one a token; the last is that of padding.
        session: for each row of the batch the number of its rollout, -1 for padding.
    """
    import torch
    import transfer_queue as tq
    from tensordict import TensorDict

    masks = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["response_mask"])
    rows = zip(session.tolist(), masks["response_mask"].unbind(), strict=True)
    tokens = [
        torch.as_tensor(advantages[i], dtype=torch.float32, device=mask.device) * mask.float() for i, mask in rows
    ]
    nested = torch.nested.as_nested_tensor(tokens, layout=torch.jagged)
    fields = TensorDict({"advantages": nested, "returns": nested.clone()}, batch_size=len(tokens))
    tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=fields)


def install(rewarder: RewarderLike) -> None:
    """Replace every trainer in verl's registry by a subclass with `GroupRewardMixin`.

    Call it in a module that ``VERL_USE_EXTERNAL_MODULES`` names. A second call changes nothing.
    """
    from verl.trainer.ppo.v1 import trainer_base

    default = set_default_rewarder(to_rewarder(rewarder, takes_credit=True))
    for mode, trainer in list(trainer_base.TRAINER_REGISTRY.items()):
        if not issubclass(trainer, GroupRewardMixin):
            subclass = type(f"GroupReward{trainer.__name__}", (GroupRewardMixin, trainer), {"herokit": default})
            trainer_base.TRAINER_REGISTRY[mode] = subclass
