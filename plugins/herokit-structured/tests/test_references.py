"""Schemas as people have them: native, in wrappers of APIs, in a column of their own."""

import json

import pytest

from herokit import Sample, Status
from herokit_structured import JsonSchema

SCHEMA = {"type": "object", "required": ["a"], "additionalProperties": False, "properties": {"a": {"type": "integer"}}}
WRAPPED = {"name": "x", "strict": True, "schema": SCHEMA}


@pytest.mark.parametrize("reference", [SCHEMA, WRAPPED, {"type": "json_schema", "json_schema": WRAPPED}])
@pytest.mark.parametrize("form", [lambda schema: schema, json.dumps], ids=["native", "text"])
def test_json_schema_reads_a_schema_in_every_form(reference, form):
    values = [
        JsonSchema().verify([Sample("q", text, 0, form(reference))])[0].value
        for text in ('{"a": 1}', '{"b": 1}', '{"a": "1"}')
    ]
    assert values == [1.0, 0.0, 0.0]


def test_json_schema_reads_a_schema_from_a_column():
    sample = Sample("q", '{"a": 1}', 0, None, {"schema": SCHEMA})
    assert JsonSchema(reference_key="schema").verify([sample])[0].value == 1.0
    missing = JsonSchema(reference_key="other").verify([sample])[0]
    assert (missing.status, missing.reason) == (Status.FAILED, "meta['other']: missing")
