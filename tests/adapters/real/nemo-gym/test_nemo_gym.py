"""NeMo-Gym 0.4.0: its simple agent and its client run rollouts against `herokit serve`, and its models read the answers."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager

import pytest
import uvicorn
from fastapi import FastAPI
from nemo_gym.base_resources_server import AggregateMetricsRequest
from nemo_gym.config_types import BaseServerConfig
from nemo_gym.server_utils import GlobalAIOHTTPAsyncClientConfig, ServerClient, set_global_aiohttp_client
from omegaconf import DictConfig
from responses_api_agents.simple_agent.app import SimpleAgent, SimpleAgentConfig, SimpleAgentRunRequest
from starlette.requests import Request
from stubs import make_rewarder, make_samples

from herokit.service.app import make_app
from herokit.service.engine import Engine
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics

TEXTS = ["4", "four", "eleven", "4", "broken"]
HOST = "127.0.0.1"


def policy():
    """A server of the agent's name, whose ``/v1/responses`` answers with the text that the request asks for."""
    app = FastAPI()

    @app.post("/v1/responses")
    async def respond(body: dict):
        text = body["metadata"]["answer"]
        content = [{"type": "output_text", "text": text, "annotations": []}]
        tokens = {
            "prompt_token_ids": [1, 2],
            "generation_token_ids": [3] * len(text),
            "generation_log_probs": [-0.5] * len(text),
        }
        message = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": content,
        } | tokens
        head = {
            "id": "r",
            "object": "response",
            "created_at": 1.0,
            "model": "policy",
            "tools": [],
            "tool_choice": "auto",
        }
        return head | {"parallel_tool_calls": True, "output": [message]}

    return app


@contextmanager
def serving(app):
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield port
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def outcome():
    """The rollouts of one task, and their means, through the agent."""
    metrics = Metrics()
    app, _ = make_app(Engine(make_rewarder(), metrics), Limits(group_size=len(TEXTS)), metrics)
    with serving(app) as port, serving(policy()) as policy_port:
        return asyncio.run(run_rollouts(port, policy_port))


async def run_rollouts(port, policy_port):
    set_global_aiohttp_client(GlobalAIOHTTPAsyncClientConfig())
    servers = {"herokit": port, "agent": policy_port}
    config = {name: {"kind": {"inner": {"host": HOST, "port": number}}} for name, number in servers.items()}
    client = ServerClient(head_server_config=BaseServerConfig(host=HOST, port=1), global_config_dict=DictConfig(config))
    agent = SimpleAgent(
        config=SimpleAgentConfig(
            name="agent", host=HOST, port=policy_port, entrypoint="app.py",
            resources_server={"type": "resources_servers", "name": "herokit"},
            model_server={"type": "responses_api_models", "name": "model"},
        ),
        server_client=client,
    )  # fmt: skip
    request = Request({"type": "http", "headers": []})
    bodies = [
        SimpleAgentRunRequest(
            responses_create_params={"input": [{"role": "user", "content": "2 + 2?"}], "metadata": {"answer": text}},
            expected_answer="4",
            _ng_task_index=0,
            _ng_rollout_index=number,
        )
        for number, text in enumerate(TEXTS)
    ]
    answers = await asyncio.gather(*(agent.run(request, body) for body in bodies))
    dumped = [answer.model_dump() for answer in answers]
    return answers, await agent.aggregate_metrics(AggregateMetricsRequest(verify_responses=dumped))


def test_simple_agent_gets_the_rewards_of_the_group(outcome):
    answers, _ = outcome
    expected = make_rewarder()(make_samples(TEXTS, "aaaaa")).reward.tolist()
    assert [answer.reward for answer in answers[:4]] == pytest.approx(expected[:4])
    assert [answer.response.output[0].content[0].text for answer in answers] == TEXTS
    assert answers[0].model_extra["reward_components"] == {"verifier": 1.0, "rm": -0.25}


def test_failed_rollout_is_masked(outcome):
    answers, _ = outcome
    assert [answer.model_extra["mask_sample"] for answer in answers] == [False, False, False, False, True]
    assert answers[4].reward == 0.0
    assert answers[4].model_extra["failure_reason"] == "verifier: the sandbox is down"


def test_aggregate_metrics_are_nemo_gyms(outcome):
    answers, metrics = outcome
    mean = sum(answer.reward for answer in answers[:4]) / 4
    assert metrics.agent_metrics == {"mean/reward": pytest.approx(mean), "mean/mask_sample": pytest.approx(0.2)}
