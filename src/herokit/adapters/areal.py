"""Adapter for AReaL: a workflow that combines the rollouts of a prompt, and a reward function for independent rollouts.

AReaL calls reward functions for one rollout at a time in a pool of processes. It gives 0 to a call that takes too long, and a
call that hangs keeps its process. `group_workflow` does not use that pool: it scores the rollouts of a prompt together.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from herokit.adapters.common.base import RewarderLike, score_group, to_rewarder, trainer_values_filled
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.pointwise import check_group_independent
from herokit.adapters.common.rows import combine_rows, score_one
from herokit.adapters.common.samples import REFERENCE_COLUMNS, find_reference, make_sample
from herokit.conversations.thinking import opens_thinking
from herokit.errors import ConfigError, PluginError
from herokit.outcome import RewardOutput
from herokit.types import Sample

__all__ = ["RewardFunction", "group_workflow"]

INFO = AdapterInfo(
    trainer="AReaL",
    version="1.0.4",
    tested="integration",
    scope="one rollout; a grouped workflow sees all rollouts of a prompt",
    settings="`actor.reward_norm` and `actor.adv_norm` off; or `std_level=None` and `mean_level=group`, with complete groups",
    state="one running mean per rollout worker; not in checkpoints",
    limitations="evaluation workflows need `update_state=False`; no training run (needs a GPU); tested were `RLVRWorkflow`, "
    "the joined tensors, the pool of reward processes and the normalization",
    page="how-to/areal.md",
)


_MAX_MARKER_TOKENS = 32
"""Tokens at the end of a prompt in which an opening marker is looked for."""


class RewardFunction:
    """AReaL's ``reward_fn(prompt, completions, prompt_ids, completion_ids, **data)``: one rollout by itself.

    It pickles if its sources do, as AReaL's pool of processes requires.

    Args:
        rewarder: the sources and the chain, which must not compare rollouts.
        reference: the key of the reference answer in the data, or several of which the first present is used.

    Raises:
        ConfigError: the chain compares rollouts of a group.
        PluginError: when called: a source failed. AReaL tries again, then drops the rollout.

    Example:
        >>> from herokit import Rewarder, Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.final_text == s.reference)) for s in samples]
        >>> reward_fn = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> reward_fn("2 + 2?", "4", [], [], answer="4")
        1.0
    """

    def __init__(self, rewarder: RewarderLike, reference: str | Sequence[str] = REFERENCE_COLUMNS) -> None:
        self.rewarder, self.reference = to_rewarder(rewarder), reference
        fix = "use herokit.adapters.areal.group_workflow"
        check_group_independent(self.rewarder, owner="AReaL's reward_fn", fix=fix)

    def __call__(
        self, prompt: str, completions: str, prompt_ids: Sequence[int], completion_ids: Sequence[int], **data: Any
    ) -> float:
        """Return the output of the chain for one rollout."""
        del prompt_ids
        answer, count = find_reference(data, self.reference), len(completion_ids) or None
        sample = make_sample(prompt, completions, None, answer, data, location="AReaL", num_tokens=count)
        row = score_one(self.rewarder, sample)
        output = combine_rows(self.rewarder, [row], ["group"], update_state=False)
        for problem in output.problems().values():
            raise PluginError(f"AReaL: no reward: {problem}")
        return float(output.reward[0])


def group_workflow(
    workflow: Any,
    group_size: int,
    rewarder: RewarderLike,
    tokenizer: Any,
    *,
    reference: str | Sequence[str] = REFERENCE_COLUMNS,
    update_state: bool = True,
    base: Any = None,
    concat: Any = None,
) -> Any:
    """Return a rollout workflow that runs another one `group_size` times per prompt and combines the rewards.

    Args:
        workflow: a workflow that returns the tensors of one rollout, such as AReaL's `RLVRWorkflow`; its reward is ignored.
        group_size: rollouts per prompt; leave ``gconfig.n_samples`` and AReaL's ``group_size`` at 1.
        rewarder: the sources and the chain.
        tokenizer: decodes the completions.
        reference: the key of the reference answer in the data, or several of which the first present is used.
        update_state: False for evaluation.
        base: the class to extend, by default AReaL's `RolloutWorkflow`.
        concat: joins the tensors of rollouts, by default AReaL's `concat_padded_tensors`.

    Raises:
        ConfigError: `group_size` is below 1.
    """
    if group_size < 1:
        raise ConfigError(f"AReaL: group_size must be at least 1, got {group_size}")
    base, concat = _areal_parts(base, concat)
    group_rewarder = to_rewarder(rewarder)

    class GroupWorkflow(base):  # type: ignore[misc] # AReaL's own
        """All rollouts of a prompt, with the output of the chain as rewards."""

        output: RewardOutput | None = None

        async def arun_episode(self, engine: Any, data: dict[str, Any]) -> Any:
            """Return the tensors of the rollouts that were not rejected, None if there are none."""
            results = await asyncio.gather(*(workflow.arun_episode(engine, data) for _ in range(group_size)))
            accepted = [result for result in results if result is not None]
            if not accepted:
                return None
            samples = (_make_sample(result, data, tokenizer, reference) for result in accepted)
            self.output = await score_group(group_rewarder, samples, update_state=update_state)
            for result, value in zip(accepted, trainer_values_filled(self.output), strict=True):
                result["rewards"] = result["rewards"].new_full(result["rewards"].shape, value)
            return concat(accepted)

    return GroupWorkflow()


def _areal_parts(base: Any, concat: Any) -> tuple[Any, Any]:
    if base is None:
        from areal.api.workflow_api import RolloutWorkflow

        base = RolloutWorkflow
    if concat is None:
        from areal.utils.data import concat_padded_tensors

        concat = concat_padded_tensors
    return base, concat


def _make_sample(
    result: Mapping[str, Any], data: dict[str, Any], tokenizer: Any, reference: str | Sequence[str]
) -> Sample:
    """Read one rollout from the tensors of a workflow; the loss mask covers what the policy wrote."""
    tokens, mask = result["input_ids"][0].tolist(), [bool(m) for m in result["loss_mask"][0].tolist()]
    written = [token for token, is_trained in zip(tokens, mask, strict=True) if is_trained]
    before = tokens[: mask.index(True)] if written else tokens
    rendered = tokenizer.decode(before[-_MAX_MARKER_TOKENS:], skip_special_tokens=False)
    return make_sample(
        data.get("messages", data.get("prompt", "")),
        tokenizer.decode(written, skip_special_tokens=True),
        "group",
        find_reference(data, reference),
        data,
        location="AReaL",
        num_tokens=len(written),
        thinking_opened=opens_thinking(rendered),
    )
