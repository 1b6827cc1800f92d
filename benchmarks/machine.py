"""What every benchmark prints first, and how it takes the time."""

import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from time import process_time
from typing import Any

import numpy as np


def header(*packages: str) -> str:
    """Name machine, Python and packages, with versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("herokit", *packages))
    return f"{platform.machine()}, {os.cpu_count()} cores, one thread; Python {platform.python_version()}, {versions}"


def keep_freed_memory(mb: int = 16) -> None:
    """Free one array of `mb` megabytes, as any trainer's process has: from then on glibc reuses what numpy frees.

    In a fresh process every temporary of 128 kB or more is mapped anew, and page faults take up to half of the time.
    glibc keeps twice `mb`; from 32 on it does not learn.
    """
    np.empty(mb * 2**17)


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


def paired(first: Callable[[], Any], second: Callable[[], Any], pairs: int = 30) -> tuple[float, float, float]:
    """Return the median processor times of two sides in seconds, and the median of the ratio second / first.

    The two run in turn, each as often first as second, so that what else the machine does falls on both.
    """
    first()
    second()
    times: dict[Any, list[float]] = {first: [], second: []}
    for number in range(pairs):
        for work in (first, second) if number % 2 else (second, first):
            begun = process_time()
            work()
            times[work].append(process_time() - begun)
    ratio = median(b / a for a, b in zip(times[first], times[second], strict=True))
    return median(times[first]), median(times[second]), ratio
