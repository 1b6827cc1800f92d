"""Every scheme equals a plain loop over groups, written from the formulas, on random ragged groups."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from herokit import Groups, Signals, schemes
from herokit.combiners import Mean, initial_reward

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "loops.py"
spec = importlib.util.spec_from_file_location("loops", PATH)
loops = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loops)

FLAGS = ("verifier", "format", "unfinished", "essential", "important", "optional", "pitfall")


def with_mean(state):
    """Put a running mean in place, also inside composites."""
    if isinstance(state, tuple):
        return tuple(map(with_mean, state))
    return Mean(1, loops.SPREAD_SO_FAR) if isinstance(state, Mean) else state


@pytest.mark.parametrize("make", schemes.SCHEMES, ids=lambda m: m.__name__)
@given(sizes=st.lists(st.integers(1, 6), min_size=1, max_size=5), seed=st.integers(0, 10_000), coarse=st.booleans())
def test_scheme_equals_a_loop_over_groups(make, sizes, seed, coarse):
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    rm = rng.normal(0, 2, n)
    values = {"rm": rm.round() if coarse else rm, **{name: (rng.random(n) < 0.4) * 1.0 for name in FLAGS}}
    values |= dict.fromkeys(("prm", "turn", "penalty"), values["rm"])
    unit = 5_000.0 if coarse else 1.0
    values["tokens"] = rng.integers(0, 25_000 // unit, n) * unit
    edges = np.concatenate([[0], np.cumsum(sizes)])
    if n < 2 and make.__name__ in loops.AFTER:
        return  # a batch of one row has no deviation
    expected = loops.loop(make.__name__, edges, values["rm"], values["verifier"], values)
    signals = Signals(values, Groups(np.repeat(np.arange(len(sizes)), sizes), len(sizes)))
    scheme = make()
    state = with_mean(scheme.init())
    np.testing.assert_allclose(
        scheme.combine(initial_reward(signals), signals, state)[0], expected, rtol=1e-9, atol=1e-9
    )


def test_there_is_a_loop_for_every_scheme():
    assert set(loops.LOOPS) == {make.__name__ for make in schemes.SCHEMES}
