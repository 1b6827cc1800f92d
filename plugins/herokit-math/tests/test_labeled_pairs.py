"""Accuracy on labelled pairs; the thresholds are those of the documentation. Skipped without the data."""

import json
from pathlib import Path

import pytest

from herokit_math import MathVerifier, evaluate

PAIRS = Path(__file__).resolve().parents[4] / "shared" / "data" / "verifier_pairs"
F1 = {
    "hardverify_math": 0.92,
    "lighteval_tests": 0.98,
    "mathverify_tests": 0.98,
    "synth_math": 0.99,
    "tora_resp": 0.99,
    "ze_gsm": 0.99,
    "ze_math": 0.99,
}

pytestmark = pytest.mark.skipif(not PAIRS.exists(), reason="no shared data")


def rows(name):
    lines = (PAIRS / f"{name}.jsonl").read_text().splitlines()
    return [(r["gold"], r["answer"], bool(r["label"])) for r in map(json.loads, lines)]


@pytest.mark.parametrize("name", F1)
def test_evaluate_reaches_the_documented_f1_on_each_set(name):
    with MathVerifier(max_workers=1) as math:
        report = evaluate(rows(name), responses=True, verifier=math)
    assert report.f1 >= F1[name], report.disagreements


def test_evaluate_reaches_the_documented_f1_on_all_sets():
    with MathVerifier(max_workers=1) as math:
        report = evaluate([row for name in F1 for row in rows(name)], responses=True, verifier=math)
    assert report.f1 >= 0.985
    assert report.precision >= 0.995


def test_evaluate_agrees_with_and_without_extraction():
    pairs = [row for name in ("hardverify_math", "synth_math") for row in rows(name)]
    with MathVerifier(max_workers=1) as math:
        plain, extracted = (evaluate(pairs, responses=r, verifier=math) for r in (False, True))
    assert abs(plain.f1 - extracted.f1) < 0.002
