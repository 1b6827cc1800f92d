"""JSON that is valid against a schema."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from herokit.errors import ConfigError, check_choice
from herokit.tags import CheckTags
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.base import PerSampleVerifier, abstain, binary_verdict, unparsed
from herokit.verifiers.references import reference_data
from herokit.verifiers.text import FenceMode, extract_code_block, read_json
from herokit_structured.keywords import ValidationTimeoutError, bounded_keywords, check_limits_apply, pattern_time_limit

__all__ = ["JsonSchema"]

_MAX_CHARS = 200_000
"""Characters of JSON that are read."""

_MAX_DEPTH = 50
"""Levels of nesting that every schema can validate; deeper values may exceed the interpreter's limit."""


_WRAPPER_KEYS = {"name", "strict", "schema", "description", "type"}
_TOOL_KEYS = {"name", "description", "strict", "type", "parameters", "input_schema"}
"""Keys of a tool; its arguments have the schema ``parameters``, or ``input_schema``."""
"""Keys of an object that wraps a schema; a schema itself has no key "schema"."""


@dataclass(frozen=True, slots=True)
class JsonSchema(PerSampleVerifier):
    """1 if the completion is JSON that is valid against a schema, given by `schema` or by the reference, else 0.

    The dialect is the one in ``$schema``, by default draft 2020-12. References within the schema are resolved, others are
    not. Patterns are searched in Python's dialect, for half a second in total (value 0, TIMEOUT); a schema with both
    ``patternProperties`` and ``unevaluatedProperties`` is rejected. Decimals have the value they are written with: 0.3 is
    a multiple of 0.1. ``format`` is only an annotation.

    Args:
        schema: a JSON Schema, also in the wrapper of APIs for structured output
            (``{"name": ..., "strict": ..., "schema": ...}``), or of a tool's arguments; None to use the reference, native or as JSON.
        fence: whether the JSON is in one block between lines of three backticks, marked ``json`` or unmarked.
        reference_key: the entry of a sample's `meta` that holds its schema; None for the reference.

    Raises:
        ConfigError: `schema` is not a valid schema.

    Source: JSON Schema draft 2020-12 (draft-bhutton-json-schema-01 and -validation-01), as jsonschema implements it.

    Example:
        >>> schema = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer", "minimum": 0}}}
        >>> texts = ('{"age": 4}', '{"age": -4}', '{"age": "4"}', "age: 4")
        >>> [v.value for v in JsonSchema(schema).verify([Sample("?", text, 0) for text in texts])]
        [1.0, 0.0, 0.0, 0.0]
    """

    schema: Mapping[str, Any] | None = None
    fence: FenceMode = "optional"
    reference_key: str | None = None

    def __post_init__(self) -> None:
        check_choice("fence", self.fence, FenceMode)
        if self.schema is not None:
            try:
                _make_validator(json.dumps(_unwrap(self.schema)))
            except (ValueError, TypeError) as error:
                raise ConfigError(f"schema is invalid: {error}") from None

    def check_tags(self) -> CheckTags:
        """Return what `herokit check` tries it on: JSON for the schema in the reference."""
        reason = "the schema {} accepts every JSON; the data should not have it"
        return CheckTags(domain="json-schema", known_failures={"empty_reference_pays_nothing": reason})

    def judge(self, sample: Sample) -> Verdict:
        """Return the verdict on one sample."""
        schema = reference_data(sample, self.reference_key) if self.schema is None else self.schema
        try:
            validator = _make_validator(json.dumps(_unwrap(schema)))
        except (ValueError, TypeError, RecursionError) as error:
            return abstain(f"reference: invalid schema: {error}"[:300])
        block = extract_code_block(_answer_part(sample.final_text), ("json",), self.fence)
        if block is None:
            return unparsed("not exactly one JSON block")
        if len(block) > _MAX_CHARS:
            return unparsed(f"longer than {_MAX_CHARS:,} characters")
        try:
            value = read_json(block)
        except ValueError as error:
            return unparsed(f"not JSON: {error}")
        return _validate(validator, value, block)


def _unwrap(schema: Any) -> Any:
    """Return the schema inside the wrappers of APIs for structured output, or the schema of a tool's arguments.

    Example:
        >>> _unwrap({"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}})
        {'type': 'object'}
    """
    for _ in range(2):
        if not isinstance(schema, Mapping):
            return schema
        if schema.get("type") == "json_schema" and isinstance(schema.get("json_schema"), Mapping):
            schema = schema["json_schema"]
        elif schema.get("type") == "function" and isinstance(schema.get("function"), Mapping):
            schema = schema["function"]
        elif isinstance(schema.get("schema"), Mapping) and set(schema) <= _WRAPPER_KEYS:
            schema = schema["schema"]
        elif "name" in schema and set(schema) <= _TOOL_KEYS:
            schema = schema.get("parameters", schema.get("input_schema", schema))
    return schema


def _answer_part(text: str) -> str:
    """Return what the last ``<answer>`` tag holds; the whole text if there is no tag or the text is JSON itself.

    Example:
        >>> _answer_part('So <answer>{"a": 1}</answer>'), _answer_part('{"a": "<answer></answer>"}')
        ('{"a": 1}', '{"a": "<answer></answer>"}')
    """
    if text.lstrip()[:1] in ("{", "[", '"') or "<answer>" not in text:
        return text
    return text.rpartition("<answer>")[2].partition("</answer>")[0]


def _validate(validator: Any, value: Any, block: str) -> Verdict:
    try:
        with pattern_time_limit():
            error = next(validator.iter_errors(value), None)
    except ValidationTimeoutError as timeout:
        return Verdict(0.0, Status.TIMEOUT, str(timeout), block)
    except RecursionError:
        return _recursion_verdict(value, block)
    except Unresolvable as unresolved:
        return abstain(f"reference: {unresolved}"[:300])
    except ArithmeticError as overflow:
        return binary_verdict(correct=False, reason=f"{type(overflow).__name__}: {overflow}", answer=block)
    reason = "" if error is None else f"{error.json_path}: {error.message}"[:200]
    reason = reason.encode("utf-8", "backslashreplace").decode()
    return binary_verdict(correct=error is None, reason=reason, answer=block)


def _recursion_verdict(value: Any, block: str) -> Verdict:
    """Return the verdict after too deep recursion: UNPARSED if the value is nested too deeply, else abstain."""
    if _is_deeper(value, _MAX_DEPTH):
        return unparsed("nested too deeply for the schema", block)
    return abstain("reference: the schema refers to itself without end")


def _is_deeper(value: Any, levels: int) -> bool:
    """Return whether lists and objects are nested in more than this many levels.

    Example:
        >>> _is_deeper([[{}]], 3), _is_deeper([[{}]], 2)
        (False, True)
    """
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer) or [None]
        ]
    return bool(layer)


_ANNOTATIONS = {"$schema", "$id", "$defs", "$comment", "$anchor", "definitions", "title", "description", "default", "examples", "format",
                "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "contentSchema"}  # fmt: skip
"""Keywords of a schema that demand nothing of a value."""


@lru_cache(maxsize=1024)
def _make_validator(text: str) -> Any:
    """Return the validator of a schema.

    Raises:
        ValueError: the text is not a valid schema.
    """
    try:
        schema = json.loads(text)
        dialect: Any = validators.validator_for(schema, default=Draft202012Validator)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except TypeError:
        raise ValueError("$schema must be a text") from None
    if not isinstance(schema, dict | bool):
        raise ValueError(f"expected an object, got {text!r:.60}")  # noqa: TRY004 - the text is at fault, not a type
    extend: Any = validators.extend
    try:
        dialect.check_schema(schema)
        known = {*dialect.VALIDATORS, *_ANNOTATIONS}
        if isinstance(schema, dict) and schema and not known & set(schema):
            raise ValueError(f"it has no keyword of JSON Schema, only {sorted(schema)[:5]}, so every JSON would pass")
    except (SchemaError, RecursionError) as error:
        raise ValueError(getattr(error, "message", "nested too deeply")) from None
    check_limits_apply(schema)
    return extend(dialect, bounded_keywords(dialect))(schema, registry=Registry())
