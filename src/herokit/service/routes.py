"""The endpoints of herokit's own protocol, of the state, and for operations."""

import asyncio
from collections import Counter
from hashlib import blake2b

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response, Security
from fastapi.security import HTTPBearer

from herokit.errors import DataError
from herokit.service import schemas
from herokit.service.bodies import BodyReader
from herokit.service.compat import add_compat_routes
from herokit.service.dispatch import Dispatcher
from herokit.service.engine import ScoreKey, SourceKey
from herokit.service.error_handlers import ERROR_RESPONSES, strict_route
from herokit.service.nemo_gym import add_nemo_gym_routes

__all__ = ["add_routes"]


def add_routes(app: FastAPI, dispatcher: Dispatcher, *, has_token: bool) -> None:
    """Add every endpoint.

    Args:
        app: gets them.
        dispatcher: answers them.
        has_token: whether the OpenAPI schema says that all but /healthz require a token; the middleware checks it.
    """
    security = [Security(HTTPBearer(auto_error=False))] if has_token else []
    router = APIRouter(route_class=strict_route(BodyReader(dispatcher.limits)), dependencies=security)
    _add_native_routes(router, dispatcher)
    _add_state_routes(router, dispatcher)
    add_compat_routes(router, dispatcher)
    add_nemo_gym_routes(router, dispatcher)
    _add_ops_routes(router, app, dispatcher)
    app.include_router(router)


def _add_native_routes(router: APIRouter, dispatcher: Dispatcher) -> None:

    @router.post("/v1/score", response_model=schemas.ScoreResponse)
    async def score(request: Request, body: schemas.ScoreRequest) -> Response:
        """Score rollouts of whole groups: reward, advantage, weight, and the results of every source."""
        _check_group_sizes(body)
        key, samples = ScoreKey(body.update_state), [sample.sample() for sample in body.samples]
        if body.id is None:
            return schemas.json_response({"rows": await dispatcher.run(request, key, samples)})
        digest = await asyncio.to_thread(lambda data: blake2b(data).digest(), await request.body())
        return schemas.json_bytes_response(await dispatcher.run_once(request, body.id, digest, key, samples))

    @router.post("/v1/sources/{name}", response_model=schemas.SourceResponse, responses={404: ERROR_RESPONSES[422]})
    async def run_source(request: Request, name: str, body: schemas.SourceRequest) -> Response:
        """Run one verifier or reward model of the scheme, without combining; the state does not move."""
        try:
            key = SourceKey(dispatcher.engine.find_source(name))
        except DataError as error:
            raise HTTPException(404, str(error)) from None
        return schemas.json_response(
            {"rows": await dispatcher.run(request, key, [sample.sample() for sample in body.samples])}
        )


def _add_state_routes(router: APIRouter, dispatcher: Dispatcher) -> None:
    engine = dispatcher.engine

    @router.get("/v1/state", response_model=schemas.State)
    async def get_state() -> Response:
        """Return the state, for a trainer's checkpoint."""
        return schemas.json_response(await dispatcher.run_alone(engine.rewarder.state_dict))

    @router.put("/v1/state", status_code=204)
    async def put_state(body: schemas.State) -> Response:
        """Restore a saved state."""
        await dispatcher.run_alone(lambda: engine.restore_state(body.model_dump()))
        return Response(status_code=204)


def _add_ops_routes(router: APIRouter, app: FastAPI, dispatcher: Dispatcher) -> None:
    @app.get("/healthz", response_model=schemas.Health)
    async def get_health() -> Response:
        """Return 200 if the service accepts requests, 503 while it shuts down."""
        status = "draining" if dispatcher.draining else "ok"
        health = {"status": status, "waiting_rows": dispatcher.queue.num_waiting}
        return schemas.json_response(health, 503 if dispatcher.draining else 200)

    @router.get("/metrics", response_class=Response)
    async def get_metrics() -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(dispatcher.metrics.to_text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _check_group_sizes(body: schemas.ScoreRequest) -> None:
    if body.group_size is None:
        return
    for group, count in Counter(sample.group for sample in body.samples).items():
        if count != body.group_size:
            raise DataError(f"group {str(group)[:80]!r} has {count} rollouts; expected group_size = {body.group_size}")
