"""/verify and its siblings: what NeMo-Gym's agents send, and what its own models accept (read at 07d6b0d)."""

import asyncio
import math
from typing import Literal

import httpx2
import pytest
from pydantic import BaseModel, ConfigDict
from service_stubs import Exact, make_group, make_parts_rewarder, make_rewarder, make_scheme_app, make_service
from starlette.testclient import TestClient

from herokit import Rewarder, Select, Status, Verdict
from herokit.combiners import SoftOverlong, chain
from herokit.combiners.base import Filter
from herokit.service.nemo_gym import _make_sample
from herokit.sources import NumTokens
from herokit.types import Sample, Scores


class OutputText(BaseModel):
    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[dict]


class OutputMessage(BaseModel):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    content: list[OutputText]


class NeMoGymResponse(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: str
    object: Literal["response"]
    output: list[OutputMessage]


class NeMoGymVerifyResponse(BaseModel):
    """The fields of BaseMultiRewardVerifyResponse and of an agent that masks; a bool is no float."""

    model_config = ConfigDict(extra="allow", strict=True)
    responses_create_params: dict
    response: NeMoGymResponse
    reward: float
    reward_components: dict[str, float]
    mask_sample: bool


def rollout(text, **task):
    content = [{"type": "output_text", "text": text, "annotations": []}]
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": content}
    response = {"id": "r", "object": "response", "created_at": 0, "model": "policy", "tools": [], "output": [message]}
    prompt = [{"role": "user", "content": "2 + 2?", "type": "message"}]
    return {"responses_create_params": {"input": prompt, "tools": []}, "response": response} | task


def verify_together(app, bodies):
    """Return the answers to rollouts that are sent at once."""

    async def run():
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await asyncio.gather(*(client.post("/verify", json=body) for body in bodies))

    return [answer.json() for answer in asyncio.run(run())]


@pytest.fixture
def client():
    with TestClient(make_service()[0]) as client:
        yield client


def test_verify_answers_with_the_request_and_the_reward_of_the_scheme(client):
    body = rollout("4", expected_answer="4", _ng_task_index=3, _ng_rollout_index=1)
    answer = client.post("/verify", json=body).json()
    NeMoGymVerifyResponse.model_validate(answer)
    assert {key: answer[key] for key in body} == body
    expected = make_rewarder()([Sample("2 + 2?", "4", 0, "4")])
    assert answer["reward"] == expected.reward[0]
    assert answer["reward_components"] == {"verifier": 1.0, "rm": -1.0}
    assert (answer["verifier"], answer["verifier_status"], answer["mask_sample"]) == (1.0, "judged", False)
    assert "_ng_failure_class" not in answer


def test_verify_of_an_earlier_answer_says_only_what_is_new(client):
    failed = client.post("/verify", json=rollout("4")).json()
    assert failed["_ng_failure_class"] == "verifier_error"
    body = rollout("4", expected_answer="4")
    stale = {"rm_steps": [9.0], "verifier_answer": "9", "mask_sample": True, "reward": 9.0}
    assert client.post("/verify", json=failed | stale | body).json() == client.post("/verify", json=body).json()


@pytest.mark.parametrize("name", ["response", "expected", "label"])  # expected_answer would hold what the policy said
def test_verify_keeps_the_rollout_whatever_a_source_is_called(name):
    [answer] = verify_with(Statuses(), ["judged"], name=name)
    assert {key: answer.get(key) for key in ("response", "expected_answer", "label")} == {
        "response": rollout("judged")["response"],
        "expected_answer": None,
        "label": None,
    }
    assert answer["reward_components"] == {name: 1.0}


@pytest.mark.parametrize(
    "fields",
    [
        {"label": "4"},
        {"verifier_metadata": {"ground_truth": "4"}},
        {"metadata": {"answer": "4"}},
        {"answer": "", "metadata": {"answer": "4"}},
        {"answer": "5", "reference": "5", "expected_answer": "4"},  # NeMo-Gym's own name
    ],
)
def test_verify_finds_the_reference_of_the_task(client, fields):
    assert client.post("/verify", json=rollout("4", **fields)).json()["verifier"] == 1.0


def test_verify_masks_a_rollout_without_a_reference(client):
    answer = client.post("/verify", json=rollout("4")).json()
    NeMoGymVerifyResponse.model_validate(answer)
    assert (answer["mask_sample"], answer["reward"], answer["reward_components"]) == (
        True,
        0.0,
        {"verifier": 0.0, "rm": -1.0},
    )
    assert (answer["failure_kind"], answer["failure_reason"]) == ("verifier_error", "verifier: no reference")
    assert answer["_ng_failure_class"] == "verifier_error"


class Statuses:
    """A verifier, or a reward model, whose status is the completion."""

    def verify(self, samples):
        return [
            Verdict(
                None if s.completion_text == "failed" else 1.0 * (s.completion_text == "judged"),
                Status(s.completion_text),
                "why",
                s.completion_text,
            )
            for s in samples
        ]


class StatusScores:
    def score(self, samples):
        judged = [s.completion_text == "judged" for s in samples]
        return Scores.from_rows(
            [
                (1.0 if ok else None, Status(s.completion_text), "why", None)
                for s, ok in zip(samples, judged, strict=True)
            ]
        )


def verify_with(source, texts, *steps, name="source", **limits):
    app = make_scheme_app(Rewarder({name: source}, chain(Select(name), *steps)), **limits)
    return verify_together(app, [rollout(text, uuid="t") for text in texts])


@pytest.mark.parametrize("status", list(Status))
def test_verify_masks_exactly_the_failed_verdicts(status):
    [answer] = verify_with(Statuses(), [status.value])
    NeMoGymVerifyResponse.model_validate(answer)
    failed = status is Status.FAILED
    assert answer["mask_sample"] is failed
    assert answer["reward"] == float(status is Status.JUDGED)
    assert answer["source_status"] == status.value
    assert answer.get("failure_reason") == ("source: why" if failed else None)
    assert answer["reward_components"] == {"source": answer["reward"]}


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.JUDGED])
def test_verify_gives_the_lowest_score_of_the_group_to_a_completion_that_broke_the_model(status):
    judged, other = verify_with(StatusScores(), ["judged", status.value], group_size=2)
    assert (judged["reward"], judged["mask_sample"]) == (1.0, False)
    failed = status is Status.FAILED
    assert (other["mask_sample"], other["reward"]) == (failed, 0.0 if failed else 1.0)  # the lowest of the group is 1
    assert other["reward_components"] == ({"source": 0.0} if failed else {})


def test_verify_gathers_the_rollouts_of_a_task():
    app, _, model = make_service(group_size=4)
    texts = ("4", "5", "55", "4444")
    answers = verify_together(app, [rollout(text, label="4", _ng_task_index=task) for task in (0, 1) for text in texts])
    rows = make_group("q", *texts)
    expected = make_rewarder()(
        [Sample(r["prompt"], r["completion"], r["group"], r["reference"]) for r in rows]
    ).reward.tolist()
    assert [answer["reward"] for answer in answers] == expected * 2
    assert sum(model.calls) == 8


def test_verify_tells_tasks_of_one_number_apart_by_their_prompts():
    app, _, _ = make_service(group_size=2)
    bodies = [rollout(text, label="4", _ng_task_index=0) for text in ("4", "5", "4", "5")]
    for body in bodies[2:]:
        body["responses_create_params"]["input"] = "1 + 3?"
    rewards = [answer["reward"] for answer in verify_together(app, bodies)]
    assert rewards[:2] == rewards[2:]
    assert rewards[0] > rewards[1]


class NothingPasses(Filter):
    def keep(self, reward, signals):
        return reward > math.inf


def test_verify_masks_what_a_filter_drops_without_calling_it_a_failure():
    first, second = verify_with(Statuses(), ["judged", "judged"], NothingPasses(), group_size=2)
    assert (first["mask_sample"], second["mask_sample"], first["reward"]) == (True, True, 0.0)
    assert "failure_kind" not in first


def test_verify_says_why_a_rollout_failed_whose_parts_have_no_value():
    [answer] = verify_together(make_scheme_app(make_parts_rewarder()), [rollout("4")])
    assert (answer["mask_sample"], answer["reward_components"]) == (True, {"turn": 1.0})
    assert answer["failure_reason"] == "a part of it has no value, or the sources judge different parts"


def test_verify_scores_a_response_without_output_as_an_empty_completion(client):
    body = rollout("", label="4")
    body["response"]["output"] = []
    answer = client.post("/verify", json=body).json()
    assert (answer["verifier"], answer["mask_sample"]) == (0.0, False)


@pytest.mark.parametrize(("num_tokens", "reward"), [(512, 0.0), (768, -0.5), (1024, -1.0)])
def test_verify_counts_the_tokens_of_a_response_without_output(num_tokens, reward):
    sources = {"verifier": Exact(), "length": NumTokens()}
    rewarder = Rewarder(sources, chain(Select("verifier"), SoftOverlong(1024, buffer=512, tokens="length")))
    body = rollout("", label="4")
    body["response"] |= {"output": [], "usage": {"output_tokens": num_tokens}}
    body["response"]["incomplete_details"] = {"reason": "max_output_tokens"}
    [answer] = verify_together(make_scheme_app(rewarder), [body])
    assert (answer["length"], answer["reward"]) == (num_tokens, reward)
    sample = _make_sample(body)
    assert (sample.completion_text, sample.num_tokens, sample.truncated) == ("", num_tokens, True)


def test_verify_gathers_a_group_of_which_one_response_is_empty():
    app, _, _ = make_service(group_size=2)
    bodies = [rollout(text, label="4", _ng_task_index=0) for text in ("4", "")]
    bodies[1]["response"]["output"] = []
    assert [answer["verifier"] for answer in verify_together(app, bodies)] == [1.0, 0.0]


def test_verify_scores_a_response_that_never_ended_its_thinking_as_an_empty_answer(client):
    body = rollout("", label="4")
    thought = {"type": "reasoning", "id": "t", "summary": [{"type": "summary_text", "text": "4? 4."}]}
    body["response"] |= {"output": [thought], "incomplete_details": {"reason": "max_output_tokens"}}
    answer = client.post("/verify", json=body).json()
    assert (answer["verifier"], answer["verifier_answer"], answer["mask_sample"]) == (0.0, "", False)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response": None}, "body.response: Input should be a valid dictionary"),
        ({"response": {"output": "4"}}, "response.output must be a list of items, got str"),
        ({"response": {"output": [{"type": "spell"}]}}, "spell"),
        ({"response": {}}, "rollout"),
        ({"responses_create_params": {}}, "responses_create_params.input must be text or chat messages, got None"),
        ({"responses_create_params": [1]}, "body.responses_create_params: Input should be a valid dictionary"),
        (
            {"response": {"output": []}, "responses_create_params": {"input": 4}},
            "responses_create_params.input must be",
        ),
    ],
)
def test_verify_says_what_is_wrong_with_a_rollout(client, changes, error):
    answer = client.post("/verify", json=rollout("4", label="4") | changes)
    assert answer.status_code == 422, answer.text
    assert error in answer.json()["error"]


def test_seed_session_takes_what_an_agent_sends(client):
    assert client.post("/seed_session", json=rollout("")).json() == {}


def test_aggregate_metrics_leaves_masked_rollouts_out(client):
    answers = [
        client.post("/verify", json=rollout(text, **task)).json() for text, task in (("4", {"label": "4"}), ("4", {}))
    ]
    stripped = [{k: v for k, v in a.items() if k not in ("response", "responses_create_params")} for a in answers]
    means = client.post("/aggregate_metrics", json={"verify_responses": stripped}).json()
    assert means["agent_metrics"] == {"mean/reward": answers[0]["reward"], "mean/mask_sample": 0.5}
    assert client.post("/aggregate_metrics", json={"verify_responses": []}).json()["key_metrics"] == {}
    wrong = client.post("/aggregate_metrics", json={"verify_responses": [{"reward": True}]})
    assert (wrong.status_code, wrong.json()["error"][:34]) == (422, "verify_responses.0 has no number '")
