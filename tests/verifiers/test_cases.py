"""Every verifier of the core says what its table of hard cases says; every table, also a plugin's, is whole."""

import sys
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from herokit.sources import execution

sys.path.insert(0, str(Path(__file__).parent))
import says
from tables import COMPOSED, HERE, KINDS, all_tables, mismatch, tables

from herokit import Sample
from herokit.config.builder import build
from herokit.errors import ConfigError
from herokit.registry import load_registry
from herokit.sources import VerdictColumn
from herokit.verifiers import Choice, IFEval, Language, ListMatch

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
            (verdict,) = execution.verify(table.name, verifier, [case.sample])
            spent = monotonic() - begun
            wrong += [mismatch(case, verdict)] if mismatch(case, verdict) else []
            wrong += [f"{case.completion[:40]!r} took {spent:.1f} s"] if spent > SLOWEST else []
    finally:
        for verifier in made.values():
            execution.close(verifier)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
def test_a_table_has_twenty_cases_of_every_kind_and_a_source_for_every_rule(table):
    assert len(table.cases) >= 20
    assert {case.kind for case in table.cases} == set(KINDS)
    assert {case.rule for case in table.cases} == set(table.rules)
    assert all(rule["rule"].endswith(".") and rule["source"] for rule in table.rules.values())


def test_meta_may_hold_arrays_for_lists():
    """As where a trainer reads Parquet with pandas."""
    meta = {
        "choices": {"text": np.array(["Rome", "Paris"]), "label": np.array(["A", "B"])},
        "instruction_id_list": np.array(["punctuation:no_comma", "keywords:existence"]),
        "kwargs": np.array([{}, {"keywords": np.array(["Paris"])}], dtype=object),
    }
    part = [Sample("p", "Paris", 0, "B", meta), Sample("p", "Paris", 0, "B", {"options": meta["choices"]["text"]})]
    assert [v.value for v in Choice().verify(part)] == [1.0, 1.0]
    assert [v.value for v in IFEval().verify(part[:1])] == [1.0]
    truths = [Sample("p", "c", 0, meta={"verifier": value}) for value in (np.True_, np.float32(0.5), "1")]
    assert [v.value for v in VerdictColumn().verify(truths)] == [1.0, 0.5, None]


def test_a_reference_beyond_the_limit_is_the_datas_fault():
    reference = "; ".join(map(str, range(2_001)))
    assert [v.value for v in ListMatch().verify([Sample("p", reference, 0, reference)])] == [None]


@pytest.mark.parametrize("code", ["jp", "xx", "German"])
def test_a_language_that_cannot_be_told_is_refused(code):
    with pytest.raises(ConfigError, match=code):
        Language(code)
