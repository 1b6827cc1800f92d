"""What each adapter does for its trainer, and how far that was tried; the page of adapters is written from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal

import herokit.adapters


@dataclass(frozen=True, slots=True)
class Support:
    """One row of the table of trainers; a module of an adapter holds one as ``SUPPORT``.

    Attributes:
        trainer: the trainer's own name.
        version: the release or commit that was read and tried.
        tried: ``ran``: training runs in the tests; ``real objects``: the released package's own classes call the
            adapter in the tests; ``contract only``: tests hold the adapter to signatures copied from the source.
        sees: what the trainer's reward hook sees in one call.
        settings: what to set so that no step of a reward is undone.
        state: how the running state travels with checkpoints.
        lost: what the trainer gives no hook for, or what was not tried.
        page: the how-to page, from docs/.
    """

    trainer: str
    version: str
    tried: Literal["ran", "real objects", "contract only"]
    sees: str
    settings: str
    state: str
    lost: str
    page: str


def supports() -> Iterator[tuple[str, Support]]:
    """Yield module name and `Support` of every adapter, by module name.

    Example:
        >>> dict(supports())["trl"].tried
        'ran'
    """
    for module in sorted(found.name for found in iter_modules(herokit.adapters.__path__)):
        support = getattr(import_module(f"herokit.adapters.{module}"), "SUPPORT", None)
        if isinstance(support, Support):
            yield module, support
