"""Tests that use a solution's classes and functions from another process find what they would find in its own."""

from pathlib import Path

import pytest
import yaml

from herokit import Sample
from herokit_code import CodeVerifier, Limits
from herokit_code.apart import possible

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
    assert (found.value, found.detail) == (1.0, "1 of 1 tests"), found.detail


@pytest.mark.parametrize("name", PAIRS)
def test_an_empty_solution_does_not(name):
    sample = Sample(
        "", "```python\nf = None\n```", 0, reference=f"if True:\n    {PAIRS[name]['test']!s}".replace("\n", "\n    ")
    )
    (found,) = CodeVerifier(Limits(seconds=10.0)).verify([sample])
    assert not found.value
