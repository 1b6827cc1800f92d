"""verifiers: sibling traces of an episode compared in ``finalize`` (0.4), and a group rubric (below 0.4).

verifiers 0.4 scores one trace a call; only an env that runs several attempts in one episode, such as its best-of-n, sees
siblings, in ``finalize``. Older releases have rubrics, which see a group and set its advantages.
"""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from herokit.adapters.common.base import REFERENCES, filled, final, gold_of, text_of
from herokit.adapters.common.info import Support
from herokit.adapters.common.microbatch import Scorer
from herokit.adapters.common.rows import answers_of
from herokit.errors import ConfigError, PluginError
from herokit.outcome import RewardOutput
from herokit.rewarder import Rewarder
from herokit.types import Sample

SUPPORT = Support(
    trainer="verifiers",
    version="0.4.0, 0.1.14",
    tried="real objects",
    sees="one trace; an episode's traces in `finalize`; a group in a rubric below 0.4",
    settings="nothing: it centres at most",
    state="the rewarder's own: `save_state`, `load_state`",
    lost="0.4 has no hook over episodes: a group that is several episodes is combined by the trainer (prime-rl's "
    "Algorithm); rubrics know no None, so a row on which a source failed gets advantage 0",
    page="how-to/verifiers.md",
)


def sample_of(trace: Any, group: Hashable, reference: str | Sequence[str] = REFERENCES) -> Sample:
    """Read one trace of verifiers 0.4: its task's prompt, its last reply, and the task's gold answer.

    Args:
        trace: a trace whose task data has the gold answer as a field.
        group: the group it competes in.
        reference: the field's name, or several of which the first present is taken.
    """
    data = trace.task.data
    names = (reference,) if isinstance(reference, str) else reference
    gold = gold_of({name: getattr(data, name, None) for name in names}, names)
    return Sample(data.prompt_text, trace.last_reply, group, gold, {"trace": trace})


class Reward:
    """A reward function of verifiers 0.4: what every source says of one trace, each as a reward of its own.

    Use it as ``@vf.reward(weight=...)`` on a coroutine that awaits it, or name it in a task's config. A source that cannot
    say fails the scoring, as verifiers wants it: the trace carries an error and is not trained on.

    Args:
        rewarder: whose sources are asked; nothing is combined.
        reference: the task data's field with the gold answer.
    """

    def __init__(self, rewarder: Rewarder, reference: str | Sequence[str] = REFERENCES) -> None:
        self.scorer, self.reference = Scorer(rewarder), reference

    async def __call__(self, trace: Any) -> dict[str, float]:
        """Return source name -> value.

        Raises:
            PluginError: a source could not say.
        """
        row = (await self.scorer.arows([sample_of(trace, None, self.reference)]))[0]
        for name in self.scorer.rewarder.sources:
            if row[name] is None:
                raise PluginError(f"{name}: {row[f'{name}_reason'] or row[f'{name}_status']}")
        return {name: row[name] for name in self.scorer.rewarder.sources}


class Episodes:
    """Combines the sibling traces of an episode of verifiers 0.4.

    Args:
        rewarder: what scores.
        reference: the task data's field with the gold answer.
        name: the reward that is recorded.
        update_state: False for evaluation.
    """

    def __init__(
        self,
        rewarder: Rewarder,
        reference: str | Sequence[str] = REFERENCES,
        *,
        name: str = "herokit",
        update_state: bool = True,
    ) -> None:
        self.rewarder, self.scorer = rewarder, Scorer(rewarder)
        self.reference, self.name, self.update_state = reference, name, update_state

    async def finalize(self, episode: Any) -> RewardOutput | None:
        """Record the chain's output on every trace as its reward, and what the sources said as metrics; call it in ``finalize``.

        Rewards that a trace already has are kept with weight 0. A trace that carries an error is left alone; one on which
        a source failed is given one, so that nobody trains on it. None if no trace is left.
        """
        traces = [trace for trace in episode.traces if not trace.has_error]
        if not traces:
            return None
        rows = await self.scorer.arows([sample_of(trace, episode.id, self.reference) for trace in traces])
        answers = answers_of(self.rewarder, rows)
        outcome = self.rewarder.combine(answers, [episode.id] * len(rows), update_state=self.update_state)
        problems = outcome.problems()
        for at, (trace, row, value) in enumerate(zip(traces, rows, final(outcome).tolist(), strict=True)):
            for name, reward in trace.rewards.items():
                if reward is not None:
                    trace.record_reward(name, reward.score, 0.0)
            trace.record_metrics({name: row[name] for name in self.rewarder.sources if row[name] is not None})
            if at in problems:
                trace.record_error(PluginError(problems[at]))
            elif np.isfinite(value):
                trace.record_reward(self.name, value)
            else:
                trace.record_reward(self.name, 0.0)  # a filter marked it: advantage 0, on purpose
        return outcome


def rubric(
    rewarder: Rewarder, *, reference: str | Sequence[str] = ("answer", *REFERENCES), update_state: bool = True
) -> Any:
    """Return a `Rubric` for verifiers below 0.4 whose groups are scored by the rewarder, advantages included.

    Args:
        rewarder: what scores.
        reference: the key of a state, or of its info, with the gold answer.
        update_state: False for evaluation.
    """
    base: Any = _legacy()

    class GroupRubric(base):  # type: ignore[misc] # verifiers' own
        """Sets reward, advantage and metrics of every state of a group."""

        def __init__(self) -> None:
            super().__init__()
            self.rewarder = rewarder

        @property
        def has_group_rewards(self) -> bool:
            return True

        @property
        def has_advantages(self) -> bool:
            return True

        async def score_group(self, states: list[Any]) -> None:
            samples = [_sample_of_state(state, reference) for state in states]
            answers = await asyncio.to_thread(rewarder.run_sources, samples)
            outcome = rewarder.combine(answers, ["group"] * len(states), update_state=update_state)
            _fill(states, outcome)

    return GroupRubric()


def _legacy() -> Any:
    """Return the rubric class, wherever this release keeps it."""
    import verifiers

    if hasattr(verifiers, "Rubric"):
        return verifiers.Rubric
    try:
        from verifiers.legacy import Rubric
    except ImportError:
        raise ConfigError(
            "this release of verifiers has no rubrics (0.4 removed them); use herokit.adapters.verifiers.Episodes"
        ) from None
    return Rubric


def _sample_of_state(state: Mapping[str, Any], reference: str | Sequence[str]) -> Sample:
    names = (reference,) if isinstance(reference, str) else reference
    fields = {name: state.get(name) for name in names}  # a state answers for its input too, and only through get
    gold = gold_of(fields, names) or gold_of(state.get("info") or {}, names)
    return Sample(
        text_of(_plain(state["prompt"]), "prompt"),
        text_of(_plain(state["completion"]), "completion", last=True),
        "group",
        gold,
        {"state": state},
    )


def _plain(messages: Any) -> Any:
    """Return messages as mappings; newer releases have objects."""
    if isinstance(messages, str):
        return messages
    return [m if isinstance(m, Mapping) else {"role": m.role, "content": m.content} for m in messages]


def _fill(states: Sequence[Any], outcome: RewardOutput) -> None:
    """Write rewards, advantages and metrics as `Rubric.score_group` does."""
    rewards, advantages = filled(outcome), np.nan_to_num(outcome.advantage).tolist()
    columns = {name: outcome.scores[name].values.tolist() for name in outcome.scores}
    columns |= {name: [v.value for v in verdicts] for name, verdicts in outcome.verdicts.items()}
    for at, state in enumerate(states):
        state["reward"], state["advantage"] = rewards[at], advantages[at]
        state["metrics"] = {name: float(values[at] or 0.0) for name, values in columns.items()}
        state["metrics"]["herokit_failed"] = float(not outcome.valid[at])
        for step in state.get("trajectory") or []:
            if step["advantage"] is None:
                step["advantage"] = advantages[at]
            if step["reward"] is None:
                step["reward"] = rewards[at]
