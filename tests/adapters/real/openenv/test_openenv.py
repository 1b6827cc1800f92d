"""OpenEnv 0.10: its own environments scored by a scheme, and its own rubrics as sources."""

import asyncio
import importlib
import sys

import pytest
from openenv.cli.commands.init import _copy_template_directory, _create_template_replacements
from openenv.core.env_server.types import Action, Observation
from openenv.core.harness import (
    AgenticHarnessAdapter,
    HarnessAction,
    HarnessConfig,
    HarnessEnvironment,
    HarnessResponse,
)
from openenv.core.rubrics import ExponentialDiscountingTrajectoryRubric, Gate, Rubric, Sequential, WeightedSum
from stubs import make_rewarder

from herokit import Rewarder, Sample, Verdict, as_reward_model, as_verifier
from herokit.adapters.openenv import RubricFunction, rubric
from herokit.combiners import Select
from herokit.errors import ConfigError
from herokit.verifiers import ExactMatch


def scheme():
    return Rewarder({"verifier": ExactMatch()}, Select("verifier"))


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """The environment that ``openenv init`` writes."""
    folder = tmp_path_factory.mktemp("env") / "echo"
    folder.mkdir()
    _copy_template_directory(
        "openenv.cli.templates", "openenv_env", folder, _create_template_replacements("echo"), "echo"
    )
    sys.path.insert(0, str(folder))
    sys.path.insert(0, str(folder / "server"))
    return importlib.import_module("models"), importlib.import_module("echo_environment").EchoEnvironment


def last_message(steps):
    return Sample("Say 4", steps[-1][0].message, 0, "4")


def test_generated_environment_is_scored_by_a_scheme_at_every_step(echo):
    models, environment = echo

    class Scored(environment):
        def __init__(self):
            super().__init__()
            self.rubric = rubric(scheme(), last_message, every_step=True)
            self.transform = None

        def step(self, action):
            observation = super().step(action)
            observation.reward = self._apply_rubric(action, observation)
            return observation

    env = Scored()
    env.reset()
    assert [env.step(models.EchoAction(message=text)).reward for text in ("4", "five", "4")] == [1.0, 0.0, 1.0]
    assert [(name, child.last_score) for name, child in env.rubric.named_rubrics()] == [("verifier", 1.0)]


class ObservedReward(Rubric):
    def forward(self, action, observation):
        return observation.reward


def test_generated_environment_is_a_source(echo):
    models, environment = echo

    def run(sample):
        env = environment()
        env.reset()
        action = models.EchoAction(message=sample.final_text)
        return [(action, env.step(action))]

    source = as_reward_model(RubricFunction(ObservedReward(), run))
    texts = ["4", "fourfour", "x" * 30]
    scores = source.score([Sample("p", text, 0) for text in texts])
    assert scores.values.tolist() == pytest.approx([0.1, 0.8, 1.0])  # its reward is a tenth of the length, at most 1


class Parrot(AgenticHarnessAdapter):
    """A harness that answers with the message, and ends at "bye"."""

    alive = False

    async def start(self, working_directory):
        self.alive = True

    async def stop(self):
        self.alive = False

    async def inject_tools(self, tools, bridge_url=None):
        pass

    async def is_alive(self):
        return self.alive

    async def send_message(self, message):
        return HarnessResponse(response=message, done=message == "bye", events=[])

    async def send_message_streaming(self, message):
        raise NotImplementedError
        yield


def play(env, *messages):
    async def run():
        await env.reset_async()
        return [(await env.step_async(HarnessAction(message=text))).reward for text in messages]

    return asyncio.run(run())


def first_message(steps):
    return Sample("Say 4", steps[0][0].message, 0, "4")


def harness_environment(reward):
    return HarnessEnvironment(Parrot(HarnessConfig(name="parrot", command=["parrot"])), rubric=reward)


def test_harness_environment_is_scored_by_a_scheme_when_the_episode_ends():
    reward = rubric(scheme(), first_message)
    env = harness_environment(reward)
    assert play(env, "4", "more", "bye") == [0.0, 0.0, 1.0]
    assert reward.compute_step_rewards() == [0.0, 0.0, 1.0]
    assert play(env, "5", "bye") == [0.0, 0.0]
    assert len(reward.trajectory) == 2


class Broken:
    def verify(self, samples):
        return [Verdict(None, reason="the sandbox is down") for _ in samples]


def test_failed_source_is_no_reward_and_not_zero():
    reward = rubric(Rewarder({"verifier": Broken()}, Select("verifier")), first_message)
    assert play(harness_environment(reward), "4", "bye") == [0.0, None]
    with pytest.raises(TypeError):
        WeightedSum([reward], [1.0])(HarnessAction(message="4"), Observation(done=True))


def test_scheme_that_compares_rollouts_is_refused():
    with pytest.raises(ConfigError, match="a rubric of OpenEnv scores one rollout per call"):
        rubric(make_rewarder(), first_message)


class Says(Rubric):
    def __init__(self, word):
        super().__init__()
        self.word = word

    def forward(self, action, observation):
        return float(self.word in action.message)


class LastWord(ExponentialDiscountingTrajectoryRubric):
    def score_trajectory(self, trajectory):
        return 0.5 if trajectory[-1][0].message == "bye" else float("nan")


class Judge(Rubric):
    async def forward(self, action, observation):
        if action.message == "crash":
            raise RuntimeError("the judge is down")
        return 0.25


class Message(Action):
    message: str


def turns(sample):
    texts = sample.final_text.split("|")
    return [(Message(message=text), Observation(done=number == len(texts) - 1)) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("reward", "texts", "rows"),
    [
        (Says("4"), ["4", "five"], [(1.0, "judged"), (0.0, "judged")]),
        (LastWord(), ["4|bye", "4|6", "bye"], [(0.5, "judged"), (None, "failed"), (0.5, "judged")]),
        (Judge(), ["4", "crash"], [(0.25, "judged"), (None, "failed")]),
        (rubric(scheme(), last_message), ["3|4", "4|3"], [(1.0, "judged"), (0.0, "judged")]),
    ],
    ids=["step", "trajectory", "async", "herokit's own"],
)
def test_rubric_is_a_verifier(reward, texts, rows):
    samples = [Sample("p", text, 0, "4") for text in texts]
    verdicts = as_verifier(RubricFunction(reward, turns)).verify(samples)
    assert [(v.value, v.status.value) for v in verdicts] == rows


def test_gate_in_a_weighted_sum_does_not_gate_and_in_a_sequence_it_does():
    style = Says("please")
    summed = WeightedSum([Gate(Says("4")), style], [0.5, 0.5])
    gated = Sequential(Gate(Says("4")), WeightedSum([Says("4"), style], [0.5, 0.5]))
    wrong = [Sample("p", "5 please", 0)]
    assert as_reward_model(RubricFunction(summed, turns)).score(wrong).values.tolist() == [0.5]
    assert as_reward_model(RubricFunction(gated, turns)).score(wrong).values.tolist() == [0.0]
