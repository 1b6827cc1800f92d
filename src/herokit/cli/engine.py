"""``--engine``: where the sources of a scheme do their work."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from herokit.config.builder import build
from herokit.errors import ConfigError
from herokit.pipeline.run import SourceRunner, prefetch, run_in_order
from herokit.sources.composite import columns_read
from herokit.types import RewardModel, Verifier

Sources = Mapping[str, Verifier | RewardModel]


def find_engine(name: str | None, settings: Sequence[str]) -> tuple[Callable[[Sources], Sources], SourceRunner]:
    """Return what an engine does with the sources, and how they are then run.

    Sources that only read columns stay here: they have no work to do elsewhere.

    Args:
        name: the engine's name; None for this process.
        settings: ``NAME=VALUE`` texts, values as TOML writes them.

    Raises:
        ConfigError: no such engine, or a setting that it does not have.

    Example:
        >>> place, run_sources = find_engine(None, [])
        >>> place({}), run_sources is run_in_order
        ({}, True)
    """
    if name is None:
        if settings:
            raise ConfigError(f"--engine-arg {settings[0]}: needs --engine NAME")
        return (lambda sources: sources), run_in_order
    made = build({"use": name, **_table(settings)}, kinds=("engine",), where="--engine")

    def place(sources: Sources) -> Sources:
        here = {key for key, source in sources.items() if any(columns_read(source))}
        placed = made.place({key: source for key, source in sources.items() if key not in here})
        return {key: source if key in here else placed[key] for key, source in sources.items()}

    return place, prefetch(made.prefetch_batches)


def _table(settings: Sequence[str]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for text in settings:
        key, found, value = text.partition("=")
        try:
            table[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found = ""
        if not found:
            raise ConfigError(f"--engine-arg {text}: expected NAME=VALUE, e.g. --engine-arg num_actors=8")
    return table
