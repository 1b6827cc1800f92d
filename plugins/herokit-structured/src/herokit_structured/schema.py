"""JSON that fits a schema."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from herokit.errors import ConfigError
from herokit.types import Sample, Status, Verdict
from herokit.verifiers.extraction import FenceMode, extract_code_block, read_json
from herokit_structured.keywords import TooLongError, careful, limited, unlimited

LONGEST = 200_000
"""Characters of JSON that are read."""

DEEPEST = 50
"""Levels of a value that any schema can be held against; deeper ones may pass the interpreter's limit."""


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """Right where a completion is JSON that fits a schema, that of the setting or that of the reference.

    The dialect is what ``$schema`` names, draft 2020-12 where it names none. References inside the schema are followed,
    none outside. Patterns search, in Python's dialect, for half a second in all (0, TIMEOUT); a schema with both
    ``patternProperties`` and ``unevaluatedProperties`` is refused. Decimals are what they are written as: 0.3 is a
    multiple of 0.1. ``format`` only annotates.

    Args:
        schema: a JSON Schema; None to take the reference.
        fence: whether the JSON stands in one block between lines of three backticks, marked ``json`` or unmarked.

    Raises:
        ConfigError: the setting is no schema.

    Source: JSON Schema draft 2020-12 (draft-bhutton-json-schema-01 and -validation-01), as jsonschema implements it.

    Example:
        >>> schema = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer", "minimum": 0}}}
        >>> texts = ('{"age": 4}', '{"age": -4}', '{"age": "4"}', "age: 4")
        >>> [v.value for v in JsonSchema(schema).verify([Sample("?", text, 0) for text in texts])]
        [1.0, 0.0, 0.0, 0.0]
    """

    schema: Mapping[str, Any] | None = None
    fence: FenceMode = "optional"

    def __post_init__(self) -> None:
        if self.schema is not None:
            try:
                _validator(json.dumps(self.schema))
            except (ValueError, TypeError) as error:
                raise ConfigError(f"no schema: {error}") from None

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        return [self._judge(sample) for sample in samples]

    def _judge(self, sample: Sample) -> Verdict:
        text = sample.reference if self.schema is None else json.dumps(self.schema)
        if text is None:
            return Verdict(None, Status.FAILED, "no schema: neither a setting nor a reference")
        try:
            validator = _validator(text)
        except ValueError as error:
            return Verdict(None, Status.FAILED, f"reference: no schema: {error}"[:300])
        block = extract_code_block(sample.completion, ("json",), self.fence)
        if block is None or len(block) > LONGEST:
            why = "not exactly one JSON block" if block is None else f"longer than {LONGEST:,} characters"
            return Verdict(0.0, Status.UNPARSED, why)
        try:
            value = read_json(block)
        except ValueError as error:
            return Verdict(0.0, Status.UNPARSED, f"not JSON: {error}")
        return _fits(validator, value, block)


def _fits(validator: Any, value: Any, block: str) -> Verdict:
    try:
        with limited():
            error = next(validator.iter_errors(value), None)
    except TooLongError as late:
        return Verdict(0.0, Status.TIMEOUT, str(late), block)
    except RecursionError:
        return _endless(value, block)
    except Unresolvable as lost:
        return Verdict(None, Status.FAILED, f"reference: {lost}"[:300])
    except ArithmeticError as odd:
        return Verdict(0.0, Status.JUDGED, f"{type(odd).__name__}: {odd}", block)
    if error is None:
        return Verdict(1.0, Status.JUDGED, "", block)
    why = f"{error.json_path}: {error.message}"[:200]
    return Verdict(0.0, Status.JUDGED, why.encode("utf-8", "backslashreplace").decode(), block)


def _endless(value: Any, block: str) -> Verdict:
    """Say who went too deep: what the policy wrote, or the schema."""
    if _deeper(value, DEEPEST):
        return Verdict(0.0, Status.UNPARSED, "nested too deep for the schema", block)
    return Verdict(None, Status.FAILED, "reference: it refers to itself without end")


def _deeper(value: Any, levels: int) -> bool:
    """Say whether lists and objects are nested deeper than that.

    Example:
        >>> _deeper([[{}]], 3), _deeper([[{}]], 2)
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


@lru_cache(maxsize=1024)
def _validator(text: str) -> Any:
    """Return the validator of a schema.

    Raises:
        ValueError: it is none.
    """
    try:
        schema = json.loads(text)
        dialect: Any = validators.validator_for(schema, default=Draft202012Validator)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except TypeError:
        raise ValueError("$schema is no text") from None
    if not isinstance(schema, dict | bool):
        raise ValueError(f"a schema is an object, got {text!r:.60}")  # noqa: TRY004 - a text is wrong, no type
    extend: Any = validators.extend
    try:
        dialect.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        raise ValueError(getattr(error, "message", "nested too deep")) from None
    unlimited(schema)
    return extend(dialect, careful(dialect))(schema, registry=Registry())
