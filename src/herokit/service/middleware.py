"""ASGI middleware around the service: token, host name, limits of bytes and time, metrics."""

import asyncio
import hmac
from time import perf_counter
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from herokit.service.limits import Limits
from herokit.service.metrics import Metrics

__all__ = ["GatewayMiddleware"]

_PATHS_WITHOUT_TOKEN = ("/healthz",)

_MAX_LENGTH_DIGITS = 19
"""Digits of a Content-Length that fits into 64 bits."""


class GatewayMiddleware:
    """Check every request before its body is read, and count it.

    Args:
        app: the service.
        limits: bytes and seconds per request.
        metrics: counts requests by path and code.
        paths: the paths of the service; all others are counted as one.
        token: what the header ``Authorization: Bearer`` must have; None requires none.
        hosts: what the header ``Host`` may name; None allows any.

    Attributes:
        inflight_bytes: bytes of all requests that are being read or answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        metrics: Metrics,
        paths: frozenset[str],
        *,
        token: str | None = None,
        hosts: frozenset[str] | None = None,
    ) -> None:
        self.app, self.limits, self.metrics, self.paths, self.hosts = app, limits, metrics, paths, hosts
        self.token = None if token is None else token.encode()
        self.inflight_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or reject it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(self, receive, send)
        start = perf_counter()
        self.metrics.open_requests.inc()
        try:
            try:
                self._check_headers(scope)
            except HTTPException as error:
                response = JSONResponse({"error": error.detail}, error.status_code, error.headers)
                await response(scope, receive, exchange.send)
            else:
                await self.app(scope, exchange.receive, exchange.send)
        finally:
            self.inflight_bytes -= exchange.num_bytes
            self.metrics.open_requests.dec()
            self.metrics.count_request(_route(scope["path"], self.paths), exchange.status_code, perf_counter() - start)

    def check_size(self, size: int, others: int) -> None:
        """Reject a body of `size` bytes that is too large by itself, or together with the `others`."""
        if size > self.limits.max_body_bytes:
            raise _error(413, f"the body has {size} bytes or more; expected at most {self.limits.max_body_bytes}")
        if others and others + size > self.limits.max_inflight_bytes:
            message = f"other requests hold {others} of {self.limits.max_inflight_bytes} bytes; try again"
            raise _error(429, message, {"retry-after": "1"})

    def _check_headers(self, scope: Scope) -> None:
        headers = Request(scope).headers
        if self.token is not None and scope["path"] not in _PATHS_WITHOUT_TOKEN:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token):
                message = "no token, or a wrong one; expected the header Authorization: Bearer TOKEN"
                raise _error(401, message, {"www-authenticate": "Bearer"})
        host = headers.get("host", "")
        if self.hosts is not None and _host_name(host) not in self.hosts:
            raise _error(421, f"the host is {host[:80]!r}; expected one of {', '.join(sorted(self.hosts))}")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise _error(400, f"Content-Length is {length[:40]!r}; expected an integer")
        size = int(length) if len(length) <= _MAX_LENGTH_DIGITS else 10**_MAX_LENGTH_DIGITS
        self.check_size(size, self.inflight_bytes)


class _Exchange:
    """One request and its response: limits the bytes and the time of reading, and notes the status code."""

    def __init__(self, gateway: GatewayMiddleware, receive: Receive, send: Send) -> None:
        self._gateway, self._receive, self._send = gateway, receive, send
        self._deadline = asyncio.get_running_loop().time() + gateway.limits.timeout_s
        self._is_read = False
        self.num_bytes = 0
        self.status_code = 500

    async def receive(self) -> Message:
        if self._is_read:
            return await self._receive()  # returns when the client goes away
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise _error(408, f"the request was not read within {self._gateway.limits.timeout_s:g} s") from None
        size = len(message.get("body", b""))
        self._gateway.check_size(self.num_bytes + size, self._gateway.inflight_bytes - self.num_bytes)
        self.num_bytes += size
        self._gateway.inflight_bytes += size
        self._is_read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status_code = message["status"]
        await self._send(message)


def _error(code: int, message: str, headers: dict[str, str] | None = None) -> HTTPException:
    """Return an error that closes the connection, because the rest of the body is not read."""
    return HTTPException(code, message, {"connection": "close", **(headers or {})})


def _host_name(host: str) -> str | None:
    """Return the name in a Host header, without port and brackets.

    Example:
        >>> _host_name("[::1]:8000"), _host_name("localhost:80")
        ('::1', 'localhost')
    """
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _route(path: str, paths: frozenset[str]) -> str:
    """Return the path as the service declares it, ``other`` for one it does not have."""
    if path in paths:
        return path
    template = path.rpartition("/")[0] + "/{name}"
    return template if template in paths else "other"
