"""Bridge to OpenEnv, both ways: a scheme as a `Rubric` of an environment, and a `Rubric` as a source.

OpenEnv calls a rubric with an action and the observation that followed, one rollout at a time. A scheme that compares the rollouts
of a group does not fit there: `rubric` refuses it, and its sources go into the environment without it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from herokit.adapters.common.base import RewarderLike, nan_to_none, to_rewarder, trainer_values
from herokit.adapters.common.pointwise import check_group_independent
from herokit.adapters.common.rows import combine_rows, score_one
from herokit.sources.coroutines import await_result
from herokit.types import Sample

__all__ = ["RubricFunction", "rubric"]

Step: TypeAlias = tuple[Any, Any]
"""An action of OpenEnv and the observation that followed."""


def rubric(rewarder: RewarderLike, make_sample: Callable[[Sequence[Step]], Sample], *, every_step: bool = False) -> Any:
    """Return an OpenEnv `Rubric` whose reward is that of the scheme.

    It waits for the observation that is ``done`` and gives 0 before; its children, ``named_rubrics()``, are the sources, each with
    its value as ``last_score``. The reward is None if a source fails, as `Observation.reward` allows; a container of OpenEnv, such as
    ``WeightedSum``, raises on it.

    Args:
        rewarder: the sources and the chain; the chain compares no rollouts.
        make_sample: makes a sample of the steps so far, pairs of action and observation: prompt and reference are known to the
            environment alone.
        every_step: score every step by itself, for environments that reward each.

    Raises:
        ConfigError: the chain compares the rollouts of a group.
        ModuleNotFoundError: OpenEnv is not installed.
    """
    from openenv.core.rubrics import TrajectoryRubric

    shared = to_rewarder(rewarder)
    check_group_independent(shared, owner="a rubric of OpenEnv", fix="leave the groups to the trainer's adapter")

    class SchemeRubric(TrajectoryRubric):  # type: ignore[misc] # OpenEnv's own
        """The reward of a scheme."""

        def __init__(self) -> None:
            super().__init__()
            self._rewards: list[float | None] = []
            for name, child in _make_children(shared.sources).items():
                setattr(self, name, child)

        def forward(self, action: Any, observation: Any) -> Any:
            if not every_step:
                return super().forward(action, observation)
            reward = self.score_trajectory([(action, observation)])
            self._trajectory.append((action, observation))
            self._rewards.append(reward)
            return reward

        def score_trajectory(self, trajectory: list[Step]) -> float | None:
            row = score_one(shared, make_sample(trajectory))
            _set_last_scores(self, {name: row[name] for name in shared.sources})
            return nan_to_none(trainer_values(combine_rows(shared, [row], [0])))[0]

        def compute_step_rewards(self) -> list[float | None]:
            if every_step:
                return list(self._rewards)
            return [*[self.intermediate_reward] * (len(self._trajectory) - 1), self.last_score][: len(self._trajectory)]

        def reset(self) -> None:
            super().reset()
            self._rewards = []
            self.last_score = None
            _set_last_scores(self, dict.fromkeys(shared.sources))

    return SchemeRubric()


def _make_children(names: Iterable[str]) -> dict[str, Any]:
    from openenv.core.rubrics import Rubric

    class SourceRubric(Rubric):  # type: ignore[misc] # OpenEnv's own
        """A source of the scheme; the rubric above it sets its score."""

        def forward(self, action: Any, observation: Any) -> Any:  # noqa: ARG002 - OpenEnv's signature
            return self.last_score

    return {name: SourceRubric() for name in names}


def _set_last_scores(rubric: Any, scores: Mapping[str, Any]) -> None:
    for name, score in scores.items():
        getattr(rubric, name).last_score = score


@dataclass(frozen=True, slots=True)
class RubricFunction:
    """A `Rubric` of OpenEnv as a reward function of a sample, for `as_verifier`, `as_reward_model` and scheme files.

    The rubric is reset before each sample and called with its steps in order; the last value is the score. Samples run one after
    the other, because rubrics have a state. What the rubric raises, None and NaN fail the row.

    Args:
        rubric: the rubric, sync or async.
        make_steps: makes the steps of a sample, pairs of action and observation; it may run them in an environment.

    Example:
        >>> class Short:
        ...     def reset(self): ...
        ...     def __call__(self, action, observation):
        ...         return float(len(action) < 3)
        >>> from herokit import as_verifier
        >>> verifier = as_verifier(RubricFunction(Short(), lambda sample: [(sample.final_text, None)]))
        >>> [verdict.value for verdict in verifier.verify([Sample("p", "4", 0), Sample("p", "four", 0)])]
        [1.0, 0.0]
    """

    rubric: Any
    make_steps: Callable[[Sample], Iterable[Step]]

    def __call__(self, sample: Sample) -> Any:
        """Return the value of the last step; None without steps."""
        self.rubric.reset()
        value = None
        for action, observation in self.make_steps(sample):
            value = await_result(self.rubric(action, observation))
        return value
