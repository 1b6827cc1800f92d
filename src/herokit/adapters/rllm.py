"""Adapter for rLLM: an evaluator whose signals are the source results, and an advantage estimator over trajectory groups."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import numpy as np

from herokit.adapters.common.base import RewarderLike, to_rewarder
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import combine_rows, display_value
from herokit.adapters.common.samples import REFERENCE_COLUMNS, find_reference, make_sample
from herokit.combiners.base import CORRECT_THRESHOLD
from herokit.conversations.messages import ASSISTANT
from herokit.errors import ConfigError
from herokit.outcome import RewardOutput

__all__ = ["AdvantageEstimator", "RewardFunction", "register"]

INFO = AdapterInfo(
    trainer="rLLM",
    version="9beb6e0",
    tested="contract",
    scope="one episode; the estimator sees all groups of a role",
    settings='`AgentTrainer(traj_group_adv_estimator_map={role: "herokit"})`',
    state="by hand: `save_state`, `load_state`",
    limitations="no hook at checkpoints; not run in the tests, as rLLM is not on PyPI (tested by hand on a checkout of that "
    "commit)",
    page="how-to/rllm.md",
)


class _Evaluation(TypedDict):
    """The fields of an `EvalOutput` of rLLM."""

    reward: float
    is_correct: bool
    signals: dict[str, float]
    metadata: dict[str, str]


class RewardFunction:
    """An evaluator of rLLM: the value of every source for the last trajectory of an episode, as signals.

    Args:
        rewarder: the one whose sources run; nothing is combined.
        reference: the key of the reference answer in a task or its metadata.

    Example:
        >>> from herokit import Rewarder, Select, Verdict
        >>> class Exact:
        ...     def verify(self, samples):
        ...         return [Verdict(float(s.final_text == s.reference)) for s in samples]
        >>> evaluator = RewardFunction(Rewarder({"verifier": Exact()}, Select("verifier")))
        >>> evaluator.score({"question": "2 + 2?", "answer": "4"}, "4")
        {'reward': 1.0, 'is_correct': True, 'signals': {'verifier': 1.0}, 'metadata': {'verifier_reason': ''}}
    """

    def __init__(self, rewarder: RewarderLike, reference: str | Sequence[str] = REFERENCE_COLUMNS) -> None:
        self.rewarder, self.reference = to_rewarder(rewarder), reference
        self._batcher = MicroBatcher(self.rewarder)

    def __call__(self, task: Any, episode: Any) -> _Evaluation:
        """Score an episode by its last trajectory, with its messages if it has some; wrap it with ``rllm.evaluator``."""
        if not episode.trajectories:
            return self.score(task, "")
        trajectory = episode.trajectories[-1]
        prompt, completion = _read_messages(trajectory)
        count = sum(len(getattr(step, "response_ids", None) or ()) for step in getattr(trajectory, "steps", None) or ())
        return self.score(task, completion, prompt=prompt, num_tokens=count or None)

    def score(self, task: Any, action: Any, *, prompt: Any = None, num_tokens: int | None = None) -> _Evaluation:
        """Score one answer; rLLM makes an `EvalOutput` of the dictionary. A source without a value has signal NaN.

        Args:
            task: a mapping, or rLLM's own, with the reference.
            action: text or messages.
            prompt: text or messages; by default the question of the task.
            num_tokens: tokens of the answer.
        """
        fields = task if isinstance(task, dict) else {"question": getattr(task, "instruction", ""), **task.metadata}
        if prompt is None:
            prompt = next((fields[name] for name in ("question", "prompt", "problem") if name in fields), "")
        answer = find_reference(fields, self.reference)
        sample = make_sample(prompt, action, None, answer, fields, location="rLLM", num_tokens=num_tokens)
        row = self._batcher.run([sample])[0]
        value = display_value(self.rewarder, row)
        return {
            "reward": value,
            "is_correct": value > CORRECT_THRESHOLD,
            "signals": {
                name: float("nan") if row[name] is None else float(row[name]) for name in self.rewarder.sources
            },
            "metadata": {f"{name}_reason": row[f"{name}_reason"] for name in self.rewarder.sources},
        }


def _read_messages(trajectory: Any) -> tuple[Any, Any]:
    """Return prompt and completion of a trajectory: messages if its steps have the conversation, else its output.

    An output that is no part of the last message was set by the agent, and is what it wants to be judged.
    """
    output = "" if trajectory.output is None else str(trajectory.output)
    chats = [
        chat for step in getattr(trajectory, "steps", None) or () if (chat := getattr(step, "chat_completions", None))
    ]
    if not chats or chats[-1][-1].get("role") != ASSISTANT or chats[0][-1].get("role") != ASSISTANT:
        return None, output
    prompt, last = chats[0][:-1], chats[-1]
    if last[: len(prompt)] != prompt or output.strip() not in str(last[-1].get("content")):
        return None, output
    return prompt, last[len(prompt) :]


class AdvantageEstimator:
    """An advantage estimator of rLLM: combines all groups of a role; `register` registers one.

    The source results are the signals of the trajectories. If no trajectory of a batch has signals, the rewards are the
    values of the one source.

    Args:
        rewarder: the one that combines; every batch updates its state.

    Attributes:
        output: of the last batch.

    Raises:
        ConfigError: when called: a trajectory lacks the signal of a source.

    Example:
        >>> from herokit import Center, Rewarder, Select, chain
        >>> class Length:
        ...     def score(self, samples):
        ...         return [len(s.completion_text) for s in samples]
        >>> estimator = AdvantageEstimator(Rewarder({"rm": Length()}, chain(Select("rm"), Center())))
        >>> [group.tolist() for group in estimator([np.array([1.0, 3.0])], None)[0]]
        [[-1.0, 1.0]]
    """

    def __init__(self, rewarder: RewarderLike) -> None:
        self.rewarder = to_rewarder(rewarder)
        self.output: RewardOutput | None = None

    def __call__(
        self, rewards: Sequence[Any], algorithm_config: Any, traj_groups: Sequence[Any] | None = None, **_kwargs: Any
    ) -> tuple[list[Any], list[Any]]:
        """Return advantages and returns, a list of arrays each, shaped as `rewards`."""
        del algorithm_config  # its normalization does not apply
        sizes = [len(group) for group in rewards]
        if not sizes:
            return [], []
        rows = self._rows(rewards, traj_groups)
        self.output = combine_rows(self.rewarder, rows, np.repeat(np.arange(len(sizes)), sizes).tolist())
        advantages = np.split(np.nan_to_num(self.output.advantage), np.cumsum(sizes)[:-1])
        return advantages, list(advantages)

    def _rows(self, rewards: Sequence[Any], traj_groups: Sequence[Any] | None) -> list[dict[str, Any]]:
        names = list(self.rewarder.sources)
        signals = [dict(t.signals) for group in traj_groups or () for t in group.trajectories]
        if not any(signals) and len(names) == 1:
            return [{names[0]: float(x)} for group in rewards for x in group]
        for row, signal in enumerate(signals):
            missing = [name for name in names if name not in signal]
            if missing:
                raise ConfigError(
                    f"rLLM: trajectory {row} has no signal {missing}, only {sorted(signal)}; use a RewardFunction of "
                    "herokit.adapters.rllm as the evaluator"
                )
        if not signals:
            raise ConfigError(f"rLLM: the rewards came without trajectories, which the sources {names} need")
        return signals


def register(rewarder: RewarderLike, name: str = "herokit") -> Callable[..., Any]:
    """Register an `AdvantageEstimator` under `name`, and return it."""
    from rllm.trainer.algorithms.advantage import register_rllm_adv_estimator

    registered: Callable[..., Any] = register_rllm_adv_estimator(name)(AdvantageEstimator(rewarder))
    return registered
