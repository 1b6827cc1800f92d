"""Tests that use a solution's classes and functions from another process find what they would find in its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from herokit import Sample
from herokit_code import CodeVerifier, Limits
from herokit_code.two_process import possible

pytestmark = pytest.mark.sandbox
PAIRS = yaml.safe_load(Path(__file__).with_name("objects.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAIRS)
def test_a_right_solution_passes(name):
    program, test = PAIRS[name]["program"], PAIRS[name]["test"]
    tests = (
        test
        if "def test_" in test
        else f"if True:\n{''.join(f'    {line}' for line in test.splitlines(keepends=True))}"
    )
    assert possible(tests)
    (found,) = CodeVerifier(Limits(seconds=10.0)).verify([Sample("", f"```python\n{program}```", 0, reference=tests)])
    assert (found.value, found.reason) == (1.0, "1 of 1 tests"), found.reason


@pytest.mark.parametrize("name", PAIRS)
def test_an_empty_solution_does_not(name):
    sample = Sample(
        "", "```python\nf = None\n```", 0, reference=f"if True:\n    {PAIRS[name]['test']!s}".replace("\n", "\n    ")
    )
    (found,) = CodeVerifier(Limits(seconds=10.0)).verify([sample])
    assert not found.value


def test_the_benchmark_tells_solutions_from_the_cheat(tmp_path):
    row = {"prompt": "def f(x):\n", "canonical_solution": "    return 2 * x\n", "entry_point": "f"}
    row["test"] = "def check(g):\n    assert g(2) == 4\n    assert abs(g(3) - 6) < 1e-6\n"
    (tmp_path / "tiny.jsonl").write_text(json.dumps(row))
    script = Path(__file__).parents[3] / "benchmarks" / "code_cheats.py"
    done = subprocess.run([sys.executable, script, tmp_path / "tiny.jsonl"], capture_output=True, text=True, check=True)
    assert [
        line.split("full marks")[1].split(",")[0].split() for line in done.stdout.splitlines() if "full marks" in line
    ] == [[n, "of", "1"] for n in ("1", "1", "1", "0")]
