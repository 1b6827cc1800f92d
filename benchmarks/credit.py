"""Time schemes that give credit to parts: a million parts of rollouts of one to fifteen parts, against the same number of rollouts.

``python benchmarks/credit.py``. Both sides run the same chain on numpy, in turns; compare the ratios, which hold when the machine's
speed drifts. On the side of rollouts every rollout is its own only part.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import numpy as np
from machine import best, header, keep_freed_memory

from herokit import Groups, Parts, Signals, schemes
from herokit.combiners import Chain, initial_reward
from herokit.combiners.chain import gives_credit

NUM_PARTS = 1_000_000
GROUP_SIZE = 8
MAX_PARTS = 15
SIGNALS = ("prm", "turn", "penalty", "step")
PARAMETERS: dict[str, dict[str, Any]] = {"gigpo": {"step_reward": "step"}}


def with_parts(counts: Any) -> Signals:
    """Return rollouts with parts, in groups of eight; one part in four of a group is in the same state."""
    rng = np.random.default_rng(0)
    size, number = int(counts.sum()), len(counts)
    ids = np.arange(number) // GROUP_SIZE
    states = Groups(np.repeat(ids, counts) * 4 + rng.integers(0, 4, size), 4 * (int(ids[-1]) + 1))
    parts = Parts.from_counts(counts, {name: rng.random(size) for name in SIGNALS}, states=states)
    return Signals({"verifier": 1.0 * (rng.random(number) < 0.5)}, Groups(ids, int(ids[-1]) + 1), parts)  # noqa: PLR2004


def alone(size: int) -> Signals:
    """Return as many rollouts without parts, in groups of one to fifteen."""
    rng = np.random.default_rng(1)
    ids = np.repeat(np.arange(size), rng.integers(1, MAX_PARTS + 1, size))[:size]
    values = {name: rng.random(size) for name in SIGNALS} | {"verifier": 1.0 * (rng.random(size) < 0.5)}  # noqa: PLR2004
    return Signals(values, Groups(ids, int(ids[-1]) + 1))


def run(scheme: Chain, signals: Signals) -> None:
    """Apply the scheme."""
    scheme.trace(initial_reward(signals), signals, scheme.init())


def main() -> None:
    """Print the table."""
    keep_freed_memory()
    counts = np.random.default_rng(2).integers(1, MAX_PARTS + 1, 2 * NUM_PARTS // (MAX_PARTS + 1))
    parts = with_parts(counts)
    rollouts = alone(int(counts.sum()))
    print(header("numpy"))
    print(f"{counts.sum():,} parts of {len(counts):,} rollouts")
    print(f"{'scheme':>20} {'rollouts, ms':>13} {'parts, ms':>10} {'ratio':>6}")
    for make in schemes.SCHEMES:
        scheme = make(**PARAMETERS.get(make.__name__, {}))
        if gives_credit(scheme):
            base, spent = (best(lambda s=side, c=scheme: run(c, s)) for side in (rollouts, parts))  # type: ignore[misc]
            print(f"{make.__name__:>20} {1e3 * base:>13.1f} {1e3 * spent:>10.1f} {spent / base:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
