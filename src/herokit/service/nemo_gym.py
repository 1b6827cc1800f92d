"""Endpoints of a resources server of NeMo-Gym (read at 07d6b0d): its agents send a finished rollout to ``/verify``.

A row without a reward has no number there: the answer says ``mask_sample``, which keeps the rollout out of the loss, and
``_ng_failure_class``, which keeps it out of the means. Its reward is 0 only because the protocol needs a number.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from herokit.adapters.common.samples import REFERENCE_COLUMNS, find_reference
from herokit.combiners.chain import check_no_credit
from herokit.conversations import read_conversation
from herokit.conversations.readers.layouts import read_messages
from herokit.errors import DataError
from herokit.records import BATCH_COLUMNS, Row, describe_missing_value
from herokit.service.dispatch import Dispatcher
from herokit.service.engine import ScoreKey
from herokit.service.schemas import Json, json_response
from herokit.types import Sample

__all__ = ["add_nemo_gym_routes"]

_FAILURE_KIND = "verifier_error"
"""NeMo-Gym's own name for a verifier that could not do its work."""

_FAILURE_KEYS = ("failure_kind", "failure_reason", "_ng_failure_class")
"""The fields of an answer whose verifier failed."""

_TASK_KEYS = ("_ng_task_index", "task_id", "problem_id", "instance_id", "uuid")
"""The fields that name a task; rollouts with the same first one, prompt and reference are a group."""

_REFERENCES = ("expected_answer", *REFERENCE_COLUMNS)
"""NeMo-Gym's own name of the reference comes before the usual ones."""

_ROLLOUT_KEYS = frozenset(
    {"responses_create_params", "response", "verifier_metadata", "metadata", *_TASK_KEYS, *_REFERENCES}
)
"""The fields that decide what is scored: no result takes their place, because an answer may be sent again as a request."""

_NO_OUTPUT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ""}]}
"""What a response without any item of the policy is read as."""


class VerifyRequest(BaseModel):
    """A finished rollout; the other fields are those of the task, such as ``expected_answer``, and are repeated in the answer."""

    model_config = ConfigDict(extra="allow")

    responses_create_params: dict[str, Json] = Field(
        description="What the policy was given, as in OpenAI's Responses API."
    )
    response: dict[str, Json] = Field(description="What it answered, as in OpenAI's Responses API.")


class VerifyResponse(VerifyRequest):
    """The request, and what the scheme says of it; also every source's value, status and reason, as in result files."""

    reward: float = Field(description="0 where mask_sample is true.")
    reward_components: dict[str, float] = Field(
        description="The value of every source; one without a value is 0 where mask_sample is true, else absent."
    )
    mask_sample: bool = Field(description="Whether the rollout has no reward: a source failed, or a filter dropped it.")
    failure_kind: str | None = None
    failure_reason: str | None = None


class AggregateRequest(BaseModel):
    """Answers of /verify, without their conversations."""

    verify_responses: list[dict[str, Json]]


class AggregateResponse(BaseModel):
    """Means over the rollouts that are not masked."""

    group_level_metrics: list[dict[str, Json]]
    agent_metrics: dict[str, float]
    key_metrics: dict[str, float]


def add_nemo_gym_routes(router: APIRouter, dispatcher: Dispatcher) -> None:
    """Add the endpoints that NeMo-Gym's agents call."""
    engine = dispatcher.engine

    @router.post("/seed_session")
    async def seed_session() -> Response:
        """Begin a rollout of NeMo-Gym; nothing is stored for it."""
        return json_response({})

    @router.post("/verify", response_model=VerifyResponse)
    async def verify(request: Request, body: VerifyRequest) -> Response:
        """Score a finished rollout of NeMo-Gym; with a group size, it waits for the other rollouts of its task."""
        check_no_credit(engine.rewarder.combiner, "/verify")
        fields = {**(body.model_extra or {}), "responses_create_params": body.responses_create_params}
        fields["response"] = body.response
        sample = _make_sample(fields)
        if dispatcher.limits.group_size > 1:
            row = await dispatcher.run_in_group(request, sample)
        else:
            [row] = await dispatcher.run(request, ScoreKey(), [sample])
        return json_response(_verify_answer(row, list(engine.rewarder.sources), fields))

    @router.post("/aggregate_metrics", response_model=AggregateResponse)
    async def aggregate_metrics(body: AggregateRequest) -> Response:
        """Return the mean reward of some answers of /verify, and the share that is masked."""
        return json_response(_aggregate(body.verify_responses))


def _make_sample(fields: Mapping[str, Any]) -> Sample:
    """Return a rollout of NeMo-Gym; a response without any item of the policy is an empty completion.

    Raises:
        DataError: the request or the response is not as in the Responses API.

    Example:
        >>> response = {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "4"}]}]}
        >>> sample = _make_sample({"responses_create_params": {"input": "2 + 2?"}, "response": response, "expected_answer": "4"})
        >>> sample.prompt_text, sample.final_text, sample.reference
        ('2 + 2?', '4', '4')
    """
    request, response = fields["responses_create_params"], fields["response"]
    task = {key: value for key, value in fields.items() if key not in ("responses_create_params", "response")}
    if not isinstance(request.get("input"), str):
        read_messages(request.get("input"), "responses_create_params.input")
    if "output" in response and not isinstance(response["output"], list):
        raise DataError(f"response.output must be a list of items, got {type(response['output']).__name__}")
    if response.get("output") == []:
        response = {**response, "output": [_NO_OUTPUT]}
    rollout = read_conversation({"responses_create_params": request, "response": response}, "nemo-gym", place="rollout")
    reference = _find_reference(task)
    name = next((task[key] for key in _TASK_KEYS if isinstance(task.get(key), str | int)), None)
    group = json.dumps([name, request.get("input"), reference])  # two collections at once number their tasks alike
    return Sample(rollout.prompt, rollout.completion, group, reference, task, rollout.num_tokens, rollout.truncated)


def _find_reference(task: Mapping[str, Any]) -> Any:
    """Return the reference: a field with a usual name, else one of ``verifier_metadata`` or ``metadata``."""
    places = [task, task.get("verifier_metadata"), task.get("metadata")]
    values = [find_reference(fields, _REFERENCES) for fields in places if isinstance(fields, Mapping)]
    return next((value for value in values if value not in (None, "")), None)


def _verify_answer(row: Row, sources: Sequence[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the request, the results of the sources, and the reward or why there is none.

    The request may be an earlier answer: what that says of the sources, the reward and failures is replaced.
    """
    masked = row["reward"] is None
    missing = [name for name in sources if row[name] is None]
    results = {key: value for key, value in row.items() if key not in _ROLLOUT_KEYS.union(BATCH_COLUMNS)}
    components = {name: row[name] for name in sources if name not in missing}
    old = {*_FAILURE_KEYS, *(f"{name}_steps" for name in sources)}  # not every answer has them
    answer = {key: value for key, value in fields.items() if key not in old} | results
    answer |= {"reward": 0.0 if masked else row["reward"], "mask_sample": masked}
    answer["reward_components"] = components | (dict.fromkeys(missing, 0.0) if masked else {})
    if not row["valid"]:
        reason = describe_missing_value(row, sources)
        answer |= zip(_FAILURE_KEYS, (_FAILURE_KIND, reason, _FAILURE_KIND), strict=True)
    return answer


def _aggregate(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the means of answers.

    Example:
        >>> _aggregate([{"reward": 1.0}, {"reward": 0.0, "mask_sample": True}])["key_metrics"]
        {'mean/reward': 1.0, 'mean/mask_sample': 0.5}
    """
    for number, answer in enumerate(answers):
        if isinstance(answer.get("reward"), bool) or not isinstance(answer.get("reward"), int | float):
            raise DataError(f"verify_responses.{number} has no number 'reward'; expected an answer of /verify")
    rewards = [float(answer["reward"]) for answer in answers if not answer.get("mask_sample")]
    means = {"mean/reward": sum(rewards) / len(rewards)} if rewards else {}
    if answers:
        means["mean/mask_sample"] = 1.0 - len(rewards) / len(answers)
    return {"group_level_metrics": [], "agent_metrics": means, "key_metrics": means}
