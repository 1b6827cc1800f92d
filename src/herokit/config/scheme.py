"""Scheme files: the sources and the steps that combine them, in TOML or YAML.

A scheme file::

    [sources.verifier]
    use = "math"

    [sources.rm]
    use = "onnx"

    [[steps]]          # or: steps = { use = "hero", alpha = 0.05 }
    use = "hero"
"""

import inspect
import tomllib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from herokit._display import html_table, short_repr
from herokit.combiners import Chain, Combiner, Sync, chain
from herokit.combiners.base import is_step, no_sync
from herokit.combiners.chain import check_signals, signals_read
from herokit.config.builder import build, check_keys, describe
from herokit.config.objects import SCHEME_SUFFIXES, is_place, load_object
from herokit.errors import ConfigError, ErrorCollector, SignalError, boundary
from herokit.records import check_source_names
from herokit.registry import SOURCE_KINDS, STEP_KINDS, Registry, get_registry
from herokit.rewarder import Rewarder
from herokit.schemes.baselines import suggest_scheme
from herokit.types import RewardModel, Verifier

__all__ = ["SCHEME_SUFFIXES", "Scheme", "build_scheme", "load_scheme", "read_scheme"]

KEYS = ("sources", "steps")

_MAX_BYTES = 1_000_000
_MAX_VALUES = 5_000
_MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Scheme:
    """The sources and the chain of a reward scheme, as a value that prints, pickles and compares equal.

    Attributes:
        sources: name -> verifier or reward model.
        combiner: the chain.
    """

    sources: Mapping[str, Verifier | RewardModel]
    combiner: Chain

    def _repr_html_(self) -> str:
        """Show sources and steps in a notebook."""
        sources = [(name, short_repr(source)) for name, source in self.sources.items()]
        return html_table("Sources", ("name", "source"), sources) + self.combiner._repr_html_()

    def rewarder(self, *, sync: Sync = no_sync, equal_prompts: bool = True) -> Rewarder:
        """Return a `Rewarder` with a fresh state."""
        return Rewarder(self.sources, self.combiner, sync=sync, equal_prompts=equal_prompts)

    def describe(self, *, registry: Registry | None = None) -> dict[str, Any]:
        """Return the table from which `build_scheme` builds an equal scheme."""
        return {
            "sources": {name: describe(source, registry=registry) for name, source in self.sources.items()},
            "steps": describe(self.combiner, registry=registry),
        }


def load_scheme(scheme: str | Path | None = None, *, registry: Registry | None = None) -> Scheme:
    """Load a scheme: read its table, then build it.

    Args:
        scheme: a file, the name of a registered scheme, the place of an object, or None for the default; see `read_scheme`.
        registry: where names are looked up; by default the built-ins and the installed plugins.

    Raises:
        ConfigError: the scheme cannot be read or built; the message says where and why.

    Example:
        >>> load_scheme("verifier-only").combiner
        Chain(steps=(Select(signal='verifier'),))
    """
    table, location = read_scheme(scheme, registry=registry)
    return build_scheme(table, location=location, registry=registry)


def read_scheme(scheme: str | Path | None = None, *, registry: Registry | None = None) -> tuple[Mapping[str, Any], str]:
    """Return the table of a scheme, and its name for messages.

    Args:
        scheme: a file, TOML or YAML by its ending; or the name of a registered scheme such as ``hero``, which runs on
            the default sources; or the place of an object, such as ``my_rewards.py:scheme``: a `Scheme`, a `Rewarder`, a
            table, a chain or a step, which run on the default sources, or a function or class that returns one, and is called
            where the scheme is built; or None for the default: HERO on maths.
        registry: where names are looked up; by default the built-ins and the installed plugins.

    Raises:
        ConfigError: the file does not exist or is not TOML or YAML, no scheme has that name, the object is something
            else, or the scheme needs other sources than the default ones.

    Example:
        >>> read_scheme()[0]["steps"]
        [{'use': 'hero'}]
        >>> read_scheme("verifier-only")
        ({'sources': {'verifier': {'use': 'math'}}, 'steps': {'use': 'verifier-only'}}, "scheme 'verifier-only'")
    """
    if scheme is not None and (Path(scheme).suffix in SCHEME_SUFFIXES or Path(scheme).is_file()):
        return _read_file(Path(scheme)), str(scheme)
    if scheme is None:
        return _default_table(), "default scheme"
    name, registry = str(scheme), registry or get_registry()
    if is_place(name):
        value = load_object(name)
        if isinstance(value, Mapping):
            return value, name
        if not is_step(value) or isinstance(value, type):  # a function is called where the scheme is built
            return {"use": name}, name
    else:
        _check_scheme_name(name, registry)
    return _use_default_sources(name, registry), f"scheme {name!r}"


def _default_table() -> dict[str, Any]:
    return tomllib.loads(files("herokit").joinpath("default_scheme.toml").read_text(encoding="utf-8"))


def _load_scheme_object(place: str) -> Any:
    """Return a scheme, a rewarder, a table or a step from a file; a function or class is called without arguments.

    Raises:
        ConfigError: it is none of these.
    """
    value = load_object(place)
    kinds = (Scheme, Rewarder, Mapping)
    is_complete = isinstance(value, kinds) or (is_step(value) and not isinstance(value, type))
    if not is_complete and callable(value):
        try:
            inspect.signature(value).bind()
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{place}: {error}; expected a scheme, or a function that returns one; a reward function is a source of one, "
                f'use = "{place}" in a scheme file'
            ) from None
        with boundary(f"calling {place}"):
            value = value()
    if not (isinstance(value, kinds) or is_step(value)):
        raise ConfigError(f"{place} is {value!r:.100}; expected a Scheme, a Rewarder, a table, a chain or a step")
    return value


def _check_scheme_name(name: str, registry: Registry) -> None:
    names = [entry.name for entry in registry if entry.kind == "scheme"]
    if name not in names:
        raise ConfigError(
            f"{name}: expected a scheme file ({', '.join(SCHEME_SUFFIXES)}) or the name of a scheme; "
            f"{suggest_scheme(name, names)}"
        )


def _use_default_sources(name: str, registry: Registry) -> Mapping[str, Any]:
    """Return the table of a scheme's steps on those of the default sources that they read."""
    step = {"use": name}
    sources = {**_default_table()["sources"], "tokens": {"use": "num-tokens"}}
    advice = f'write a scheme file with a table [sources.NAME] for each source, and [[steps]] use = "{name}"'
    try:
        signals = signals_read(build(step, registry=registry))
    except ConfigError as error:
        raise ConfigError(f"scheme {error}; {advice}") from None
    if missing := [signal for signal in signals if signal not in sources]:
        raise ConfigError(
            f"scheme {name!r} reads the signals {', '.join(missing)}, but the default sources are "
            f"{', '.join(sources)}; {advice}"
        )
    return {"sources": {key: table for key, table in sources.items() if key in signals}, "steps": step}


def _read_file(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: has {path.stat().st_size:,} bytes; a scheme file has at most {_MAX_BYTES:,}")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such scheme file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    table = _parse(text, path)
    if not isinstance(table, Mapping):
        raise ConfigError(f"{path}: expected tables 'sources' and 'steps', got {type(table).__name__}")
    _check_tables(table, path)
    return table


def _check_tables(table: Mapping[Any, Any], path: Path) -> None:
    """Check that keys are text, and that nesting and size are bounded, also where YAML repeats or contains a value in itself.

    Raises:
        ConfigError: they are not; the message says where.
    """
    waiting: list[tuple[Any, str, int]] = [(table, "", 0)]
    num_values = 0
    while waiting:
        value, key, depth = waiting.pop()
        num_values += 1
        if depth > _MAX_DEPTH or num_values > _MAX_VALUES:
            limit = f"is nested more than {_MAX_DEPTH} levels deep" if depth > _MAX_DEPTH else "repeats values"
            raise ConfigError(
                f"{path}: {key[:80] or 'the scheme'} {limit}; a scheme has at most {_MAX_VALUES:,} values"
            )
        if isinstance(value, Mapping):
            for name, item in value.items():
                if not isinstance(name, str):
                    raise ConfigError(
                        f"{path}: {key[:80] or 'the scheme'} has the key {name!r:.80}; expected text, in quotes"
                    )
                waiting.append((item, f"{key}.{name}" if key else name, depth + 1))
        elif isinstance(value, list):
            waiting += [(item, f"{key}[{i}]", depth + 1) for i, item in enumerate(value)]


def _parse(text: str, path: Path) -> Any:
    if sum(map(text.count, "\n,[{")) > _MAX_VALUES:
        raise ConfigError(f"{path}: has more than {_MAX_VALUES:,} lines, items and tables; a scheme has fewer")
    if path.suffix == ".toml":
        try:
            return tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path}: not TOML: {error}") from None
    if path.suffix not in SCHEME_SUFFIXES:
        other = "; an object of a Python file is written FILE.py:OBJECT" if path.suffix == ".py" else ""
        raise ConfigError(f"{path}: a scheme file ends in .toml, .yaml or .yml{other}")
    import yaml

    class UniqueKeyLoader(yaml.SafeLoader):
        """Reject duplicate keys, as TOML does."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
            seen = set()
            for key in (self.construct_object(key, deep=True) for key, _ in node.value):
                if isinstance(key, Hashable) and key in seen:
                    raise ConfigError(f"{path}: line {node.start_mark.line + 1}: key {key!r:.80} is given twice")
                seen.add(key if isinstance(key, Hashable) else None)
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(text, Loader=UniqueKeyLoader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:400]  # dates and numbers raise errors of Python's own
        raise ConfigError(f"{path}: not YAML: {reason}") from None


def build_scheme(table: Mapping[str, Any], *, location: str = "scheme", registry: Registry | None = None) -> Scheme:
    """Build the scheme that a table describes.

    Args:
        table: ``sources``, a table of tables, and ``steps``, a step or a list of steps; a step may be a named scheme. Or
            only ``use``, the place of an object; see `read_scheme`.
        location: the file's name, for messages.
        registry: where names are looked up; by default the built-ins and the installed plugins.

    Raises:
        ConfigError: a key is unknown (with "did you mean") or missing, a value is rejected, or a step reads a signal
            that no source gives; the message says where.
        SchemeError: several of these.
        NotInstalledError: a source or a step comes with an extra of herokit that is not installed; several are named in
            one `SchemeError`, with one command.

    Example:
        >>> build_scheme({"sources": {"rm": {"use": "lenght-limit"}}, "step": []})
        Traceback (most recent call last):
        ...
        herokit.errors.SchemeError: scheme: 3 errors
          unknown key 'step'; did you mean 'steps'?
          expected at least one table [[steps]], got None
          sources.rm: nothing is registered as 'lenght-limit'; did you mean 'length-limit'?
    """
    if set(table) == {"use"} and is_place(str(table["use"])):
        value = _load_scheme_object(table["use"])
        if isinstance(value, Scheme | Rewarder):
            return Scheme(value.sources, value.combiner)
        is_table = isinstance(value, Mapping)
        table = value if is_table else _use_default_sources(table["use"], registry or get_registry())
    errors = ErrorCollector()
    check_keys(table, list(KEYS), errors, f"{location}: unknown key")
    tables, steps = table.get("sources"), table.get("steps")
    if not isinstance(tables, Mapping) or not tables:
        errors.errors.append(
            ConfigError(f"{location}: expected a table [sources.NAME] for each source, got {tables!r:.100}")
        )
        tables = {}
    steps = [steps] if isinstance(steps, Mapping) else steps
    if not isinstance(steps, list) or not steps:
        errors.errors.append(ConfigError(f"{location}: expected at least one table [[steps]], got {steps!r:.100}"))
        steps = []
    try:
        check_source_names(tables)
    except ConfigError as error:
        errors.errors.append(ConfigError(f"{location}: sources: {error}"))
    sources: dict[str, Verifier | RewardModel] = {}
    for name, source in tables.items():
        with errors.collect():
            sources[name] = build(
                source, kinds=SOURCE_KINDS, location=f"{location}: sources.{name}", registry=registry, name=name
            )
    built: list[Combiner[Any]] = []
    for i, step in enumerate(steps):
        with errors.collect():
            built.append(build(step, kinds=STEP_KINDS, location=f"{location}: steps[{i}]", registry=registry))
            if tables:
                _check_signals(built[-1], tables, f"{location}: steps[{i}]")
    errors.raise_all(location)
    return Scheme(sources, chain(*built))


def _check_signals(step: Combiner[Any], sources: Mapping[str, Any], location: str) -> None:
    """Check that a step reads no other signals than the sources give.

    Raises:
        ConfigError: it does.
    """
    try:
        check_signals(step, sources)
    except SignalError as error:
        raise ConfigError(f"{location}: {error}") from error
