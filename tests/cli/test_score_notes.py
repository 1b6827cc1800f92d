"""What `herokit score` prints about inputs that it may have read in another way than intended."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from score_inputs import make_row, write_rows

from herokit.cli import console
from herokit.cli.app import run

SCHEME = '[sources.verifier]\nuse = "exact-match"\n[[steps]]\nuse = "verifier-only"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(console.out, "_width", 200)
    monkeypatch.setattr(console.err, "_width", 500)
    Path("s.toml").write_text(SCHEME)


@pytest.fixture
def score(monkeypatch, capsys):
    def run_it(*words, code=0, command="score"):
        monkeypatch.setattr("sys.argv", ["herokit", command, *words, "--scheme", "s.toml"])
        with pytest.raises(SystemExit) as stopped:
            run()
        printed = capsys.readouterr()
        assert (stopped.value.code or 0) == code, printed.err
        return printed

    return run_it


def test_score_prints_the_columns_that_it_reads(score):
    write_rows(
        *({"problem": "p", "generation": text, "answer": "ok", "uid": 1} for text in ("ok", "no")), path="r.jsonl"
    )
    taken = "Columns: prompt from problem, completion from generation, reference from answer, group from uid"
    assert taken in score("r.jsonl").out
    columns = json.loads(score("r.jsonl", "--json").out)["columns"]
    assert columns == {"prompt": "problem", "completion": "generation", "reference": "answer", "group": "uid"}


def test_score_rejects_a_group_with_several_prompts(score):
    write_rows(make_row("ok"), make_row("no"), make_row("ok", group=1), make_row("no", group=1), path="many/a.jsonl")
    write_rows(
        make_row("ok", prompt="another"), make_row("no", prompt="another"), make_row("ok", group=1), path="many/b.jsonl"
    )
    printed = score("many", code=2)  # each file counts its prompts from 0
    assert (
        "error: many: rows 1 of many/a.jsonl and 1 of many/b.jsonl are in group 'q', but their prompts differ: 'p' and "
        "'another'. Is an id used for two prompts, for example in two files that both count from 0? Name another column with "
        "--column group=COLUMN" in printed.err
    )
    score("many/a.jsonl")


def test_score_notes_a_source_that_no_step_reads(score):
    write_rows(*(make_row(text, given=n) for n, text in enumerate(("ok", "no", "nope"))), path="r.jsonl")
    rm = '[sources.rm]\nuse = "score-column"\ncolumn = "given"\n'
    note = "note: s.toml: no step reads the signal of source 'rm'; it still runs, and a row on which it fails gets no reward"
    forgot = '[sources.verifier]\nuse = "exact-match"\n[[steps]]\nuse = "stratify"\n'  # without "take" first
    for text in (SCHEME, forgot):
        Path("s.toml").write_text(rm + text)
        assert note in score("r.jsonl").err
    Path("s.toml").write_text(rm + forgot.replace("[[steps]]", '[[steps]]\nuse = "select"\nsignal = "rm"\n[[steps]]'))
    assert "no step reads" not in score("r.jsonl").err


FAULTS = """
from herokit import Verdict
class OneSample:
    def verify(self, sample):
        return Verdict(float(sample.completion == sample.reference))
class NotAwaited:
    async def judge(self, sample):
        return 1.0
    def verify(self, samples):
        return [self.judge(sample) for sample in samples]
class Awaits:
    async def verify(self, samples):
        return [Verdict(float(s.final_text == s.reference)) for s in samples]
class Compares:
    def verify(self, samples):
        return [Verdict(float(s.completion == s.reference)) for s in samples]
class Down:
    def verify(self, samples):
        raise ConnectionError("refused")
"""


@pytest.mark.parametrize(
    ("verifier", "groups", "code", "message"),
    [
        ("OneSample", "qqqq", 2, "error: verifier 'verifier' raised AttributeError: 'list' object has no attribute 'completion', on all 4 samples"),
        ("NotAwaited", "qqqq", 2, "error: verifier 'verifier' must return a Verdict for each sample: returned a coroutine that was not awaited"),
        ("Down", "qqqq", 2, "note: s.toml: verifier 'verifier' gave no value on any of 4 samples: raised ConnectionError: refused"),
        ("Down", "qqqq", 2, "error: r.jsonl: 4 of 4 rollouts have no reward, row 1, 2, 3 and 1 more: verifier: raised ConnectionError: refused"),
        ("Awaits", "abcd", 2, "error: r.jsonl: 4 groups have a single rollout, group a, b, c and 1 more"),
        ("Awaits", [float("nan")] * 4, 2, "error: r.jsonl: row 1: group must be text or a number, got nan"),
        ("Awaits", "qqqq", 0, ""),
    ],
)  # fmt: skip
def test_score_says_what_teaches_nothing(score, tmp_path, verifier, groups, code, message):
    place = tmp_path / "score_faults.py"
    place.write_text(FAULTS)
    Path("s.toml").write_text(SCHEME.replace("exact-match", f"{place}:{verifier}"))
    write_rows(*(make_row(t, group=g) for t, g in zip(("ok", "no", "nope", "ok"), groups, strict=True)), path="r.jsonl")
    sys.modules.pop("score_faults", None)
    assert message in score("r.jsonl", code=code).err


def test_score_notes_zeros_of_a_verifier_that_gets_no_reference(score, tmp_path):
    place = tmp_path / "score_zeros.py"
    place.write_text(FAULTS)
    Path("s.toml").write_text(SCHEME.replace("exact-match", f"{place}:Compares"))
    note = "note: s.toml: verifier 'verifier' gave 0 to all of 8 samples, and none of them has a reference"
    for reference, is_said in ((None, True), ("ok", False)):
        write_rows(*(make_row(f"no {n}", reference=reference) for n in range(8)), path="r.jsonl")
        assert (note in score("r.jsonl").err) is is_said


@pytest.mark.parametrize("name", ["a[bold].jsonl", "lr[/x].jsonl"])
def test_score_prints_a_file_name_with_brackets_unchanged(score, name):
    write_rows(make_row("ok"), make_row("no"), path="r.jsonl")
    Path("lr[").mkdir()
    assert f"Results: {name}" in score("r.jsonl", "-o", name).out


HOSTILE = "4 \x1b[2J\x1b]0;title\x07 \u202e [bold]b[/] \ud800 \r no"


ESCAPED = r"4 \x1b[2J\x1b]0;title\x07 \u202e [bold]b[/] \ud800 no"


def test_commands_escape_control_characters_of_completions(monkeypatch, capsys):
    write_rows(
        make_row(HOSTILE, prompt=HOSTILE, group=HOSTILE), make_row("no", prompt=HOSTILE, group=HOSTILE), path="r.jsonl"
    )
    write_rows({"completion": HOSTILE, "reference": "4", "label": 1}, path="p.jsonl")
    for words, code in (
        (("explain", "r.jsonl", "--scheme", "s.toml", "--group", HOSTILE), 0),
        (("explain", "r.jsonl", "--scheme", "s.toml", "--group", "none"), 2),
        (("verify", "p.jsonl", "--verifier", "exact-match"), 0),
    ):
        monkeypatch.setattr("sys.argv", ["herokit", *words])
        with pytest.raises(SystemExit) as stopped:
            run()
        printed = capsys.readouterr()
        assert (stopped.value.code or 0) == code, printed.err
        assert not re.search("[\x07\x1b\r\u202e\ud800]", printed.out + printed.err)
        if words[0] == "explain":
            assert ESCAPED in printed.out + printed.err


def test_commands_escape_characters_that_the_terminal_lacks():
    write_rows(make_row("\u7b54\u3048 \u2603"), make_row("no"), path="r.jsonl")
    command = [sys.executable, "-m", "herokit", "explain", "r.jsonl", "--scheme", "s.toml", "--group", "q"]
    done = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True)
    assert rb"#1 \u7b54\u3048 \u2603" in done.stdout


MESSAGE = {"role": "assistant", "content": "ok"}


@pytest.mark.parametrize("command", ["score", "explain"])
@pytest.mark.parametrize("write", [json.dumps, str])
def test_chat_messages_as_text_are_said(score, command, write):
    """CSV files and `str` of a list write them; every row was judged as that text, and got 0 without a word."""
    note = "note: r.jsonl: the completion of every row is the text of chat messages, and is judged as that text; write it as a"
    for texts, is_said in (
        ([write([MESSAGE]), write([MESSAGE])], True),
        ([write([MESSAGE]), "ok"], False),
        ([[MESSAGE]] * 2, False),
    ):
        write_rows(*(make_row(text) for text in texts), path="r.jsonl")
        assert (note in score("r.jsonl", command=command).err) is is_said
