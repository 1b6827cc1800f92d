"""The tests that are written for planted faults fail on the fault and pass on the twin; `benchmarks/written_tests.py` runs twenty."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from written_tests import count_verdicts

FAULTS = {
    "verifier: first box": "hack_does_not_pay",
    "reward model: loses digits": "details_matter",
    "reward function: drops unreadable rows": "unreadable_rows_move_no_verdict",
    "combiner: min-max over the batch": "group_independence",
}


@pytest.mark.parametrize("name", FAULTS)
def test_write_test_writes_what_fails_on_a_planted_fault_and_passes_on_its_twin(name):
    assert count_verdicts(name, (FAULTS[name],)) == (1, (1, 0), (0, 1))
