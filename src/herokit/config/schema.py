"""The JSON schema of scheme files, with which editors complete, describe and check them.

It contains the names and parameters of all installed plugins.
"""

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from herokit.combiners import Combiner, Schedule
from herokit.config.parameters import CONFIG_KINDS, Parameter, nested_dataclasses, parameters_of
from herokit.registry import SOURCE_KINDS, STEP_KINDS, Entry, Kind, Registry, get_registry
from herokit.types import RewardModel, Verifier

__all__ = ["scheme_schema"]

Json = dict[str, Any]

_PLACE: Json = {"type": "string", "pattern": ":", "description": "an object in a file: my_rewards.py:accuracy"}


def scheme_schema(registry: Registry | None = None) -> Json:
    """Return the JSON schema of scheme files: draft 7, which editors of TOML and YAML both read.

    Args:
        registry: where names are looked up; by default the built-ins and the installed plugins.

    Example:
        >>> sorted(scheme_schema()["properties"])
        ['sources', 'steps']
    """
    definitions = _definitions(registry or get_registry())
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "herokit scheme",
        "description": "The sources of a reward and the steps that combine their values.",
        "type": "object",
        "properties": {
            "sources": {
                "type": "object",
                "description": "One table for each verifier and reward model; steps refer to them by name.",
                "additionalProperties": _ref("source"),
                "minProperties": 1,
            },
            "steps": {
                **_ref("steps"),
                "description": "The steps of the chain, in order; a named scheme can be a step.",
            },
        },
        "required": ["sources", "steps"],
        "additionalProperties": False,
        "definitions": definitions,
    }


def _definitions(registry: Registry) -> Json:
    """Return the schema of every registered name, and of the places where names are used."""
    loaded = [(entry, entry.load()) for entry in registry if entry.kind in CONFIG_KINDS]
    schedules = [(entry, factory) for entry, factory in loaded if _is_schedule(factory)]
    steps = [pair for pair in loaded if pair not in schedules]
    definitions: Json = {
        "source": _one_of(loaded, *SOURCE_KINDS),
        "verifier": _one_of(loaded, "verifier"),
        "reward-model": _one_of(loaded, "reward model"),
        "step": _one_of(steps, *STEP_KINDS),
        "steps": {"if": {"type": "array"}, "then": {"items": _ref("step"), "minItems": 1}, "else": _ref("step")},
        "number": {"if": {"type": "object"}, "then": _one_of(schedules, "combiner"), "else": {"type": "number"}},
    }
    for entry, factory in loaded:
        definitions[f"use.{entry.name}"] = _table(factory, loaded, entry.name)
    return definitions


def _table(factory: Any, loaded: list[tuple[Entry, Any]], name: str | None) -> Json:
    """Return the schema of the table of a class; without a name, of a nested dataclass."""
    parameters = parameters_of(factory)
    properties: Json = {p.name: _parameter(p, loaded) for p in parameters}
    required = [p.name for p in parameters if p.required]
    if name is not None:
        properties = {"use": {"const": name}} | properties
        required = ["use", *required]
    doc = (inspect.getdoc(factory) or "").splitlines()
    return {
        "type": "object",
        "description": doc[0] if doc else "",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _parameter(parameter: Parameter, loaded: list[tuple[Entry, Any]]) -> Json:
    schema = {"allOf": [_value(parameter.hint, loaded)], "description": parameter.doc}
    has_default = isinstance(parameter.default, str | int | float | bool) and not parameter.required
    return schema | ({"default": parameter.default} if has_default else {})


def _value(hint: Any, loaded: list[tuple[Entry, Any]]) -> Json:  # noqa: PLR0911 - one return per kind of type
    """Return the schema of a value of a type."""
    if hint is Any:
        return {}
    if typing.get_origin(hint) is typing.Annotated:
        return _ref("number")
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint in (Verifier, RewardModel):
        return _ref("verifier" if hint is Verifier else "reward-model")
    if hint is Combiner or origin is Combiner:
        return _ref("steps")
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_value(part, loaded) for part in parts]}
    if origin is tuple and parts[1:] == (...,):
        return {"type": "array", "items": _value(parts[0], loaded)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _value(parts[1], loaded)}
    if isinstance(hint, type) and (
        subclasses := [pair for pair in loaded if isinstance(pair[1], type) and issubclass(pair[1], hint)]
    ):
        return _one_of(subclasses, *STEP_KINDS, *SOURCE_KINDS)
    if nested_dataclasses(hint):
        return _table(hint, loaded, None)
    from pydantic import TypeAdapter

    return TypeAdapter(hint).json_schema()


def _one_of(loaded: list[tuple[Entry, Any]], *kinds: Kind) -> Json:
    """Allow the names of some kinds; the list of names serves completion, the branches check the parameters."""
    names = [entry.name for entry, _ in loaded if entry.kind in kinds]
    return {
        "type": "object",
        "required": ["use"],
        "properties": {"use": {"if": _PLACE, "else": {"enum": names}}},
        "allOf": [
            {"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": _ref(f"use.{name}")}
            for name in names
        ],
    }


def _is_schedule(factory: Any) -> bool:
    return isinstance(factory, type) and issubclass(factory, Schedule)


def _ref(name: str) -> Json:
    return {"$ref": f"#/definitions/{name}"}
