"""AReaL: a workflow that combines the rollouts of a prompt, and a plain reward function for chains that compare nothing.

AReaL calls reward functions one rollout at a time in a pool of processes, with 0 for what takes too long, and a hung call
keeps its place in the pool. `group_workflow` needs none of that: it scores where the rollouts of a prompt come together.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from herokit.adapters.common.base import REFERENCES, filled, gold_of, text_of
from herokit.adapters.common.info import Support
from herokit.adapters.common.pointwise import check_pointwise
from herokit.adapters.common.rows import combine_rows, score_one
from herokit.errors import ConfigError, PluginError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample

SUPPORT = Support(
    trainer="AReaL",
    version="1.0.4",
    tried="real objects",
    sees="one rollout; a grouped workflow sees all of a prompt",
    settings="`actor.reward_norm` and `actor.adv_norm` off; or `std_level=None` and `mean_level=group`, with whole groups",
    state="one running mean a rollout worker; not in checkpoints",
    lost="evaluation workflows must be made with `update_state=False`; no training run (needs a GPU): `RLVRWorkflow`, the joined "
    "tensors, the pool of reward processes and the normalization were",
    page="how-to/areal.md",
)


class RewardFunction:
    """AReaL's ``reward_fn(prompt, completions, prompt_ids, completion_ids, **data)``: each rollout by itself.

    It pickles where the sources do, as AReaL's pool of processes needs.

    Args:
        rewarder: what scores; its chain must not compare rollouts.
        reference: the data's key with the gold answer, or several of which the first present is taken.

    Raises:
        ConfigError: the chain compares rollouts of a group.
        PluginError: when called: a source could not say. AReaL tries again, then drops the rollout.

    Example:
        >>> from herokit import Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.completion == s.reference)) for s in samples]
        >>> reward_fn = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> reward_fn("2 + 2?", "4", [], [], answer="4")
        1.0
    """

    def __init__(self, rewarder: Rewarder, reference: str | Sequence[str] = REFERENCES) -> None:
        check_pointwise(rewarder, owner="AReaL's reward_fn", fix="use herokit.adapters.areal.group_workflow")
        self.rewarder, self.reference = rewarder, reference

    def __call__(
        self, prompt: str, completions: str, prompt_ids: Sequence[int], completion_ids: Sequence[int], **data: Any
    ) -> float:
        """Return the chain's output for one rollout."""
        del prompt_ids, completion_ids
        row = score_one(self.rewarder, Sample(prompt, completions, None, gold_of(data, self.reference), data))
        outcome = combine_rows(self.rewarder, [row], ["group"], update_state=False)
        for why in outcome.problems().values():
            raise PluginError(f"AReaL: no reward: {why}")
        return float(outcome.reward[0])


def group_workflow(
    workflow: Any,
    size: int,
    rewarder: Rewarder,
    tokenizer: Any,
    *,
    reference: str | Sequence[str] = REFERENCES,
    update_state: bool = True,
    base: Any = None,
    concat: Any = None,
) -> Any:
    """Return a rollout workflow that runs another one `size` times a prompt and combines the rewards.

    Args:
        workflow: a workflow that returns one rollout's tensors, such as AReaL's `RLVRWorkflow`; its own reward is ignored.
        size: rollouts a prompt; leave ``gconfig.n_samples`` and AReaL's ``group_size`` at 1.
        rewarder: what scores.
        tokenizer: decodes what was written.
        reference: the data's key with the gold answer, or several of which the first present is taken.
        update_state: False for evaluation.
        base: AReaL's `RolloutWorkflow` unless given.
        concat: joins rollouts' tensors; AReaL's `concat_padded_tensors` unless given.
    """
    if size < 1:
        raise ConfigError(f"AReaL: size = {size}; expected at least 1")
    if base is None:
        from areal.api.workflow_api import RolloutWorkflow

        base = RolloutWorkflow
    if concat is None:
        from areal.utils.data import concat_padded_tensors

        concat = concat_padded_tensors

    class GroupWorkflow(base):  # type: ignore[misc] # AReaL's own
        """All rollouts of a prompt, with the chain's output as rewards."""

        outcome: RewardOutput | None = None

        async def arun_episode(self, engine: Any, data: dict[str, Any]) -> Any:
            """Return the tensors of the rollouts that were not rejected, None if there are none."""
            found = await asyncio.gather(*(workflow.arun_episode(engine, data) for _ in range(size)))
            kept = [result for result in found if result is not None]
            if not kept:
                return None
            samples = [_sample(result, data, tokenizer, reference) for result in kept]
            answers = await asyncio.to_thread(rewarder.run_sources, samples)
            self.outcome = rewarder.combine(answers, ["group"] * len(kept), update_state=update_state)
            for result, value in zip(kept, filled(self.outcome), strict=True):
                result["rewards"] = result["rewards"].new_full(result["rewards"].shape, value)
            return concat(kept)

    return GroupWorkflow()


def _sample(result: Mapping[str, Any], data: dict[str, Any], tokenizer: Any, reference: str | Sequence[str]) -> Sample:
    """Read one rollout of the tensors of a workflow: what the loss mask covers was written by the policy."""
    tokens, mask = result["input_ids"][0].tolist(), result["loss_mask"][0].tolist()
    written = tokenizer.decode([t for t, m in zip(tokens, mask, strict=True) if m], skip_special_tokens=True)
    asked = data.get("messages", data.get("prompt", ""))
    return Sample(text_of(asked, "prompt"), written, "group", gold_of(data, reference), data)
