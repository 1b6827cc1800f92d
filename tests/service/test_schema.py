"""Requests that Schemathesis draws from the OpenAPI schema, valid and invalid; none may end in a 5xx."""

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.checks import positive_data_acceptance

TOKEN = "a-token-for-the-tests"  # noqa: S105 - made up
EXAMPLES = int(os.environ.get("HEROKIT_SCHEMA_EXAMPLES", "10"))  # per operation and mode
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    state = tmp_path_factory.mktemp("state") / "s.json"
    command = [sys.executable, Path(__file__).with_name("serve_stubs.py"), state, "short", "batch_wait_s=0.0"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={"HEROKIT_TOKEN": TOKEN})
    try:
        yield child.stderr.readline().split()[2].rstrip(",")
        assert child.poll() is None
    finally:
        child.terminate()
        lines = child.communicate(timeout=20)[1].splitlines()
        # what it was sent has no references and groups of one, which the service says; the next line shows the code
        said = [row for row, line in enumerate(lines) if "NoSignalWarning" in line]
        assert [line for row, line in enumerate(lines) if row not in said and row - 1 not in said] == []


@pytest.fixture(scope="module")
def operations(url):
    api = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=BEARER)
    return [found.ok() for found in api.get_all_operations()]


def has_valid_body(document, case):
    """Return whether a body that was drawn as invalid is valid all the same: another branch of an ``anyOf`` may take it."""
    path, method = case.operation.path.replace("~", "~0").replace("/", "~1"), case.operation.method.lower()
    schema = f"#/paths/{path}/{method}/requestBody/content/application~1json/schema"
    return Draft202012Validator({**document, "$ref": schema}).is_valid(case.body)


# A valid body may be rejected for what a schema cannot express, such as lists of different lengths.
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_service_conforms_to_its_schema(url, operations, mode):
    assert len(operations) == 11
    document = httpx2.get(f"{url}/openapi.json", headers=BEARER).json()
    for operation in operations:
        if mode.is_negative and operation.method == "get":
            continue  # it has no parameters

        @given(operation.as_strategy(generation_mode=mode))
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def conforms(case):
            assume(not (mode.is_negative and case.media_type == "application/json" and has_valid_body(document, case)))
            case.call_and_validate(headers=BEARER, excluded_checks=[positive_data_acceptance])

        conforms()


def test_service_is_healthy_afterwards(url):
    assert httpx2.get(f"{url}/healthz").json() == {"status": "ok", "waiting_rows": 0}
