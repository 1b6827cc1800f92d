"""The service as one ASGI application."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from herokit.service.dispatch import Dispatcher
from herokit.service.engine import Engine
from herokit.service.error_handlers import ERROR_RESPONSES, add_error_handlers
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics
from herokit.service.middleware import GatewayMiddleware
from herokit.service.routes import add_routes

__all__ = ["make_app"]

_DESCRIPTION = "Rewards for groups of rollouts: verifiers, reward models, and the scheme that combines them."


def make_app(
    engine: Engine,
    limits: Limits,
    metrics: Metrics,
    *,
    token: str | None = None,
    hosts: frozenset[str] | None = None,
    save_every: float = 60.0,
) -> tuple[ASGIApp, Dispatcher]:
    """Return the service as an ASGI application, and the state that its endpoints share.

    Args:
        engine: holds the rewarder; when the application shuts down, its state is saved and its sources are closed.
        limits: of requests and queue.
        metrics: of the service.
        token: what requests must have; None requires none.
        hosts: the names by which the service may be called; None allows any. This stops web pages from calling, through a
            browser, a service on loopback that has no token.
        save_every: seconds between two saves of the state.
    """
    dispatcher = Dispatcher(engine, limits, metrics)
    lifespan = _make_lifespan(dispatcher, save_every)
    app = FastAPI(
        title="herokit",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=ERROR_RESPONSES,
    )
    add_routes(app, dispatcher, has_token=token is not None)
    add_error_handlers(app)
    paths = frozenset(app.openapi()["paths"])
    return GatewayMiddleware(app, limits, metrics, paths, token=token, hosts=hosts), dispatcher


def _make_lifespan(dispatcher: Dispatcher, save_every: float) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        saving = asyncio.create_task(_save_regularly(dispatcher, save_every))
        try:
            yield
        finally:
            dispatcher.drain()
            saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await saving
            await dispatcher.close()
            try:
                dispatcher.engine.save_state()
            except OSError as error:
                dispatcher.final_save_failed = True
                path = dispatcher.engine.state_path
                sys.stderr.write(
                    f"herokit serve: the last state could not be saved: {error}; {path} has the state of the last save\n"
                )
            finally:
                dispatcher.engine.rewarder.close()

    return lifespan


async def _save_regularly(dispatcher: Dispatcher, every: float) -> None:
    """Save the state again and again; after an error too, because a full disk may be free later."""
    while True:
        await asyncio.sleep(every)
        try:
            await dispatcher.run_alone(dispatcher.engine.save_state)
        except OSError as error:
            dispatcher.metrics.state_save_failures.inc()
            sys.stderr.write(f"herokit serve: the state could not be saved: {error}\n")
