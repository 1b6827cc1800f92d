"""The array libraries that laws run on: those installed, each as one way to make arrays and to read them back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from herokit.testing.case import Batch, Numbers
from herokit.types import Array, Groups, Signals


@dataclass(frozen=True, slots=True)
class Backend:
    """One array library.

    Attributes:
        name: as users know it.
        make: a numpy array to an array of the library, same dtype, on the CPU.
        dtypes: the float types it computes in here.

    Example:
        >>> [b.name for b in installed()][:2]
        ['numpy', 'numpy read-only']
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


@cache
def installed() -> tuple[Backend, ...]:
    """Return every backend whose library is installed; numpy comes first."""
    found = [NUMPY, Backend("numpy read-only", _read_only)]
    if find_spec("torch"):
        import torch

        found.append(Backend("torch", lambda x: torch.from_numpy(x.copy())))
    if find_spec("array_api_strict"):
        import array_api_strict

        found.append(Backend("array-api-strict", lambda x: array_api_strict.asarray(x.copy())))
    if find_spec("jax"):
        import jax.numpy as jnp

        exact = jnp.asarray(np.zeros(1)).dtype == "float64"  # jax computes in float32 unless told otherwise
        found.append(Backend("jax", jnp.asarray, ("float64", "float32") if exact else ("float32",)))
    return tuple(found)


def find_backends(names: tuple[str, ...] | None) -> tuple[Backend, ...]:
    """Return backends by name; for None all installed ones but jax, which compiles each shape anew.

    Raises:
        ValueError: a name that is not installed.
    """
    known: dict[str, Any] = {backend.name: backend for backend in installed()}
    if names is None:
        return tuple(backend for backend in installed() if backend.name != "jax")
    for name in names:
        if name not in known:
            raise ValueError(f"no array library {name!r} here; installed: {', '.join(known)}")
    return tuple(known[name] for name in names)
