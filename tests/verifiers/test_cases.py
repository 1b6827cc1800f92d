"""Every verifier of the core says what its table of hard cases says; every table, also a plugin's, is whole."""

import sys
from pathlib import Path
from time import monotonic

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import says
from tables import COMPOSED, HERE, KINDS, all_tables, differs, tables

from herokit import asking
from herokit.builder import build
from herokit.registry import load_registry

TABLES = [*tables(HERE), *tables(COMPOSED)]
KNOWN = load_registry(extra=[("says", says)])
SLOWEST = 12.0
"""Wall seconds one case may take on a busy machine."""


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_verifier_says_what_its_table_says(table):
    made = {}
    wrong = []
    try:
        for case in table.cases:
            key = repr(sorted(case.settings.items(), key=str))
            verifier = made.setdefault(key, build({"use": table.name, **case.settings}, known=KNOWN))
            begun = monotonic()
            (verdict,) = asking.verify(table.name, verifier, [case.sample])
            spent = monotonic() - begun
            wrong += [differs(case, verdict)] if differs(case, verdict) else []
            wrong += [f"{case.completion[:40]!r} took {spent:.1f} s"] if spent > SLOWEST else []
    finally:
        for verifier in made.values():
            asking.close(verifier)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
def test_a_table_has_twenty_cases_of_every_kind_and_a_source_for_every_rule(table):
    assert len(table.cases) >= 20
    assert {case.kind for case in table.cases} == set(KINDS)
    assert {case.rule for case in table.cases} == set(table.rules)
    assert all(rule["says"].endswith(".") and rule["source"] for rule in table.rules.values())
