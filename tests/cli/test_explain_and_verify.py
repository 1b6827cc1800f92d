"""`herokit explain`, `herokit verify` and `herokit plugins` with stub sources."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from score_inputs import ROWS, make_row, read_rows, write_rows

pytestmark = pytest.mark.usefixtures("stub_sources")


def test_explain_prints_the_numbers_of_score(herokit, capsys):
    write_rows(*ROWS)
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml", "--group", "q") == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown[:3] == [["group", "q:", "p"], ["reference:", "'ok'"], []]
    assert shown[3] == ["verifier", "rm", "Select", "Stratify", "weight", "WeightByStd"]
    assert shown[4] == ["#1", *(f"{x:.4f}" for x in (1, 2, 2, 0.9, 1, 0.9))]
    assert shown[6] == ["#3", *(f"{x:.4f}" for x in (0, 4, 4, 0.1, 1, 0.1))]
    assert ["#3", "nope"] in shown
    assert ["verifier:", "rejected:", "read", "'nope'"] in shown


def test_explain_shows_where_an_answer_was_read_and_why_it_was_rejected(herokit, capsys):
    texts = ("So \\boxed{42}", "\\boxed{42} or \\boxed{", "The answer is 41.", "x " * 200 + "42")
    write_rows(*(make_row(text, reference=42) for text in texts))
    Path("n.toml").write_text('[sources.verifier]\nuse = "number"\n[[steps]]\nuse = "verifier-only"\n')
    assert herokit("explain", "r.jsonl", "--scheme", "n.toml") == 0
    shown = capsys.readouterr().out
    assert "reference: 42\n" in shown
    assert "   verifier: accepted: read '42' (box)\n" in shown
    assert "   verifier: rejected: it gives no answer (unparsed): the last box is cut off\n" in shown
    assert "   verifier: rejected: read '41' (answer phrase)" in shown
    assert "x " * 200 not in shown
    assert herokit("explain", "r.jsonl", "--scheme", "n.toml", "--full") == 0
    assert "x " * 200 in capsys.readouterr().out


def test_explain_names_what_has_no_reward_first(herokit, capsys):
    write_rows(make_row("ok"), make_row("nan"))
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml") == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[2:4] == ["1 of 2 rollouts have no reward:", "  #2 rm: gave nan"]
    assert "   rm: no score: the source failed, not the policy (failed): gave nan" in shown


def test_explain_chooses_the_group_with_both_verdicts_and_the_widest_rewards(herokit, capsys):
    narrow = [make_row(text, group="narrow") for text in ("ok", "no", "nope")]
    equal = [make_row("ok", group="equal"), make_row("ok", group="equal")]
    wide = [make_row(text, group="wide") for text in ("ok", "wrong" * 9)]
    uniform = [make_row(text, group="uniform") for text in ("n", "no" * 50)]
    write_rows(*equal, *uniform, *wide, *narrow)
    Path("b.toml").write_text(
        '[sources.verifier]\nuse = "exact"\n[sources.rm]\nuse = "length"\n[[steps]]\nuse = "rm-only"\n'
    )
    assert herokit("explain", "r.jsonl", "--scheme", "b.toml") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("group wide: p\n")
    assert "The most telling of 4 groups; --group NAME shows another." in shown


def test_explain_reads_a_scored_file_and_runs_no_source(herokit, capsys, monkeypatch):
    write_rows(*ROWS)
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl", "--prefix", "a_") == 0
    import cli_plugin

    def fail(*_):
        raise AssertionError("a source ran")

    monkeypatch.setattr(cli_plugin.Exact, "verify", fail)
    monkeypatch.setattr(cli_plugin.Length, "score", fail)
    capsys.readouterr()
    assert herokit("explain", "o.jsonl") == 0
    shown = capsys.readouterr().out
    assert "group q: p" in shown
    assert shown.splitlines()[3].split() == ["verifier", "rm", "reward", "weight", "advantage"]
    assert shown.splitlines()[4].split()[:4] == ["#1", "1.0000", "2.0000", "0.9000"]
    assert "nothing was scored again" in shown
    assert herokit("explain", "o.jsonl", "--scheme", "s.toml", "--group", "q") == 0
    steps = capsys.readouterr().out.splitlines()[3].split()
    assert steps == ["verifier", "rm", "Select", "Stratify", "weight", "WeightByStd"]
    assert herokit("explain", "o.jsonl", "--scheme", "s.toml", "--rescore", "--group", "q", "--json") == 0
    rollouts = json.loads(capsys.readouterr().out)["rollouts"]
    assert "a source ran" in rollouts[0]["problems"][0]


def test_explain_of_a_scored_file_shows_rows_without_a_reward(herokit, capsys):
    write_rows(make_row("ok"), make_row("nan"), make_row("no"))
    assert herokit("score", "r.jsonl", "--scheme", "s.toml", "-o", "o.jsonl", "--allow-incomplete") == 0
    capsys.readouterr()
    assert herokit("explain", "o.jsonl") == 0
    shown = capsys.readouterr().out
    assert "1 of 3 rollouts have no reward:\n  #2 rm: gave nan" in shown


def test_explain_suggests_groups_for_an_unknown_one(herokit, capsys):
    write_rows(*ROWS)
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml", "--group", "zz") == 2
    assert "no group 'zz'; the first ones are q, w" in capsys.readouterr().err


def test_explain_collects_the_rows_of_a_scattered_group(herokit, capsys):
    write_rows(ROWS[0], ROWS[3], ROWS[1], ROWS[4], ROWS[2])
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml", "--group", "q") == 0
    shown = capsys.readouterr().out
    assert "#3 nope" in shown
    assert "#4" not in shown


def test_verify_prints_rates_and_disagreements(herokit, capsys):
    pairs = [("ok", "ok", 1), ("no", "ok", 0), ("oK", "ok", 1), ("ok", "ok", 0)]
    write_rows(*({"answer": a, "gold": g, "label": x} for a, g, x in pairs))
    assert herokit("verify", "r.jsonl", "--verifier", "exact") == 0
    shown = capsys.readouterr().out
    assert "exact on 4 labelled pairs" in shown
    assert "False positives 1, false negatives 1, abstained 0" in shown
    assert "\nrow 3, correct: reference 'ok', completion 'oK'\n   exact: rejected: read 'oK'\n" in shown
    assert "\nrow 4, incorrect: reference 'ok', completion 'ok'\n   exact: accepted: read 'ok'\n" in shown
    assert herokit("verify", "r.jsonl", "--verifier", "exact", "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["accuracy"], figures["precision"], figures["recall"], figures["F1"]) == (0.5, 0.5, 0.5, 0.5)
    assert figures["rows"] == [3, 4]
    assert figures["intervals"]["recall"][0] < 0.5 < figures["intervals"]["recall"][1]
    assert figures["statuses"] == {"judged": 4}


def test_verify_writes_all_disagreements_with_their_columns(herokit, capsys):
    write_rows(*({"answer": a, "gold": "ok", "label": 1, "id": i} for i, a in enumerate(["ok", "\x1b", "no"])))
    words = ("verify", "r.jsonl", "--verifier", "exact", "--max-disagreements", "0", "-o", "d.jsonl")
    assert herokit(*words) == 0
    assert "and 2 more; --max-disagreements or -o shows them" in capsys.readouterr().out
    rows = read_rows("d.jsonl")
    assert [(row["row"], row["id"], row["exact"], row["exact_answer"]) for row in rows] == [
        (2, 1, 0, "\x1b"),
        (3, 2, 0, "no"),
    ]
    assert herokit("verify", "r.jsonl", "--verifier", "exact", "-o", "d.txt") == 2
    assert "d.txt: unsupported output '.txt'; expected a file that ends in .jsonl" in capsys.readouterr().err
    assert herokit("verify", "r.jsonl", "--verifier", "exact", "-o", "r.jsonl") == 2
    assert "r.jsonl: is the input; choose another output" in capsys.readouterr().err


def test_verify_compares_two_verifiers(herokit, capsys):
    pairs = [("ok", 1), ("no", 0), ("oK", 1), ("ok.", 1)]
    write_rows(*({"answer": a, "gold": "ok", "label": x} for a, x in pairs))
    words = ("verify", "r.jsonl", "--verifier", "exact", "--verifier", "exact-match")
    assert herokit(*words, "-o", "d.jsonl") == 0
    shown = capsys.readouterr().out
    table = [line.split() for line in shown.splitlines()]
    assert "exact and exact-match on 4 labelled pairs" in shown
    assert ["verifier", "95", "%", "interval"] in table
    place = next(place for place, row in enumerate(table) if row[:3] == ["accuracy", "exact", "0.5000"])
    assert table[place + 1][:2] == ["exact-match", "1.0000"]
    assert [row[1] for row in table if row and row[0] == "row"] == ["3,", "4,"]
    assert "\n   exact: rejected: read 'ok.'\n   exact-match: accepted: read 'ok.' (whole text)\n" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert [(row["exact"], row["exact-match"]) for row in read_rows("d.jsonl")] == [(0, 1), (0, 1)]
    assert herokit(*words, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["verifiers"]["exact"]["accuracy"] == 0.5
    assert figures["rows"] == [3, 4]
    assert herokit(*words, "--verifier", "number") == 2
    assert (
        "--verifier: expected one verifier or two different ones, got exact, exact-match, number"
        in capsys.readouterr().err
    )


def test_verify_requires_labels_and_references(herokit, capsys):
    write_rows({"answer": "ok", "gold": "ok"})
    assert herokit("verify", "r.jsonl", "--verifier", "exact") == 2
    assert "no column 'label' with labels; name it with --label COLUMN" in capsys.readouterr().err
    for row in ({"answer": "ok", "label": 1}, {"answer": "ok", "gold": None, "label": 1}):
        write_rows(row)
        assert herokit("verify", "r.jsonl", "--verifier", "exact-match") == 2
        assert "no pair could be judged; row 1: no reference" in capsys.readouterr().err
    write_rows({"answer": "ok", "gold": "ok", "label": 1})
    assert herokit("verify", "r.jsonl", "--verifier", "length") == 2
    assert "'length' is a reward model; expected a verifier" in capsys.readouterr().err


def test_plugins_lists_names_and_owners(herokit, capsys):
    assert herokit("plugins") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["length", "reward", "model", "cli-plugin", "cli_plugin:Length"] in lines
    assert ["stratify", "combiner", "herokit", "herokit.combiners:Stratify"] in lines
    assert {len(line) for line in lines} == {4, 5}  # "reward model" is two words; in a pipe no row takes two lines
