"""Adapter for NeMo-RL: an environment whose rewards are the source results, and an advantage estimator that combines them.

NeMo-RL selects estimators in a closed if/elif. `install` replaces that function, ``_create_advantage_estimator``, in the
modules that call it; it patches nothing else. An environment may name several rewards; NeMo-RL passes them to the estimator as
``reward/<name>``. The values of turns have no such way: for a chain that ends with credit the estimator runs the sources on the
message logs of the batch.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderLike, to_rewarder, turn_spans
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import Row, combine_rows
from herokit.adapters.common.samples import REFERENCE_COLUMNS, find_reference, make_sample
from herokit.combiners.chain import ends_with_credit
from herokit.conversations.messages import ASSISTANT, message_text
from herokit.conversations.thinking import opens_thinking
from herokit.credit import Span
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput
from herokit.types import Floats, Sample

__all__ = ["AdvantageEstimator", "RewardFunction", "environment", "install"]

INFO = AdapterInfo(
    trainer="NeMo-RL",
    version="7ea279a",
    tested="contract",
    scope="a batch without groups; the estimator sees the batch and its prompts",
    settings="none after `install`: the estimator's advantages are used as they are",
    state="by hand: `save_state`, `load_state`",
    limitations="no registry of estimators (`install` patches the function that selects one); the single controller passes only the "
    "sum of rewards, which is refused; groups are identified by the "
    "tokens of the prompt alone, so one prompt twice in a batch is one group; not run: needs Python 3.13 and a GPU",
    page="how-to/nemo-rl.md",
    credit="every token of a turn has its advantage; the estimator runs the sources in the driver, on the message logs of `grpo_train`",
)

_SELECTOR = "_create_advantage_estimator"

_FAILED_REWARD = 1e-6
"""The reward ``<name>_failed`` of a rollout on which a source failed. NeMo-RL adds all rewards up for its logs, so a missing
value is 0 there; this distinguishes it from a value of 0."""


class RewardFunction:
    """What an environment's ``step`` needs: the value of every source as a reward, and which values are missing.

    Args:
        rewarder: the one whose sources run; nothing is combined.
        reference: the key of the reference answer in a rollout's metadata.

    Example:
        >>> from herokit import Rewarder, Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.final_text == s.reference)) for s in samples]
        >>> reward_function = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> log = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
        >>> reward_function([log], [{"ground_truth": "4"}])
        {'verifier': [1.0], 'verifier_failed': [0.0]}
    """

    def __init__(self, rewarder: RewarderLike, reference: str | Sequence[str] = REFERENCE_COLUMNS) -> None:
        self.rewarder, self.reference = to_rewarder(rewarder), reference
        self._batcher = MicroBatcher(self.rewarder)

    def __call__(self, message_logs: Sequence[Any], metadata: Sequence[Any]) -> dict[str, list[float]]:
        """Return reward name -> N numbers."""
        pairs = enumerate(zip(message_logs, metadata, strict=True))
        rows = self._batcher.run([_make_sample(row, log, meta, None, self.reference) for row, (log, meta) in pairs])
        columns: dict[str, list[float]] = {}
        for name in self.rewarder.sources:
            columns[name] = [0.0 if row[name] is None else float(row[name]) for row in rows]
            columns[f"{name}_failed"] = [_FAILED_REWARD if row[name] is None else 0.0 for row in rows]
        return columns


def _make_sample(
    row: int, log: Sequence[Any], meta: Mapping[str, Any] | None, group: Any, reference: str | Sequence[str]
) -> Sample:
    """Read a message log: what comes before the policy's first message is the prompt, and rendered by the template."""
    fields = dict(meta or {})
    start = _first_generated(log)
    counts = [len(m["token_ids"]) for m in log[start:] if m["role"] == ASSISTANT and "token_ids" in m]
    sample = make_sample(
        [_without_tensors(message) for message in log[:start]],
        [_without_tensors(message) for message in log[start:]],
        group,
        find_reference(fields, reference),
        fields,
        location=f"NeMo-RL: row {row}",
        num_tokens=sum(counts) or None,
    )
    rendered = message_text(sample.prompt[-1]) if sample.prompt else ""  # type: ignore[arg-type] # messages
    return replace(sample, thinking_opened=opens_thinking(rendered))


def _first_generated(log: Sequence[Mapping[str, Any]]) -> int:
    """Return the number of the first message of the policy.

    It is the first with ``generation_logprobs``; NeMo-RL later gives every message some, and a ``token_loss_mask`` that is 1 on the
    policy's tokens.
    """
    marks = (
        bool(message["token_loss_mask"].any()) if "token_loss_mask" in message else "generation_logprobs" in message
        for message in log
    )
    return next((number for number, mark in enumerate(marks) if mark), len(log) - 1)


def _without_tensors(message: Mapping[str, Any]) -> dict[str, Any]:
    return {key: message[key] for key in ("role", "content") if key in message}


def environment(
    rewarder: RewarderLike, *, reference: str | Sequence[str] = REFERENCE_COLUMNS, base: Any = None, result: Any = None
) -> Any:
    """Return an environment class for ``register_env``: one turn, with one reward per source.

    Args:
        rewarder: the one whose sources run.
        reference: the key of the reference answer in a rollout's metadata.
        base: the class to extend, by default NeMo-RL's `EnvironmentInterface`.
        result: the class of results, by default NeMo-RL's `EnvironmentReturn`.
    """
    if base is None or result is None:
        from nemo_rl.environments.interfaces import EnvironmentInterface, EnvironmentReturn

        base, result = base or EnvironmentInterface, result or EnvironmentReturn
    shared_rewarder = to_rewarder(rewarder)

    class Environment(base):  # type: ignore[misc] # NeMo-RL's own
        """Make it a Ray actor as NeMo-RL's own environments are."""

        def __init__(self, cfg: Any = None) -> None:
            self.cfg, self.reward_function = cfg, RewardFunction(shared_rewarder, reference)

        def step(self, message_log_batch: list[Any], metadata: list[Any]) -> Any:
            import torch

            columns = self.reward_function(message_log_batch, metadata)
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


class AdvantageEstimator:
    """An advantage estimator of NeMo-RL: combines the batch by prompt.

    Args:
        rewarder: the one that combines; every batch updates its state.
        reference: the key of the reference answer in a rollout's metadata; for a chain that ends with credit, whose sources run here.

    Attributes:
        output: of the last batch.

    Raises:
        ConfigError: when called: the batch lacks the ``reward/<name>`` of a source; or, for a chain that ends with credit, the message
            logs.
        DataError: when called: the turns of a rollout are not the parts that the sources judged.
    """

    def __init__(self, rewarder: RewarderLike, reference: str | Sequence[str] = REFERENCE_COLUMNS) -> None:
        self.rewarder, self.reference = to_rewarder(rewarder, takes_credit=True), reference
        self.output: RewardOutput | None = None
        self._batcher = MicroBatcher(self.rewarder)

    def compute_advantage(
        self,
        prompt_ids: Any,
        rewards: Any,
        mask: Any,
        repeated_batch: Any = None,
        *,
        valid_mask: Any = None,
        **_kwargs: Any,
    ) -> Any:
        """Return advantages, (N, T): the same for every token, or for a chain that ends with credit that of its turn.

        Args:
            prompt_ids: (N,) ids or (N, L) tokens of prompts; equal rows are a group.
            rewards: (N,) the sum of all rewards; used if there is one source and no ``reward/<name>``.
            mask: (N, T), for the shape; with credit, 1 for the tokens that are trained.
            repeated_batch: has ``reward/<name>``, (N,), for every source, or with credit ``message_log`` and ``extra_env_info``. Rows that
                its ``mask_sample`` marks, as NeMo-Gym does where a rollout failed, do not count in their group.
            valid_mask: (N,), 0 for rows that do not count in their group; their advantage is 0.
        """
        prompts = np.asarray(prompt_ids.tolist())
        groups = np.unique(prompts, axis=0, return_inverse=True)[1].reshape(-1).tolist()
        batch = {} if repeated_batch is None else repeated_batch
        masked = _masked_rows(valid_mask, batch.get("mask_sample"))
        if ends_with_credit(self.rewarder.combiner):
            return rewards.new_tensor(self._turn_advantages(groups, mask.tolist(), batch, masked))
        rows: list[Row | None] = [*self._rows(rewards, batch)]
        for row in masked:
            rows[row] = None
        self.output = combine_rows(self.rewarder, rows, groups)
        advantages = rewards.new_tensor(np.nan_to_num(self.output.advantage))
        return advantages.unsqueeze(-1).expand(mask.shape)

    def _turn_advantages(
        self, groups: Sequence[int], masks: Sequence[Sequence[float]], batch: Any, masked: Sequence[int]
    ) -> Floats:
        """Run the sources on the message logs, and return the advantage of each token, (N, T)."""
        logs = batch.get("message_log")
        if logs is None:
            raise ConfigError(
                "NeMo-RL: the chain ends with credit of turns, which needs the message logs of the batch; grpo_sync and the single "
                "controller pass only rewards: use grpo_train, or end the chain with AggregateParts"
            )
        metas = batch.get("extra_env_info") or [None] * len(logs)
        samples = [
            _make_sample(row, log, meta, groups[row], self.reference)
            for row, (log, meta) in enumerate(zip(logs, metas, strict=True))
        ]
        rows: list[Row | None] = [*self._batcher.run(samples)]
        for row in masked:
            rows[row] = None
        output = self.output = combine_rows(self.rewarder, rows, groups, samples=samples)
        assert output.credit is not None  # noqa: S101 - the chain ends with credit
        advantages = np.zeros((len(masks), len(masks[0]) if masks else 0))
        for row in np.flatnonzero(output.valid).tolist():
            if any(masks[row]):
                credit, name = output.credit.rows(row, row + 1), f"NeMo-RL: rollout {row}"
                advantages[row] = credit.tokens([masks[row]], [_spans_of_turns(logs[row])], names=[name])[0]
        return advantages

    def _rows(self, rewards: Any, batch: Any) -> list[dict[str, float | None]]:
        names = list(self.rewarder.sources)
        missing = [name for name in names if f"reward/{name}" not in batch]
        if missing and len(names) > 1:
            raise ConfigError(
                f"NeMo-RL: the batch has no reward of the sources {missing}; use an environment made by "
                "herokit.adapters.nemo_rl.environment, and not NeMo-RL's single controller, which passes only the sum of all "
                "rewards"
            )
        rows: list[dict[str, float | None]] = [{} for _ in range(len(rewards))]
        for name in names:
            values = rewards.tolist() if missing else batch[f"reward/{name}"].tolist()
            failed = [0.0] * len(rows) if missing else batch[f"reward/{name}_failed"].tolist()
            for row, value, mark in zip(rows, values, failed, strict=True):
                row[name] = None if mark > 0 else value
        return rows


def _spans_of_turns(log: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Return the tokens of the turns in the row of the whole conversation."""
    start = _first_generated(log)
    begin = sum(len(message["token_ids"]) for message in log[:start])
    spans = turn_spans((message["role"] == ASSISTANT, len(message["token_ids"])) for message in log[start:])
    return [(begin + first, begin + last) for first, last in spans]


def _masked_rows(valid_mask: Any, mask_sample: Any) -> list[int]:
    """Return the numbers of the rows that do not count."""
    invalid = [] if valid_mask is None else np.flatnonzero(np.asarray(valid_mask.tolist()) == 0).tolist()
    marks = mask_sample.tolist() if hasattr(mask_sample, "tolist") else mask_sample or []
    return [*invalid, *np.flatnonzero(np.asarray(marks, dtype=bool)).tolist()]


def install(rewarder: RewarderLike, reference: str | Sequence[str] = REFERENCE_COLUMNS) -> AdvantageEstimator:
    """Make NeMo-RL use the estimator for any ``grpo.adv_estimator.name``, and return it.

    Modules of NeMo-RL that have imported the function by name, such as ``grpo_sync``, get it, too.

    Args:
        rewarder: see `AdvantageEstimator`.
        reference: the key of the reference answer in a rollout's metadata, for a chain that ends with credit.
    """
    from nemo_rl.algorithms import grpo

    estimator = AdvantageEstimator(rewarder, reference)
    original = getattr(grpo, _SELECTOR)
    for name, module in list(sys.modules.items()):
        if name.startswith("nemo_rl.") and vars(module).get(_SELECTOR) is original:
            setattr(module, _SELECTOR, lambda _config: estimator)
    return estimator
