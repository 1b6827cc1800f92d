"""Counts that a source keeps about its own work, for its `report`."""

import threading
from collections import Counter
from typing import Any


class Tally:
    """Counts by name, safe between threads; a copy or a pickle starts from nothing.

    Example:
        >>> tally = Tally()
        >>> tally.add(asked=3, again=1)
        >>> tally["asked"], tally["never"]
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
        return Tally, ()
