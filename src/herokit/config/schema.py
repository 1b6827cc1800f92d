"""The JSON schema of scheme files, for editors: completion, descriptions, errors as one types.

It is made of what is installed, so it knows the names and settings of plugins too.
"""

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from herokit.combiners import Combiner, Schedule
from herokit.config.parameters import IN_FILES, Setting, groups_in, settings_of
from herokit.registry import Entry, Kind, Registry, registry
from herokit.types import RewardModel, Verifier

Json = dict[str, Any]

STEPS: tuple[Kind, ...] = ("combiner", "scheme")


def scheme_schema(known: Registry | None = None) -> Json:
    """Return the JSON schema (draft 7, which editors of TOML and YAML both read) of scheme files.

    Args:
        known: the registry; the process's own by default.

    Example:
        >>> sorted(scheme_schema()["properties"])
        ['sources', 'steps']
    """
    known = known or registry()
    loaded = [(entry, entry.load()) for entry in known if entry.kind in IN_FILES]
    schedules = [(entry, factory) for entry, factory in loaded if _schedule(factory)]
    steps = [pair for pair in loaded if pair not in schedules]
    definitions: Json = {
        "source": _one_of(loaded, "verifier", "reward model"),
        "verifier": _one_of(loaded, "verifier"),
        "reward-model": _one_of(loaded, "reward model"),
        "step": _one_of(steps, *STEPS),
        "steps": {"if": {"type": "array"}, "then": {"items": _ref("step"), "minItems": 1}, "else": _ref("step")},
        "number": {"if": {"type": "object"}, "then": _one_of(schedules, "combiner"), "else": {"type": "number"}},
    }
    for entry, factory in loaded:
        definitions[f"use.{entry.name}"] = _table(factory, loaded, entry.name)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "herokit scheme",
        "description": "Which sources to ask, and how to combine what they say.",
        "type": "object",
        "properties": {
            "sources": {
                "type": "object",
                "description": "A table for each verifier and reward model; steps refer to them by these names.",
                "additionalProperties": _ref("source"),
                "minProperties": 1,
            },
            "steps": {**_ref("steps"), "description": "The steps of the chain, in order; a named scheme is one too."},
        },
        "required": ["sources", "steps"],
        "additionalProperties": False,
        "definitions": definitions,
    }


def _table(factory: Any, loaded: list[tuple[Entry, Any]], name: str | None) -> Json:
    """Describe the table that makes one thing; without a name, a group of settings."""
    settings = settings_of(factory)
    keys: Json = {s.name: _setting(s, loaded) for s in settings}
    needed = [s.name for s in settings if s.required]
    if name is not None:
        keys = {"use": {"const": name}} | keys
        needed = ["use", *needed]
    told = (inspect.getdoc(factory) or "").splitlines()
    return {
        "type": "object",
        "description": told[0] if told else "",
        "properties": keys,
        "required": needed,
        "additionalProperties": False,
    }


def _setting(setting: Setting, loaded: list[tuple[Entry, Any]]) -> Json:
    found = {"allOf": [_value(setting.hint, loaded)], "description": setting.text}
    plain = isinstance(setting.default, str | int | float | bool)
    return found | ({"default": setting.default} if plain and not setting.required else {})


def _value(hint: Any, loaded: list[tuple[Entry, Any]]) -> Json:  # noqa: PLR0911 - one return a kind of type
    """Describe what a value of one type looks like in a file."""
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
    if isinstance(hint, type) and (kin := [(e, x) for e, x in loaded if isinstance(x, type) and issubclass(x, hint)]):
        return _one_of(kin, *STEPS, "verifier", "reward model")
    if groups_in(hint):
        return _table(hint, loaded, None)
    from pydantic import TypeAdapter

    return TypeAdapter(hint).json_schema()


def _one_of(loaded: list[tuple[Entry, Any]], *kinds: Kind) -> Json:
    """Allow any of the names of some kinds: the list of names gives completion, the branches check the rest."""
    names = [entry.name for entry, _ in loaded if entry.kind in kinds]
    return {
        "type": "object",
        "required": ["use"],
        "properties": {"use": {"enum": names}},
        "allOf": [
            {"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": _ref(f"use.{name}")}
            for name in names
        ],
    }


def _schedule(factory: Any) -> bool:
    return isinstance(factory, type) and issubclass(factory, Schedule)


def _ref(name: str) -> Json:
    return {"$ref": f"#/definitions/{name}"}
