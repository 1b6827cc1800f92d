"""Adapter for verifiers: the traces of an episode are compared in ``finalize`` (0.4), or by a group rubric (below 0.4).

verifiers 0.4 scores one trace per call. Only an environment that makes several attempts in one episode, such as its best-of-n,
has them together, in ``finalize``. Older releases have rubrics, which score a group and set its advantages.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from herokit.adapters.common import samples as common_samples
from herokit.adapters.common.base import (
    RewarderLike,
    RewarderMixin,
    score_group,
    to_rewarder,
    trainer_values,
    trainer_values_filled,
)
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import Row, combine_rows
from herokit.adapters.common.samples import REFERENCE_COLUMNS, find_reference
from herokit.combiners.chain import check_no_credit
from herokit.distributed import abort_peers_on_error
from herokit.errors import ConfigError, PluginError
from herokit.outcome import RewardOutput
from herokit.types import Sample

__all__ = [
    "GroupRewardMixin",
    "RewardFunction",
    "rubric",
]

INFO = AdapterInfo(
    trainer="verifiers",
    version="0.4.0, 0.1.14",
    tested="integration",
    scope="one trace; the traces of an episode in `finalize`; a group in a rubric below 0.4",
    settings="none: it centers at most",
    state="by hand: `save_state`, `load_state`",
    limitations="0.4 has no hook over episodes: a group of several episodes is combined by the trainer (prime-rl's "
    "Algorithm); rubrics accept no None, so a row on which a source failed gets advantage 0",
    page="how-to/verifiers.md",
)


def make_sample(trace: Any, group: Hashable, reference: str | Sequence[str] = REFERENCE_COLUMNS) -> Sample:
    """Make a sample from a trace of verifiers 0.4: the messages of its last branch, and the task's reference answer.

    A trace without messages of the policy, and one whose root agent's reply is set, has the prompt of its task and its last
    reply instead.

    Args:
        trace: a trace whose task data has the reference answer as a field.
        group: the group it belongs to.
        reference: the name of that field, or several of which the first present is used.
    """
    data = trace.task.data
    names = (reference,) if isinstance(reference, str) else reference
    answer = find_reference({name: getattr(data, name, None) for name in names}, names)
    prompt, completion = _read_branch(trace)
    return common_samples.make_sample(
        data.prompt_text if prompt is None else prompt,
        trace.last_reply if prompt is None else completion,
        group,
        answer,
        {"trace": trace},
        location="verifiers",
        num_tokens=getattr(trace, "num_output_tokens", 0) or None,
        truncated=getattr(trace, "is_truncated", None),
    )


def _read_branch(trace: Any) -> tuple[list[Any] | None, list[Any]]:
    """Return the messages before and from the policy's first one, on the last branch of a trace; None if it wrote none."""
    branches = [] if getattr(trace, "root_reply", None) is not None else getattr(trace, "branches", None)
    nodes = branches[-1].nodes if branches else []
    start = next((i for i, node in enumerate(nodes) if node.sampled), None)
    if start is None:
        return None, []
    return [node.message for node in nodes[:start]], [node.message for node in nodes[start:]]


class RewardFunction:
    """A reward function of verifiers 0.4: the value of every source for one trace, each as a reward of its own.

    Use it as ``@vf.reward(weight=...)`` on a coroutine that awaits it, or name it in a task's config. A source that fails
    fails the scoring, as verifiers expects: the trace carries an error and is not trained on.

    Args:
        rewarder: the one whose sources run; nothing is combined.
        reference: the field of the reference answer in the task data.
    """

    def __init__(self, rewarder: RewarderLike, reference: str | Sequence[str] = REFERENCE_COLUMNS) -> None:
        self.rewarder, self.reference = to_rewarder(rewarder), reference
        self._batcher = MicroBatcher(self.rewarder)

    async def __call__(self, trace: Any) -> dict[str, float]:
        """Return source name -> value.

        Raises:
            PluginError: a source failed.
        """
        row = (await self._batcher.arun([make_sample(trace, None, self.reference)]))[0]
        for name in self.rewarder.sources:
            if row[name] is None:
                raise PluginError(f"{name}: {row[f'{name}_reason'] or row[f'{name}_status']}")
        return {name: row[name] for name in self.rewarder.sources}


class GroupRewardMixin(RewarderMixin):
    """Mixin for an environment of verifiers 0.4: combines the traces of an episode in ``finalize``.

    ::

        class Env(GroupRewardMixin, BestOfNEnv, herokit="hero.toml"): ...

    Every trace gets the output of the chain as its reward, and the values of the sources as metrics. Rewards that a trace
    already has are kept with weight 0. A trace with an error is left alone; a trace on which a source failed gets an error, so
    that it is not trained on.

    Attributes:
        herokit: the rewarder.
        herokit_reference: the field of the reference answer in the task data.
        herokit_name: the name of the recorded reward.
        herokit_update_state: False for evaluation.
        herokit_output: of the last episode; None if it had no trace without an error.
    """

    herokit_reference: str | Sequence[str] = REFERENCE_COLUMNS
    herokit_name: str = "herokit"
    herokit_update_state: bool = True
    herokit_output: RewardOutput | None = None
    _batcher: MicroBatcher | None = None

    async def finalize(self, task: Any, episode: Any) -> None:
        """Record the rewards of an episode, after the environment's own ``finalize``; verifiers calls this."""
        await super().finalize(task, episode)  # type: ignore[misc] # verifiers' own
        self.herokit_output = None
        traces = [trace for trace in episode.traces if not trace.has_error]
        if not traces:
            return
        if self._batcher is None:
            self._batcher = MicroBatcher(self.herokit)
        with abort_peers_on_error(self.herokit):
            samples = [make_sample(trace, episode.id, self.herokit_reference) for trace in traces]
            rows = await self._batcher.arun(samples)
        check_no_credit(self.herokit.combiner, "verifiers")
        output = combine_rows(
            self.herokit, rows, [episode.id] * len(rows), samples=samples, update_state=self.herokit_update_state
        )
        self.herokit_output = output
        problems = output.problems()
        for i, (trace, row, value) in enumerate(zip(traces, rows, trainer_values(output).tolist(), strict=True)):
            self._record(trace, row, value, problems.get(i))

    def _record(self, trace: Any, row: Row, value: float, problem: str | None) -> None:
        for name, reward in trace.rewards.items():
            if reward is not None:
                trace.record_reward(name, reward.score, 0.0)
        trace.record_metrics({name: row[name] for name in self.herokit.sources if row[name] is not None})
        if problem is not None:
            trace.record_error(PluginError(problem))
        else:
            trace.record_reward(self.herokit_name, value if np.isfinite(value) else 0.0)  # NaN: a filter marked it


def rubric(
    rewarder: RewarderLike,
    *,
    reference: str | Sequence[str] = ("answer", *REFERENCE_COLUMNS),
    update_state: bool = True,
) -> Any:
    """Return a `Rubric` for verifiers below 0.4 whose groups are scored by the rewarder, advantages included.

    Args:
        rewarder: the sources and the chain.
        reference: the key of the reference answer in a state or its info.
        update_state: False for evaluation.

    Raises:
        ConfigError: this release of verifiers has no rubrics.
    """
    base: Any = _rubric_class()
    group_rewarder = to_rewarder(rewarder)

    class GroupRubric(base):  # type: ignore[misc] # verifiers' own
        """Sets reward, advantage and metrics of every state of a group."""

        def __init__(self) -> None:
            super().__init__()
            self.rewarder = group_rewarder

        @property
        def has_group_rewards(self) -> bool:
            return True

        @property
        def has_advantages(self) -> bool:
            return True

        async def score_group(self, states: list[Any]) -> None:
            samples = (_make_sample_from_state(state, reference) for state in states)
            _fill(states, await score_group(group_rewarder, samples, update_state=update_state))

    return GroupRubric()


def _rubric_class() -> Any:
    import verifiers

    if hasattr(verifiers, "Rubric"):
        return verifiers.Rubric
    try:
        from verifiers.legacy import Rubric
    except ImportError:
        raise ConfigError(
            "this release of verifiers has no rubrics (0.4 removed them); use "
            "herokit.adapters.verifiers.GroupRewardMixin"
        ) from None
    return Rubric


def _make_sample_from_state(state: Mapping[str, Any], reference: str | Sequence[str]) -> Sample:
    names = (reference,) if isinstance(reference, str) else reference
    fields = {name: state.get(name) for name in names}  # State.get also looks into the input; iteration does not
    answer = find_reference(fields, names)
    if answer is None or answer == "":  # a state without an answer has an empty one
        other = find_reference(state.get("info") or {}, names)
        answer = answer if other is None else other
    tokens = [step["tokens"]["completion_ids"] for step in state.get("trajectory") or [] if step.get("tokens")]
    return common_samples.make_sample(
        state["prompt"],
        state["completion"],
        "group",
        answer,
        {"state": state},
        location="verifiers",
        num_tokens=sum(map(len, tokens)) or None,
        truncated=state.get("is_truncated"),
    )


def _fill(states: Sequence[Any], output: RewardOutput) -> None:
    """Write rewards, advantages and metrics as `Rubric.score_group` does."""
    rewards, advantages = trainer_values_filled(output), np.nan_to_num(output.advantage).tolist()
    columns = {name: output.scores[name].values.tolist() for name in output.scores}
    columns |= {name: [v.value for v in verdicts] for name, verdicts in output.verdicts.items()}
    for row, state in enumerate(states):
        state["reward"], state["advantage"] = rewards[row], advantages[row]
        state["metrics"] = {name: float(values[row] or 0.0) for name, values in columns.items()}
        state["metrics"]["herokit_failed"] = float(not output.valid[row])
        for step in state.get("trajectory") or []:
            if step["advantage"] is None:
                step["advantage"] = advantages[row]
            if step["reward"] is None:
                step["reward"] = rewards[row]
