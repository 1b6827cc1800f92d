"""An HTTP client for one server or several equal ones: JSON in, JSON out, or the reason why there is no answer."""

import asyncio
import json
import os
import re
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from herokit.errors import ConfigError
from herokit_http.request_policy import RETRIED_STATUSES, CircuitBreaker, RequestPolicy, StatusError, retrying

__all__ = ["Client", "RequestError", "RequestStats", "parse_urls", "redact_url"]

_ROW_INDEPENDENT_STATUSES = frozenset({401, 402, 403, 404, 405, 406, 407, 410, 415, 421, 426, 501, 505, 511})
"""Statuses that other rows would get too; so are redirects."""


class RequestError(Exception):
    """A request has no answer.

    Attributes:
        caused_by_content: whether it may be due to what was sent, so that a part of it may succeed.
        is_malformed: whether a response arrived that is not an answer to the request.
    """

    def __init__(self, message: str, *, caused_by_content: bool = False, is_malformed: bool = False) -> None:
        super().__init__(message)
        self.caused_by_content, self.is_malformed = caused_by_content, is_malformed


@dataclass(slots=True)
class RequestStats:
    """What a client has done."""

    requests: int = 0
    attempts: int = 0


class Client:
    """A connection pool to one server, or to several that do the same: requests go to them in turn.

    It is used in one event loop. Every address has a circuit breaker; another one opens when responses are malformed.

    Args:
        url: of the server; several are separated by commas.
        policy: how hard to try.

    Raises:
        ConfigError: an invalid URL, or the token's variable is not set.
    """

    def __init__(self, url: str, policy: RequestPolicy) -> None:
        self.urls = parse_urls(url)
        self.policy = policy
        self.stats = RequestStats()
        self.address_breakers = [_make_breaker(policy) for _ in self.urls]
        self.answer_breaker = _make_breaker(policy)
        self._slots = asyncio.Semaphore(policy.max_concurrency)
        self._next = 0
        self._token = _read_token(policy.token_env) if policy.token_env else ""
        headers = {"accept-encoding": "identity", "content-type": "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        limits = httpx2.Limits(max_connections=policy.max_concurrency, max_keepalive_connections=policy.max_concurrency)
        no_cookies = CookieJar(
            DefaultCookiePolicy(allowed_domains=[])
        )  # an invalid cookie would fail every later request
        self._http = httpx2.AsyncClient(timeout=policy.timeout, limits=limits, headers=headers, cookies=no_cookies)

    async def post(self, path: str, body: Any) -> Any:
        """POST JSON and return the JSON of the response.

        Args:
            path: is appended to the server's URL.
            body: what to send.

        Raises:
            RequestError: there is no answer.
        """
        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        async with self._slots:
            try:
                return await self._post(path, content)
            finally:
                self.answer_breaker.release()  # whoever reads the answer records whether it is one

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _post(self, path: str, content: bytes) -> Any:
        """Send a request and record its result in the breakers."""
        first = self._choose_address()
        breaker = self.address_breakers[first]
        self.stats.requests += 1
        try:
            answer, answered = await self._attempt(first, path, content)
        except RequestError as error:
            if error.caused_by_content and not str(error).startswith("status 500"):
                breaker.record_success()
            else:
                breaker.record_failure(str(error))
            raise
        except BaseException:
            breaker.release()
            raise
        if answered != first:  # a dead address costs every request that begins with it an attempt
            breaker.record_failure("another address answered for it")
        self.address_breakers[answered].record_success()
        return answer

    def _choose_address(self) -> int:
        """Return the number of the next address whose breaker is closed."""
        reason = self.answer_breaker.acquire()
        if reason:
            raise RequestError(reason)
        for step in range(len(self.urls)):
            number = (self._next + step) % len(self.urls)
            reason = self.address_breakers[number].acquire()
            if not reason:
                self._next = number + 1
                return number
        raise RequestError(reason)

    async def _attempt(self, first: int, path: str, content: bytes) -> tuple[Any, int]:
        """Try one address after the other, beginning with `first`; return the answer and the number of its address."""
        policy = self.policy
        try:
            async for attempt in retrying(policy):
                with attempt:
                    number = (first + attempt.retry_state.attempt_number - 1) % len(self.urls)
                    self.stats.attempts += 1
                    async with asyncio.timeout(policy.timeout):
                        return await self._send(self.urls[number] + path, content), number
        except StatusError as error:
            # a redirect says nothing about the content; some servers answer 500 to invalid input
            independent = error.code < 400 or error.code in _ROW_INDEPENDENT_STATUSES | RETRIED_STATUSES - {500}  # noqa: PLR2004
            raise RequestError(str(error), caused_by_content=not independent) from None
        except TimeoutError:
            raise RequestError(f"no answer within {policy.timeout:g} s") from None
        except httpx2.TimeoutException as error:
            raise RequestError(f"no answer within {policy.timeout:g} s ({type(error).__name__})") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise RequestError(f"{type(error).__name__}: {error}"[:300]) from None
        raise RequestError("not sent")  # pragma: no cover - the loop returns or raises

    async def _send(self, url: str, content: bytes) -> Any:
        async with self._http.stream("POST", url, content=content) as response:
            raw = await self._read(response)
        if not response.is_success:
            text = raw[:1000].decode("utf-8", "replace")
            if self._token:
                text = text.replace(self._token, "[token]")
            raise StatusError(response.status_code, " ".join(text[:300].split()), response.headers.get("retry-after"))
        encoding = response.headers.get("content-encoding", "").strip().lower().replace("identity", "")
        if encoding:
            raise RequestError(f"the response is compressed, {encoding[:40]!r}; expected it plain", is_malformed=True)
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            message = f"the response is not JSON: {error}"[:200]
            raise RequestError(message, caused_by_content=True, is_malformed=True) from None

    async def _read(self, response: httpx2.Response) -> bytes:
        raw = bytearray()
        async for chunk in response.aiter_raw():
            raw += chunk
            if len(raw) > self.policy.max_response_bytes:
                message = f"the response has more than {self.policy.max_response_bytes} bytes"
                raise RequestError(message, caused_by_content=True, is_malformed=True)
        return bytes(raw)


def _make_breaker(policy: RequestPolicy) -> CircuitBreaker:
    return CircuitBreaker(policy.failure_threshold, policy.recovery_timeout)


def _read_token(variable: str) -> str:
    token = os.environ.get(variable, "").strip()
    if not (token and token.isascii() and token.isprintable()):
        raise ConfigError(f"token_env: the environment variable {variable} has no token; expected printable ASCII")
    return token


def parse_urls(url: str) -> list[str]:
    """Split a setting into URLs.

    Raises:
        ConfigError: one is not http or https.

    Example:
        >>> parse_urls("http://a:1/, http://b:2")
        ['http://a:1', 'http://b:2']
    """
    urls = [part.strip().rstrip("/") for part in url.split(",") if part.strip()]
    for part in urls or [url]:
        try:
            parsed = httpx2.URL(part)
        except httpx2.InvalidURL as error:
            raise ConfigError(f"url = {redact_url(url)!r}; expected http://HOST:PORT, got {error}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
            raise ConfigError(f"url = {redact_url(url)!r}; expected http://HOST:PORT, several separated by commas")
    return urls


def redact_url(url: str) -> str:
    """Return a URL without its password, for reports and logs.

    Example:
        >>> redact_url("http://me:secret@a:1,http://b:2")
        'http://[...]@a:1,http://b:2'
    """
    return re.sub(r"//[^/,]*@", "//[...]@", url)
