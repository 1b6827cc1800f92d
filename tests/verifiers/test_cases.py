"""Every verifier of the core against its table of hard cases; every table, also a plugin's, is complete."""

from time import monotonic, thread_time

import numpy as np
import pytest

from helpers import scripted
from helpers.tables import COMPOSITES, HERE, KINDS, all_tables, mismatch, tables
from herokit import Sample
from herokit.config.builder import build
from herokit.errors import ConfigError
from herokit.registry import load_registry
from herokit.sources import VerdictColumn, execution
from herokit.verifiers import (
    Choice,
    Contains,
    ExactMatch,
    IFEval,
    Language,
    LengthLimit,
    ListMatch,
    Number,
    Regex,
    SqlResult,
)

TABLES = [*tables(HERE), *tables(COMPOSITES)]
REGISTRY = load_registry(extra=[("scripted", scripted)])
MAX_SECONDS = 12.0
"""Wall seconds that one case may take on a busy machine."""


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_verifier_agrees_with_its_table(table):
    verifiers = {}
    problems = []
    try:
        for case in table.cases:
            key = repr(sorted(case.settings.items(), key=str))
            verifier = verifiers.setdefault(key, build({"use": table.name, **case.settings}, registry=REGISTRY))
            start = monotonic()
            (verdict,) = execution.verify(table.name, verifier, [case.sample])
            seconds = monotonic() - start
            problems += [text] if (text := mismatch(case, verdict)) else []
            problems += [f"{case.completion[:40]!r} took {seconds:.1f} s"] if seconds > MAX_SECONDS else []
    finally:
        for verifier in verifiers.values():
            execution.close(verifier)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
def test_table_has_every_kind_of_case_and_a_source_for_each_rule(table):
    assert len(table.cases) >= 20
    assert {case.kind for case in table.cases} == set(KINDS)
    assert {case.rule for case in table.cases} == set(table.rules)
    assert all(rule["rule"].endswith(".") and rule["source"] for rule in table.rules.values())


def test_verifiers_read_arrays_in_meta():
    """Trainers that read Parquet with pandas pass arrays."""
    meta = {
        "choices": {"text": np.array(["Rome", "Paris"]), "label": np.array(["A", "B"])},
        "instruction_id_list": np.array(["punctuation:no_comma", "keywords:existence"]),
        "kwargs": np.array([{}, {"keywords": np.array(["Paris"])}], dtype=object),
    }
    samples = [Sample("p", "Paris", 0, "B", meta), Sample("p", "Paris", 0, "B", {"options": meta["choices"]["text"]})]
    assert [v.value for v in Choice().verify(samples)] == [1.0, 1.0]
    assert [v.value for v in IFEval().verify(samples[:1])] == [1.0]
    columns = [Sample("p", "c", 0, meta={"verifier": value}) for value in (np.True_, np.float32(0.5), "1")]
    assert [v.value for v in VerdictColumn().verify(columns)] == [1.0, 0.5, None]


def test_contains_takes_linear_time_for_blanks():
    start = thread_time()
    (verdict,) = Contains().verify([Sample("p", "Paris" + " " * 19_000 + "x", 0, "Paris")])
    assert verdict.value == 1.0
    assert thread_time() - start < 1.0  # a pattern of quadratic time took 7 s


def test_list_match_abstains_if_the_reference_is_too_long():
    reference = "; ".join(map(str, range(2_001)))
    assert [v.value for v in ListMatch().verify([Sample("p", reference, 0, reference)])] == [None]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Language("jp"), "language must be a supported ISO 639-1 code such as 'en', got 'jp'"),
        (lambda: Language("German"), "German"),
        (lambda: Language(min_letters=0), "min_letters must be at least 1, got 0"),
        (lambda: Number(digits=3, rel_tol=0.1), "digits cannot be combined"),
        (lambda: Number(abs_tol=-1.0), "rel_tol and abs_tol must be finite and at least 0"),
        (lambda: LengthLimit(min=3, max=2), "max must be at least min, got 2 < 3"),
        (lambda: LengthLimit(soft_margin=2), "soft_margin is measured from max"),
        (lambda: Choice(partial_credit=True), "partial_credit needs multiple = true"),
        (
            lambda: ExactMatch(extract="lines"),
            "extract must be 'answer', 'whole', 'line', 'tag' or 'boxed', got 'lines'",
        ),
        (lambda: SqlResult(timeout=0.0), "timeout must be positive and finite, got 0.0"),
        (lambda: Regex("("), "is not a valid regular expression"),
    ],
)
def test_verifier_rejects_invalid_settings(make, message):
    with pytest.raises(ConfigError) as error:
        make()
    assert message in str(error.value)
