"""What every benchmark prints first, and how it takes the time."""

import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from time import process_time
from typing import Any

import numpy as np


def header(*packages: str) -> str:
    """Name machine, Python and packages, with versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("herokit", *packages))
    return f"{platform.machine()}, {os.cpu_count()} cores, one thread; Python {platform.python_version()}, {versions}"


def keep_freed_memory() -> None:
    """Free one array of 16 MB, as any trainer's process has: from then on glibc reuses what numpy frees.

    In a fresh process every temporary of 128 kB or more is mapped anew, and page faults take up to half of the time.
    """
    np.empty(2**21)


def best(work: Callable[[], Any], at_least: float = 0.5, calls: int = 3) -> float:
    """Return the least processor time of repeated calls after one uncounted, in seconds.

    Args:
        work: what to time.
        at_least: seconds to spend.
        calls: calls to make at the least.
    """
    work()
    spent: list[float] = []
    while sum(spent) < at_least or len(spent) < calls:
        begun = process_time()
        work()
        spent.append(process_time() - begun)
    return min(spent)
