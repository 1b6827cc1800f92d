"""What `herokit check` is pointed at: a scheme file, a named scheme, or an object in a Python file."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from herokit.combiners import Combiner
from herokit.config.builder import build
from herokit.config.scheme import Scheme, load_scheme
from herokit.errors import ConfigError, boundary
from herokit.testing.batches import Kind
from herokit.types import RewardModel, Verifier

FILES = (".toml", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Things:
    """What there is to check.

    Attributes:
        name: as it was asked for.
        combiner: the chain, None if only a source was named.
        signals: what the combiner's signals hold, as far as the sources say.
        sources: name -> verifier or reward model.
    """

    name: str
    combiner: Combiner[Any] | None = None
    signals: Mapping[str, Kind] = field(default_factory=dict)
    sources: Mapping[str, Verifier | RewardModel] = field(default_factory=dict)


def resolve_target(name: str) -> Things:
    """Return what a name stands for.

    Args:
        name: a scheme file (``hero.toml``), a registered name (``hero-advantage``), or an object of a Python file or
            module (``my_reward.py:scheme``, ``my_package.rewards:scheme``): a step, a chain, a `Scheme`, a verifier, a
            reward model, or something to call without arguments that gives one.

    Raises:
        ConfigError: there is no such file, name or attribute, or it is none of these.
        PluginError: importing it or calling it raised.

    Example:
        >>> resolve_target("hero-advantage").combiner.steps[-1].relative
        True
    """
    if name.endswith(FILES):
        return _of(name, load_scheme(name))
    if name.endswith(".py"):
        raise ConfigError(f"{name} is a Python file: say which object of it is meant, as in {name}:scheme")
    if ":" not in name:
        return _of(name, build({"use": name}))
    where, _, attribute = name.rpartition(":")
    with boundary(f"loading {name}"):
        module = _module(where)
    if not hasattr(module, attribute):
        raise ConfigError(f"{where} has no {attribute!r}")
    return _of(name, getattr(module, attribute))


def _module(where: str) -> ModuleType:
    if not where.endswith(".py"):
        return import_module(where)
    path = Path(where)
    if not path.is_file():
        raise ConfigError(f"{where}: no such file")
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{where}: not a Python file")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module  # so that what it defines can be pickled
    spec.loader.exec_module(module)
    return module


def _of(name: str, found: Any) -> Things:
    if isinstance(found, type) or (callable(found) and not _known(found)):
        with boundary(f"making {name}"):
            found = found()
    if isinstance(found, Scheme):
        kinds: dict[str, Kind] = {
            key: "binary" if isinstance(source, Verifier) else "score" for key, source in found.sources.items()
        }
        return Things(name, found.combiner, kinds, found.sources)
    if hasattr(found, "combine"):
        return Things(name, found)
    if _known(found):
        return Things(name, sources={"source": found})
    raise ConfigError(f"{name} is a {type(found).__name__}; expected a scheme, a step, a verifier or a reward model")


def _known(found: Any) -> bool:
    return isinstance(found, Scheme | Verifier | RewardModel) or hasattr(found, "combine")
