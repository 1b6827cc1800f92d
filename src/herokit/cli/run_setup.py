"""Set up a scoring run: where its sources run, and what a resumed run must have in common with it."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

from herokit.cli.options import parse_arguments
from herokit.config.builder import build
from herokit.config.objects import is_place
from herokit.errors import ConfigError
from herokit.pipeline.run import SourceRunner, prefetch, run_in_order
from herokit.registry import Registry
from herokit.sources.composite import columns_read
from herokit.types import RewardModel, Verifier

__all__ = ["find_engine", "interrupt_on_sigterm", "run_settings"]

Sources: TypeAlias = Mapping[str, Verifier | RewardModel]


def find_engine(name: str | None, arguments: Sequence[str]) -> tuple[Callable[[Sources], Sources], SourceRunner]:
    """Return a function that places sources on an engine, and how they then run.

    Sources that only read columns stay in this process.

    Args:
        name: the engine's name; None for this process.
        arguments: texts KEY=VALUE, values as in TOML.

    Raises:
        ConfigError: no such engine, or a parameter that it does not have.

    Example:
        >>> place, run_sources = find_engine(None, [])
        >>> place({}), run_sources is run_in_order
        ({}, True)
    """
    if name is None:
        if arguments:
            raise ConfigError(f"--engine-arg {arguments[0]}: needs --engine NAME")
        return (lambda sources: sources), run_in_order
    table = {"use": name, **parse_arguments("--engine-arg", arguments)}
    engine = build(table, kinds=("engine",), location="--engine")

    def place(sources: Sources) -> Sources:
        local = {key for key, source in sources.items() if any(columns_read(source))}
        placed = engine.place({key: source for key, source in sources.items() if key not in local})
        return {key: source if key in local else placed[key] for key, source in sources.items()}

    return place, prefetch(engine.prefetch_batches)


def run_settings(table: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return what determines the results of a scheme: its table, the versions of its plugins, the files that it names."""
    texts = set(_find_texts(table))
    used = {text for key, text in texts if key == "use"}
    owners = {registry.find(name).owner for name in used if not is_place(name)} | {"herokit"}
    texts |= {("file", name.rpartition(":")[0]) for name in used if is_place(name)}
    return {
        "versions": {owner: _find_version(owner) for owner in sorted(owners)},
        "scheme": table,
        "files": {
            text: description for key, text in sorted(texts) if key != "use" and (description := _describe_file(text))
        },
    }


def _find_texts(table: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield all texts of a table, each with its key."""
    if isinstance(table, Mapping):
        for name, value in table.items():
            yield from _find_texts(value, name)
    elif isinstance(table, list):
        for value in table:
            yield from _find_texts(value, key)
    elif isinstance(table, str):
        yield key, table


def _describe_file(text: str) -> str:
    """Return size and date of the file or folder that a text names, such as a model's; empty if there is none."""
    try:
        path = Path(text)
        files = [p for p in path.iterdir() if p.is_file()] if path.is_dir() else [path]
        stats = [p.stat() for p in files]
    except (OSError, ValueError):
        return ""
    newest = max((s.st_mtime for s in stats), default=0.0)
    return f"{sum(s.st_size for s in stats)} bytes, changed {datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M:%S}"


def _find_version(owner: str) -> str:
    try:
        return version(owner)
    except PackageNotFoundError:  # a plugin that is not an installed package
        return "none"


@contextmanager
def interrupt_on_sigterm() -> Iterator[None]:
    """Treat SIGTERM, which clusters send before they kill, like Ctrl-C: what was scored is saved."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
