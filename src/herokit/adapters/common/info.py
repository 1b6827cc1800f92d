"""What each adapter does for its trainer, and how far it was tested; docs/reference/adapters.md is written from it.

A module of its own, because it imports every adapter, and every adapter imports `AdapterInfo`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Literal

import herokit.adapters

__all__ = ["AdapterInfo", "list_adapters"]


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """One row of the table of trainers; the module of an adapter holds one as ``INFO``.

    Attributes:
        trainer: the trainer's own name.
        version: the release or commit that was read and tested.
        tested: ``training``: the tests run training; ``integration``: in the tests, classes of the released package call
            the adapter; ``contract``: the tests check the adapter against signatures copied from the trainer's source.
        scope: what the reward hook of the trainer sees in one call.
        settings: what to set so that the trainer cancels no step of a reward.
        state: how the running state is saved with checkpoints.
        limitations: what the trainer has no hook for, and what was not tested.
        page: the how-to page, from docs/.
        credit: what the trainer gets from a chain that ends with credit of turns; by default the adapter refuses such a chain.
    """

    trainer: str
    version: str
    tested: Literal["training", "integration", "contract"]
    scope: str
    settings: str
    state: str
    limitations: str
    page: str
    credit: str = "refused when it is loaded: end the chain with `AggregateParts`"


def list_adapters() -> Iterator[tuple[str, AdapterInfo]]:
    """Yield module name and `AdapterInfo` of every adapter, by module name.

    Example:
        >>> dict(list_adapters())["trl"].tested
        'training'
    """
    for module in sorted(entry.name for entry in iter_modules(herokit.adapters.__path__)):
        info = getattr(import_module(f"herokit.adapters.{module}"), "INFO", None)
        if isinstance(info, AdapterInfo):
            yield module, info
