"""Keywords of JSON Schema that jsonschema checks without a limit on time, or with the errors of floats."""

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

PATTERN_SECONDS = 0.5
"""Wall seconds that all matches of a schema's patterns may take on one value."""

UNEVALUATED = 5_000
"""Items or keys of a value under ``unevaluatedItems`` and ``unevaluatedProperties``, which compare every pair."""

_DEADLINE: ContextVar[float] = ContextVar("deadline", default=math.inf)


class TooLongError(Exception):
    """A schema took past its limit on what the policy wrote."""


@contextmanager
def limited() -> Iterator[None]:
    """Give the patterns inside `PATTERN_SECONDS` in all."""
    before = _DEADLINE.set(monotonic() + PATTERN_SECONDS)
    try:
        yield
    finally:
        _DEADLINE.reset(before)


def unlimited(schema: Any) -> None:
    """Refuse a schema with patterns that no limit reaches.

    Raises:
        ValueError: it has both ``patternProperties`` and ``unevaluatedProperties``.

    Example:
        >>> unlimited({"patternProperties": {"^x": {"unevaluatedProperties": False}}})
        Traceback (most recent call last):
        ...
        ValueError: patternProperties beside unevaluatedProperties: its patterns would have no time limit
    """
    found: set[str] = set()
    left = [schema]
    while left:
        part = left.pop()
        found |= part.keys() if isinstance(part, dict) else set()
        left += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    if {"patternProperties", "unevaluatedProperties"} <= found:
        raise ValueError("patternProperties beside unevaluatedProperties: its patterns would have no time limit")


def _search(pattern: str, text: str) -> bool:
    left = min(_DEADLINE.get() - monotonic(), PATTERN_SECONDS)
    try:
        if left > 0:
            return regex.search(pattern, text, timeout=left) is not None
    except TimeoutError:
        pass
    except regex.error as error:
        raise Unresolvable(f"no pattern: {pattern!r:.60}: {error}") from None
    raise TooLongError(f"the schema's patterns took {PATTERN_SECONDS:g} s, the last {pattern!r:.60}")


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
        named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for key, part in value.items():
            if key in named or any(_search(pattern, key) for pattern in patterns):
                continue
            if inner is False:
                yield ValidationError(f"{key!r} is no property of it", path=(key,))
            else:
                yield from validator.descend(part, inner, path=key)


def _few(keyword: str, usual: Any) -> Callable[..., Iterator[ValidationError]]:
    """Return jsonschema's keyword for values that are not too long for it."""

    def careful(validator: Any, inner: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(value, list | dict) and len(value) > UNEVALUATED:
            raise TooLongError(f"{keyword}: more than {UNEVALUATED:,} to look at")
        yield from usual(validator, inner, value, schema)

    return careful


def _multiple_of(_: Any, step: Any, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if math.inf in (value, -value, step) or (Fraction(repr(value)) / Fraction(repr(step))).denominator != 1:
        yield ValidationError(f"{value!r} is not a multiple of {step}")


def _unique_items(_: Any, wanted: bool, value: Any, __: Any) -> Iterator[ValidationError]:  # noqa: FBT001 - jsonschema's signature
    """Compare items by their canonical texts: jsonschema compares every pair."""
    if wanted and isinstance(value, list) and len({canonical(item) for item in value}) != len(value):
        yield ValidationError("has an item twice")


def canonical(value: Any) -> str:
    """Write a JSON value so that equal values are equal texts; 1.0 is 1.

    Example:
        >>> canonical({"b": 1.0, "a": [True]})
        '{"a": [true], "b": 1}'
    """
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(canonical, value)) + "]"
    return json.dumps(value)


_CAREFUL = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "multipleOf": _multiple_of,
    "uniqueItems": _unique_items,
}


def careful(dialect: Any) -> dict[str, Any]:
    """Return how a dialect's keywords are checked here, those of them that jsonschema does not check as we want.

    Args:
        dialect: a validator class of jsonschema's.
    """
    usual = dialect.VALIDATORS
    few = {name: _few(name, usual[name]) for name in ("unevaluatedItems", "unevaluatedProperties") if name in usual}
    return few | {name: how for name, how in _CAREFUL.items() if name in usual}
