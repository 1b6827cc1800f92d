"""Time `herokit.combine` on arrays against its chain alone, on the same arrays with groups that are already numbered.

``python benchmarks/arrays.py`` combines about a million rollouts in groups of eight with `hero_advantage`; ``--rows`` another
number. The chain does the same work on both sides, from a fresh state; the rest is reading: values are checked, ids
numbered, results put together. Both sides are checked to agree. Compare the ratios.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import numpy as np
from machine import header, keep_freed_memory, paired

from herokit import Groups, Signals, combine, hero_advantage
from herokit.combiners import initial_reward

EACH = 8
ROWS = 1_048_576


def make_ids(rows: int) -> dict[str, Any]:
    """Return the ids of `rows` rollouts, by kind and layout."""
    rng = np.random.default_rng(1)
    runs = np.repeat(np.arange(rows // EACH), EACH)
    shuffled = runs[rng.permutation(rows)]
    wide = rng.integers(0, 2**62, rows // EACH)
    return {
        "numbers, together": runs,
        "numbers, shuffled": shuffled,
        "numbers from 10,000": runs + 10_000,
        "62-bit, together": wide[runs],
        "62-bit, shuffled": wide[shuffled],
        "texts, together": [f"prompt-{key}" for key in runs.tolist()],
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="a multiple of eight")
    rows = parser.parse_args().rows
    keep_freed_memory(31)
    rng = np.random.default_rng(0)
    base = {"verifier": (rng.random(rows) < 0.4).astype(float), "rm": rng.normal(size=rows)}  # noqa: PLR2004 - a typical share
    scheme = hero_advantage()
    libraries: dict[str, Any] = {"numpy": lambda x: x}
    try:
        import torch
    except ModuleNotFoundError:
        pass
    else:
        torch.set_num_threads(1)
        libraries["torch"] = torch.from_numpy
    print(header("numpy", *list(libraries)[1:]))
    print(f"{rows:,} rows, groups of {EACH}")
    print(f"{'library':>8} {'ids':>20} {'chain ms':>9} {'combine ms':>11} {'ratio':>6}")
    for library, convert in libraries.items():
        values = {name: convert(x) for name, x in base.items()}
        for kind, ids in make_ids(rows).items():
            numbered = np.unique(np.asarray(ids), return_inverse=True)[1]
            given = ids if isinstance(ids, list) else convert(ids)
            index, count = convert(numbered), int(numbered.max()) + 1

            def run_chain(values: Any = values, index: Any = index, count: int = count) -> Any:
                signals = Signals(values, Groups(index, count))
                return scheme.combine(initial_reward(signals), signals, scheme.init())[0]

            def run_combine(values: Any = values, given: Any = given) -> Any:
                return combine(values, given, scheme).advantage

            np.testing.assert_array_equal(np.asarray(run_chain()), np.asarray(run_combine()), err_msg=kind)
            alone, whole, ratio = paired(run_chain, run_combine)
            print(f"{library:>8} {kind:>20} {1e3 * alone:>9.1f} {1e3 * whole:>11.1f} {ratio:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
