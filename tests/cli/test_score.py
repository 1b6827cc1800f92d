"""`herokit score`: results, summary, notes, and one line for each error."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from score_inputs import ROWS, SCHEME, make_row, read_rows, write_rows

from herokit.errors import SetupError

pytestmark = pytest.mark.usefixtures("stub_sources")


def test_score_writes_results_and_prints_a_summary(herokit, capsys):
    write_rows(*ROWS)
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for text in ("5 rollouts of 2 prompts", "all correct       1  50.0 %", "rm: counted letters", "Results: o.jsonl"):
        assert text in printed.out
    rows = read_rows()
    assert [r["verifier_answer"] for r in rows] == ["ok", "no", "nope", "ok", "ok"]
    assert rows[0]["id"] == 1
    assert [r["reward"] for r in rows] == pytest.approx([0.9, -0.1, 0.1, 0.9, 0.9], abs=1e-6)
    assert set(rows[0]) >= {"verifier", "verifier_status", "rm", "advantage", "weight", "prompt", "reference"}


def test_score_prints_the_summary_as_json(herokit, capsys):
    write_rows(*ROWS)
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["rows"] == 5
    assert (summary["zero_signal_groups_verifier"], summary["zero_signal_groups_scheme"]) == (1, 1)


INVALID_FILES = [
    ([], "r.jsonl: the file contains no rows"),
    (['{"prompt": "p", \n'], "r.jsonl: line 1 is not valid JSON"),
    ([{"text": "x"}], "no column for the prompt"),
    ([make_row(None)], "row 1: completion must be text or chat messages, got None"),
]


@pytest.mark.parametrize(("rows", "message"), INVALID_FILES, ids=[m for _, m in INVALID_FILES])
def test_score_rejects_an_invalid_file_with_one_line(herokit, capsys, rows, message):
    write_rows(*rows)
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: no such file"),
        (
            ["r.jsonl", "--scheme", "bad.toml"],
            "bad.toml: steps[0]: 'hero' has no parameter 'alhpa'; did you mean 'alpha'?",
        ),
        (["r.jsonl", "--scheme", "no.toml"], "no.toml: no such scheme file"),
        (["r.jsonl", "-o", "o.csv"], "expected a file that ends in .parquet, .jsonl, .jsonl.gz or .jsonl.zst"),
        (["r.jsonl", "-o", "no/o.jsonl"], "no such folder"),
        (["r.jsonl", "--column", "completion"], "--column completion: expected ROLE=COLUMN"),
        (["r.jsonl", "--column", "completion=x"], "no column 'x' for the completion"),
    ],
)
def test_score_rejects_an_invalid_option_before_any_source_runs(monkeypatch, herokit, capsys, arguments, message):
    write_rows(*ROWS)
    Path("bad.toml").write_text(SCHEME + "alhpa = 0.1\n")
    extra = [] if "--scheme" in arguments else ["--scheme", "s.toml"]
    monkeypatch.setattr("herokit.rewarder.Rewarder.run_sources", None)  # nothing is scored
    assert herokit("score", *arguments, *extra) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_score_of_scored_rows_requires_a_prefix(monkeypatch, herokit, capsys):
    write_rows(*(r | {"reward": 1} for r in ROWS))
    arguments = ["score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl"]
    monkeypatch.setattr("herokit.rewarder.Rewarder.run_sources", lambda *_: pytest.fail("worked before it checked"))
    assert herokit(*arguments) == 2
    assert "the input already has columns reward; set a prefix" in capsys.readouterr().err
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (make_row("ok", reference=None), "1 of 6 rollouts have no reward, row 6: verifier: no reference"),
        (make_row("nan"), "1 of 6 rollouts have no reward, row 6: rm: gave nan"),
        (
            make_row("ok", group="lone"),
            "1 group has a single rollout, group lone: group-relative advantages need at least 2",
        ),
    ],
)
def test_score_keeps_the_rewards_of_other_rows_if_a_row_fails(herokit, capsys, bad, message):
    write_rows(*ROWS, bad)
    arguments = ["score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl"]
    assert herokit(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    rows = read_rows()
    assert len(rows) == 6
    assert [r["reward"] for r in rows[:5]] == pytest.approx([0.9, -0.1, 0.1, 0.9, 0.9], abs=1e-6)
    assert herokit(*arguments, "--allow-incomplete") == 0


def test_score_notes_a_missing_group_column(herokit, capsys):
    write_rows(*({k: v for k, v in r.items() if k != "group"} for r in ROWS))
    assert herokit("score", "r.jsonl", "--scheme", "s.toml") == 0
    assert "no group column; rows with the same prompt share a group" in capsys.readouterr().err


def test_score_prints_at_most_three_reasons(monkeypatch, herokit, capsys):
    import cli_plugin  # the plugin that the fixture wrote

    def score(self, samples):
        if any(s.completion.startswith("bomb") for s in samples):
            raise ValueError(samples[0].completion)
        return [1.0] * len(samples)

    monkeypatch.setattr(cli_plugin.Length, "score", score)
    write_rows(*ROWS, *(make_row(f"bomb {n}", group="w") for n in range(6)))
    assert herokit("score", "r.jsonl", "--scheme", "s.toml") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert "row 6: rm: raised ValueError: bomb 0" in lines[0]
    assert "3 more rollouts have no reward, for other reasons" in lines[3]


def test_score_saves_the_scored_batches_if_a_source_fails(monkeypatch, herokit, capsys):
    import cli_plugin  # the plugin that the fixture wrote

    original = cli_plugin.Length.score

    def score(self, samples):
        if any(s.group == "w" for s in samples):
            raise SetupError("rm: the server is gone")
        return original(self, samples)

    arguments = ["score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl", "--batch-groups", "1"]
    write_rows(*ROWS)
    assert herokit(*arguments) == 0
    wanted = Path("o.jsonl").read_bytes()
    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(cli_plugin.Length, "score", score)
        assert herokit(*arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: rm: the server is gone"
    assert lines[1] == "note: 3 of 5 rollouts are scored and saved in o.jsonl.part; continue with"
    assert lines[2] == " ".join(["herokit", *arguments, "--resume"])
    assert herokit(*arguments) == 2
    assert "o.jsonl.part: contains an interrupted run. Use --resume to continue it" in capsys.readouterr().err
    assert herokit(*arguments, "--resume") == 0
    assert Path("o.jsonl").read_bytes() == wanted
    assert not Path("o.jsonl.part").exists()


def test_score_names_the_file_of_a_row_of_several_files(herokit, capsys):
    write_rows(*ROWS, path="a.jsonl")
    write_rows(make_row("ok"), make_row("nan"), path="b.jsonl")
    arguments = ["score", "a.jsonl", "b.jsonl", "--scheme", "s.toml"]
    assert herokit(*arguments) == 2
    assert "1 of 7 rollouts have no reward, row 2 of b.jsonl: rm: gave nan" in capsys.readouterr().err
    assert herokit(*arguments, "--json") == 2
    assert json.loads(capsys.readouterr().out)["failures"]["rm: gave nan"] == {"count": 1, "rows": ["2 of b.jsonl"]}


def test_score_reads_the_scheme_file_once(monkeypatch, herokit):
    write_rows(*ROWS)
    paths, read_text = [], Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, **options: (paths.append(path.name), read_text(path, **options))[1]
    )
    assert herokit("score", "r.jsonl", "--scheme", "s.toml") == 0
    assert paths.count("s.toml") == 1


def test_score_resume_requires_an_output(herokit, capsys):
    write_rows(*ROWS)
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "--resume") == 2
    assert "--resume requires --output" in capsys.readouterr().err


TURNS = """
[sources.verifier]
use = "exact-match"
[sources.turn]
use = "verdict-column"
column = "worked"
[[steps]]
use = "turn-grpo"
"""


def test_score_and_explain_show_the_credit_of_turns(herokit, capsys):
    def row(first, last, worked):
        texts = [("assistant", first), ("user", "go on"), ("assistant", last)]
        return {
            "prompt": "p",
            "reference": "ok",
            "worked": worked,
            "completion": [{"role": r, "content": t} for r, t in texts],
        }

    write_rows(row("a", "ok", [1, 0]), row("b", "no", [0, 0]), row("c", "no", [0, None]))
    Path("turns.toml").write_text(TURNS)
    assert herokit("score", "r.jsonl", "--scheme", "turns.toml", "-o", "o.jsonl") == 2  # a turn has no verdict
    credit = [row["credit"] for row in read_rows()]
    z = 0.5 / (0.5**0.5 + 1e-4)
    assert credit[:2] == [pytest.approx([2 * z, z]), pytest.approx([-2 * z, -z])]
    assert credit[2] == [None, None]
    capsys.readouterr()
    assert herokit("explain", "r.jsonl", "--scheme", "turns.toml") == 0
    printed = capsys.readouterr().out
    for text in ("#1.2  0.0000  0.0000   0.0000   0.7070", "#3 turn: part 2: column 'worked' is empty in this row"):
        assert text in printed
    assert herokit("explain", "r.jsonl", "--scheme", "turns.toml", "--json") == 0
    rollouts = json.loads(capsys.readouterr().out)["rollouts"]
    assert [len(rollout["parts"]) for rollout in rollouts] == [2, 2, 0]
    assert rollouts[0]["parts"][1]["credit"] == pytest.approx(z)
