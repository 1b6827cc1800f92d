"""verl's v1 trainers with every component: the batch is combined by uid before the actor is updated.

`replace_trainers` puts the mixin over each trainer of verl's registry. That is a patch of the registry: verl gives a
trainer of a new name the settings of an asynchronous one, and `register_trainer` refuses a second class for an old name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from herokit.adapters.common.metrics import metrics as summary
from herokit.adapters.common.rows import combine_rows
from herokit.adapters.verl.functions import keep
from herokit.errors import ConfigError, DataError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder


class GroupRewards:
    """Mixin for verl's `PPOTrainer`: the chain's advantages replace those of the configured estimator.

    Components come from ``extra_fields["reward_extra_info"]``, where `herokit.adapters.verl.functions.ComputeScore` puts them. The
    configured estimator still runs first, so that returns, corrections and their metrics are there; then advantages are
    overwritten. Synthetic padding is left out, and of a session with several outputs the last one counts, as in verl's
    own GRPO; all its outputs get the session's advantage.

    Attributes:
        herokit: the rewarder; its state stays in the driver.
        herokit_outcome: of the last batch.

    Raises:
        ConfigError: KL in the reward, which the chain's advantages would drop.
        DataError: a rollout carries no components.
    """

    herokit: Rewarder
    herokit_outcome: RewardOutput | None = None
    config: Any

    def _compute_advantage(self, batch: Any, metrics: dict[str, Any]) -> Any:
        import transfer_queue as tq

        if self.config.algorithm.use_kl_in_reward:
            raise ConfigError(
                "verl: algorithm.use_kl_in_reward=True, and advantages of the chain replace those made of that reward; "
                "set it to False and actor_rollout_ref.actor.use_kl_loss=True"
            )
        where, session = sessions(batch.keys, batch.tags)
        found = tq.kv_batch_get(
            keys=[batch.keys[i] for i in where],
            partition_id=batch.partition_id,
            select_fields=["uid", "extra_fields"],
        )
        rows = [components(fields, row) for fields, row in zip(_plain(found["extra_fields"]), where, strict=True)]
        outcome = combine_rows(self.herokit, rows, _plain(found["uid"]))
        self.herokit_outcome = outcome
        metrics.update(summary(outcome))
        updated = super()._compute_advantage(batch, metrics)  # type: ignore[misc] # verl's
        _overwrite(batch, np.append(np.nan_to_num(outcome.advantage), 0.0)[session])
        return updated


def sessions(keys: Sequence[str], tags: Sequence[Mapping[str, Any]]) -> tuple[list[int], Any]:
    """Find the last output of every session: verl's keys are ``{uid}_{session}_{output}``.

    Returns:
        The rows that count, and for each of the N rows its place among them; -1 for synthetic padding.

    Raises:
        DataError: a key of another form.

    Example:
        >>> where, session = sessions(["u_0_0", "u_0_1", "u_1_0", "pad_0_0"], [{}, {}, {}, {"is_padding": True}])
        >>> where, session.tolist()
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
    place = {name: at for at, name in enumerate(last)}
    return [row for _, row in last.values()], np.array([-1 if name is None else place[name] for name in names])


def components(extra_fields: Any, row: int) -> dict[str, Any]:
    """Return the components of one rollout.

    Raises:
        DataError: there are none.
    """
    info = extra_fields.get("reward_extra_info") if isinstance(extra_fields, Mapping) else None
    if not info:
        raise DataError(
            f"verl: row {row} has no reward_extra_info; set reward.custom_reward_function to a ComputeScore"
        )
    return dict(info)


def _plain(column: Any) -> list[Any]:
    """Return a column of objects as a list, whatever the queue's backend made of it."""
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _overwrite(batch: Any, advantages: Any) -> None:
    """Write one advantage a rollout over its trained tokens; returns are the same, as in verl's GRPO."""
    import torch
    import transfer_queue as tq
    from tensordict import TensorDict

    masks = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["response_mask"])
    tokens = [x * mask.float() for x, mask in zip(advantages.tolist(), masks["response_mask"].unbind(), strict=True)]
    nested = torch.nested.as_nested_tensor(tokens, layout=torch.jagged)
    fields = TensorDict({"advantages": nested, "returns": nested.clone()}, batch_size=len(tokens))
    tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=fields)


def replace_trainers(rewarder: Rewarder) -> None:
    """Put `GroupRewards` over every trainer of verl's registry.

    Call it from a module named in ``VERL_USE_EXTERNAL_MODULES``. Idempotent: what is there first stays.
    """
    from verl.trainer.ppo.v1 import trainer_base

    kept = keep(rewarder)
    for mode, found in list(trainer_base.TRAINER_REGISTRY.items()):
        if not issubclass(found, GroupRewards):
            made = type(f"GroupRewards{found.__name__}", (GroupRewards, found), {"herokit": kept})
            trainer_base.TRAINER_REGISTRY[mode] = made
