"""The verifiers say what their tables of hard cases say, and keep the laws."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "verifiers"))
from tables import mismatch, tables

from herokit.config.builder import build
from herokit.errors import ConfigError
from herokit.testing import Profile, check_verifier
from herokit.testing.samples import PLAIN, AnswerFormat
from herokit_structured import JsonSchema, Quantity
from herokit_structured.quantity import read_quantity

TABLES = list(tables(Path(__file__).with_name("cases")))
PROFILE = Profile(max_examples=40, seconds=20.0, shrink_seconds=1.0)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_verifier_says_what_its_table_says(table):
    verdicts = [build({"use": table.name, **case.settings}).verify([case.sample])[0] for case in table.cases]
    wrong = [mismatch(case, verdict) for case, verdict in zip(table.cases, verdicts, strict=True)]
    assert not [line for line in wrong if line]


def test_the_laws_hold():
    number = {"type": "object", "required": ["n"], "properties": {"n": {"const": 12}}}
    shaped = AnswerFormat(
        "an object",
        lambda choose: json.dumps({"n": 12, "more": choose(9)}),
        write=lambda answer: answer,
        near_miss=lambda answer, choose: answer.replace("12", ("127", "-12", "null")[choose(3)]),
    )
    for verifier, domain in ((JsonSchema(number), shaped), (Quantity(), PLAIN)):
        report = check_verifier(verifier, answer_format=domain, profile=PROFILE)
        assert report.passed, [(r.law, r.message) for r in report.failures]


@pytest.mark.parametrize("make", [
    lambda: JsonSchema({"type": "whole"}),
    lambda: Quantity(relative=-1.0),
    lambda: Quantity(missing="maybe"),
])  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(make):
    with pytest.raises(ConfigError):
        make()


def test_a_quantity_is_never_evaluated():
    assert read_quantity("1 " + "m*" * 100) is None
    assert read_quantity("1 m/(s") is None
    assert read_quantity("1 m^10") is None
