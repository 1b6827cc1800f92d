"""The rubric of a scheme, on stand-ins with the signatures of OpenEnv 0.10; `make test-trainer-openenv` runs the released classes."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from herokit import Rewarder, Sample, Select, Verdict, as_reward_model, hero
from herokit.adapters.openenv import RubricFunction, rubric
from herokit.errors import ConfigError


class Rubric:
    def __init__(self):
        object.__setattr__(self, "children", {})
        self.last_score = None

    def __setattr__(self, name, value):
        if isinstance(value, Rubric):
            self.children[name] = value
        object.__setattr__(self, name, value)

    def __call__(self, action, observation):
        self.last_score = self.forward(action, observation)
        return self.last_score

    def reset(self):
        pass


class TrajectoryRubric(Rubric):
    def __init__(self, intermediate_reward=0.0):
        super().__init__()
        self.intermediate_reward, self._trajectory = intermediate_reward, []

    def forward(self, action, observation):
        self._trajectory.append((action, observation))
        return self.score_trajectory(self._trajectory) if observation.done else self.intermediate_reward

    def reset(self):
        self._trajectory = []


class Exact:
    def verify(self, samples):
        return [
            Verdict(None, reason="down") if s.completion == "broken" else Verdict(float(s.completion == s.reference))
            for s in samples
        ]


@pytest.fixture(autouse=True)
def openenv(monkeypatch):
    for name in ("openenv", "openenv.core", "openenv.core.rubrics"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["openenv.core.rubrics"].__dict__.update(Rubric=Rubric, TrajectoryRubric=TrajectoryRubric)


def scheme():
    return Rewarder({"verifier": Exact()}, Select("verifier"))


def last_action(steps):
    return Sample("Say 4", steps[-1][0], 0, "4")


def step(done):
    return SimpleNamespace(done=done)


def test_rubric_scores_when_the_episode_is_done_and_resets():
    reward = rubric(scheme(), last_action)
    assert [reward("5", step(done=False)), reward("4", step(done=True))] == [0.0, 1.0]
    assert reward.compute_step_rewards() == [0.0, 1.0]
    assert reward.children["verifier"].last_score == 1.0
    assert reward.children["verifier"](None, None) == 1.0
    reward.reset()
    assert reward.compute_step_rewards() == []
    assert [reward.last_score, reward.children["verifier"].last_score] == [None, None]
    assert reward("5", step(done=False)) == 0.0
    assert reward.children["verifier"].last_score is None  # of this episode, not of the last
    assert reward("5", step(done=True)) == 0.0


def test_rubric_scores_every_step_by_itself():
    reward = rubric(scheme(), last_action, every_step=True)
    assert [reward(text, step(done=False)) for text in ("4", "5", "broken")] == [1.0, 0.0, None]
    assert reward.compute_step_rewards() == [1.0, 0.0, None]
    reward.reset()
    assert reward.compute_step_rewards() == []
    assert [reward("4", step(done=True)), reward.compute_step_rewards()] == [1.0, [1.0]]


def test_rubric_refuses_a_scheme_that_compares_rollouts():
    with pytest.raises(ConfigError, match="a rubric of OpenEnv scores one rollout per call"):
        rubric(Rewarder({"verifier": Exact(), "rm": lambda completion: 0.0}, hero()), last_action)


def test_rubric_goes_into_the_other_direction_and_back():
    there = rubric(scheme(), last_action)
    back = as_reward_model(
        RubricFunction(there, lambda sample: [("5", step(done=False)), (sample.completion, step(done=True))])
    )
    scores = back.score([Sample("p", text, 0) for text in ("4", "5", "broken", "4")])
    assert scores.values[:2].tolist() == [1.0, 0.0]
    assert [status.value for status in scores.statuses] == ["judged", "judged", "failed", "judged"]
    assert back.score([]).values.tolist() == []
