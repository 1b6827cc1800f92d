"""Adapter for verifiers: the traces of an episode are compared in ``finalize`` (0.4), or by a group rubric (below 0.4).

verifiers 0.4 scores one trace per call. Only an environment that makes several attempts in one episode, such as its best-of-n,
has them together, in ``finalize``. Older releases have rubrics, which score a group and set its advantages.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import islice
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
    turn_spans,
)
from herokit.adapters.common.info import AdapterInfo
from herokit.adapters.common.microbatch import MicroBatcher
from herokit.adapters.common.rows import Row, combine_rows, log_values, source_rows
from herokit.adapters.common.samples import REFERENCE_COLUMNS, find_reference
from herokit.combiners.chain import ends_with_credit
from herokit.conversations.messages import ASSISTANT
from herokit.distributed import abort_peers_on_error
from herokit.errors import ConfigError, DataError, PluginError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.sources.execution import SourceOutputs
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
    credit="0.4: `advantages` of a trace's nodes, one number a sampled token; below 0.4: `advantage` of a trajectory's steps",
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


def token_credit(traces: Sequence[Any], output: RewardOutput, owner: str) -> list[list[float] | float]:
    """Return for each trace the advantages of its sampled tokens, message after message; 0.0 where a source failed.

    The turns are those of the last branch, by the rule of `Sample.turns`; their tokens are the sampled ones of its nodes.

    Args:
        traces: of verifiers 0.4, with nodes.
        output: of a chain that ends with credit.
        owner: the trainer, for messages.

    Raises:
        DataError: a trace has another number of turns than the credit has parts, or sampled tokens outside its last branch; the
            message has the trace and both numbers.
    """
    assert output.credit is not None  # noqa: S101 - the caller has asked for it
    advantages: list[list[float] | float] = []
    for row, trace in enumerate(traces):
        if not output.valid[row]:
            advantages.append(0.0)
            continue
        nodes = trace.branches[-1].nodes if trace.branches else []
        start = next((i for i, node in enumerate(nodes) if node.sampled), len(nodes))
        spans = turn_spans((node.message.role == ASSISTANT, sum(node.mask)) for node in nodes[start:])
        total, end = sum(sum(node.mask) for node in trace.nodes), spans[-1][1] if spans else 0
        if total != end:
            raise DataError(
                f"{owner}: trace {row} has {total} sampled tokens, {end} of them on its last branch, whose turns the sources "
                "judged; end the chain with AggregateParts where traces have branches"
            )
        name = f"{owner}: trace {row}, whose messages are the spans"
        advantages.append(output.credit.rows(row, row + 1).tokens([[1] * end], [spans], names=[name])[0].tolist())
    return advantages


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

    A chain that ends with credit also sets ``advantages`` of the sampled nodes: every token has that of its turn. The recorded
    reward is then `RewardOutput.reward`.

    Attributes:
        herokit: the rewarder.
        herokit_reference: the field of the reference answer in the task data.
        herokit_name: the name of the recorded reward.
        herokit_update_state: False for evaluation.
        herokit_output: of the last episode; None if it had no trace without an error.

    Raises:
        DataError: in ``finalize``: the turns of a trace are not the parts that the sources judged; see `token_credit`.
    """

    herokit_reference: str | Sequence[str] = REFERENCE_COLUMNS
    herokit_name: str = "herokit"
    herokit_update_state: bool = True
    herokit_output: RewardOutput | None = None
    _batcher: MicroBatcher | None = None
    _takes_credit = True

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
        output = combine_rows(
            self.herokit, rows, [episode.id] * len(rows), samples=samples, update_state=self.herokit_update_state
        )
        self.herokit_output = output
        problems = output.problems()
        has_credit = ends_with_credit(self.herokit.combiner)
        credit = token_credit(traces, output, "verifiers") if has_credit else [None] * len(traces)
        values = output.reward if has_credit else trainer_values(output)
        for i, (trace, row, value) in enumerate(zip(traces, rows, values.tolist(), strict=True)):
            self._record(trace, row, value, problems.get(i))
            if isinstance(tokens := credit[i], list):
                _set_advantages(trace, tokens)

    def _record(self, trace: Any, row: Row, value: float, problem: str | None) -> None:
        for name, reward in trace.rewards.items():
            if reward is not None:
                trace.record_reward(name, reward.score, 0.0)
        trace.record_metrics({name: row[name] for name in self.herokit.sources if row[name] is not None})
        if problem is not None:
            trace.record_error(PluginError(problem))
        else:
            trace.record_reward(self.herokit_name, value if np.isfinite(value) else 0.0)  # NaN: a filter marked it


def _set_advantages(trace: Any, tokens: Sequence[float]) -> None:
    values = iter(tokens)
    for node in trace.nodes:
        if node.sampled:
            node.advantages = list(islice(values, sum(node.mask)))


def rubric(
    rewarder: RewarderLike,
    *,
    reference: str | Sequence[str] = ("answer", *REFERENCE_COLUMNS),
    update_state: bool = True,
) -> Any:
    """Return a `Rubric` for verifiers below 0.4 whose groups are scored by the rewarder, advantages included.

    A chain that ends with credit gives every step of a trajectory the advantage of its turn.

    Args:
        rewarder: the sources and the chain.
        reference: the key of the reference answer in a state or its info.
        update_state: False for evaluation.

    Raises:
        ConfigError: this release of verifiers has no rubrics.
        DataError: when called: a state has another number of steps than the sources judged parts.
    """
    base: Any = _rubric_class()
    group_rewarder = to_rewarder(rewarder, takes_credit=True)

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
            output = await score_group(group_rewarder, samples, takes_credit=True, update_state=update_state)
            _fill(states, output, group_rewarder)

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


def _fill(states: Sequence[Any], output: RewardOutput, rewarder: Rewarder) -> None:
    """Write rewards, advantages and metrics as `Rubric.score_group` does."""
    steps = [state.get("trajectory") or [] for state in states]
    credit = None if output.credit is None else _step_credit(steps, output)
    rewards, advantages = trainer_values_filled(output), np.nan_to_num(output.advantage).tolist()
    results = source_rows(SourceOutputs(output.verdicts, output.scores))
    for row, state in enumerate(states):
        state["reward"], state["advantage"] = rewards[row], advantages[row]
        state["metrics"] = log_values(rewarder, results[row]) | {"herokit_failed": float(not output.valid[row])}
        for number, step in enumerate(steps[row]):
            if step["advantage"] is None:
                step["advantage"] = advantages[row] if credit is None else credit[row][number]
            if step["reward"] is None:
                step["reward"] = rewards[row]


def _step_credit(steps: Sequence[Sequence[Any]], output: RewardOutput) -> list[list[float]]:
    """Return the advantages of the steps of each state; 0 where a source failed.

    Raises:
        DataError: a state has another number of steps than parts; the message has its row and both numbers.
    """
    assert output.credit is not None  # noqa: S101 - the caller has asked for it
    rows = []
    for row, (state, credit) in enumerate(zip(steps, output.credit.ragged(), strict=True)):
        if output.valid[row] and len(state) != len(credit):
            raise DataError(
                f"verifiers: state {row} has {len(credit)} parts, but its trajectory has {len(state)} steps; judge a part for each step"
            )
        rows.append(credit if output.valid[row] else [0.0] * len(state))
    return rows
