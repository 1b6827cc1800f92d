"""Several commands: schemes by name, empty inputs, failing rows, JSON on standard output."""

import json
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from herokit.cli.app import app
from herokit.cli.new import new_plugin
from herokit.errors import ConfigError
from herokit.hookspecs import hookimpl
from herokit.registry import load_registry

SCHEME = '[sources.verifier]\nuse = "exact-match"\n[[steps]]\nuse = "verifier-only"\n'


def test_commands_accept_the_name_of_a_scheme(tmp_path, monkeypatch, herokit, capsys):
    pytest.importorskip("herokit_math")
    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": "1 + 1?", "completion": text, "reference": "2", "group": "q"} for text in ("2", "3")]
    Path("r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert herokit("score", "r.jsonl", "--scheme", "verifier-only", "-o", "o.jsonl") == 0
    assert [json.loads(line)["reward"] for line in Path("o.jsonl").read_text().splitlines()] == [1.0, 0.0]
    assert herokit("explain", "r.jsonl", "--scheme", "verifier-only", "--group", "q") == 0
    assert herokit("check", "verifier-only", "--examples", "5", "--json") == 0
    capsys.readouterr()


@pytest.mark.parametrize("name", ["r.parquet", "r.jsonl"])
def test_report_rejects_a_file_without_rows(tmp_path, monkeypatch, herokit, capsys, name):
    monkeypatch.chdir(tmp_path)
    if name == "r.parquet":
        pq.write_table(pa.table({"prompt": pa.array([], pa.string()), "reward": pa.array([], pa.float64())}), name)
    else:
        Path(name).touch()
    assert herokit("report", name) == 2
    assert capsys.readouterr().err == f"error: {name}: the file contains no rows\n"


def test_explain_prints_no_steps_if_all_rows_of_the_group_failed(tmp_path, monkeypatch, herokit, capsys):
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(SCHEME)
    row = {"prompt": "p", "completion": "c", "group": "g"}
    Path("r.jsonl").write_text("".join(json.dumps(row) + "\n" for _ in range(2)))
    assert herokit("explain", "r.jsonl", "--group", "g", "--scheme", "s.toml") == 0
    assert "No step ran: no rollout of this group has all its signals." in capsys.readouterr().out


def test_new_plugin_leaves_nothing_behind_if_it_cannot_write(tmp_path, monkeypatch):
    write, left = Path.write_text, [3]

    def full(self, *arguments, **named):
        left[0] -= 1
        if not left[0]:
            raise OSError(28, "No space left on device")
        return write(self, *arguments, **named)

    monkeypatch.setattr(Path, "write_text", full)
    (tmp_path / "there").mkdir()
    for name in ("made", "there"):
        left[0] = 3
        with pytest.raises(ConfigError, match="cannot be written: No space left on device"):
            new_plugin("verifier", "brand-new", tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


NOISY = """
print("imported")
from dataclasses import dataclass
from herokit import Select, Verdict

@dataclass(frozen=True)
class Loud:
    def verify(self, samples):
        print("asked")
        return [Verdict(1.0) for _ in samples]

scheme = Select("verifier")
"""


def test_commands_keep_the_prints_of_user_code_out_of_json(tmp_path, monkeypatch, use_registry, herokit, capfd):
    class Plugin:
        @hookimpl
        def herokit_register(self, register):
            register.verifier("loud", "loud_verifier:Loud")

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    use_registry(load_registry(plugins=False, extra=[("loud", Plugin())]))
    Path("loud_verifier.py").write_text(NOISY)
    Path("s.toml").write_text(SCHEME.replace("exact-match", "loud"))
    row = {"prompt": "p", "completion": "c", "reference": "c", "group": "g", "label": 1}
    Path("r.jsonl").write_text("".join(json.dumps(row) + "\n" for _ in range(2)))
    for command in (
        ("check", "loud_verifier.py:scheme", "--examples", "2"),
        ("score", "r.jsonl", "--scheme", "s.toml"),
        ("verify", "r.jsonl", "--scheme", "s.toml"),
        ("explain", "r.jsonl", "--scheme", "s.toml", "--group", "g"),
    ):
        herokit(*command, "--json")
        out, err = capfd.readouterr()
        assert json.loads(out), command
        assert "imported" in err or "asked" in err, command


@pytest.mark.parametrize("command", [["verify"], ["check"], ["export-rm"], ["new", "verifier"]])
def test_help_fills_the_lines_of_a_narrow_terminal(command):
    """A line of the docstring is none of the help: it ends early only at the end of a paragraph."""
    printed = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "80"}).output
    lines = [line.strip() for line in printed.partition("\u256d")[0].splitlines()]
    for line, following in pairwise(lines):
        assert not following or not line or len(f"{line} {following.split()[0]}") > 77, line
