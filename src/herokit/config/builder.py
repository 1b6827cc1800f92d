"""Tables to objects and back: ``{use = "stratify", alpha = 0.2}`` is ``Stratify(alpha=0.2)``.

The registered class's own parameters are the schema. ``build(describe(x)) == x`` holds for everything registered.
"""

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from herokit.combiners import Chain, Scheduled, chain
from herokit.errors import ConfigError, boundary, did_you_mean
from herokit.registry import Kind, Registry, registry


def build(
    table: Mapping[str, Any], *, kinds: tuple[Kind, ...] = (), where: str = "", known: Registry | None = None
) -> Any:
    """Make the object that a table describes.

    Args:
        table: ``use`` names what to make, every other key is one of its parameters; a nested table with ``use``, also
            in a list or under a key of its own, is built first.
        kinds: which kinds are acceptable here; any if empty.
        where: the place of the table, for messages, e.g. ``"hero.toml: steps[1]"``.
        known: the registry; the process's own by default.

    Raises:
        ConfigError: no ``use``, a wrong kind, an unknown key (with "did you mean"), a value of the wrong type, or a
            value that the constructor refuses.
        UnknownNameError: nothing is registered under that name.

    Example:
        >>> build({"use": "stratify", "alpha": 0.2}).alpha
        0.2
    """
    known = known or registry()
    at = f"{where}: " if where else ""
    params = dict(table)
    name = params.pop("use", None)
    if not isinstance(name, str):
        raise ConfigError(f'{at}expected a table with use = "name", got {dict(table)!r}')
    try:
        entry = known.find(name, kinds)
    except ConfigError as error:
        raise type(error)(f"{at}{error}") from None
    return _fill(entry.load(), params, where=f"{at}{name!r}", known=known)


def _fill(factory: Any, params: Mapping[str, Any], *, where: str, known: Registry) -> Any:
    """Call a class or function with a table's values, each checked against its parameter."""
    accepted = {
        key: parameter
        for key, parameter in inspect.signature(factory, eval_str=True).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }
    for key in params:
        if key not in accepted:
            raise ConfigError(f"{where} has no setting {key!r}; {did_you_mean(key, sorted(accepted))}")
    for key, parameter in accepted.items():
        if parameter.default is parameter.empty and key not in params:
            raise ConfigError(f"{where} needs a setting {key!r}")
    ready = {
        key: _value(value, accepted[key].annotation, where=f"{where}: {key}", known=known)
        for key, value in params.items()
    }
    try:
        with boundary(where):
            return factory(**ready)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _value(value: Any, hint: Any, *, where: str, known: Registry) -> Any:
    """Check one parameter against its annotation, strictly: "0.2" is no number, true is no 1.0."""
    if isinstance(value, Mapping) and "use" in value:
        return build(value, where=where, known=known)
    if isinstance(value, Mapping) and isinstance(hint, type) and is_dataclass(hint):
        return _fill(hint, value, where=where, known=known)  # a group of settings, which needs no name
    if isinstance(value, Mapping) and any(isinstance(v, Mapping) and "use" in v for v in value.values()):
        return {key: _value(v, Any, where=f"{where}.{key}", known=known) for key, v in value.items()}
    if isinstance(value, list) and any(isinstance(v, Mapping) and "use" in v for v in value):
        built = tuple(_value(v, Any, where=f"{where}[{i}]", known=known) for i, v in enumerate(value))
        return chain(*built) if all(hasattr(part, "combine") for part in built) else built
    import json

    from pydantic import ConfigDict, TypeAdapter, ValidationError

    try:
        text = json.dumps(value)
    except TypeError:
        raise ConfigError(f"{where}: a value of type {type(value).__name__} has no place here, got {value!r}") from None
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
        return adapter.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}, got {value!r}") from None


def describe(thing: Any, *, known: Registry | None = None) -> Any:
    """Return the table that builds an equal object; parameters at their defaults are left out.

    Args:
        thing: a step, a chain, a source: anything registered that is a dataclass, or a plain value.
        known: the registry; the process's own by default.

    Raises:
        ConfigError: it is not registered, or not a dataclass, so no table describes it.

    Example:
        >>> from herokit import Stratify
        >>> describe(Stratify(alpha=0.2))
        {'use': 'stratify', 'alpha': 0.2}
    """
    known = known or registry()
    if isinstance(thing, Chain):
        return [describe(step, known=known) for step in thing.steps]
    if isinstance(thing, Scheduled):
        return describe(thing.step, known=known)
    if isinstance(thing, Mapping):
        return {key: describe(value, known=known) for key, value in thing.items()}
    if isinstance(thing, tuple | list):
        return [describe(part, known=known) for part in thing]
    if thing is None or isinstance(thing, str | int | float | bool):
        return thing
    name = known.name_of(type(thing))
    if name is None or not is_dataclass(thing):
        raise ConfigError(f"no table describes {thing!r}: it must be a dataclass that a plugin registers")
    return {"use": name, **_settings(thing, known)}


def _settings(thing: Any, known: Registry) -> dict[str, Any]:
    """Return the parameters of a dataclass that are not at their defaults, as tables hold them."""
    table: dict[str, Any] = {}
    for item in fields(thing):
        value = getattr(thing, item.name)
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        if item.init and (default is MISSING or value != default):
            grouped = is_dataclass(value) and not hasattr(value, "combine") and known.name_of(type(value)) is None
            table[item.name] = _settings(value, known) if grouped else describe(value, known=known)
    return table
