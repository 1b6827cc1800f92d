"""The array libraries that laws run on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np

from herokit.errors import ConfigError
from herokit.testing.batches import Batch, Numbers
from herokit.types import Array, Groups, Signals

__all__ = ["NUMPY", "Backend", "find_backend", "find_backends", "installed_backends", "to_numpy"]


@dataclass(frozen=True, slots=True)
class Backend:
    """One array library.

    Attributes:
        name: the name that users pass.
        from_numpy: converts a numpy array to an array of the library, with the same dtype, on the CPU.
        dtypes: the float types that the laws use.

    Example:
        >>> find_backend("numpy").dtypes
        ('float64', 'float32')
    """

    name: str
    from_numpy: Callable[[Numbers], Array]
    dtypes: tuple[str, ...] = ("float64", "float32")

    def signals(self, batch: Batch, dtype: str = "float64") -> Signals:
        """Return the batch as signals of this library."""
        values = {name: self.from_numpy(x.astype(dtype)) for name, x in batch.values.items()}
        return Signals(values, Groups(self.from_numpy(batch.group_ids), batch.num_groups))


def to_numpy(x: Array) -> Numbers:
    """Return an array of any library as numpy float64.

    Example:
        >>> to_numpy(np.array([1.0], dtype="float32")).dtype
        dtype('float64')
    """
    return x.astype(np.float64) if isinstance(x, np.ndarray) else np.array([float(v) for v in x], dtype=np.float64)


def _read_only(x: Numbers) -> Numbers:
    copy = x.copy()
    copy.flags.writeable = False
    return copy


NUMPY = Backend("numpy", np.copy)


def _torch() -> Backend:
    import torch

    return Backend("torch", lambda x: torch.from_numpy(x.copy()))


def _strict() -> Backend:
    import array_api_strict

    return Backend("array-api-strict", lambda x: array_api_strict.asarray(x.copy()))


def _jax() -> Backend:
    import jax.numpy as jnp

    has_float64 = jnp.asarray(np.zeros(1)).dtype == "float64"  # by default jax computes in float32
    return Backend("jax", jnp.asarray, ("float64", "float32") if has_float64 else ("float32",))


_FACTORIES: dict[str, tuple[str, Callable[[], Backend]]] = {
    "numpy": ("numpy", lambda: NUMPY),
    "numpy read-only": ("numpy", lambda: Backend("numpy read-only", _read_only)),
    "torch": ("torch", _torch),
    "array-api-strict": ("array_api_strict", _strict),
    "jax": ("jax", _jax),
}
"""Name -> the module it needs and a function that makes it; the library is imported on first use."""


def installed_backends() -> tuple[str, ...]:
    """Return the names of the backends whose library is installed, numpy first."""
    return tuple(name for name, (module, _) in _FACTORIES.items() if find_spec(module))


@cache
def find_backend(name: str) -> Backend:
    """Return one backend.

    Raises:
        ConfigError: there is no such backend, or its library is not installed.

    Example:
        >>> find_backend("numpy read-only").from_numpy(np.zeros(1)).flags.writeable
        False
    """
    if name not in installed_backends():
        raise ConfigError(f"unknown array library {name!r}; installed: {', '.join(installed_backends())}")
    return _FACTORIES[name][1]()


def find_backends(names: tuple[str, ...] | None) -> tuple[Backend, ...]:
    """Return backends by name; None means all installed ones except jax, which compiles each shape."""
    if names:
        return tuple(map(find_backend, names))
    return tuple(find_backend(name) for name in installed_backends() if name != "jax")
