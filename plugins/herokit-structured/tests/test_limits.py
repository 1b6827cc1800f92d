"""Limits on what a completion may cost, and whether the completion or the schema is at fault."""

import json
import time
import warnings

from herokit import Sample, Status
from herokit_structured import JsonSchema, Quantity


def judge(schema, text):
    return JsonSchema().verify([Sample("", text, 0, reference=json.dumps(schema))])[0]


def test_slow_patterns_share_one_time_limit():
    start = time.monotonic()
    verdict = judge({"patternProperties": {"^(a|aa)+$": {}}}, json.dumps({"a" * 25 + f"!{i}": 1 for i in range(3_000)}))
    assert (verdict.value, verdict.status) == (0.0, Status.TIMEOUT)
    assert time.monotonic() - start < 5.0


def test_unevaluated_items_are_limited_in_number():
    schema = {"contains": {"type": "integer"}, "unevaluatedItems": False}
    assert judge(schema, "[1, 2]").value == 1.0
    start = time.monotonic()
    assert judge(schema, json.dumps([1] * 60_000)).status is Status.TIMEOUT
    assert time.monotonic() - start < 5.0


def test_deep_nesting_is_the_fault_of_completion_or_schema():
    tree = {"items": {"$ref": "#"}}
    assert judge(tree, "[" * 40 + "]" * 40).value == 1.0
    assert judge(tree, "[" * 400 + "]" * 400).status is Status.UNPARSED
    assert judge({"$ref": "#"}, "[[1]]").status is Status.FAILED


def test_reason_can_be_encoded():
    judge({"additionalProperties": {"type": "string"}}, '{"\\ud800": 1}').reason.encode()


def test_quantity_overflow_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = Quantity().verify([Sample("", "40000 dBm", 0, reference="1 W")])[0]
    assert (verdict.value, verdict.status) == (0.0, Status.JUDGED)
