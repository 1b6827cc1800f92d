"""`herokit explain`, `herokit verify` and `herokit plugins` with stub sources."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from score_inputs import ROWS, write_rows

pytestmark = pytest.mark.usefixtures("stub_sources")


def test_explain_prints_the_numbers_of_score(herokit, capsys):
    write_rows(*ROWS)
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml", "--group", "q") == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown[1] == ["verifier", "rm", "Select", "Stratify", "weight", "WeightByStd"]
    assert shown[2] == ["#1", *(f"{x:.4f}" for x in (1, 2, 2, 0.9, 1, 0.9))]
    assert shown[4] == ["#3", *(f"{x:.4f}" for x in (0, 4, 4, 0.1, 1, 0.1))]
    assert ["#3", "...", "nope"] in shown


def test_explain_suggests_groups_for_an_unknown_one(herokit, capsys):
    write_rows(*ROWS)
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml", "--group", "zz") == 2
    assert "no group 'zz'; the first ones are q, w" in capsys.readouterr().err


def test_explain_collects_the_rows_of_a_scattered_group(herokit, capsys):
    write_rows(ROWS[0], ROWS[3], ROWS[1], ROWS[4], ROWS[2])
    assert herokit("explain", "r.jsonl", "--scheme", "s.toml", "--group", "q") == 0
    shown = capsys.readouterr().out
    assert "#3 ... nope" in shown
    assert "#4" not in shown


def test_verify_prints_rates_and_disagreements(herokit, capsys):
    pairs = [("ok", "ok", 1), ("no", "ok", 0), ("oK", "ok", 1), ("ok", "ok", 0)]
    write_rows(*({"answer": a, "gold": g, "label": x} for a, g, x in pairs))
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
