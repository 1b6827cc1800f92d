"""What `herokit score` tells of an input that can be read, but perhaps not as it was meant."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from herokit.cli import console
from herokit.cli.app import run

SCHEME = '[sources.verifier]\nuse = "exact-match"\n[[steps]]\nuse = "verifier-only"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console.out, "_width", 200)
    monkeypatch.setattr(console.err, "_width", 500)
    Path("s.toml").write_text(SCHEME)


def put(name, *rows):
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def row(completion, *, group=0, prompt="p", **more):
    return {"prompt": prompt, "completion": completion, "group": group, "reference": "ok", **more}


@pytest.fixture
def score(monkeypatch, capsys):
    def run_it(*words, code=0):
        monkeypatch.setattr("sys.argv", ["herokit", "score", *words, "--scheme", "s.toml"])
        with pytest.raises(SystemExit) as stopped:
            run()
        told = capsys.readouterr()
        assert (stopped.value.code or 0) == code, told.err
        return told

    return run_it


def test_the_columns_that_were_taken_are_told(score):
    put("r.jsonl", *({"problem": "p", "solution": text, "answer": "ok", "uid": 1} for text in ("ok", "no")))
    taken = "Columns: prompt from problem, completion from solution, reference from answer, group from uid"
    assert taken in score("r.jsonl").out
    columns = json.loads(score("r.jsonl", "--json").out)["columns"]
    assert columns == {"prompt": "problem", "completion": "solution", "reference": "answer", "group": "uid"}


def test_groups_of_several_prompts_are_told(score):
    put("many/a.jsonl", row("ok"), row("no"), row("ok", group=1), row("no", group=1))
    put("many/b.jsonl", row("ok", prompt="another"), row("no", prompt="another"), row("ok", group=1))
    told = score("many")  # each file counts its prompts from 0
    assert "note: many: 1 groups have more than one prompt, group 0: is an id used for two prompts" in told.err
    summary = json.loads(score("many", "--json").out)
    assert (summary["groups"], summary["mixed_prompt_groups"], summary["mixed_prompt_examples"]) == (2, 1, [0])
    assert "more than one prompt" not in score("many/a.jsonl").err


def test_groups_of_several_prompts_are_counted_over_batches(score):
    put("r.jsonl", *(row("ok", group=g // 2, prompt=str(g % 2 if g < 20 else 0)) for g in range(40)))
    summary = json.loads(score("r.jsonl", "--json", "--batch-groups", "3").out)
    assert (summary["mixed_prompt_groups"], summary["mixed_prompt_examples"]) == (10, list(range(8)))


def test_a_source_that_no_step_reads_is_told(score):
    put("r.jsonl", *(row(text, given=n) for n, text in enumerate(("ok", "no", "nope"))))
    rm = '[sources.rm]\nuse = "score-column"\ncolumn = "given"\n'
    told = "note: s.toml: no step reads the signal of source 'rm'; it still runs, and a row on which it fails gets no reward"
    forgot = '[sources.verifier]\nuse = "exact-match"\n[[steps]]\nuse = "stratify"\n'  # without "take" first
    for text in (SCHEME, forgot):
        Path("s.toml").write_text(rm + text)
        assert told in score("r.jsonl").err
    Path("s.toml").write_text(rm + forgot.replace("[[steps]]", '[[steps]]\nuse = "select"\nsignal = "rm"\n[[steps]]'))
    assert "no step reads" not in score("r.jsonl").err


HOSTILE = "4 \x1b[2J\x1b]0;title\x07 \u202e [bold]b[/] \ud800 \r no"
HARMLESS = r"4 \x1b[2J\x1b]0;title\x07 \u202e [bold]b[/] \ud800 no"


def test_what_a_model_wrote_cannot_steer_the_terminal(monkeypatch, capsys):
    put("r.jsonl", row(HOSTILE, prompt=HOSTILE, group=HOSTILE), row("no", prompt=HOSTILE, group=HOSTILE))
    put("p.jsonl", {"completion": HOSTILE, "reference": "4", "label": 1})
    for words, code in (
        (("explain", "r.jsonl", "--scheme", "s.toml", "--group", HOSTILE), 0),
        (("explain", "r.jsonl", "--scheme", "s.toml", "--group", "none"), 2),
        (("verify", "p.jsonl", "--verifier", "exact-match"), 0),
    ):
        monkeypatch.setattr("sys.argv", ["herokit", *words])
        with pytest.raises(SystemExit) as stopped:
            run()
        told = capsys.readouterr()
        assert (stopped.value.code or 0) == code, told.err
        assert not re.search("[\x07\x1b\r\u202e\ud800]", told.out + told.err)
        if words[0] == "explain":
            assert HARMLESS in told.out + told.err


def test_a_terminal_of_few_characters_is_no_fault():
    put("r.jsonl", row("\u7b54\u3048 \u2603"), row("no"))
    command = [sys.executable, "-m", "herokit", "explain", "r.jsonl", "--scheme", "s.toml", "--group", "0"]
    done = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True)
    assert rb"#1 ... \u7b54\u3048 \u2603" in done.stdout


@pytest.mark.parametrize("name", ["a[bold].jsonl", "lr[/x].jsonl"])
def test_a_name_with_brackets_is_told_as_it_is(score, name):
    put("r.jsonl", row("ok"), row("no"))
    Path("lr[").mkdir()
    assert f"Results: {name}" in score("r.jsonl", "-o", name).out
