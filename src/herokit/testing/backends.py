"""The array libraries that laws run on: those installed, each as one way to make arrays and to read them back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np

from herokit.errors import ConfigError
from herokit.testing.batches import Batch, Numbers
from herokit.types import Array, Groups, Signals


@dataclass(frozen=True, slots=True)
class Backend:
    """One array library.

    Attributes:
        name: as users know it.
        make: a numpy array to an array of the library, same dtype, on the CPU.
        dtypes: the float types it computes in here.

    Example:
        >>> find_backend("numpy").dtypes
        ('float64', 'float32')
    """

    name: str
    make: Callable[[Numbers], Array]
    dtypes: tuple[str, ...] = ("float64", "float32")

    def signals(self, batch: Batch, dtype: str = "float64") -> Signals:
        """Return the batch as signals of this library."""
        values = {name: self.make(x.astype(dtype)) for name, x in batch.values.items()}
        return Signals(values, Groups(self.make(batch.index), batch.count))


def read(x: Array) -> Numbers:
    """Bring an array of any library to numpy, float64.

    Example:
        >>> read(np.array([1.0], dtype="float32")).dtype
        dtype('float64')
    """
    return np.array([float(v) for v in x], dtype=np.float64) if not isinstance(x, np.ndarray) else x.astype(np.float64)


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

    exact = jnp.asarray(np.zeros(1)).dtype == "float64"  # jax computes in float32 unless told otherwise
    return Backend("jax", jnp.asarray, ("float64", "float32") if exact else ("float32",))


_MAKERS: dict[str, tuple[str, Callable[[], Backend]]] = {
    "numpy": ("numpy", lambda: NUMPY),
    "numpy read-only": ("numpy", lambda: Backend("numpy read-only", _read_only)),
    "torch": ("torch", _torch),
    "array-api-strict": ("array_api_strict", _strict),
    "jax": ("jax", _jax),
}
"""Name -> the module it needs, and how to make it; a library is imported when it is asked for."""


def installed() -> tuple[str, ...]:
    """Return the names of the backends whose library is installed; numpy comes first."""
    return tuple(name for name, (module, _) in _MAKERS.items() if find_spec(module))


@cache
def find_backend(name: str) -> Backend:
    """Return one backend.

    Raises:
        ConfigError: no such backend, or its library is not installed.

    Example:
        >>> find_backend("numpy read-only").make(np.zeros(1)).flags.writeable
        False
    """
    if name not in installed():
        raise ConfigError(f"no array library {name!r} here; installed: {', '.join(installed())}")
    return _MAKERS[name][1]()


def find_backends(names: tuple[str, ...] | None) -> tuple[Backend, ...]:
    """Return backends by name; for None all installed ones but jax, which compiles each shape anew."""
    return tuple(find_backend(name) for name in names or installed() if names or name != "jax")
