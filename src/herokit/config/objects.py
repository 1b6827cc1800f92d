"""Objects by place: ``my_rewards.py:accuracy`` or ``my_package.rewards:accuracy``, wherever a registered name goes."""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from herokit.errors import ConfigError, PluginError, boundary, did_you_mean

__all__ = ["SCHEME_SUFFIXES", "is_place", "is_scheme_file", "load_object"]

SCHEME_SUFFIXES = (".toml", ".yaml", ".yml")
"""The endings of scheme files."""

_LOADED: set[str] = set()
"""The modules that were loaded from files: a file of the same name elsewhere takes the place of one."""


def is_place(name: str) -> bool:
    """Return whether a name is the place of an object: no registered name has a colon.

    Example:
        >>> is_place("my_rewards.py:accuracy"), is_place("hero-advantage")
        (True, False)
    """
    return ":" in name or name.endswith(".py")


def is_scheme_file(name: str) -> bool:
    """Return whether a name is that of a scheme file, by its ending.

    Example:
        >>> is_scheme_file("hero.toml"), is_scheme_file("hero")
        (True, False)
    """
    return name.endswith(SCHEME_SUFFIXES)


def load_object(place: str) -> Any:
    """Import a file or module and return one of its attributes.

    A file runs as Python runs a script: what lies in its folder can be imported. It is imported once, under its own name
    as a module, so that its classes and functions can be pickled.

    Args:
        place: ``FILE.py:OBJECT`` or ``PACKAGE.MODULE:OBJECT``.

    Raises:
        ConfigError: no such file, module or object, or it imports a module that is not installed.
        PluginError: importing it raised.
    """
    location, _, attribute = place.rpartition(":")
    if place.endswith(".py") or not attribute:
        raise ConfigError(f"{place} names no object; write for example {place.rstrip(':')}:accuracy")
    if not location.endswith(".py") and (location.startswith(".") or "/" in location or "\\" in location):
        raise ConfigError(f"{location}: neither a Python file nor a module; a file is written FILE.py:OBJECT")
    try:
        with boundary(f"loading {place}"):
            module = _import(location)
    except PluginError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise ConfigError(f"loading {place}: {error.__cause__}") from error
        raise
    if not hasattr(module, attribute):
        names = [name for name in vars(module) if not name.startswith("_")]
        raise ConfigError(f"{location} has no {attribute!r}; {did_you_mean(attribute, names)}")
    return getattr(module, attribute)


def _import(location: str) -> ModuleType:
    if not location.endswith(".py"):
        try:
            return import_module(location)
        except ModuleNotFoundError as error:
            if error.name is not None and location.startswith(error.name):
                raise ConfigError(f"no module {error.name!r}; a file is written FILE.py:OBJECT") from None
            raise
    path = Path(location).absolute()
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{location}: not a Python file")
    if loaded is not None and path.stem not in _LOADED:
        raise ConfigError(f"{location}: another module {path.stem!r} is loaded already; rename the file")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    _LOADED.add(path.stem)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module
