"""Strict body parsing, and exception handlers: every error becomes JSON that says what is wrong."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from herokit.adapters.common.gather import IncompleteGroupError
from herokit.adapters.common.microbatch import QueueFullError
from herokit.errors import ConfigError, DataError, HerokitError, PluginError
from herokit.service import schemas
from herokit.service.bodies import BodyReader
from herokit.service.dispatch import IdInUseError, RequestTimeoutError
from herokit.service.engine import describe_error

__all__ = ["ERROR_RESPONSES", "add_error_handlers", "strict_route"]

_MAX_ERRORS = 3
"""Errors of one body that are named."""

ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"model": schemas.ErrorResponse, "description": text}
    for code, text in {
        400: "the body is not JSON",
        401: "no token, or a wrong one",
        408: "the request was not read in time",
        409: "another request had this id",
        413: "too many bytes, values or rows",
        415: "the header content-type is not application/json",
        422: "the body is not what the endpoint takes",
        424: "a row has no value, which this protocol cannot express",
        429: "the queue is full: retry after Retry-After seconds",
        500: "a source broke its contract",
        503: "a source cannot work, the request waited too long, or the service is shutting down",
        504: "the request ran out of time while it was being scored",
    }.items()
}
"""What every endpoint may answer in addition to 200, for the OpenAPI schema."""


def strict_route(reader: BodyReader) -> type[APIRoute]:
    """Return the class of routes that read bodies as strict JSON, with a reader."""
    return type("StrictRoute", (_StrictRoute,), {"reader": reader})


class _StrictRoute(APIRoute):
    reader: BodyReader

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            strict = _StrictRequest(request.scope, request.receive)
            strict.reader = self.reader
            return await handle(strict)

        return handle_strictly


class _StrictRequest(Request):
    reader: BodyReader

    async def json(self) -> Any:
        return await self.reader.read(await self.body())


def add_error_handlers(app: FastAPI) -> None:
    """Answer exceptions: those of herokit with their message, any other with the name of its class."""
    handlers: dict[type[Exception], Callable[[Request, Any], Response]] = {
        HTTPException: _answer_http_error,
        RequestValidationError: _answer_invalid_body,
        QueueFullError: lambda _, error: _answer(429, str(error), error.retry_after),
        IdInUseError: lambda _, error: _answer(409, str(error)),
        RequestTimeoutError: lambda _, error: (
            _answer(504, str(error)) if error.started else _answer(503, str(error), retry_after=1)
        ),
        IncompleteGroupError: lambda _, error: _answer(503, str(error), retry_after=1),
        HerokitError: lambda _, error: _answer(_status_code(error), describe_error(error)),
        Exception: lambda _, error: _answer(500, f"internal error: {describe_error(error)}"),
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _answer(code: int, message: str, retry_after: int | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, code, None if retry_after is None else {"retry-after": str(retry_after)})


def _status_code(error: HerokitError) -> int:
    return 422 if isinstance(error, ConfigError | DataError) else 500 if isinstance(error, PluginError) else 503


def _answer_http_error(request: Request, error: HTTPException) -> JSONResponse:
    """Answer an error of the protocol; of a wrong path or method with where the right ones are."""
    detail = str(error.detail)
    if error.status_code in (404, 405) and detail in ("Not Found", "Method Not Allowed"):
        detail = f"no endpoint {request.method} {request.url.path[:80]}; GET /openapi.json lists them"
    return JSONResponse({"error": detail}, error.status_code, error.headers)


def _answer_invalid_body(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = error.errors()
    if "json" not in request.headers.get("content-type", "") and errors and tuple(errors[0]["loc"]) == ("body",):
        return _answer(415, "expected JSON, with the header content-type: application/json")
    code = 400 if errors and errors[0]["type"] == "json_invalid" else 422
    more = f"; and {len(errors) - _MAX_ERRORS} more" if len(errors) > _MAX_ERRORS else ""
    return _answer(code, "; ".join(map(_describe_invalid, errors[:_MAX_ERRORS])) + more)


def _describe_invalid(error: dict[str, Any]) -> str:
    """Return what is wrong with a part of a body, without repeating the part, which may be megabytes."""
    if error["type"] == "json_invalid":
        return f"the body is not strict JSON: {error.get('ctx', {}).get('error')}"[:200]
    location = ".".join(str(part)[:40] for part in error["loc"][:8])
    return f"{location}: {error['msg'].removeprefix('Value error, ')}"[:200]
