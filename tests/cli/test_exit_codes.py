"""docs/reference/exit-codes.md says how commands end; they do."""

import json
import re
from pathlib import Path

import pytest

from herokit.cli import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "exit-codes.md"
ROWS = [{"prompt": "1 + 1?", "completion": c, "reference": "2", "group": "q"} for c in ("2", "3")]
SCHEME = '[sources.verifier]\nuse = "number"\n[[steps]]\nuse = "verifier-only"\n'


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    lost = [row | {"reference": None} if i else row for i, row in enumerate(ROWS)]
    Path("lost.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lost))
    Path("lone.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    Path("s.toml").write_text(SCHEME)


def end(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["herokit", *arguments])
    with pytest.raises(SystemExit) as stopped:
        app.run()
    return stopped.value.code or 0


CASES = [
    (0, "score", "r.jsonl", "--scheme", "s.toml"),
    (0, "score", "lost.jsonl", "--scheme", "s.toml", "--allow-incomplete"),
    (0, "plugins", "--json"),
    (0, "--version"),
    (0, "check", "verifier-only", "--examples", "2", "--json"),
    (1, "check", "hero", "--trainer", "trl", "--law", "steps_not_cancelled", "--json"),
    (2, "score", "lost.jsonl", "--scheme", "s.toml"),
    (2, "score", "lone.jsonl", "--scheme", "s.toml"),
    (0, "score", "lone.jsonl", "--scheme", "s.toml", "--allow-incomplete"),
    (2, "score", "nowhere.jsonl"),
    (2, "score", "r.jsonl", "--scheme", "nowhere.toml"),
    (2, "explain", "r.jsonl", "--group", "none", "--scheme", "s.toml"),
    (2, "verify", "r.jsonl", "--verifier", "numbr"),
    (2, "check", "hero", "--budget", "soon"),
    (2, "serve", "nowhere.toml"),
    (2, "report", "nowhere.parquet"),
    (2, "new", "verifier", "Bad"),
    (2, "no-such-command"),
    (2, "score", "--no-such-option"),
]


@pytest.mark.parametrize(("code", "arguments"), [(code, rest) for code, *rest in CASES], ids=str)
def test_commands_exit_with_the_documented_code(monkeypatch, capsys, code, arguments):
    assert f"| {code} |" in PAGE.read_text()
    assert end(monkeypatch, *arguments) == code
    printed = capsys.readouterr()
    if "--json" in arguments:
        json.loads(printed.out)
    if code == 2:
        assert printed.err.strip()
        assert "Traceback" not in printed.err


@pytest.mark.parametrize("command", [("check", "hero"), ("score", "r.jsonl", "--scheme", "s.toml")])
def test_interrupted_commands_exit_with_130(monkeypatch, capsys, command):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("herokit.testing.scheme_checks.check_laws", interrupt)
    monkeypatch.setattr("herokit.verifiers.Number.verify", interrupt)
    assert end(monkeypatch, *command) == 130
    assert not re.search("Traceback", capsys.readouterr().err)
