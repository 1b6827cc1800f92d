"""Build objects from tables, and describe objects as tables: ``{use = "stratify", alpha = 0.2}`` is ``Stratify(alpha=0.2)``.

The parameters of a registered class are its schema. ``build(describe(x)) == x`` for every registered dataclass.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from herokit.combiners import Chain, Schedule, chain
from herokit.combiners.base import is_step
from herokit.combiners.chain import Scheduled
from herokit.config.objects import is_place, load_object
from herokit.errors import ConfigError, ErrorCollector, HerokitError, boundary, did_you_mean
from herokit.registry import SOURCE_KINDS, Kind, Registry, get_registry
from herokit.sources.evaluation_metrics import find_metric
from herokit.sources.execution import check_installed
from herokit.sources.functions import as_source
from herokit.types import RewardModel, Verifier

__all__ = ["MAX_UNKNOWN_KEYS", "build", "check_keys", "describe"]

_RUNS_ELSEWHERE: ContextVar[bool] = ContextVar("runs_elsewhere", default=False)
"""Whether the object that is being built does its work on other machines, whose packages this one need not have."""


def build(
    table: Mapping[str, Any] | Any,
    *,
    kinds: tuple[Kind, ...] = (),
    location: str = "",
    registry: Registry | None = None,
    name: str = "",
) -> Any:
    """Build the object that a table describes.

    Args:
        table: ``use`` is a registered name or the place of an object (``my_rewards.py:accuracy``), every other key is one of its parameters. A nested table with ``use``, also
            in a list or under a key of its own, is built first.
        kinds: the accepted kinds of names; any if empty.
        location: where the table is, for messages, e.g. ``"hero.toml: steps[1]"``.
        registry: where names are looked up; by default the built-ins and the installed plugins.
        name: of the source, which says whether a function is a verifier or a reward model; see `as_source`.

    Raises:
        ConfigError: not a table with ``use``, a name of another kind, an unknown key (with "did you mean"), a value of
            the wrong type, or a value that the constructor rejects.
        SchemeError: several of these, in this table and those inside it.
        UnknownNameError: nothing is registered under that name.
        NotInstalledError: the object, or a package that it needs, is not installed. What is inside an object with
            `runs_elsewhere`, as that of Ray actors, needs its packages there and not here.

    Example:
        >>> build({"use": "stratify", "alpha": 0.2}).alpha
        0.2
    """
    registry = registry or get_registry()
    prefix = f"{location}: " if location else ""
    use = table.get("use") if isinstance(table, Mapping) else None
    if not isinstance(use, str):
        raise ConfigError(f'{prefix}expected a table with use = "name", got {table!r}')
    arguments = {key: value for key, value in table.items() if key != "use"}
    try:
        value = load_object(use) if is_place(use) else registry.find(use, kinds).load()
    except ConfigError as error:
        message, *rest = error.args
        raise type(error)(f"{prefix}{message}", *rest) from None
    if is_place(use):
        return _use_object(value, arguments, kinds, location=f"{prefix}{use!r}", registry=registry, name=name)
    value = _call(value, arguments, location=f"{prefix}{use!r}", registry=registry)
    _check_packages(f"{prefix}{use!r}", value)
    return value


def _check_packages(location: str, value: Any) -> None:
    """Check that what an object imports is installed, if it does its work on this machine."""
    if not _RUNS_ELSEWHERE.get():
        check_installed(location, value)


@contextmanager
def _building_parameters(factory: Any) -> Iterator[None]:
    """Build the parameters of a class; those of one with `runs_elsewhere` do their work on other machines."""
    token = _RUNS_ELSEWHERE.set(_RUNS_ELSEWHERE.get() or getattr(factory, "runs_elsewhere", False))
    try:
        yield
    finally:
        _RUNS_ELSEWHERE.reset(token)


def _use_object(
    value: Any, arguments: Mapping[str, Any], kinds: tuple[Kind, ...], *, location: str, registry: Registry, name: str
) -> Any:
    """Return an object from a file as a source or a step.

    A class, and a function where a step belongs, is called with the arguments; a function where a source belongs is one.

    Raises:
        ConfigError: it is neither, or takes no parameters.
    """
    is_source = bool(name) or bool(set(kinds) & set(SOURCE_KINDS))
    if isinstance(value, type) or not (is_source or is_step(value) or isinstance(value, Schedule)):
        if not callable(value):
            raise ConfigError(f"{location} is {value!r:.100}; expected a step, a class or a function that returns one")
        value, arguments = _call(value, arguments, location=location, registry=registry), {}
    if is_source and not isinstance(find_metric(value) or value, Verifier | RewardModel):
        try:
            value = as_source(name or "verifier", value, style=arguments.get("style"))
        except ConfigError as error:
            raise ConfigError(f"{location}: {error}") from None
        arguments = {key: argument for key, argument in arguments.items() if key != "style"}
    if arguments:
        raise ConfigError(f"{location} takes no parameters; got {', '.join(arguments)}")
    if not (is_source or is_step(value) or isinstance(value, Schedule)):
        raise ConfigError(f"{location} gives {value!r:.100}; expected a step")
    _check_packages(location, value)
    return value


def _call(factory: Any, arguments: Mapping[str, Any], *, location: str, registry: Registry) -> Any:
    """Call a class or function with the values of a table, after a check against its signature."""
    parameters = {
        key: parameter
        for key, parameter in inspect.signature(factory, eval_str=True).parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }
    required = [key for key, parameter in parameters.items() if parameter.default is parameter.empty]
    errors = ErrorCollector()
    check_keys(arguments, list(parameters), errors, f"{location} has no parameter")
    for key in required:
        if key not in arguments:
            errors.errors.append(ConfigError(f"{location} needs the parameter {key!r}"))
    values: dict[str, Any] = {}
    for key, value in arguments.items():
        if key in parameters:
            annotation = parameters[key].annotation
            hint = Any if annotation is parameters[key].empty else annotation
            with errors.collect(), _building_parameters(factory):
                values[key] = _convert(value, hint, location=f"{location}: {key}", registry=registry)
    if errors:
        _try_values(factory, values, required, errors, location)
    errors.raise_all(location)
    try:
        with boundary(location):
            return factory(**values)
    except ConfigError as error:
        _try_values(factory, values, required, errors, location)
        errors.raise_all(location)
        raise ConfigError(f"{location}: {error}") from error


MAX_UNKNOWN_KEYS = 5
"""Unknown keys of one table that are named."""


def check_keys(table: Mapping[Any, Any], known: list[str], errors: ErrorCollector, subject: str) -> None:
    """Collect an error for each unknown key of a table, with what was probably meant.

    Args:
        table: the table.
        known: the allowed keys.
        errors: takes the errors.
        subject: the beginning of the message, before the key.

    Example:
        >>> errors = ErrorCollector()
        >>> check_keys({"signl": "rm"}, ["signal"], errors, "'select' has no parameter")
        >>> [str(error) for error in errors.errors]
        ["'select' has no parameter 'signl'; did you mean 'signal'?"]
    """
    unknown = [key for key in table if key not in known]
    for key in unknown[:MAX_UNKNOWN_KEYS]:
        errors.errors.append(ConfigError(f"{subject} {key!r:.80}; {did_you_mean(str(key)[:80], sorted(known))}"))
    if len(unknown) > MAX_UNKNOWN_KEYS:
        errors.errors.append(ConfigError(f"{subject} of {len(unknown) - MAX_UNKNOWN_KEYS:,} more keys"))


def _try_values(
    factory: Any, values: Mapping[str, Any], required: list[str], errors: ErrorCollector, location: str
) -> None:
    """Collect what a constructor rejects, trying each optional value alone: a constructor raises at the first one."""
    only_stores = is_dataclass(factory) or inspect.isfunction(factory)
    if not only_stores or any(key not in values for key in required):
        return
    messages = set()
    for key in [key for key in values if key not in required] or [""]:
        try:
            with boundary(location):
                factory(**{name: value for name, value in values.items() if name in required or name == key})
        except ConfigError as error:
            if str(error) not in messages:
                messages.add(str(error))
                errors.errors.append(ConfigError(f"{location}: {error}"))
        except HerokitError:
            continue  # not a setting; the call with all values says it


def _convert(value: Any, hint: Any, *, location: str, registry: Registry) -> Any:
    """Convert the value of one parameter: nested tables become objects, all other values are checked by type."""
    if isinstance(value, Mapping):
        if "use" in value:
            return build(value, location=location, registry=registry, name=_source_name(hint))
        if isinstance(hint, type) and is_dataclass(hint):  # a nested dataclass needs no name
            return _call(hint, value, location=location, registry=registry)
        if any(_is_named(item) for item in value.values()):
            items = _convert_all(value.values(), hint, [f"{location}.{key}" for key in value], registry)
            return dict(zip(value, items, strict=True))
    if isinstance(value, list) and any(_is_named(item) for item in value):
        items = _convert_all(value, hint, [f"{location}[{i}]" for i in range(len(value))], registry)
        return chain(*items) if all(is_step(item) for item in items) else tuple(items)
    return _check_type(value, hint, location)


def _convert_all(items: Iterable[Any], hint: Any, locations: list[str], registry: Registry) -> list[Any]:
    """Convert the items of a list or a table, some of which have names."""
    errors, values = ErrorCollector(), []
    for item, location in zip(items, locations, strict=True):
        with errors.collect():
            values.append(_convert(item, hint if _is_named(item) else Any, location=location, registry=registry))
    errors.raise_all()
    return values


def _source_name(hint: Any) -> str:
    """Return a name for the source that a parameter takes, which says what a function there becomes; empty for none."""
    return "rm" if "RewardModel" in str(hint) else "verifier" if "Verifier" in str(hint) else ""


def _is_named(value: Any) -> bool:
    return isinstance(value, Mapping) and "use" in value


def _check_type(value: Any, hint: Any, location: str) -> Any:
    """Check a value against a type, strictly: ``"0.2"`` and ``true`` are not numbers."""
    import json

    from pydantic import ConfigDict, TypeAdapter, ValidationError

    try:
        text = json.dumps(value)
    except TypeError:
        raise ConfigError(f"{location}: a value of type {type(value).__name__} is not allowed, got {value!r}") from None
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
        return adapter.validate_json(text, strict=True)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"]
        raise ConfigError(f"{location}: {message[0].lower()}{message[1:]}, got {value!r}") from None


def describe(value: Any, *, registry: Registry | None = None) -> Any:
    """Return the table that builds an equal object; parameters at their defaults are left out.

    Args:
        value: a step, a chain, a source, any other registered dataclass, or a plain value.
        registry: where names are looked up; by default the built-ins and the installed plugins.

    Raises:
        ConfigError: no table describes the value: it is not registered, or not a dataclass.

    Example:
        >>> from herokit import Stratify
        >>> describe(Stratify(alpha=0.2))
        {'use': 'stratify', 'alpha': 0.2}
    """
    registry = registry or get_registry()
    if isinstance(value, Chain):
        return [describe(step, registry=registry) for step in value.steps]
    if isinstance(value, Scheduled):
        return describe(value.step, registry=registry)
    if isinstance(value, Mapping):
        return {key: describe(item, registry=registry) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [describe(item, registry=registry) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    name = registry.name_of(type(value))
    if name is None or not is_dataclass(value):
        raise ConfigError(f"no table describes {value!r}: it must be a dataclass that a plugin registers")
    return {"use": name, **_describe_fields(value, registry)}


def _describe_fields(value: Any, registry: Registry) -> dict[str, Any]:
    """Return the fields of a dataclass that are not at their defaults."""
    table: dict[str, Any] = {}
    for field in fields(value):
        item = getattr(value, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if field.init and (default is MISSING or item != default):
            nested = is_dataclass(item) and not is_step(item) and registry.name_of(type(item)) is None
            table[field.name] = _describe_fields(item, registry) if nested else describe(item, registry=registry)
    return table
