import base64
import gzip
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.scored_rows import make_attacked_rows, make_rows, write_rows
from herokit.cli.app import app
from herokit.errors import DataError
from herokit.report import read_results, write_report
from herokit.report.page import render
from herokit.report.rollouts import select_rows
from herokit.report.statistics import group_statistics


class Elements(HTMLParser):
    """The elements of a page, with the attributes that could run something."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.handlers = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, value in attrs if name.startswith("on") or "javascript:" in (value or "")]


def read_page(page):
    """Return the data of the tables and the texts, as the page's script reads them."""
    tables = re.search(r'id="tables-data">(.*?)</script>', page, re.DOTALL)[1]
    texts = re.search(r'id="texts-data">(.*?)</script>', page, re.DOTALL)[1]
    return json.loads(tables), json.loads(gzip.decompress(base64.b64decode(texts)))


def join(texts, pieces):
    return "".join(texts["formulas"][piece][0] if isinstance(piece, int) else piece for piece in pieces)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    rows = make_attacked_rows()
    return render(read_results(write_rows(tmp_path_factory.mktemp("attacked"), rows))), rows


def test_page_holds_no_element_and_no_handler_that_a_model_wrote(attacked):
    page, _ = attacked
    elements = Elements(page)
    assert elements.handlers == []
    assert elements.tags.count("script") == 6
    assert {"img", "svg", "iframe", "object", "form", "base"}.isdisjoint(elements.tags)


def test_page_gives_back_every_text_unchanged(attacked):
    page, rows = attacked
    tables, texts = read_page(page)
    keys = list(dict.fromkeys(row["prompt_id"].replace("\ud800", r"\ud800") for row in rows))
    assert tables["groups"]["key"] == keys
    for number, row in enumerate(rows):
        (part,) = texts["parts"][number]
        text = join(texts, part[2])
        assert text == row["response"] or (len(row["response"]) > 40_000 and text[:20_000] == row["response"][:20_000])
        assert texts["cut"][number] == (len(row["response"]) > 40_000)
        assert join(texts, texts["prompts"][tables["rollouts"]["group"][number]]) == row["prompt"]
        for found, text in zip(
            texts["results"][number][0][2:4], (row["verifier_reason"], row["verifier_answer"]), strict=True
        ):
            assert found == text or (len(text) > 40_000 and found[:20_000] == text[:20_000])
    assert "\u2028" not in page.split('id="tables-data"')[1].split("</script>")[0]


def test_formulas_are_trees_of_harmless_elements(attacked):
    _, texts = read_page(attacked[0])

    def walk(tree):
        if isinstance(tree, str):
            return
        tag, attributes, children = tree
        assert re.fullmatch("m[a-z]+", tag)
        assert not [name for name in attributes if name.startswith("on") or name in {"href", "src", "style"}]
        for child in children:
            walk(child)

    trees = [tree for _, tree in texts["formulas"] if tree is not None]
    assert trees
    for tree in trees:
        walk(tree)


def make_group(verdicts, scores, advantages, **columns):
    rows = make_rows(1, len(verdicts))
    for row, verdict, score, advantage in zip(rows, verdicts, scores, advantages, strict=True):
        row |= {"verifier": verdict, "label": verdict, "rm": score, "advantage": advantage, **columns}
    return rows


def test_presets_find_what_they_name(tmp_path):
    first = make_group([1.0, 0.0, 0.0, 0.0], [1.0, 2.0, 0.5, 9.0], [1.0, -1.0, 0.5, 0.0], prompt_id="a")
    second = make_group([1.0, 1.0, 0.0, 1.0], [3.0, 1.0, 0.0, 1.5], [0.0] * 4, prompt_id="b")
    first[1]["verifier_status"] = "unparsed"
    second[0] |= {"rm_status": "timeout", "rm": None}
    second[1]["label"] = 0
    tables, _ = read_page(render(read_results(write_rows(tmp_path, [*first, *second]))))
    names = [name for name, _, _ in tables["presets"]]
    found = {name: tables["rollouts"][f"is_{name}"] for name in names}
    assert found == {
        "preferred": [1, 3],  # scores 2 and 9 above the correct rollout's 1
        "unparsed": [1],
        "failed": [4],
        "silent": [4, 5, 6, 7],
        "disagree": [5],
        "suspect": [3],  # 9 is in the highest tenth
    }
    assert [count for _, _, count in tables["presets"]] == [len(rows) for rows in found.values()]
    groups = tables["groups"]
    assert (groups["correct"], groups["incorrect"], groups["silent"]) == ([1, 3], [3, 1], [False, True])
    assert groups["inversions"] == [pytest.approx(2 / 3, abs=1e-5), 0.0]
    assert groups["status"] == ["1 unparsed", "1 timeout"]


def test_statuses_of_a_file_are_known_words_or_unknown(tmp_path):
    rows = make_rows(1)
    rows[1]["rm_status"] = "<img src=x>"
    tables, _ = read_page(render(read_results(write_rows(tmp_path, rows[:2]))))
    assert tables["rollouts"]["status"] == ["judged", "unknown"]


def test_select_rows_keeps_complete_groups_spread_over_the_input(tmp_path):
    results = read_results(write_rows(tmp_path, make_rows(30)))
    selection = select_rows(results, 20)
    assert len(selection.rows) == 20
    assert np.bincount(results.groups.ids[selection.rows])[selection.groups].tolist() == [4] * 5
    assert (selection.groups[0], selection.groups[-1]) == (0, 29)
    assert "20 of 120 rollouts: 5 of 30 complete groups" in selection.note
    assert select_rows(results, 120).note == ""
    assert len(select_rows(results, 1).rows) == 4
    page = render(results, max_rollouts=20)
    assert selection.note in page
    assert "<dt>rollouts</dt>" in page
    assert len(read_page(page)[0]["rollouts"]["row"]) == 20


def test_select_rows_keeps_scattered_groups_complete(tmp_path):
    rows = make_rows(10)
    np.random.default_rng(0).shuffle(rows)
    results = read_results(write_rows(tmp_path, rows))
    page = render(results, max_rollouts=12)
    tables, texts = read_page(page)
    assert len(tables["rollouts"]["row"]) == 12
    for number, row in enumerate(tables["rollouts"]["row"]):
        assert tables["groups"]["key"][tables["rollouts"]["group"][number]] == str(rows[row - 1]["prompt_id"])
        assert texts["results"][number][1][0] == rows[row - 1]["rm"]


def test_inversions_count_ties_half(tmp_path):
    rows = make_group([1.0, 0.0], [1.0, 1.0], [0.5, -0.5])
    assert group_statistics(read_results(write_rows(tmp_path, rows))).inversions.tolist() == [0.5]


def test_parts_of_a_conversation_keep_their_order_and_kind(tmp_path):
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    messages = [
        {"role": "assistant", "content": "<think>hm</think>I add.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "<b>2</b>"},
        {"role": "assistant", "content": "It is 2."},
    ]
    rows = [row | {"response": messages, "prompt": [{"role": "user", "content": "1 + 1?"}]} for row in make_rows(1)]
    _, texts = read_page(render(read_results(write_rows(tmp_path, rows))))
    kinds = [(kind, title, join(texts, pieces)) for kind, title, pieces in texts["parts"][0]]
    assert [kind for kind, _, _ in kinds] == ["thinking", "text", "call", "result", "text"]
    assert kinds[2][1:] == ("add", '{\n "a": 1\n}')
    assert kinds[3][2] == "<b>2</b>"
    assert [message["content"] for message in texts["completions"][0]] == [message["content"] for message in messages]


def test_case_is_not_offered_where_a_text_of_it_is_cut(tmp_path):
    rows = make_rows(3, 1)
    rows[0]["prompt"] = rows[1]["reference"] = "x" * 50_000
    _, texts = read_page(render(read_results(write_rows(tmp_path, rows))))
    assert texts["cut"] == [True, True, False]


def test_values_that_json_cannot_hold_do_not_lose_the_page(tmp_path):
    rows = make_rows(1)
    rows[0] |= {"reference": {"target": float("nan")}, "verifier_answer": float("inf"), "rm": float("nan")}
    tables, texts = read_page(render(read_results(write_rows(tmp_path, rows))))
    assert texts["references"] == [{"target": None}]
    assert tables["rollouts"]["values"][1][0] is None


def test_keys_that_look_alike_stay_apart(tmp_path):
    rows = [*make_group([1.0], [1.0], [0.0], prompt_id=1), *make_group([1.0], [1.0], [0.0], prompt_id="1")]
    tables, _ = read_page(render(read_results(write_rows(tmp_path, rows))))
    assert tables["groups"]["key"] == ["1", "'1'"]
    for number, key in enumerate(("'1'", 1, "1", "\ud800", "\\ud800")):
        rows.append(make_group([1.0], [1.0], [0.0], prompt_id=key)[0] | {"prompt": f"{number}"})
    tables, _ = read_page(render(read_results(write_rows(tmp_path, rows[2:]))))
    assert tables["groups"]["key"] == ["'1'", "1", "'1' (2)", r"\ud800", r"'\\ud800'"]


def test_report_holds_texts_that_no_file_can_hold(tmp_path):
    rows = make_rows(1)
    rows[0] |= {"reward": None, "verifier": None, "verifier_status": "failed", "response": "a \ud800 b"}
    page = write_report(write_rows(tmp_path, rows), tmp_path / "r.html").read_text("utf-8")
    assert r"a \ud800 b" in page


def test_page_of_many_rollouts_stays_small(tmp_path):
    page = render(read_results(write_rows(tmp_path, make_rows(500))))
    assert len(page) < 3_000_000  # 1.9 MB of it are the libraries


def test_report_command_limits_the_tables(tmp_path):
    out = tmp_path / "out.html"
    done = CliRunner().invoke(app, ["report", write_rows(tmp_path, make_rows()), "-o", str(out), "--max-rollouts", "8"])
    assert done.exit_code == 0, done.output
    assert len(read_page(out.read_text())[0]["rollouts"]["row"]) == 8


def test_steps_are_those_that_explain_shows(tmp_path):
    path, scored = write_rows(tmp_path, make_rows(6)), tmp_path / "scored.jsonl"
    runner = CliRunner()
    out = tmp_path / "out.html"
    assert runner.invoke(app, ["report", path, "-o", str(out), "--scheme", "hero-advantage"]).exit_code == 0
    tables, texts = read_page(out.read_text())
    explained = runner.invoke(app, ["explain", str(scored), "--group", "3", "--scheme", "hero-advantage", "--json"])
    expected = json.loads(explained.stdout)
    rows = [number for number, group in enumerate(tables["rollouts"]["group"]) if tables["groups"]["key"][group] == "3"]
    names = [name.removesuffix(" (2)") for name in texts["steps"]["names"]]
    assert names == expected["rows"]
    for number, row in enumerate(rows):
        values = [values[row] for values in texts["steps"]["values"]]
        assert values == pytest.approx(expected["rollouts"][number]["values"], rel=1e-5)
    assert "differ from the file's in 24 of 24 rows" in texts["steps"]["note"]


def test_steps_of_a_scheme_with_other_sources_are_an_error(tmp_path):
    rows = [{k: v for k, v in row.items() if not k.startswith("rm")} for row in make_rows(2)]
    results = read_results(write_rows(tmp_path, rows))
    with pytest.raises(DataError, match="no results of source rm, which the scheme needs; it holds those of verifier"):
        render(results, scheme="hero-advantage")


def test_comparison_says_what_changed_row_by_row(tmp_path):
    first = [
        *make_group([1.0, 0.0], [1.0, 0.0], [1.0, -1.0], prompt_id="a"),
        *make_group([1.0, 0.0], [1.0, 0.0], [0.0, 0.0], prompt_id="b"),
        *make_group([1.0, 0.0], [1.0, 0.0], [2.0, -2.0], prompt_id="c"),
    ]
    second = [
        row | {"advantage": value} for row, value in zip(first, [0.0, 0.0, 3.0, -3.0, 200.0, -200.0], strict=True)
    ]
    results = [
        read_results(write_rows(tmp_path, rows, name)) for rows, name in ((first, "a.jsonl"), (second, "b.jsonl"))
    ]
    page = render(*results)
    tables, _ = read_page(page)
    assert "Groups that gain a signal with the second: 1; that lose theirs: 1." in page
    assert tables["groups"]["signal_change"] == ["loses", "gains", ""]
    assert (tables["rollouts"]["is_gains"], tables["rollouts"]["is_loses"]) == ([2, 3], [0, 1])
    assert [(name, count) for name, _, count in tables["presets"]][-2:] == [("gains", 2), ("loses", 2)]
    assert tables["groups"]["other"] == [0.0, 3.0, 200.0]
    assert tables["rollouts"]["other"] == [0.0, 0.0, 3.0, -3.0, 200.0, -200.0]
    # ranks of the first: 4, 1, 2.5, 2.5, 5, 0; of the second: 2.5, 2.5, 4, 1, 5, 0
    assert tables["rollouts"]["change"] == pytest.approx([-0.3, 0.3, 0.3, -0.3, 0.0, 0.0])
    assert "other" not in read_page(render(results[0]))[0]["rollouts"]


def test_credit_of_turns_is_with_the_turn_that_earned_it(tmp_path):
    rows = make_rows(1)
    user, turns = (
        {"role": "user", "content": "again"},
        [{"role": "assistant", "content": text} for text in ("one", "two")],
    )
    rows[0] |= {"response": [turns[0], user, turns[1]], "credit": [0.75, None]}
    rows[1] |= {"response": [turns[0]], "credit": ["<b>", 0.5, True]}
    rows[2] |= {"response": [turns[0]], "credit": None}
    rows[3] |= {"response": [turns[0]], "credit": "much"}
    _, texts = read_page(render(read_results(write_rows(tmp_path, rows))))
    assert texts["credit"] == [[0.75, None], [None, 0.5, None], None, None]
    assert texts["turn_starts"][0] == [0, 2]
    assert [part[0] for part in texts["parts"][0]] == ["text", "result", "text"]


def test_charts_say_what_their_marks_select(tmp_path):
    rows = [row | {"step": number // 8, "response": "x" * (number + 1)} for number, row in enumerate(make_rows(4))]
    page = render(read_results(write_rows(tmp_path, rows)))
    specs = json.loads(re.search(r'id="specs">(.*?)</script>', page, re.DOTALL)[1])
    filters = {spec["description"]: spec["usermeta"]["filter"] for spec in specs}
    columns = {title: [field["column"] for field in filter_["fields"]] for title, filter_ in filters.items()}
    assert columns == {
        "Scores of rm": ["source"],
        "Rewards": ["reward"],
        "Group composition": ["correct"],
        "Size of advantages": ["accuracy"],
        "Advantage by length": ["length"],
        "Weight by standard deviation": ["spread", "weight"],
        "Accuracy over time": ["segment"],
        "Score over time": ["segment"],
    }
    assert filters["Rewards"]["fields"][0]["last"] == float(f"{max(row['reward'] for row in rows):.6g}")
    (times,) = (spec["data"]["values"] for spec in specs if spec["description"] == "Score over time")
    assert {(row["segment"], row["start"], row["end"]) for row in times} == {(0, 0.0, 0.0), (1, 1.0, 1.0)}
    assert read_page(page)[0]["rollouts"]["segment"] == [0] * 8 + [1] * 8
