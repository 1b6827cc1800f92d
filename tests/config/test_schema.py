"""The JSON schema of scheme files says what `build_scheme` accepts, for everything that is installed."""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from herokit.cli import app
from herokit.config.builder import build, describe
from herokit.config.parameters import parameters_of, undocumented_parameters
from herokit.config.schema import scheme_schema
from herokit.config.scheme import read_scheme
from herokit.errors import ConfigError
from herokit.registry import get_registry

SCHEMA = jsonschema.Draft7Validator(scheme_schema())
README = Path(__file__).resolve().parents[2] / "README.md"


def complaints(combine, sources=None):
    table = {"sources": sources or {"verifier": {"use": "number"}}, "steps": combine}
    return [error.message for error in SCHEMA.iter_errors(table)]


def test_schema_accepts_the_readme_and_the_default_scheme():
    SCHEMA.check_schema(SCHEMA.schema)
    toml = README.read_text().split("```toml\n")[1].split("```")[0]
    for table in (read_scheme()[0], tomllib.loads(toml)):
        assert not list(SCHEMA.iter_errors(table))


@pytest.mark.parametrize("entry", [e for e in get_registry() if e.kind == "combiner"], ids=lambda e: e.name)
def test_schema_accepts_the_description_of_each_step(entry):
    if any(s.required for s in parameters_of(entry.load())):
        assert complaints({"use": entry.name}) != []
    else:
        assert complaints(describe(build({"use": entry.name}))) == []


@pytest.mark.parametrize(
    ("combine", "message"),
    [
        ({"use": "stratfy"}, "'stratfy' is not one of"),
        ({"use": "stratify", "alfa": 0.1}, "'alfa' was unexpected"),
        ({"use": "stratify", "alpha": "0.1"}, "is not of type 'number'"),
        ({"use": "stratify", "ties": "top"}, "'top' is not one of"),
        ({"use": "stratify", "normalizer": {"use": "select", "signal": "rm"}}, "'select' is not one of"),
        ([], "[] should be non-empty"),
        ({"use": "math"}, "'math' is not one of"),
    ],
)
def test_schema_rejects_what_build_rejects(combine, message):
    assert any(message in said for said in complaints(combine)), complaints(combine)
    if combine != {"use": "stratify", "normalizer": {"use": "select", "signal": "rm"}}:  # no constructor looks at it
        with pytest.raises(ConfigError):
            build(combine[0] if isinstance(combine, list) and combine else combine or {}, kinds=("combiner", "scheme"))


def test_schema_checks_nested_tables_schedules_and_dataclasses():
    schedule = {"use": "linear-schedule", "init_value": 0.2, "end_value": 0.1, "transition_steps": 10}
    assert complaints([{"use": "stratify", "alpha": schedule, "normalizer": {"use": "rank"}}, {"use": "center"}]) == []
    assert complaints({"use": "hero", "alpha": {"use": "center"}}) != []
    one, both = {"use": "number"}, {"use": "cascade", "first": {"use": "number"}, "second": {"use": "choice"}}
    assert complaints({"use": "hero"}, {"a": both, "b": {"use": "all-of", "verifiers": [one, one]}}) == []
    assert complaints({"use": "hero"}, {"a": both | {"second": {"use": "onnx"}}}) != []
    assert complaints({"use": "hero"}, {"a": {"use": "math", "policy": {"decimals": "exact"}}}) == []
    assert complaints({"use": "hero"}, {"a": {"use": "math", "policy": {"decimals": "off"}}}) != []


def test_schema_describes_every_parameter():
    assert undocumented_parameters(get_registry()) == []
    assert all(set(d) >= {"properties", "description"} for n, d in SCHEMA.schema["definitions"].items() if "use." in n)


def test_schema_command_prints_or_writes_the_schema(monkeypatch, capsys, tmp_path):
    def herokit(*arguments):
        monkeypatch.setattr("sys.argv", ["herokit", "schema", *arguments])
        with pytest.raises(SystemExit) as stopped:
            app.run()
        return stopped.value.code or 0

    assert herokit() == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA.schema
    assert herokit("-o", str(tmp_path / "s.json")) == 0
    assert json.loads((tmp_path / "s.json").read_text()) == SCHEMA.schema
    assert herokit("-o", str(tmp_path / "none" / "s.json")) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err
