"""Counts for a source's `report`. A file of its own, as both the pools and the sources count."""

import threading
from collections import Counter
from typing import Any

__all__ = ["Counters"]


class Counters:
    """Counts by name, safe between threads; a copy or a pickle starts at zero.

    Example:
        >>> counters = Counters()
        >>> counters.add(samples=3, rechecked=1)
        >>> counters["samples"], counters["timeouts"]
        (3, 0)
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, **counts: int) -> None:
        """Add to counts."""
        with self._lock:
            self._counts.update(counts)

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def __reduce__(self) -> tuple[Any, ...]:
        return Counters, ()
