"""What a completion may cost, and whose fault it is."""

import json
import time
import warnings

from herokit import Sample, Status
from herokit_structured import JsonSchema, Quantity


def judge(schema, text):
    return JsonSchema().verify([Sample("", text, 0, reference=json.dumps(schema))])[0]


def test_many_slow_keys_share_one_limit():
    began = time.monotonic()
    found = judge({"patternProperties": {"^(a|aa)+$": {}}}, json.dumps({"a" * 25 + f"!{i}": 1 for i in range(3_000)}))
    assert (found.value, found.status) == (0.0, Status.TIMEOUT)
    assert time.monotonic() - began < 5.0


def test_unevaluated_items_are_not_compared_without_end():
    schema = {"contains": {"type": "integer"}, "unevaluatedItems": False}
    assert judge(schema, "[1, 2]").value == 1.0
    began = time.monotonic()
    assert judge(schema, json.dumps([1] * 60_000)).status is Status.TIMEOUT
    assert time.monotonic() - began < 5.0


def test_nesting_is_the_fault_of_who_nests():
    tree = {"items": {"$ref": "#"}}
    assert judge(tree, "[" * 40 + "]" * 40).value == 1.0
    assert judge(tree, "[" * 400 + "]" * 400).status is Status.UNPARSED
    assert judge({"$ref": "#"}, "[[1]]").status is Status.FAILED


def test_a_detail_can_be_written():
    judge({"additionalProperties": {"type": "string"}}, '{"\\ud800": 1}').reason.encode()


def test_an_overflow_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Quantity().verify([Sample("", "40000 dBm", 0, reference="1 W")])[0]
    assert (found.value, found.status) == (0.0, Status.JUDGED)
