"""Time HERO on flat arrays against a Python loop over groups with the same equations.

Run ``python benchmarks/combiners.py``. Both sides are checked to agree before they are timed; the ratio is what
counts, for it holds when the machine's speed drifts.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import itertools
import platform
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from herokit import Groups, Signals, hero
from herokit.combine import Chain, Mean, start

ALPHA = BETA = 0.1
LOW, HIGH, STEEPNESS, EPS = 0.5, 2.0, 5.0, 1e-6
SPREAD_SO_FAR = 1.0
SIZES = (4_096, 65_536, 1_048_576)
EACH = 8


def loop(index: Any, rm: Any, right: Any, count: int) -> Any:
    """Apply the paper's equations group by group, as most trainers' examples do."""
    out = np.empty_like(rm)
    edges = np.searchsorted(index, np.arange(count + 1))
    for first, last in itertools.pairwise(edges):
        m, c, r = rm[first:last], right[first:last], np.empty(last - first)
        for label, low, width in ((0.0, -ALPHA, 2 * ALPHA), (1.0, 1 - BETA, 2 * BETA)):
            inside = c == label
            if inside.any():
                x = m[inside]
                r[inside] = low + width * (x - x.min()) / (x.max() - x.min() + EPS)
        weight = LOW + (HIGH - LOW) / (1 + np.exp(-STEEPNESS * (m.std() - SPREAD_SO_FAR)))
        out[first:last] = weight * r
    return out


def best(work: Callable[[], Any], at_least: float = 1.0) -> float:
    """Return the least time of repeated calls, in seconds."""
    work()
    spent: list[float] = []
    while sum(spent) < at_least or len(spent) < 3:  # noqa: PLR2004 - three calls are the least to take a minimum of
        begun = perf_counter()
        work()
        spent.append(perf_counter() - begun)
    return min(spent)


def batch(rows: int) -> Signals:
    """Make scores and verdicts for `rows` rollouts in groups of eight."""
    rng = np.random.default_rng(0)
    groups = Groups(np.repeat(np.arange(rows // EACH), EACH), rows // EACH)
    return Signals({"rm": rng.normal(size=rows), "verifier": (rng.random(rows) < 0.4).astype(float)}, groups)  # noqa: PLR2004 - a typical share of right rollouts


def run(scheme: Chain, signals: Signals) -> Any:
    """Apply the scheme with a running mean in place."""
    state = (*scheme.init()[:-1], Mean(1, SPREAD_SO_FAR))
    return scheme.combine(start(signals), signals, state)[0]


def to_torch(signals: Signals) -> Signals | None:
    """Return the same batch as tensors, None without torch."""
    try:
        import torch
    except ModuleNotFoundError:
        return None
    torch.set_num_threads(1)
    groups = Groups(torch.from_numpy(signals.groups.index), signals.groups.count)
    return Signals({name: torch.from_numpy(x) for name, x in signals.values.items()}, groups)


def main() -> None:
    """Print the table."""
    versions = {name: sys.modules[name].__version__ for name in ("numpy",)}
    scheme = hero(alpha=ALPHA, beta=BETA)
    tensors = to_torch(batch(EACH))
    if tensors is not None:
        versions["torch"] = sys.modules["torch"].__version__
    print(f"{platform.machine()}, {os.cpu_count()} cores, one thread; Python {platform.python_version()}, {versions}")
    print(f"{'rollouts':>10} {'side':>8} {'ms':>10} {'M rollouts/s':>13} {'times the loop':>15}")
    for rows in SIZES:
        signals = batch(rows)
        arrays = (signals.groups.index, signals["rm"], signals["verifier"], signals.groups.count)
        expected = loop(*arrays)
        np.testing.assert_allclose(run(scheme, signals), expected, rtol=1e-12, atol=1e-12)
        sides: dict[str, Callable[[], Any]] = {
            "loop": lambda a=arrays: loop(*a),
            "numpy": lambda s=signals: run(scheme, s),
        }
        if (tensors := to_torch(signals)) is not None:
            np.testing.assert_allclose(run(scheme, tensors).numpy(), expected, rtol=1e-12, atol=1e-12)
            sides["torch"] = lambda t=tensors: run(scheme, t)
        base = 0.0
        for name, work in sides.items():
            spent = best(work)
            base = base or spent
            print(f"{rows:>10,} {name:>8} {1e3 * spent:>10.3f} {rows / spent / 1e6:>13.2f} {base / spent:>15.1f}")


if __name__ == "__main__":
    main()
