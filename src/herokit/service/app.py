"""The whole service as one ASGI application."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from herokit.service.dispatch import Desk
from herokit.service.engine import Keeper
from herokit.service.error_handlers import ERRORS, answer_errors
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics
from herokit.service.middleware import Guard
from herokit.service.routes import add_routes

ABOUT = "Rewards for groups of rollouts: verifiers, reward models, and the scheme that joins them."


def make_app(
    keeper: Keeper,
    limits: Limits,
    metrics: Metrics,
    *,
    token: str | None = None,
    hosts: frozenset[str] | None = None,
    snapshot: float = 60.0,
) -> tuple[ASGIApp, Desk]:
    """Return the service as an ASGI application, and what its endpoints share.

    Args:
        keeper: holds the rewarder; it is closed, and its state saved, when the application shuts down.
        limits: bounds of requests and queue.
        metrics: what is counted.
        token: what requests must carry; None asks for none.
        hosts: the names by which it may be called; None allows any. It keeps pages in browsers from calling a service
            on loopback that has no token.
        snapshot: seconds between two savings of the state.
    """
    desk = Desk(keeper, limits, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        desk.batcher.open()
        saving = asyncio.create_task(_save(desk, snapshot))
        try:
            yield
        finally:
            desk.drain()
            saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await saving
            await desk.batcher.close()
            try:
                keeper.save()
            finally:
                keeper.rewarder.close()

    app = FastAPI(
        title="herokit", description=ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None, responses=ERRORS,
    )  # fmt: skip
    add_routes(app, desk, token=token is not None)
    answer_errors(app)
    paths = frozenset(app.openapi()["paths"])
    return Guard(app, limits, metrics, paths, token=token, hosts=hosts), desk


async def _save(desk: Desk, every: float) -> None:
    """Save the state again and again; a disk that is full today may not be tomorrow."""
    while True:
        await asyncio.sleep(every)
        try:
            await desk.batcher.alone(desk.keeper.save)
        except OSError as error:
            desk.metrics.unsaved.inc()
            sys.stderr.write(f"herokit serve: the state could not be saved: {error}\n")
