"""Every combiner with a planted fault breaks a law that its correct twin keeps; ``pytest -s`` prints the table."""

import sys
import time

import pytest

from helpers.planted_combiners import COMBINERS
from helpers.planted_weights import STATEFUL
from herokit.testing import Profile, list_laws
from herokit.testing.backends import find_backends
from herokit.testing.check import check_laws
from herokit.testing.known_failures import known_failures
from herokit.testing.subjects import CombinerSubject

PROFILE = Profile(max_examples=20, seconds=60.0, shrink_seconds=0.0)
LIBRARIES = ("always float64", "numpy only", "deviation of the library")
"""Faults that show in torch only."""

MIN_CAUGHT = 0.95


def check(combiner, signals, backends):
    subject = CombinerSubject.from_combiner(combiner, signals, backends=find_backends(backends))
    return check_laws(subject, list_laws("combiner"), PROFILE, "planted")


@pytest.mark.parametrize("pairs", [COMBINERS, STATEFUL], ids=["combiners", "stateful"])
def test_laws_catch_planted_faults_and_pass_their_twins(pairs):
    missed, table = [], []
    for name, pair in pairs.items():
        backends = ("numpy", "torch") if name in LIBRARIES else ("numpy",)
        twin = check(pair.twin, pair.signals, backends)
        kept = {result.law for result in twin if result.outcome == "passed"}
        alarms = {result.law for result in twin.failures if result.universal}
        assert alarms <= set(known_failures(pair.twin)) | ALARMS_BY_DESIGN.get(name, set()), (name, str(twin))
        begin = time.perf_counter()
        broken = [result for result in check(pair.faulty, pair.signals, backends).failures if result.law in kept]
        seconds = time.perf_counter() - begin
        missed += [] if broken else [name]
        laws = ", ".join(result.law for result in broken) or "MISSED"
        num_rows = min((len(next(iter(r.violation.columns.values()), ())) for r in broken), default=0)
        table.append(f"{name:40} {num_rows:3} rows {seconds:6.2f} s  {laws}")
    sys.stdout.write("\n".join(["", f"{len(pairs) - len(missed)} of {len(pairs)} caught", *table, ""]))
    assert len(missed) <= (1.0 - MIN_CAUGHT) * len(pairs), missed


ALARMS_BY_DESIGN = {
    "average in the order of group numbers": {"batch_split_invariance"},
    "schedule counts rows": {"batch_split_invariance"},
    "schedule counts groups": {"batch_split_invariance"},
}
"""Laws that a twin violates by design: an average of batches and a count of batches depend on how batches are split."""
