"""Endpoints of other protocols: OpenRLHF's remote reward (0.11) and vLLM's ``/classify``.

Both have numbers only and no place for a status, so a row without a value is an error: no number stands for a failure.
"""

import json
import secrets
from collections.abc import Sequence
from time import time
from typing import Any, Literal, cast

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from herokit.adapters.openrlhf import extract_completion
from herokit.combiners.chain import check_no_credit
from herokit.conversations.messages import Message
from herokit.errors import DataError
from herokit.records import Row, describe_missing_value
from herokit.service.dispatch import Dispatcher
from herokit.service.engine import ScoreKey, SourceKey
from herokit.service.schemas import JsonField, Messages, json_response
from herokit.types import Sample

__all__ = ["add_compat_routes"]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")  # newer versions of a protocol may send more


class OpenRLHFRequest(_Lenient):
    """OpenRLHF's remote reward: one rollout, or lists of equal lengths."""

    query: StrictStr | list[StrictStr] = Field(description="Prompt and response together, one text or a list.")
    prompts: StrictStr | list[StrictStr] | None = None
    labels: JsonField = Field(default=None, description="The references, one or a list.")


class OpenRLHFResponse(BaseModel):
    """Numbers for one query, lists for several."""

    rewards: float | list[float]
    scores: float | list[float] = Field(description="In [0, 1], for dynamic filtering: the first verifier's verdict.")
    extra_logs: dict[str, float | list[float]]


class ClassifyRequest(_Lenient):
    """vLLM's /classify: texts, or the messages of one chat."""

    model: StrictStr | None = Field(
        default=None, description="A reward model of the scheme; required if it has several."
    )
    input: StrictStr | list[StrictStr] | None = None
    messages: Messages | None = None
    use_activation: StrictBool | None = Field(
        default=None, description="True applies a sigmoid. Scores are raw by default, unlike vLLM's."
    )


class ClassifyEntry(BaseModel):
    """The score of one text."""

    index: int
    label: str
    probs: list[float]
    num_classes: int


class ClassifyResponse(BaseModel):
    """An answer in vLLM's form."""

    id: str
    object: Literal["list"]
    created: int
    model: str
    data: list[ClassifyEntry]
    usage: dict[str, int]


def add_compat_routes(router: APIRouter, dispatcher: Dispatcher) -> None:
    """Add the endpoints of other protocols."""
    engine = dispatcher.engine

    @router.post("/get_reward", response_model=OpenRLHFResponse)
    async def get_reward(request: Request, body: OpenRLHFRequest) -> Response:
        """Answer OpenRLHF's remote reward protocol; with a group size, single rollouts wait for their group."""
        check_no_credit(engine.rewarder.combiner, "/get_reward")
        samples = _openrlhf_samples(body)
        if len(samples) == 1 and dispatcher.limits.group_size > 1:
            rows = [await dispatcher.run_in_group(request, samples[0])]
        else:
            rows = await dispatcher.run(request, ScoreKey(), samples)
        _check_values(rows, "reward", list(engine.rewarder.sources))
        return json_response(_openrlhf_answer(rows, list(engine.rewarder.sources), engine.verifier))

    @router.post("/classify", response_model=ClassifyResponse)
    async def classify(request: Request, body: ClassifyRequest) -> Response:
        """Answer as vLLM's /classify does: raw scores of one reward model, without combining."""
        name = engine.find_source(body.model, only_reward_models=True)
        rows = await dispatcher.run(request, SourceKey(name), _classify_samples(body))
        _check_values(rows, name, [name])
        values = np.array([row[name] for row in rows])
        values = 0.5 + 0.5 * np.tanh(0.5 * values) if body.use_activation else values
        data = [
            {"index": i, "label": "LABEL_0", "probs": [value], "num_classes": 1}
            for i, value in enumerate(values.tolist())
        ]
        head = {"id": f"classify-{secrets.token_hex(8)}", "object": "list", "created": int(time()), "model": name}
        return json_response(head | {"data": data, "usage": {"prompt_tokens": 0, "total_tokens": 0}})


def _openrlhf_samples(body: OpenRLHFRequest) -> list[Sample]:
    """Return queries as rollouts; those of one request that share prompt and label share a group.

    A query begins with its prompt, which is removed; a query that does not is a completion as a whole. A label is a native
    reference: text, a number, a list or an object.

    Raises:
        DataError: the lists have different lengths, or are empty.

    Example:
        >>> (sample,) = _openrlhf_samples(OpenRLHFRequest(query=["1+1? 2<|im_end|>"], prompts=["1+1?"], labels=["2"]))
        >>> sample.prompt, sample.completion, sample.reference
        ('1+1?', ' 2', '2')
    """
    queries = [body.query] if isinstance(body.query, str) else body.query
    prompts = _to_list(body.prompts, len(queries), "prompts")
    labels = _to_list(body.labels, len(queries), "labels")
    if not queries:
        raise DataError("'query' is empty")
    samples = []
    for query, given, label in zip(queries, prompts, labels, strict=True):
        prompt = given or ""
        key = label if label is None or isinstance(label, str) else json.dumps(label)
        samples.append(Sample(prompt, extract_completion(query, prompt), (prompt, key), label))
    return samples


def _openrlhf_answer(rows: Sequence[Row], sources: Sequence[str], verifier: str | None) -> dict[str, Any]:
    """Return rewards, scores in [0, 1] and numbers to log; scores are the verdicts of `verifier`, else the rewards."""
    columns = {name: [row[name] for row in rows] for name in ("reward", *sources, "advantage", "weight")}
    rewards = columns.pop("reward")
    scores = rewards if verifier is None else columns[verifier]
    if len(rows) > 1:
        return {"rewards": rewards, "scores": scores, "extra_logs": columns}
    return {"rewards": rewards[0], "scores": scores[0], "extra_logs": {name: x[0] for name, x in columns.items()}}


def _to_list(values: Any, count: int, name: str) -> list[Any]:
    if values is None:
        return [None] * count
    items: list[Any] = values if isinstance(values, list) else [values]
    if len(items) != count:
        raise DataError(f"{name!r} has {len(items)} entries; expected {count}, as 'query' has")
    return items


def _classify_samples(body: ClassifyRequest) -> list[Sample]:
    if (body.input is None) == (body.messages is None):
        raise DataError("expected either 'input' or 'messages'")
    if body.messages is not None:
        if not body.messages:
            raise DataError("'messages' is empty")
        messages = cast("list[Message]", body.messages)
        return [Sample(messages[:-1], messages[-1:], 0)]
    texts = [body.input] if isinstance(body.input, str) else body.input or []
    if not texts:
        raise DataError("'input' is empty")
    return [Sample("", text, row) for row, text in enumerate(texts)]


def _check_values(rows: Sequence[Row], name: str, sources: Sequence[str]) -> None:
    """Reject rows without a value."""
    for number, row in enumerate(rows):
        if row[name] is None:
            raise HTTPException(424, f"row {number} has no {name}: {describe_missing_value(row, sources)}")
