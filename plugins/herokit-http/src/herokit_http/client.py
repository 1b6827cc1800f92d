"""One POST: time limit, retries with backoff, the breaker, and what comes back as JSON or as a reason."""

import asyncio
import json
import os
import re
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from herokit.errors import ConfigError
from herokit_http.breaker import Breaker
from herokit_http.request_policy import Reach
from herokit_http.retrying import AGAIN, StatusError, retrying

OURS = frozenset({401, 402, 403, 404, 405, 406, 407, 410, 415, 421, 426, 501, 505, 511})
"""Statuses that no other row would change; redirects are others."""


class UnansweredError(Exception):
    """A request has no answer.

    Args:
        why: in words.
        content: whether it may be due to what was sent, so that a part of it may do.
        false: whether something came that is no answer to what was asked.
    """

    def __init__(self, why: str, *, content: bool = False, false: bool = False) -> None:
        super().__init__(why)
        self.content, self.false = content, false


@dataclass(slots=True)
class Count:
    """What a link has done."""

    requests: int = 0
    tries: int = 0
    failed: int = 0


class Link:
    """A connection pool to one server, or to several that do the same: requests go to them in turn.

    Lives in one event loop.

    Args:
        url: where the server is; several are separated by commas.
        reach: how hard to try.

    Raises:
        ConfigError: a URL is none, or the token's variable is not set.
    """

    def __init__(self, url: str, reach: Reach) -> None:
        self.urls = addresses(url)
        self.reach = reach
        self.count = Count()
        self._breakers = [Breaker(reach.patience, reach.rest) for _ in self.urls]
        self._belief = Breaker(reach.patience, reach.rest)
        self._slots = asyncio.Semaphore(reach.at_once)
        self._turn = 0
        self._token = ""
        headers = {"accept-encoding": "identity", "content-type": "application/json"}
        if reach.token:
            self._token = os.environ.get(reach.token, "").strip()
            if not (self._token and self._token.isascii() and self._token.isprintable()):
                raise ConfigError(f"the environment variable {reach.token} holds no token")
            headers["authorization"] = f"Bearer {self._token}"
        limits = httpx2.Limits(max_connections=reach.at_once, max_keepalive_connections=reach.at_once)
        # a cookie that cannot be sent would end every later request
        none = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx2.AsyncClient(timeout=reach.seconds, limits=limits, headers=headers, cookies=none)

    async def post(self, path: str, body: Any) -> Any:
        """POST JSON and return the JSON that comes back.

        Args:
            path: comes after the server's URL.
            body: what to send.

        Raises:
            UnansweredError: there is no answer, and why.
        """
        content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        async with self._slots:
            try:
                return await self._asked(path, content)
            finally:
                self._belief.left()  # the try is over; who reads the answer says what to believe of it

    async def _asked(self, path: str, content: bytes) -> Any:
        place, breaker = self._pick()
        self.count.requests += 1
        try:
            answer, answered = await self._try(place, path, content)
        except UnansweredError as error:
            self.count.failed += 1
            refused = error.content and not str(error).startswith("status 500")
            breaker.worked() if refused else breaker.failed(str(error))
            raise
        except BaseException:
            breaker.left()
            raise
        if answered != place:  # a dead one among several costs each request that begins with it a try
            breaker.failed("another address answered for it")
        self._breakers[answered].worked()
        return answer

    def believe(self, why: str = "") -> None:
        """Hear that an answer was one, or why it was none: enough of these in a row, and the server is left alone."""
        self._belief.failed(why) if why else self._belief.worked()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def _pick(self) -> tuple[int, Breaker]:
        why = self._belief.closed_until()
        if why:
            raise UnansweredError(why)
        for step in range(len(self.urls)):
            place = (self._turn + step) % len(self.urls)
            why = self._breakers[place].closed_until()
            if not why:
                self._turn = place + 1
                return place, self._breakers[place]
        raise UnansweredError(why)

    async def _try(self, place: int, path: str, content: bytes) -> tuple[Any, int]:
        """Ask one address after the other, beginning at `place`; return the answer and who gave it."""
        reach = self.reach
        tries = retrying(reach.tries, reach.wait)
        try:
            async for attempt in tries:
                with attempt:
                    here = (place + attempt.retry_state.attempt_number - 1) % len(self.urls)
                    self.count.tries += 1
                    async with asyncio.timeout(reach.seconds):
                        return await self._once(self.urls[here] + path, content), here
        except StatusError as error:
            ours = error.code < 400 or error.code in OURS | AGAIN - {500}  # noqa: PLR2004 - some servers say 500 of bad input
            raise UnansweredError(str(error), content=not ours) from None
        except TimeoutError:
            raise UnansweredError(f"no answer within {reach.seconds:g} s") from None
        except httpx2.TimeoutException as error:
            raise UnansweredError(f"no answer within {reach.seconds:g} s ({type(error).__name__})") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise UnansweredError(f"{type(error).__name__}: {error}"[:300]) from None
        raise UnansweredError("not tried")  # pragma: no cover - the loop returns or raises

    async def _once(self, url: str, content: bytes) -> Any:
        async with self._client.stream("POST", url, content=content) as response:
            found = bytearray()
            async for chunk in response.aiter_raw():
                found += chunk
                if len(found) > self.reach.largest:
                    raise UnansweredError(
                        f"an answer of more than {self.reach.largest} bytes", content=True, false=True
                    )
        if not response.is_success:
            text = found[:1000].decode("utf-8", "replace")
            if self._token:
                text = text.replace(self._token, "[token]")
            text = " ".join(text[:300].split())
            raise StatusError(response.status_code, text, response.headers.get("retry-after"))
        if packed := response.headers.get("content-encoding", "").strip().lower().replace("identity", ""):
            raise UnansweredError(f"the answer is packed, {packed[:40]!r}, unasked", false=True)
        try:
            return json.loads(found)
        except (ValueError, RecursionError) as error:
            raise UnansweredError(f"the answer is not JSON: {error}"[:200], content=True, false=True) from None


def addresses(url: str) -> list[str]:
    """Split a setting into URLs.

    Raises:
        ConfigError: one is not http or https.

    Example:
        >>> addresses("http://a:1/, http://b:2")
        ['http://a:1', 'http://b:2']
    """
    found = [part.strip().rstrip("/") for part in url.split(",") if part.strip()]
    for part in found or [url]:
        try:
            place = httpx2.URL(part)
        except httpx2.InvalidURL as error:
            raise ConfigError(f"url = {public(url)!r}; expected http://HOST:PORT, got {error}") from None
        if place.scheme not in ("http", "https") or not place.host or place.query or place.fragment:
            raise ConfigError(f"url = {public(url)!r}; expected http://HOST:PORT, several separated by commas")
    return found


def public(url: str) -> str:
    """Return a URL without its password, for reports and logs.

    Example:
        >>> public("http://me:secret@a:1,http://b:2")
        'http://[...]@a:1,http://b:2'
    """
    return re.sub(r"//[^/,]*@", "//[...]@", url)
