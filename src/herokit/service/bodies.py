"""Reading bodies of requests as strict JSON: bounded values, no duplicate keys, large ones outside the event loop."""

import asyncio
import json
from time import monotonic
from typing import Any

import pydantic_core
from starlette.exceptions import HTTPException

from herokit.service.limits import Limits

__all__ = ["BodyReader", "parse_body", "reject_duplicates"]

_MAX_INLINE_BYTES = 256 * 1024
"""Bytes of a body that is parsed in the event loop: that takes about a millisecond."""
_STEPS_BETWEEN_CHECKS = 10_000
_QUOTE, _BACKSLASH = b'"', ord("\\")


class BodyReader:
    """Parses bodies; one large body at a time, in a thread, so that the service answers others meanwhile.

    Args:
        limits: values per request, and seconds.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._lock = asyncio.Lock()

    async def read(self, body: bytes) -> Any:
        """Return the value of a body.

        Raises:
            json.JSONDecodeError: it is not strict JSON.
            HTTPException: 413 for too many values, 408 for one that takes too long.
        """
        deadline = monotonic() + self.limits.timeout_s
        if len(body) <= _MAX_INLINE_BYTES:
            return parse_body(body, self.limits.max_request_values, deadline)
        try:
            async with asyncio.timeout(self.limits.timeout_s), self._lock:
                return await asyncio.to_thread(parse_body, body, self.limits.max_request_values, deadline)
        except TimeoutError:
            raise HTTPException(408, f"the body was not parsed within {self.limits.timeout_s:g} s") from None


def parse_body(body: bytes, max_values: int, deadline: float) -> Any:
    """Return the value of a strict JSON text: no NaN, no duplicate keys, no integers of thousands of digits.

    The parser holds the interpreter's lock, so values are counted first, in steps between which others can run.

    Args:
        body: the text; hostile.
        max_values: values of all kinds that it may hold.
        deadline: the moment (`time.monotonic`) at which counting ends.

    Raises:
        json.JSONDecodeError: it is something else.
        HTTPException: 413 for too many values, 408 after the deadline.

    Example:
        >>> parse_body(b'{"a": [1, "x"]}', 10, monotonic() + 1)
        {'a': [1, 'x']}
    """
    num_keys = _count_keys(body, max_values, deadline)
    try:
        value = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None
    if _count_entries(value) < num_keys:
        json.loads(body, object_pairs_hook=reject_duplicates)
    return value


def _count_keys(body: bytes, max_values: int, deadline: float) -> int:
    """Return the number of keys in all objects of a JSON text, without parsing it."""
    num_values, num_keys, position, step = 1, 0, 0, 0
    while True:
        start = body.find(_QUOTE, position)
        segment = body[position:] if start < 0 else body[position:start]
        num_keys += segment.count(b":")
        num_values += segment.count(b",") + segment.count(b"[") + segment.count(b"{")
        if num_values > max_values:
            raise HTTPException(413, f"the body has more than {max_values} values; expected fewer per request")
        if start < 0:
            return num_keys
        end = start
        while True:
            end = body.find(_QUOTE, end + 1)
            if end < 0:
                return num_keys  # the parser says what is wrong
            step += 1
            if step % _STEPS_BETWEEN_CHECKS == 0 and monotonic() > deadline:
                raise HTTPException(408, "the body takes too long to parse")
            first = end
            while body[first - 1] == _BACKSLASH:
                first -= 1
            if (end - first) % 2 == 0:
                break
        position = end + 1


def _count_entries(value: Any) -> int:
    """Return the number of entries of all dicts in a parsed value."""
    count, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            count += len(each)
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return count


def reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, for `json.loads`.

    Raises:
        json.JSONDecodeError: a key occurs twice.
    """
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise json.JSONDecodeError(f"the key {key[:80]!r} occurs twice in one object", "", 0)
        result[key] = value
    return result
