"""Bridge to OpenReward and its standard, ORS: an environment's reward as a source, and a scheme as an environment's ``score_group``."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from herokit.adapters.common.base import RewarderMixin, score_group, trainer_values
from herokit.adapters.common.samples import find_reference
from herokit.conversations import read_conversation
from herokit.errors import PluginError
from herokit.outcome import RewardOutput
from herokit.types import Sample

__all__ = ["GroupScoreMixin", "TerminalReward"]


@dataclass(frozen=True, slots=True)
class TerminalReward:
    """The reward that an ORS environment gives a final text, as a reward function of a sample.

    For environments with a ``@terminal`` tool: it gets the final text in a session of its own. A call that fails and an output without
    a reward fail the row.

    Args:
        make_session: returns a session of OpenReward's client for the task of a sample.

    Example:
        >>> from contextlib import nullcontext
        >>> from types import SimpleNamespace
        >>> session = SimpleNamespace(call_terminal_tool=lambda text: SimpleNamespace(reward=float(text == "4"), blocks=[]))
        >>> TerminalReward(lambda sample: nullcontext(session))(Sample("2 + 2?", "4", 0))
        {'score': 1.0, 'reason': ''}
    """

    make_session: Callable[[Sample], AbstractContextManager[Any]]

    def __call__(self, sample: Sample) -> dict[str, Any]:
        """Return the reward, and what the environment says of it."""
        with self.make_session(sample) as session:
            output = session.call_terminal_tool(sample.final_text)
        texts = [block.text for block in output.blocks if getattr(block, "type", "") == "text"]
        return {"score": output.reward, "reason": " ".join(texts)[:500]}


class GroupScoreMixin(RewarderMixin):
    """Mixin for an `Environment` of OpenReward: its ``score_group`` is the output of the chain for the candidates.

    ORS has no place for a candidate without a score, so it raises if one has none: it names the candidate and the reason.

    Attributes:
        herokit: the rewarder.
        herokit_output: of the last group.
    """

    herokit_output: RewardOutput | None = None
    task_spec: Mapping[str, Any]

    async def score_group(self, candidates: Sequence[Any]) -> list[float]:
        """Return a score for each candidate; OpenReward's server calls this.

        Raises:
            PluginError: a candidate has no score.
        """
        samples = [self.herokit_make_sample(candidate) for candidate in candidates]
        self.herokit_output = output = await score_group(self.herokit, samples)
        values = trainer_values(output)
        missing = np.flatnonzero(~np.isfinite(values)).tolist()
        if missing:
            reason = output.problems().get(missing[0], "a filter dropped it")
            raise PluginError(f"candidate {missing[0]} has no score: {reason}")
        return [float(value) for value in values]

    def herokit_make_sample(self, candidate: Any) -> Sample:
        """Return a candidate as a sample; its reference is a field of the task with a usual name. Override it for other tasks."""
        messages = [_to_anthropic(message) for message in candidate.messages]
        rollout = read_conversation({"messages": messages}, "anthropic", place="candidate")
        task = dict(self.task_spec)
        return Sample(rollout.prompt, rollout.completion, "group", find_reference(task), task)


def _to_anthropic(message: Any) -> dict[str, Any]:
    """Return a message of ORS, whose blocks are those of Anthropic under other names."""
    return {"role": message.role, "content": [_to_block(block) for block in message.blocks]}


def _to_block(block: Any) -> dict[str, Any]:
    if block.type == "reasoning":
        return {"type": "thinking", "thinking": block.text}
    if block.type == "tool_call":
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": dict(block.input)}
    if block.type == "tool_result":
        content = [_to_block(inner) for inner in block.blocks]
        return {
            "type": "tool_result",
            "tool_use_id": block.tool_call_id,
            "content": content,
            "is_error": block.is_error,
        }
    if block.type == "image":
        source = {"type": "base64", "media_type": block.mimeType, "data": block.data}
        return {"type": "image", "source": source}
    return {"type": "text", "text": block.text}
