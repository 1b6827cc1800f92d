"""Bodies are read strictly, and every error becomes an answer that says what is wrong and never repeats megabytes."""

from collections.abc import Callable, Coroutine
from json import JSONDecodeError
from typing import Any

import pydantic_core
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from herokit.errors import ConfigError, DataError, HerokitError, PluginError
from herokit.service import schemas
from herokit.service.batching import QueueFullError, TooLateError
from herokit.service.engine import problem
from herokit.service.gather import TooFewError

ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": schemas.Refusal, "description": text}
    for code, text in {
        400: "the body is not JSON",
        401: "no token, or a wrong one",
        408: "the request was not read in time",
        413: "too many bytes or rows",
        415: "the header content-type is not application/json",
        422: "the body is not what the endpoint takes",
        424: "a source could not judge a row, and this protocol has no place to say so",
        429: "no room in the queue: come back after Retry-After seconds",
        500: "a source broke its contract",
        503: "a source cannot work, the request waited too long, or the service is shutting down",
        504: "the request ran out of time while it was scored",
    }.items()
}
"""What every endpoint may answer beside 200."""


class Strict(APIRoute):
    """Reads bodies as JSON and nothing more: no NaN, no numbers of 10^6 digits, no halves of surrogate pairs."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, reading strictly."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_Request(request.scope, request.receive))

        return strict


class _Request(Request):
    async def json(self) -> Any:
        try:
            return pydantic_core.from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise JSONDecodeError(str(error), "", 0) from None


def answer_errors(app: FastAPI) -> None:
    """Turn errors into answers: what we raise on purpose says why, anything else only its kind."""

    def answer(code: int, why: str, retry: int | None = None) -> JSONResponse:
        return JSONResponse({"error": why}, code, None if retry is None else {"retry-after": str(retry)})

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        if "json" not in request.headers.get("content-type", "") and found and tuple(found[0]["loc"]) == ("body",):
            return answer(415, "send JSON, with the header content-type: application/json")
        code = 400 if found and found[0]["type"] == "json_invalid" else 422
        return answer(code, "; ".join(_told(e) for e in found[:3]) + ("; and more" if len(found) > 3 else ""))  # noqa: PLR2004

    @app.exception_handler(QueueFullError)
    def full(_: Request, error: QueueFullError) -> JSONResponse:
        return answer(429, str(error), error.retry_after)

    @app.exception_handler(TooLateError)
    def late(_: Request, error: TooLateError) -> JSONResponse:
        return answer(504 if error.scored else 503, f"out of time while {error}", None if error.scored else 1)

    @app.exception_handler(TooFewError)
    def few(_: Request, error: TooFewError) -> JSONResponse:
        return answer(503, str(error), 1)

    @app.exception_handler(HerokitError)
    def failed(_: Request, error: HerokitError) -> JSONResponse:
        code = 422 if isinstance(error, ConfigError | DataError) else 500 if isinstance(error, PluginError) else 503
        return answer(code, problem(error))

    @app.exception_handler(Exception)
    def broken(_: Request, error: Exception) -> JSONResponse:
        return answer(500, f"the service failed: {problem(error)}")


def _told(error: dict[str, Any]) -> str:
    """Say what is wrong with a body, without repeating what may be megabytes of it."""
    place = ".".join(str(part)[:40] for part in error["loc"][:8])
    why = error.get("ctx", {}).get("error") if error["type"] == "json_invalid" else error["msg"]
    return f"{place}: {why}"[:200]
