"""The command line, run as a user runs it: what is wrong is one line on standard error, and exit code 2."""

import json
from pathlib import Path

import pytest

from herokit.cli import console
from herokit.errors import SetupError
from herokit.hookspecs import hookimpl
from herokit.registry import load_registry

PLUGIN = """
from dataclasses import dataclass
from herokit import Verdict, Status
@dataclass(frozen=True)
class Exact:
    def verify(self, samples):
        return [Verdict(None, Status.FAILED, "no reference") if s.reference is None
                else Verdict(float(s.completion == s.reference), answer=s.completion) for s in samples]
@dataclass(frozen=True)
class Length:
    odd: str = "nan"
    def score(self, samples):
        return [float("nan") if s.completion == self.odd else float(len(s.completion)) for s in samples]
    def report(self):
        return "rm: counted letters"
"""
SCHEME = '[sources.verifier]\nuse = "exact"\n[sources.rm]\nuse = "length"\n[[steps]]\nuse = "hero"\n'


@pytest.fixture(autouse=True)
def plugin(tmp_path, monkeypatch, use_registry):
    tmp_path.joinpath("cli_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    class Plugin:
        @hookimpl
        def herokit_register(self, register):
            register.verifier("exact", "cli_plugin:Exact")
            register.reward_model("length", "cli_plugin:Length")

    use_registry(load_registry(plugins=False, extra=[("cli-plugin", Plugin())]))
    for stream in (console.out, console.err):
        monkeypatch.setattr(stream, "_width", 200)
    tmp_path.joinpath("s.toml").write_text(SCHEME)


def rollouts(*rows, name="r.jsonl"):
    with Path(name).open("w") as file:
        for row in rows:
            file.write(row if isinstance(row, str) else json.dumps(row) + "\n")


def row(completion, *, group="q", reference="ok", **more):
    return {"prompt": "p", "completion": completion, "group": group, "reference": reference, **more}


GOOD = [row("ok", id=1), row("no"), row("nope"), row("ok", group="w"), row("ok", group="w")]


def results(name="o.jsonl"):
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def test_it_scores_writes_and_sums_up(herokit, capsys):
    rollouts(*GOOD)
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    for text in ("5 rollouts of 2 prompts", "all correct       1  50.0 %", "rm: counted letters", "Results: o.jsonl"):
        assert text in printed.out
    found = results()
    assert [r["verifier_answer"] for r in found] == ["ok", "no", "nope", "ok", "ok"]
    assert found[0]["id"] == 1
    assert [r["reward"] for r in found] == pytest.approx([0.9, -0.1, 0.1, 0.9, 0.9], abs=1e-6)
    assert set(found[0]) >= {"verifier", "verifier_status", "rm", "advantage", "weight", "prompt", "reference"}


def test_the_summary_as_json(herokit, capsys):
    rollouts(*GOOD)
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["rows"] == 5
    assert (summary["zero_signal_groups_verifier"], summary["zero_signal_groups_scheme"]) == (1, 1)


REFUSED = [
    ([], "r.jsonl: the file contains no rows"),
    (['{"prompt": "p", \n'], "r.jsonl: line 1 is not valid JSON"),
    ([{"text": "x"}], "no column for the prompt"),
    ([row(None)], "row 1: completion must be text or chat messages, got None"),
]


@pytest.mark.parametrize(("rows", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_a_file_that_is_wrong_is_refused_in_one_line(herokit, capsys, rows, message):
    rollouts(*rows)
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl") == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.count("\n") == 1


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
def test_an_option_that_is_wrong_is_refused_before_any_work(monkeypatch, herokit, capsys, arguments, message):
    rollouts(*GOOD)
    Path("bad.toml").write_text(SCHEME + "alhpa = 0.1\n")
    extra = [] if "--scheme" in arguments else ["--scheme", "s.toml"]
    monkeypatch.setattr("herokit.rewarder.Rewarder.run_sources", None)  # nothing is scored
    assert herokit("score", *arguments, *extra) == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.count("\n") == 1


def test_scoring_a_result_again_needs_a_prefix(monkeypatch, herokit, capsys):
    rollouts(*(r | {"reward": 1} for r in GOOD))
    arguments = ["score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl"]
    monkeypatch.setattr("herokit.rewarder.Rewarder.run_sources", lambda *_: pytest.fail("worked before it checked"))
    assert herokit(*arguments) == 2
    assert "the input already has columns reward; set a prefix" in capsys.readouterr().err
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("ok", reference=None), "1 of 6 rollouts have no reward, row 6: verifier: no reference"),
        (row("nan"), "1 of 6 rollouts have no reward, row 6: rm: gave nan"),
        (
            row("ok", group="lone"),
            "1 groups have a single rollout, group lone: group-relative advantages need at least 2",
        ),
    ],
)
def test_a_row_that_is_wrong_loses_nothing_else(herokit, capsys, bad, message):
    rollouts(*GOOD, bad)
    arguments = ["score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl"]
    assert herokit(*arguments) == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.count("\n") == 1
    found = results()
    assert len(found) == 6
    assert [r["reward"] for r in found[:5]] == pytest.approx([0.9, -0.1, 0.1, 0.9, 0.9], abs=1e-6)
    assert herokit(*arguments, "--allow-incomplete") == 0


def test_without_a_group_column_it_says_so(herokit, capsys):
    rollouts(*({k: v for k, v in r.items() if k != "group"} for r in GOOD))
    assert herokit("score", "r.jsonl", "--scheme", "s.toml") == 0
    assert "no group column; rows with the same prompt share a group" in capsys.readouterr().err


def test_plugins_lists_names_and_owners(herokit, capsys):
    assert herokit("plugins") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["length", "reward", "model", "cli-plugin", "cli_plugin:Length"] in lines
    assert ["stratify", "combiner", "herokit", "herokit.combiners:Stratify"] in lines
    assert {len(line) for line in lines} == {4, 5}  # "reward model" is two words; in a pipe no row takes two lines


def test_explain_shows_the_numbers_that_score_gives(herokit, capsys):
    rollouts(*GOOD)
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml", "--group", "q") == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown[1] == ["verifier", "rm", "Select", "Stratify", "weight", "WeightByStd"]
    assert shown[2] == ["#1", *(f"{x:.4f}" for x in (1, 2, 2, 0.9, 1, 0.9))]
    assert shown[4] == ["#3", *(f"{x:.4f}" for x in (0, 4, 4, 0.1, 1, 0.1))]
    assert ["#3", "...", "nope"] in shown


def test_explain_offers_groups(herokit, capsys):
    rollouts(*GOOD)
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml", "--group", "zz") == 2
    assert "no group 'zz'; the first ones are q, w" in capsys.readouterr().err


def test_verify_prints_figures_and_disagreements(herokit, capsys):
    pairs = [("ok", "ok", 1), ("no", "ok", 0), ("oK", "ok", 1), ("ok", "ok", 0)]
    rollouts(*({"answer": a, "gold": g, "label": x} for a, g, x in pairs))
    assert herokit("verify", "r.jsonl", "--verifier", "exact") == 0
    shown = capsys.readouterr().out
    assert "exact on 4 labelled pairs" in shown
    assert "False positives 1, false negatives 1, abstained 0" in shown
    assert "row 3: rejected 'oK' for 'ok': judged" in shown
    assert "row 4: accepted 'ok' for 'ok': judged" in shown
    assert herokit("verify", "r.jsonl", "--verifier", "exact", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["accuracy"], figures["precision"], figures["recall"], figures["F1"]) == (0.5, 0.5, 0.5, 0.5)
    assert figures["rows"] == [3, 4]
    assert figures["intervals"]["recall"][0] < 0.5 < figures["intervals"]["recall"][1]
    assert figures["statuses"] == {"judged": 4}


def test_verify_needs_labels_and_references(herokit, capsys):
    rollouts({"answer": "ok", "gold": "ok"})
    assert herokit("verify", "r.jsonl", "--verifier", "exact") == 2
    assert "no column 'label' with labels; name it with --label COLUMN" in capsys.readouterr().err
    for row_ in ({"answer": "ok", "label": 1}, {"answer": "ok", "gold": None, "label": 1}):
        rollouts(row_)
        assert herokit("verify", "r.jsonl", "--verifier", "exact-match") == 2
        assert "no pair could be judged; row 1: no reference" in capsys.readouterr().err
    rollouts({"answer": "ok", "gold": "ok", "label": 1})
    assert herokit("verify", "r.jsonl", "--verifier", "length") == 2
    assert "'length' is a reward model; expected a verifier" in capsys.readouterr().err


def test_many_kinds_of_trouble_do_not_flood_the_screen(monkeypatch, herokit, capsys):
    import cli_plugin  # the plugin that the fixture wrote

    def score(self, samples):
        if any(s.completion.startswith("bomb") for s in samples):
            raise ValueError(samples[0].completion)
        return [1.0] * len(samples)

    monkeypatch.setattr(cli_plugin.Length, "score", score)
    rollouts(*GOOD, *(row(f"bomb {n}", group="w") for n in range(6)))
    assert herokit("score", "r.jsonl", "--scheme", "s.toml") == 2
    complaints = capsys.readouterr().err.splitlines()
    assert len(complaints) == 4
    assert "row 6: rm: raised ValueError: bomb 0" in complaints[0]
    assert "3 more rollouts have no reward, for other reasons" in complaints[3]


def test_a_source_that_cannot_go_on_leaves_what_is_scored(monkeypatch, herokit, capsys):
    import cli_plugin  # the plugin that the fixture wrote

    original = cli_plugin.Length.score

    def score(self, samples):
        if any(s.group == "w" for s in samples):
            raise SetupError("rm: the server is gone")
        return original(self, samples)

    arguments = ["score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl", "--batch-groups", "1"]
    rollouts(*GOOD)
    assert herokit(*arguments) == 0
    wanted = Path("o.jsonl").read_bytes()
    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(cli_plugin.Length, "score", score)
        assert herokit(*arguments) == 2
    complaints = capsys.readouterr().err.splitlines()
    assert complaints[0] == "error: rm: the server is gone"
    assert complaints[1] == "note: 3 of 5 rollouts are scored and saved in o.jsonl.part; continue with"
    assert complaints[2] == " ".join(["herokit", *arguments, "--resume"])
    assert herokit(*arguments) == 2
    assert "o.jsonl.part: contains an interrupted run. Use --resume to continue it" in capsys.readouterr().err
    assert herokit(*arguments, "--resume") == 0
    assert Path("o.jsonl").read_bytes() == wanted
    assert not Path("o.jsonl.part").exists()


def test_rows_of_several_files_are_named_with_their_file(herokit, capsys):
    rollouts(*GOOD, name="a.jsonl")
    rollouts(row("ok"), row("nan"), name="b.jsonl")
    arguments = ["score", "a.jsonl", "b.jsonl", "--scheme", "s.toml"]
    assert herokit(*arguments) == 2
    assert "1 of 7 rollouts have no reward, row 2 of b.jsonl: rm: gave nan" in capsys.readouterr().err
    assert herokit(*arguments, "--json") == 2
    assert json.loads(capsys.readouterr().out)["failures"]["rm: gave nan"] == {"count": 1, "rows": ["2 of b.jsonl"]}


def test_resuming_needs_an_output(herokit, capsys):
    rollouts(*GOOD)
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "--resume") == 2
    assert "--resume requires --output" in capsys.readouterr().err


def test_explain_puts_a_group_together(herokit, capsys):
    rollouts(GOOD[0], GOOD[3], GOOD[1], GOOD[4], GOOD[2])
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml", "--group", "q") == 0
    shown = capsys.readouterr().out
    assert "#3 ... nope" in shown
    assert "#4" not in shown
