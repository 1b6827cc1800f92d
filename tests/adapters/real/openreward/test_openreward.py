"""OpenReward 0.1.167: a local server of its own, its client as a source, and its group scoring with a scheme in it."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn
from openreward.api.environments import types as client_types
from openreward.api.environments.client import EnvironmentsAPI, ScoreGroupFailed
from openreward.environments import Environment, Server, TextBlock, ToolOutput, terminal, tool
from openreward.environments import types as server_types
from pydantic import BaseModel
from stubs import make_rewarder, make_samples

from herokit import Sample, as_verifier
from herokit.adapters.openreward import GroupScoreMixin, TerminalReward

HOST = "127.0.0.1"
TASKS = [{"question": "2 + 2?", "answer": "4"}]
TEXTS = ["4", "four", "eleven", "4"]


class Answer(BaseModel):
    answer: str


class Sums(GroupScoreMixin, Environment, herokit=make_rewarder()):
    @classmethod
    def list_splits(cls):
        return ["train"]

    @classmethod
    def list_tasks(cls, split):
        return TASKS

    async def get_prompt(self):
        return [TextBlock(text=self.task_spec["question"])]

    @terminal
    @tool
    async def submit(self, params: Answer) -> ToolOutput:
        """Judge the answer."""
        if params.answer == "crash":
            raise RuntimeError("the grader is down")
        reward = None if params.answer == "unknown" else float(params.answer == self.task_spec["answer"])
        return ToolOutput(blocks=[TextBlock(text=f"got {params.answer}")], reward=reward, finished=True)


@contextmanager
def serving(app):
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def environment():
    with serving(Server([Sums]).app) as port:
        api = EnvironmentsAPI(base_url=f"http://{HOST}:{port}", api_key="")
        yield api.get("sums")
        api.close()


def test_reward_of_an_environment_is_a_verifier(environment):
    source = as_verifier(TerminalReward(lambda sample: environment.session(split="train", index=sample.meta["index"])))
    texts = ["4", "5", "unknown", "crash"]
    verdicts = source.verify([Sample("2 + 2?", text, 0, meta={"index": 0}) for text in texts])
    assert [(v.value, v.status.value) for v in verdicts] == [
        (1.0, "judged"),
        (0.0, "judged"),
        (None, "failed"),
        (None, "failed"),
    ]
    assert [v.reason for v in verdicts[:3]] == ["got 4", "got 5", "got unknown"]
    assert "the grader is down" in verdicts[3].reason


def candidates(*texts, types=client_types, thought=()):
    question = types.Message(role="user", blocks=[types.TextBlock(text="2 + 2?")])
    answers = [types.Message(role="assistant", blocks=[*thought, types.TextBlock(text=text)]) for text in texts]
    return [types.GroupCandidate(messages=[question, answer]) for answer in answers]


def test_group_score_is_the_output_of_the_chain(environment):
    expected = make_rewarder()(make_samples(TEXTS, "aaaa")).advantage
    with environment.session(split="train", index=0) as session:
        assert session.supports_score_group()
        scores = session.score_group(candidates(*TEXTS))
    assert [score.reward for score in scores] == pytest.approx(expected.tolist())


def test_group_with_a_candidate_without_a_score_raises(environment):
    with environment.session(split="train", index=0) as session, pytest.raises(ScoreGroupFailed) as raised:
        session.score_group(candidates("4", "broken"))
    assert "candidate 1 has no score: verifier: the sandbox is down" in str(raised.value)


def test_mixin_reads_thinking_calls_and_the_reference_of_the_task():
    env = object.__new__(Sums)
    env.task_spec = TASKS[0]
    call = server_types.ToolCallBlock(id="c", name="add", input={"a": 2})
    thought = [server_types.ReasoningBlock(text="Well."), call]
    [candidate] = candidates("4", types=server_types, thought=thought)
    sample = env.herokit_make_sample(candidate)
    assert (sample.prompt_text, sample.final_text, sample.reference) == ("2 + 2?", "4", "4")
    assert [(turn.thinking, [each.name for each in turn.calls]) for turn in sample.turns] == [("Well.", ["add"])]
    blocks = [server_types.ToolResultBlock(tool_call_id="c", blocks=[server_types.TextBlock(text="4")])]
    candidate.messages += [server_types.Message(role="user", blocks=blocks), candidate.messages[1]]
    assert [message["role"] for message in env.herokit_make_sample(candidate).messages][1:] == [
        "assistant",
        "tool",
        "assistant",
    ]
