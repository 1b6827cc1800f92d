"""Time the named schemes on flat arrays against Python loops over groups with the same equations.

``python benchmarks/combiners.py`` times HERO, up to ten million rollouts; ``--all`` every scheme, up to a million;
``--rows 4000000`` one size. Both sides are checked to agree before they are timed. Compare the ratios, which hold when the
machine's speed drifts. Each call creates its groups again, so no layout is remembered between calls.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from typing import Any

import numpy as np
from loops import SPREAD_SO_FAR, loop
from machine import best, header, keep_freed_memory

from herokit import Groups, Signals, schemes
from herokit.combiners import Chain, Mean, initial_reward

SIZES = (4_096, 65_536, 1_048_576)
EACH = 8
LARGE = 10_000_000
LOOP_UP_TO = 1_048_576


def batch(rows: int) -> tuple[dict[str, Any], Any]:
    """Make the signals of `rows` rollouts in groups of eight, and the group of each row."""
    rng = np.random.default_rng(0)
    flags = ("verifier", "format", "unfinished", "essential", "important", "optional", "pitfall")
    values = {"rm": rng.normal(size=rows), **{name: (rng.random(rows) < 0.4).astype(float) for name in flags}}  # noqa: PLR2004 - a typical share
    values |= dict.fromkeys(("prm", "turn", "penalty"), values["rm"])  # rollouts of one part
    values["tokens"] = rng.integers(0, 25_000, rows).astype(float)
    return values, np.repeat(np.arange(rows // EACH), EACH)


def run(scheme: Chain, values: dict[str, Any], index: Any) -> Any:
    """Apply the scheme with a running mean in place."""
    signals = Signals(values, Groups(index, len(index) // EACH))
    return scheme.combine(initial_reward(signals), signals, with_mean(scheme.init()))[0]


def with_mean(state: Any) -> Any:
    """Put a running mean in place, also inside composites."""
    if isinstance(state, tuple):
        return tuple(map(with_mean, state))
    return Mean(1, SPREAD_SO_FAR) if isinstance(state, Mean) else state


def to_torch(values: dict[str, Any], index: Any) -> tuple[dict[str, Any], Any] | None:
    """Return the same batch as tensors, None without torch."""
    try:
        import torch
    except ModuleNotFoundError:
        return None
    torch.set_num_threads(1)
    return {name: torch.from_numpy(x) for name, x in values.items()}, torch.from_numpy(index)


def measure(name: str, rows: int) -> None:
    """Print the lines of one scheme at one size."""
    scheme: Chain = getattr(schemes, name)()
    values, index = batch(rows)
    edges = np.arange(0, rows + 1, EACH)
    other = {k: v for k, v in values.items() if k not in ("rm", "verifier")}
    sides: dict[str, Callable[[], Any]] = {"numpy": lambda: run(scheme, values, index)}
    tensors = to_torch(values, index)
    if tensors is not None:
        sides["torch"] = lambda: run(scheme, *tensors)
    base = None
    if rows <= LOOP_UP_TO:
        expected = loop(name, edges, values["rm"], values["verifier"], other)
        for side, work in sides.items():
            np.testing.assert_allclose(np.asarray(work()), expected, rtol=1e-9, atol=1e-9, err_msg=f"{name} on {side}")
        base = best(lambda: loop(name, edges, values["rm"], values["verifier"], other), at_least=0.0, calls=1)
        print(f"{name:>20} {rows:>11,} {'loop':>6} {1e3 * base:>10.3f} {rows / base / 1e6:>9.2f} {1.0:>10.1f}")
    for side, work in sides.items():
        spent = best(work)
        ratio = f"{base / spent:>10.1f}" if base else f"{'-':>10}"
        print(f"{name:>20} {rows:>11,} {side:>6} {1e3 * spent:>10.3f} {rows / spent / 1e6:>9.2f} {ratio}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="every scheme, not HERO alone")
    parser.add_argument("--rows", type=int, help="one size, a multiple of eight")
    chosen = parser.parse_args()
    keep_freed_memory()
    print(header("numpy", *(["torch"] if to_torch(*batch(EACH)) else [])))
    print(f"{'scheme':>20} {'rollouts':>11} {'side':>6} {'ms':>10} {'M rows/s':>9} {'x the loop':>10}")
    names = [make.__name__ for make in schemes.SCHEMES] if chosen.all else ["hero"]
    for name in names:
        for rows in [chosen.rows] if chosen.rows else SIZES if chosen.all else (*SIZES, LARGE):
            measure(name, rows)


if __name__ == "__main__":
    main()
