"""No string opens several references: a list of keys, and a short search for new ones (`fuzz/fuzz_keys.py`)."""

import importlib.util
import sys
from itertools import permutations
from pathlib import Path

import pytest

from herokit_math import MathVerifier, Policy
from herokit_math.tiers import decide_equivalence, extract_reference

FOLDER = Path(__file__).resolve().parents[1] / "fuzz"
NUM_SYMPY_KEYS = 24  # keys that the test gives to sympy, a few references each


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


keys = load("key_strings")
fuzz = load("fuzz_keys")


def decide(reference, answer):
    return decide_equivalence(extract_reference(reference), answer, Policy()).equal


def test_there_are_at_least_1000_keys_and_100_references():
    assert len(set(keys.KEYS)) >= 1_000
    assert len(set(keys.REFERENCES)) >= 100


def test_references_of_the_key_list_have_nothing_in_common():
    assert [pair for pair in permutations(keys.REFERENCES, 2) if decide(*pair)] == []


def test_no_key_is_accepted_unless_it_is_equal():
    tried = {(r, key) for k, key in enumerate(keys.KEYS) for r in keys.REFERENCES[k % 5 :: 5]}  # a fifth, for time
    assert {pair for pair in tried | keys.EQUAL if decide(*pair)} == keys.EQUAL


def test_no_key_is_accepted_by_sympy():
    open_keys = [key for key in keys.KEYS if decide("u=v+w", key) is None and decide("20", key) is None]
    assert len(open_keys) >= NUM_SYMPY_KEYS
    chosen = open_keys[:: len(open_keys) // NUM_SYMPY_KEYS]
    pairs = [(reference, key) for key in chosen for reference in ("20", "u=v+w", r"\int_0^x t^t dt", r"\{2,5,8\}")]
    with MathVerifier() as math:
        assert [pair for pair, v in zip(pairs, math.compare(pairs), strict=True) if v.value == 1.0] == []


def test_search_finds_no_new_key():
    count, findings = fuzz.search(3.0, seed=7)
    assert count > 10
    assert findings == []


def test_search_reports_a_key(monkeypatch):
    monkeypatch.setattr(fuzz, "find_accepting_references", lambda text: (["1", "2", "3"] if "=" in text else [], ""))
    _, findings = fuzz.search(0.2, seed=7)
    assert findings
    assert all("=" in finding.text for finding in findings)


@pytest.mark.parametrize("seed", range(5))
def test_mutate_is_repeatable(seed):
    rngs = [fuzz.random.Random(seed) for _ in range(2)]
    texts = [[fuzz.mutate("x=1", ["a+b", "2"], rng) for _ in range(20)] for rng in rngs]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 5
