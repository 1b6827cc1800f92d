"""Proxies of a solution's classes and functions behave as the originals do in the solution's process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from herokit import Sample
from herokit_code import CodeVerifier, Limits
from herokit_code.two_process import can_run_separately

pytestmark = pytest.mark.sandbox
PAIRS = yaml.safe_load(Path(__file__).with_name("proxies.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAIRS)
def test_correct_solution_passes(name):
    program, test = PAIRS[name]["program"], PAIRS[name]["test"]
    tests = (
        test
        if "def test_" in test
        else f"if True:\n{''.join(f'    {line}' for line in test.splitlines(keepends=True))}"
    )
    assert can_run_separately(tests)
    (verdict,) = CodeVerifier(Limits(timeout=10.0)).verify([Sample("", f"```python\n{program}```", 0, reference=tests)])
    assert (verdict.value, verdict.reason) == (1.0, "1 of 1 tests"), verdict.reason


@pytest.mark.parametrize("name", PAIRS)
def test_empty_solution_fails(name):
    sample = Sample(
        "", "```python\nf = None\n```", 0, reference=f"if True:\n    {PAIRS[name]['test']!s}".replace("\n", "\n    ")
    )
    (verdict,) = CodeVerifier(Limits(timeout=10.0)).verify([sample])
    assert not verdict.value


def test_benchmark_distinguishes_solutions_from_the_cheat(tmp_path):
    row = {"prompt": "def f(x):\n", "canonical_solution": "    return 2 * x\n", "entry_point": "f"}
    row["test"] = "def check(g):\n    assert g(2) == 4\n    assert abs(g(3) - 6) < 1e-6\n"
    (tmp_path / "tiny.jsonl").write_text(json.dumps(row))
    script = Path(__file__).parents[3] / "benchmarks" / "code_cheats.py"
    done = subprocess.run([sys.executable, script, tmp_path / "tiny.jsonl"], capture_output=True, text=True, check=True)
    lines = [line.split("value 1:")[1] for line in done.stdout.splitlines() if "value 1:" in line]
    assert [line.split(",")[0].split() for line in lines] == [[n, "of", "1"] for n in ("1", "1", "1", "0")]
