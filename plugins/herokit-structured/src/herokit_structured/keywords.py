"""Bounded and exact versions of some JSON Schema keywords.

jsonschema checks these without a limit on time, or with floating-point errors.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from time import monotonic
from typing import Any

import regex
from jsonschema import ValidationError
from referencing.exceptions import Unresolvable

__all__ = ["ValidationTimeoutError", "bounded_keywords", "canonical_json", "check_limits_apply", "pattern_time_limit"]

_PATTERN_TIMEOUT = 0.5
"""Wall seconds that all matches of a schema's patterns may take on one value."""

_MAX_UNEVALUATED = 5_000
"""Items or keys of a value under ``unevaluatedItems`` and ``unevaluatedProperties``, which compare every pair."""

_DEADLINE: ContextVar[float] = ContextVar("deadline", default=math.inf)


class ValidationTimeoutError(Exception):
    """Validation of what the policy wrote took longer than its limit."""


@contextmanager
def pattern_time_limit() -> Iterator[None]:
    """Limit the total time of all pattern matches in this context."""
    token = _DEADLINE.set(monotonic() + _PATTERN_TIMEOUT)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def check_limits_apply(schema: Any) -> None:
    """Check that the time limit applies to every pattern of a schema.

    Raises:
        ValueError: the schema has both ``patternProperties`` and ``unevaluatedProperties``.

    Example:
        >>> check_limits_apply({"patternProperties": {"^x": {"unevaluatedProperties": False}}})
        Traceback (most recent call last):
        ...
        ValueError: patternProperties with unevaluatedProperties: its patterns would have no time limit
    """
    keys: set[str] = set()
    pending = [schema]
    while pending:
        part = pending.pop()
        keys |= part.keys() if isinstance(part, dict) else set()
        pending += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    if {"patternProperties", "unevaluatedProperties"} <= keys:
        raise ValueError("patternProperties with unevaluatedProperties: its patterns would have no time limit")


def _search(pattern: str, text: str) -> bool:
    remaining = min(_DEADLINE.get() - monotonic(), _PATTERN_TIMEOUT)
    try:
        if remaining > 0:
            return regex.search(pattern, text, timeout=remaining) is not None
    except TimeoutError:
        pass
    except regex.error as error:
        raise Unresolvable(f"invalid pattern {pattern!r:.60}: {error}") from None
    raise ValidationTimeoutError(f"the schema's patterns took {_PATTERN_TIMEOUT:g} s; the last one was {pattern!r:.60}")


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _search(pattern, value):
        yield ValidationError(f"does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], value: Any, _: Any) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for pattern, inner in patterns.items():
            for key, part in value.items():
                if _search(pattern, key):
                    yield from validator.descend(part, inner, path=key, schema_path=pattern)


def _additional_properties(validator: Any, inner: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for key, part in value.items():
            if key in properties or any(_search(pattern, key) for pattern in patterns):
                continue
            if inner is False:
                yield ValidationError(f"{key!r} is not an allowed property", path=(key,))
            else:
                yield from validator.descend(part, inner, path=key)


def _limit_size(keyword: str, check: Any) -> Callable[..., Iterator[ValidationError]]:
    """Return jsonschema's check of a keyword, for values that are not too large for it."""

    def limited(validator: Any, inner: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(value, list | dict) and len(value) > _MAX_UNEVALUATED:
            raise ValidationTimeoutError(f"{keyword}: more than {_MAX_UNEVALUATED:,} members")
        yield from check(validator, inner, value, schema)

    return limited


def _multiple_of(_: Any, step: Any, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if math.inf in (value, -value, step) or (Fraction(repr(value)) / Fraction(repr(step))).denominator != 1:
        yield ValidationError(f"{value!r} is not a multiple of {step}")


def _unique_items(_: Any, unique: bool, value: Any, __: Any) -> Iterator[ValidationError]:  # noqa: FBT001 - jsonschema's signature
    """Compare items by their canonical JSON; jsonschema compares every pair."""
    if unique and isinstance(value, list) and len({canonical_json(item) for item in value}) != len(value):
        yield ValidationError("has a duplicate item")


def canonical_json(value: Any) -> str:
    """Return the same text for equal JSON values; 1.0 equals 1.

    Example:
        >>> canonical_json({"b": 1.0, "a": [True]})
        '{"a": [true], "b": 1}'
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {canonical_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(canonical_json, value)) + "]"
    return json.dumps(value)


_REPLACED = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "uniqueItems": _unique_items,
}
_LIMITED = ("unevaluatedItems", "unevaluatedProperties")


def bounded_keywords(dialect: Any) -> dict[str, Any]:
    """Return the checks that replace jsonschema's own, for the keywords that a dialect has.

    Args:
        dialect: a validator class of jsonschema's.
    """
    checks = dialect.VALIDATORS
    limited = {name: _limit_size(name, checks[name]) for name in _LIMITED if name in checks}
    return limited | {name: check for name, check in _REPLACED.items() if name in checks}
