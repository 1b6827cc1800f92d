"""`herokit verify` with every verifier of the core, on its own table of hard cases."""

import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from helpers.tables import tables
from herokit.__main__ import main
from herokit.verifiers.evaluation import read_labels

MAX_CHARS = 5_000


@pytest.mark.parametrize("table", list(tables()), ids=lambda table: table.name)
def test_verify_agrees_with_the_table_of_a_verifier(table, tmp_path, monkeypatch, capsys):
    data = yaml.safe_load(Path(__file__).with_name("cases").joinpath(f"{table.name}.yaml").read_text())
    shared = data.get("settings", {})
    cases = [c for c in table.cases if c.settings == shared and len(c.completion) < MAX_CHARS]
    pairs = [
        {
            "completion": case.completion,
            "reference": case.reference,
            **case.meta,
            "label": int(not isinstance(case.expected, str) and case.expected > 0.5),
        }
        for case in cases
    ]
    path, scheme = tmp_path / "pairs.jsonl", tmp_path / "scheme.yaml"
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    steps = {"use": "select", "signal": "verifier"}
    scheme.write_text(yaml.safe_dump({"sources": {"verifier": {"use": table.name, **shared}}, "steps": steps}))
    for options in (["--json"], *([[]] if table.name == "choice" else [])):
        monkeypatch.setattr(sys, "argv", ["herokit", "verify", str(path), "--scheme", str(scheme), *options])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None)
        shown = capsys.readouterr().out
        if options:
            figures = json.loads(shown)
            assert figures["accuracy"] == 1.0
            assert figures["pairs"] + figures["abstained"] == len(cases)
            assert figures["abstained"] == sum(c.expected == "failed" for c in cases)
        else:
            assert "false positives" in shown
            assert " to " in shown


def test_verify_sets_parameters_of_a_verifier(tmp_path, monkeypatch, capsys):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"completion": "3.14", "reference": "3.14159", "label": 1}\n')
    for options, rows in (([], [1]), (["--verifier-arg", "rel_tol=0.01"], [])):
        command = ["herokit", "verify", str(path), "--verifier", "number", "--json", *options]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit):
            main()
        assert json.loads(capsys.readouterr().out)["rows"] == rows
    for options, message in (
        (["--verifier", "number", "--verifier-arg", "rel_to=1"], "has no parameter 'rel_to'; did you mean 'rel_tol'?"),
        (["--verifier", "number", "--verifier-arg", "relative"], "expected KEY=VALUE"),
        (["--verifier", "number", "--verifier-arg", "extract=lines"], "extract"),
        (["--verifier", "date"], "no pair could be judged; row 1: reference: expected a date"),
    ):
        monkeypatch.setattr(sys, "argv", ["herokit", "verify", str(path), *options])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("label", "shown"), [("0", "'0'"), ("false", "'false'"), (None, "None"), (-1, "-1"), (0.3, "0.3"), ([], r"\[\]")]
)
def test_verify_rejects_labels_that_are_not_0_or_1(label, shown, tmp_path, monkeypatch, capsys):
    # "0" and "false" are truthy in Python: they would be counted as correct
    rows = [
        {"completion": "4", "reference": "4", "correct": 1},
        {"completion": "5", "reference": "4", "correct": label},
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr("sys.argv", ["herokit", "verify", str(path), "--verifier", "number", "--label", "correct"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    message = " ".join(capsys.readouterr().err.split())
    assert re.search(rf"row 2: correct must be 1 or 0, true or false, got {shown}", message)


def test_read_labels_accepts_numbers_and_booleans():
    assert read_labels("p.jsonl", "label", [1, 0, True, False, 1.0, 0.0]) == [True, False, True, False, True, False]
