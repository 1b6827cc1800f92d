"""Scheme files: which sources to ask and how to combine them, in TOML or YAML.

A scheme file::

    [sources.verifier]
    use = "math"

    [sources.rm]
    use = "onnx"

    [[steps]]          # or: steps = { use = "hero", alpha = 0.05 }
    use = "hero"
"""

import tomllib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from herokit._display import html_table, label
from herokit.combiners import Chain, Sync, chain, no_sync
from herokit.config.builder import build, describe
from herokit.errors import ConfigError, SignalError, did_you_mean
from herokit.registry import Registry, registry
from herokit.rewarder import Rewarder
from herokit.types import RewardModel, Verifier

KEYS = ("sources", "steps")


@dataclass(frozen=True, slots=True)
class Scheme:
    """A whole reward scheme as a value: it prints, pickles, compares equal and equals its file.

    Attributes:
        sources: name -> verifier or reward model.
        combiner: the chain.
    """

    sources: Mapping[str, Verifier | RewardModel]
    combiner: Chain

    def _repr_html_(self) -> str:
        """Show sources and steps in a notebook."""
        sources = [(name, label(source)) for name, source in self.sources.items()]
        return html_table("Sources", ("name", "source"), sources) + self.combiner._repr_html_()

    def rewarder(self, *, sync: Sync = no_sync) -> Rewarder:
        """Return a `Rewarder` with a fresh state."""
        return Rewarder(self.sources, self.combiner, sync=sync)

    def describe(self, *, known: Registry | None = None) -> dict[str, Any]:
        """Return the table that `build_scheme` turns into an equal scheme."""
        return {
            "sources": {name: describe(source, known=known) for name, source in self.sources.items()},
            "steps": describe(self.combiner, known=known),
        }


def build_scheme(table: Mapping[str, Any], *, where: str = "scheme", known: Registry | None = None) -> Scheme:
    """Make the scheme that a table describes.

    Args:
        table: ``sources``, a table of tables, and ``steps``, a step or a list of steps; a step may be a named scheme.
        where: the file's name, for messages.
        known: the registry; the process's own by default.

    Raises:
        ConfigError: an unknown key (with "did you mean"), a missing one, or a value that is refused; the message
            says where.
        SignalError: a step refers to a source that the scheme does not have.

    Example:
        >>> build_scheme({"sources": {}, "step": []})
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: scheme: unknown key 'step'; did you mean 'steps'?
    """
    for key in table:
        if key not in KEYS:
            raise ConfigError(f"{where}: unknown key {key!r}; {did_you_mean(str(key), list(KEYS))}")
    sources, steps = table.get("sources"), table.get("steps")
    if not isinstance(sources, Mapping) or not sources:
        raise ConfigError(f"{where}: needs a table [sources.NAME] for each verifier and reward model, got {sources!r}")
    steps = [steps] if isinstance(steps, Mapping) else steps
    if not isinstance(steps, list) or not steps:
        raise ConfigError(f"{where}: needs at least one [[steps]] step, got {steps!r}")
    scheme = Scheme(
        {
            name: build(
                _table(source, f"{where}: sources.{name}"),
                kinds=("verifier", "reward model"),
                where=f"{where}: sources.{name}",
                known=known,
            )
            for name, source in sources.items()
        },
        chain(
            *(
                build(
                    _table(step, f"{where}: steps[{i}]"),
                    kinds=("combiner", "scheme"),
                    where=f"{where}: steps[{i}]",
                    known=known,
                )
                for i, step in enumerate(steps)
            )
        ),
    )
    try:
        scheme.rewarder()
    except SignalError as error:
        raise ConfigError(f"{where}: steps: {error}; sources are what steps refer to") from error
    return scheme


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f'{where}: expected a table with use = "name", got {value!r}')
    return value


def load_scheme(path: str | Path | None = None, *, known: Registry | None = None) -> Scheme:
    """Read a scheme file, TOML or YAML by its ending; without a path, the embedded default: HERO on maths.

    Raises:
        ConfigError: the file is missing, is not TOML or YAML, or holds something that `build_scheme` refuses.

    Example:
        >>> load_scheme("nowhere.toml")
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: nowhere.toml: no such scheme file
    """
    table, where = scheme_table(path)
    return build_scheme(table, where=where, known=known)


def scheme_table(path: str | Path | None = None) -> tuple[Mapping[str, Any], str]:
    """Read a scheme file without building it: its table, and what to call it in messages.

    Raises:
        ConfigError: the file is missing, or is not TOML or YAML.

    Example:
        >>> scheme_table()[0]["steps"]
        [{'use': 'hero'}]
    """
    if path is None:
        text = files("herokit").joinpath("default_scheme.toml").read_text(encoding="utf-8")
        return tomllib.loads(text), "default scheme"
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such scheme file{_named(str(path))}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    table = _parse(text, path)
    if not isinstance(table, Mapping):
        raise ConfigError(f"{path}: expected tables 'sources' and 'steps', got {type(table).__name__}")
    return table, str(path)


def _named(text: str) -> str:
    """Say where the name of a scheme goes, if this is one; empty if it is none."""
    if not any(entry.name == text and entry.kind == "scheme" for entry in registry()):
        return ""
    return f'; the scheme of that name goes into one, under its sources: [[steps]] use = "{text}"'


def _parse(text: str, path: Path) -> Any:
    if path.suffix == ".toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: not TOML: {error}") from None
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{path}: a scheme file ends in .toml, .yaml or .yml")
    import yaml

    class UniqueKeys(yaml.SafeLoader):
        """YAML that refuses a key given twice, as TOML does."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for key in keys:
                if keys.count(key) > 1:
                    raise ConfigError(f"{path}: line {node.start_mark.line + 1}: key {key!r} is given twice")
            return super().construct_mapping(node, deep=deep)

    try:
        return yaml.load(text, Loader=UniqueKeys)  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
