"""The plugin's verifiers against their tables of hard cases and the laws of verifiers."""

import json
from pathlib import Path

import pytest

from helpers.tables import mismatches, tables
from herokit.config.builder import build
from herokit.errors import ConfigError
from herokit.testing import Profile, check_verifier
from herokit.testing.samples import PLAIN, AnswerFormat
from herokit_structured import JsonSchema, Quantity
from herokit_structured.quantity import read_quantity

TABLES = list(tables(Path(__file__).with_name("cases")))
PROFILE = Profile(max_examples=40, seconds=20.0, shrink_seconds=1.0)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_verifier_agrees_with_its_table(table):
    verdicts = [build({"use": table.name, **case.settings}).verify([case.sample])[0] for case in table.cases]
    assert not mismatches(table, verdicts)


def test_verifiers_keep_the_laws():
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"const": 12}}}
    objects = AnswerFormat(
        "an object",
        lambda choose: json.dumps({"n": 12, "more": choose(9)}),
        write=lambda answer: answer,
        near_miss=lambda answer, choose: answer.replace("12", ("127", "-12", "null")[choose(3)]),
    )
    for verifier, answer_format in ((JsonSchema(schema), objects), (Quantity(), PLAIN)):
        report = check_verifier(verifier, answer_format=answer_format, profile=PROFILE)
        assert report.passed, str(report)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JsonSchema({"type": "whole"}), "schema is invalid"),
        (lambda: JsonSchema(fence="maybe"), "fence must be"),
        (lambda: Quantity(rel_tol=-1.0), "rel_tol must be at least 0, got -1.0"),
        (lambda: Quantity(missing_unit="maybe"), "missing_unit must be 'incorrect' or 'same', got 'maybe'"),
        (lambda: Quantity(extract="lines"), "extract must be"),
    ],
)
def test_verifier_rejects_invalid_settings(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_read_quantity_evaluates_nothing():
    assert read_quantity("1 " + "m*" * 100) is None
    assert read_quantity("1 m/(s") is None
    assert read_quantity("1 m^10") is None
