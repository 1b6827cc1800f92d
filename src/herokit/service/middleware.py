"""What every request passes before it is read: the token, the size and time limits, the counting."""

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

OPEN = ("/healthz",)
"""Paths that need no token."""


def _refused(code: int, why: str, **headers: str) -> HTTPException:
    """Refuse a request, and close its connection: what is left of the body is not read."""
    return HTTPException(code, why, {"connection": "close"} | {k.replace("_", "-"): v for k, v in headers.items()})


class Guard:
    """ASGI middleware around the whole service.

    Args:
        app: the service.
        limits: bytes and seconds a request.
        metrics: counts requests by path and code.
        paths: the paths that the service has; others are counted as one.
        token: what the header ``Authorization: Bearer`` must carry; None asks for none.
        hosts: what the header ``Host`` may name; None allows anything.
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
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = perf_counter()
        code = 500
        held = 0
        deadline = asyncio.get_running_loop().time() + self.limits.seconds
        read = False

        async def bounded() -> Message:
            nonlocal held, read
            if read:
                return await receive()  # waits for the client to go away
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise _refused(408, f"the request was not read within {self.limits.seconds:g} s") from None
            size = len(message.get("body", b""))
            self._check(held + size, self.held - held)
            held += size
            self.held += size
            read = not message.get("more_body", False)
            return message

        async def counted(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        self.metrics.open.inc()
        try:
            try:
                self._admit(scope)
            except HTTPException as refused:
                response = JSONResponse({"error": refused.detail}, refused.status_code, refused.headers)
                await response(scope, receive, counted)
            else:
                await self.app(scope, bounded, counted)
        finally:
            self.held -= held
            self.metrics.open.dec()
            path = scope["path"]
            self.metrics.request(_known(path, self.paths), code, perf_counter() - begun)

    def _admit(self, scope: Scope) -> None:
        request = Request(scope)
        if self.token is not None and scope["path"] not in OPEN:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token):
                why = "this service wants its token in the header Authorization: Bearer TOKEN"
                raise _refused(401, why, www_authenticate="Bearer")
        host = request.headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            raise _refused(421, f"this service is called {', '.join(sorted(self.hosts))}, not {host[:80]!r}")
        length = request.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise _refused(400, f"a Content-Length is a number, got {length[:40]!r}")
        self._check(int(length) if len(length) < 20 else self.limits.body + 1, self.held)  # noqa: PLR2004 - 64 bits

    def _check(self, size: int, others: int) -> None:
        """Refuse a body of `size` bytes that is too large, or too large beside those of other requests."""
        if size > self.limits.body:
            raise _refused(413, f"a request may have {self.limits.body} bytes")
        if others and others + size > self.limits.held:
            raise _refused(429, f"other requests hold {others} of {self.limits.held} bytes", retry_after="1")


def _name(host: str) -> str | None:
    """Return the name of a Host header, without port and brackets.

    Example:
        >>> _name("[::1]:8000"), _name("localhost:80")
        ('::1', 'localhost')
    """
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _known(path: str, paths: frozenset[str]) -> str:
    if path in paths:
        return path
    lead = path.rpartition("/")[0] + "/{name}"
    return lead if lead in paths else "other"
