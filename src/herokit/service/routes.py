"""The endpoints."""

import secrets
from collections.abc import Sequence
from time import time
from typing import Any

import numpy as np
import pydantic_core
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response, Security
from fastapi.security import HTTPBearer

from herokit.errors import DataError
from herokit.service import openrlhf, schemas
from herokit.service.dispatch import Desk
from herokit.service.engine import Ask, Reward
from herokit.service.error_handlers import ERRORS, Strict
from herokit.service.serialize import Row
from herokit.types import Sample


def add_routes(app: FastAPI, desk: Desk, *, token: bool) -> None:
    """Add every endpoint.

    Args:
        app: gets them.
        desk: answers them.
        token: whether the schema is to say that all but /healthz want a token; the guard sees to it.
    """
    router = APIRouter(route_class=Strict, dependencies=[Security(HTTPBearer(auto_error=False))] if token else [])
    _ours(router, desk)
    _state(router, desk)
    _theirs(router, desk)
    _watching(router, app, desk)
    app.include_router(router)


def _ours(app: APIRouter, desk: Desk) -> None:

    @app.post("/v1/score", response_model=schemas.ScoreOut)
    async def score(request: Request, body: schemas.ScoreIn) -> Response:
        """Score rollouts of whole groups: reward, advantage, weight, and what every source said."""
        if body.group_size is not None:
            _whole(body)
        key, samples = Reward(body.update_state), [s.sample() for s in body.samples]
        named = desk.ask(request, key, samples) if body.id is None else desk.ask_once(request, body.id, key, samples)
        return _json({"rows": await named})

    @app.post("/v1/sources/{name}", response_model=schemas.AskOut, responses={404: ERRORS[422]})
    async def source(request: Request, name: str, body: schemas.AskIn) -> Response:
        """Ask one verifier or reward model of the scheme, with nothing combined and no state moved."""
        try:
            name = desk.keeper.source(name)
        except DataError as error:
            raise HTTPException(404, str(error)) from None
        return _json({"rows": await desk.ask(request, Ask(name), [s.sample() for s in body.samples])})


def _theirs(app: APIRouter, desk: Desk) -> None:
    keeper = desk.keeper

    @app.post("/get_reward", response_model=schemas.OpenRLHFOut)
    async def get_reward(request: Request, body: schemas.OpenRLHFIn) -> Response:
        """Answer OpenRLHF's remote reward protocol; with a cohort, single rollouts wait for their siblings."""
        samples = openrlhf.samples(body)
        if len(samples) == 1 and desk.limits.cohort > 1:
            rows = [await desk.join(request, samples[0])]
        else:
            rows = await desk.ask(request, Reward(), samples)
        _judged(rows, "reward")
        return _json(openrlhf.answer(rows, keeper.verifier))

    @app.post("/classify", response_model=schemas.ClassifyOut)
    async def classify(request: Request, body: schemas.ClassifyIn) -> Response:
        """Answer as vLLM's /classify does: raw scores of one reward model, nothing combined."""
        name = keeper.source(body.model, scores=True)
        rows = await desk.ask(request, Ask(name), _texts(body))
        _judged(rows, "value")
        values = np.array([row["value"] for row in rows])
        values = 0.5 + 0.5 * np.tanh(0.5 * values) if body.use_activation else values
        data = [
            {"index": i, "label": "LABEL_0", "probs": [value], "num_classes": 1}
            for i, value in enumerate(values.tolist())
        ]
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        lead = {"id": f"classify-{secrets.token_hex(8)}", "object": "list", "created": int(time()), "model": name}
        return _json(lead | {"data": data, "usage": usage})


def _state(app: APIRouter, desk: Desk) -> None:
    keeper = desk.keeper

    @app.get("/v1/state", response_model=schemas.State)
    async def get_state() -> Response:
        """Return the state, for a trainer's checkpoint."""
        return _json(await desk.batcher.alone(keeper.rewarder.state_dict))

    @app.put("/v1/state", status_code=204)
    async def put_state(body: schemas.State) -> Response:
        """Go on from a saved state."""
        await desk.batcher.alone(lambda: keeper.restore(body.model_dump()))
        return Response(status_code=204)


def _watching(router: APIRouter, app: FastAPI, desk: Desk) -> None:
    @app.get("/healthz", response_model=schemas.Health)
    async def health() -> Response:
        """Say whether the service takes requests: 200, or 503."""
        status = "draining" if desk.draining else "ok" if desk.batcher.works else "broken"
        return _json({"status": status, "waiting_rows": desk.batcher.waiting}, 200 if status == "ok" else 503)

    @router.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return the counters as Prometheus reads them."""
        return Response(desk.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _whole(body: schemas.ScoreIn) -> None:
    counts: dict[Any, int] = {}
    for sample in body.samples:
        counts[sample.group] = counts.get(sample.group, 0) + 1
    for group, count in counts.items():
        if count != body.group_size:
            raise DataError(f"group {str(group)[:80]!r} has {count} rollouts, group_size says {body.group_size}")


def _texts(body: schemas.ClassifyIn) -> list[Sample]:
    if (body.input is None) == (body.messages is None):
        raise DataError("give either 'input' or 'messages'")
    if body.messages is not None:
        if not body.messages:
            raise DataError("'messages' is empty")
        prompt = "\n".join(m.content for m in body.messages[:-1])
        return [Sample(prompt, body.messages[-1].content, 0)]
    texts = [body.input] if isinstance(body.input, str) else body.input or []
    if not texts:
        raise DataError("'input' is empty")
    return [Sample("", text, row) for row, text in enumerate(texts)]


def _judged(rows: Sequence[Row], part: str) -> None:
    """Refuse rows without a value, in a protocol that has no place for a status: no number may stand for a failure."""
    for number, row in enumerate(rows):
        if row[part] is None:
            why = row.get("problem") or row.get("reason") or "a filter marked it"
            raise HTTPException(424, f"row {number} has no {part}: {why}"[:500])


def _json(data: Any, code: int = 200) -> Response:
    return Response(pydantic_core.to_json(data, inf_nan_mode="null"), code, media_type="application/json")
