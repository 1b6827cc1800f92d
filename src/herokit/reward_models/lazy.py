"""Resources that open on first use: models, sessions, connections, pools of actors."""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

from herokit.types import Closeable

__all__ = ["LazyResource", "ResourceOwner"]

T = TypeVar("T")

_RESOURCES: "weakref.WeakSet[LazyResource[Any]]" = weakref.WeakSet()
_INHERITED: list[Any] = []
"""Resources of a parent process: kept alive and unused, because closing a forked copy may hang or harm the parent."""


class LazyResource(Generic[T]):
    """A resource that opens on first use, once for all threads, and belongs to one process.

    A pickled or copied `LazyResource` is empty, and so is the one in a forked child: each process opens its own.

    Args:
        close: closes what was opened; also called when the `LazyResource` is garbage collected or the process ends.
            None when dropping the reference is enough. It must be picklable if the `LazyResource` is.

    Attributes:
        lock: held while the resource opens or closes; re-entrant.

    Example:
        >>> resource = LazyResource()
        >>> resource.value, resource.get(lambda: [1]), resource.get(lambda: [2])
        (None, [1], [1])
        >>> resource.close()
        >>> resource.get(lambda: [3])
        [3]
    """

    def __init__(self, close: Callable[[T], object] | None = None) -> None:
        self._close = close
        self._reset()
        _RESOURCES.add(self)

    def _reset(self) -> None:
        self.lock = threading.RLock()
        self._value: T | None = None
        self._finalizer: Any = None

    def get(self, opener: Callable[[], T]) -> T:
        """Return the resource, opening it if it is not open.

        Args:
            opener: opens the resource; must not return None.
        """
        with self.lock:
            if self._value is None:
                self._value = opener()
                if self._close is not None:
                    self._finalizer = weakref.finalize(self, self._close, self._value)
            return self._value

    @property
    def value(self) -> T | None:
        """The resource if it is open, else None."""
        return self._value

    def close(self) -> None:
        """Close the resource; the next `get` opens it again."""
        with self.lock:
            finalizer, self._finalizer, self._value = self._finalizer, None, None
        if finalizer is not None:
            finalizer()

    def __reduce__(self) -> tuple[type[Self], tuple[Any]]:
        return type(self), (self._close,)

    def _abandon(self) -> None:
        """Forget a resource of the parent process, with a lock that a thread of the parent may hold."""
        if self._finalizer is not None:
            self._finalizer.detach()
        if self._value is not None:
            _INHERITED.append(self._value)
        self._reset()


class ResourceOwner(Closeable):
    """Base of sources that hold a `LazyResource` in `_resource`: `close`, and use as a context manager."""

    _resource: LazyResource[Any]

    def close(self) -> None:
        """Close what is open; the next use opens it again."""
        self._resource.close()


def _after_fork() -> None:
    for resource in list(_RESOURCES):
        resource._abandon()  # noqa: SLF001 - of the class in this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
