import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.scored_rows import HOSTILE, make_rows, write_rows
from herokit import Groups
from herokit.cli.app import app
from herokit.errors import DataError, NoSignalWarning, SetupError
from herokit.report import read_results, statistics, write_report
from herokit.report.mathml import to_html
from herokit.report.page import render, watch_inputs


def test_auc_of_known_examples():
    right = np.array([0, 0, 1, 1], dtype=bool)
    assert statistics.auc(np.array([0.1, 0.4, 0.35, 0.8]), right) == 0.75
    assert statistics.auc(np.array([1.0, 1.0, 1.0, 1.0]), right) == 0.5  # ties
    assert statistics.auc(np.array([0.1, np.nan, np.nan, 0.8]), right) == 1.0
    assert np.isnan(statistics.auc(np.array([0.1, 0.2]), np.array([True, True])))
    groups = Groups.from_keys("aaabbbc")
    score = np.array([1.0, 2.0, 3.0, 3.0, 2.0, 1.0, 9.0])
    assert (
        statistics.auc_within_groups(score, np.array([0, 1, 1, 0, 1, 1, 1]), groups) == 0.5
    )  # 1 in a, 0 in b, c is uniform
    assert statistics.auc_within_groups(score, np.array([0, 0, 1, 1, 1, 1, 1]), groups) == 1.0  # a alone is mixed


def test_fit_trend_detects_directions():
    rng = np.random.default_rng(0)
    assert statistics.fit_trend(np.linspace(0, 1, 40) + rng.normal(0, 0.1, 40)).direction == 1
    assert statistics.fit_trend(np.linspace(1, 0, 40) + rng.normal(0, 0.1, 40)).direction == -1
    assert statistics.fit_trend(rng.normal(0, 1, 40)).direction == 0
    assert statistics.fit_trend(np.array([1.0, np.nan])).direction == 0


def test_fit_trend_takes_noise_for_a_fall_once_in_200_times():
    rng = np.random.default_rng(0)
    falls = [statistics.fit_trend(noise).direction < 0 for noise in rng.normal(0, 1, (10_000, statistics.MAX_SEGMENTS))]
    assert 0.003 < np.mean(falls) < 0.007


def test_correlation_within_groups_ignores_differences_between_them():
    groups = Groups.from_keys("aaabbb")
    lengths = np.array([1.0, 2.0, 3.0, 300.0, 200.0, 100.0])
    assert statistics.correlation_within_groups(lengths, np.array([1.0, 2, 3, 3, 2, 1]), groups) == 1.0
    assert statistics.correlation_within_groups(lengths, np.array([1.0, 2, 3, 1, 2, 3]), groups) == 0.0
    # ranks less their mean: -1 0 1 by length, 1 0 -1 and (ties) 0 0 0 by value: -2 / sqrt(4 * 2)
    value = statistics.correlation_within_groups(lengths, np.array([3.0, 2, 1, 7, 7, 7]), groups)
    assert value == pytest.approx(-(0.5**0.5))
    assert statistics.correlation_within_groups(lengths, np.array([3.0, 2, 1, np.nan, np.nan, 7]), groups) == -1.0
    assert np.isnan(statistics.correlation_within_groups(lengths, np.array([1.0, 1, 1, 2, 2, 2]), groups))


def test_page_says_whether_length_is_paid_for(tmp_path):
    rows = make_rows(6)
    for number, row in enumerate(rows):
        row |= {"response": "x" * (number % 4 + 1), "verifier": float(number % 2), "advantage": float(number % 4)}
    page = render(read_results(write_rows(tmp_path, rows)))
    assert "Rank correlation inside groups: +1.00, +1.00 of correct rollouts, +1.00 of incorrect ones." in page
    values = _values(page, "Advantage by length")
    assert {row["from"]: row["advantage"] for row in values if row["verdict"] == "correct"} == {2.0: 1.0, 3.0: 3.0}
    same = [row | {"response": "x"} for row in rows]
    assert "Advantage by length" not in render(read_results(write_rows(tmp_path, same)))


def test_timeline_suggests_hacking_if_scores_rise_and_accuracy_falls(tmp_path):
    found = statistics.make_timeline(read_results(write_rows(tmp_path, make_rows())))
    assert found.suggests_hacking()
    assert not found.by_step
    shuffled = make_rows()
    np.random.default_rng(1).shuffle(shuffled)
    shuffled = [{**row, "prompt_id": number // 4} for number, row in enumerate(shuffled)]
    assert not statistics.make_timeline(read_results(write_rows(tmp_path, shuffled))).suggests_hacking()
    by_step = [{**row, "step": row["prompt_id"]} for row in shuffled]
    assert statistics.make_timeline(read_results(write_rows(tmp_path, by_step))).by_step
    assert "Possible reward hacking" in render(read_results(write_rows(tmp_path, make_rows())))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    data = make_rows()
    data[5] |= {
        "response": HOSTILE,
        "prompt": HOSTILE,
        "verifier_reason": HOSTILE,
        "verifier_status": "unparsed",
        "verifier": 0.0,
        "label": 1,
    }
    data[6] |= {
        "verifier": None,
        "verifier_status": "failed",
        "verifier_reason": "no reference",
        "reward": None,
        "advantage": None,
    }
    write_report(write_rows(folder, data), folder / "r.html")
    return (folder / "r.html").read_text()


def test_page_loads_nothing_and_runs_no_text_of_a_model(page):
    head = page[: page.index("<script")]
    assert "default-src 'none'" in head
    assert not re.search(r"""(src|href)=["']?(?!data:,)\w+:?//""", head)
    scripts = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    allowed = re.findall(r"'sha256-([^']+)'", head)
    assert [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts] == allowed
    body = page[: page.index('<script type="application/json"')]
    assert "<script" not in body
    assert "<img" not in body
    assert "javascript:alert" not in body.replace("{javascript:alert(1)}", "")
    assert "49" not in re.findall(r"\{\{.*?\}\}|alert\(1\)&gt; (\S+)", body)
    assert "&lt;/script&gt;" in body


def test_page_shows_charts_and_examples(page):
    for text in (
        "Group composition",
        "Scores of rm",
        "Score over time",
        "Rollouts without a reward",
        "no reference",
    ):
        assert text in page
    assert "The verifier and the labels of the input disagree" in page
    assert "<b>nan</b>" not in page
    assert "advantage <b>none</b>" in page
    assert "1 of 119 rows: 0 accepted against the label, 1 rejected against it." in page
    specs = json.loads(re.search(r'id="specs">(.*?)</script>', page, re.DOTALL)[1].replace("\\u003c", "<"))
    assert len(specs) == page.count('class="chart"') == 8
    counts = {row["correct"]: row["groups"] for row in specs[2]["data"]["values"]}
    assert sum(counts.values()) == 30


def test_to_html_converts_formulas_and_escapes_the_rest():
    assert "<mfrac>" in to_html(r"so $\frac{1}{2}$ & more")
    assert "&amp; more" in to_html(r"so $\frac{1}{2}$ & more")
    assert 'class="boxed"' in to_html(r"\boxed{42}")
    assert to_html("it costs $5 and $6 <b>").endswith("&lt;b&gt;")
    for prices in ("at $15 each and pays with $150.", "costs $5-$6 a day", r"\$5 and 6\$ more", "$3, or $4"):
        assert to_html(prices) == prices
    for formula in ("$x$", "$ x $", "$5$", "$-1$, $2$", "it is $x$."):
        assert "<math" in to_html(formula), formula
    assert "<script" not in to_html(r"$\text{<script>alert(1)</script>}$")
    assert len(to_html("x" * 100_000)) < 5_000
    assert to_html("$" * 10_000).count("$") > 1_000
    to_html("$" + "{" * 399 + "$" + r"\(" * 5_000)


@pytest.mark.parametrize(
    "columns",
    [
        ("verifier", "verifier_status", "verifier_answer", "verifier_reason", "label"),
        ("rm", "rm_status", "rm_reason"),
    ],
)
def test_report_needs_only_one_source(tmp_path, columns):
    data = [{k: v for k, v in row.items() if k not in columns} for row in make_rows()]
    page = render(read_results(write_rows(tmp_path, data)))
    assert "Rewards" in page


def test_read_results_with_a_prefix_and_several_sources(tmp_path):
    data = []
    for row in make_rows(5):
        own = {k: v for k, v in row.items() if not k.startswith(("verifier", "rm"))}
        own |= {f"h_{k}": own.pop(k) for k in ("reward", "advantage", "weight", "kept")}
        both = {f"h_{v}{k}": row[f"verifier{k}"] for v in ("one", "two") for k in ("", "_status", "_answer", "_reason")}
        both |= {f"h_{m}{k}": row[f"rm{k}"] for m in ("a", "b") for k in ("", "_status", "_reason")}
        data.append(own | both)
    found = read_results(write_rows(tmp_path, data))
    assert (found.prefix, list(found.statuses), list(found.scores)) == ("h_", ["one", "two", "a", "b"], ["a", "b"])
    assert "Scores of b" in render(found)


def test_comparison_of_two_schemes(tmp_path):
    one = make_rows()
    two = [{**row, "advantage": -row["advantage"], "weight": 2.0} for row in one]
    page = render(read_results(write_rows(tmp_path, one)), read_results(write_rows(tmp_path, two, "other.jsonl")))
    assert "correlation -1.000, rank correlation -1.000, opposite signs on 100.0%" in page
    with pytest.warns(
        NoSignalWarning, match=r"other.jsonl: The files hold different rollouts: the first has \d+, the second 8"
    ):
        page = render(
            read_results(write_rows(tmp_path, one)), read_results(write_rows(tmp_path, two[:8], "other.jsonl"))
        )
    assert "different rollouts" in page


def test_report_rejects_files_without_results(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no column reward, advantage, weight among prompt, response"):
        read_results(write_rows(tmp_path, [{"prompt": "p", "response": "r"}]))
    with pytest.raises(DataError, match="reward must be a number, got 'much' in row 3"):
        read_results(write_rows(tmp_path, [*make_rows()[:2], {**make_rows()[0], "reward": "much"}]))
    with pytest.raises(DataError, match="cannot be written"):
        write_report(write_rows(tmp_path, make_rows()), Path("/nowhere/report.html"))
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with pytest.raises(SetupError, match="pip install 'herokit\\[report\\]'"):
        render(read_results(write_rows(tmp_path, make_rows())))


def test_report_command_writes_a_page(tmp_path):
    from typer.testing import CliRunner

    done = CliRunner().invoke(app, ["report", write_rows(tmp_path, make_rows()), "-o", str(tmp_path / "out.html")])
    assert done.exit_code == 0, done.output
    assert "Report: " in done.output
    assert (tmp_path / "out.html").stat().st_size < 2_500_000


def test_report_accepts_column_names(tmp_path):
    data = [{"text": row["response"], "uid": n} | row for n, row in enumerate(make_rows())]
    data = [{k: v for k, v in row.items() if k != "response"} for row in data]
    data = [row | {"mine": row.pop("prompt_id")} for row in data]
    path = write_rows(tmp_path, data)
    with pytest.raises(DataError, match="no column for the completion.*--column completion=COLUMN"):
        read_results(path)
    found = read_results(path, {"completion": "text", "group": "mine"})
    assert found.groups.num_groups == 30  # by uid there would be as many as rows
    assert "completion from text, group from mine" in render(found)
    options = ["--column", "completion=text", "--column", "group=mine", "-o", str(tmp_path / "r.html")]
    assert CliRunner().invoke(app, ["report", path, *options, "--compare", path]).exit_code == 0
    assert CliRunner().invoke(app, ["report", path, "--column", "text"]).exit_code == 1  # app.run() makes it one line


def test_read_results_uses_the_last_prefix(tmp_path):
    def under(prefix, row):
        names = ("verifier", "verifier_status", "verifier_answer", "verifier_reason", "rm", "rm_status", "rm_reason",
                 "reward", "advantage", "weight", "kept")  # fmt: skip
        return {prefix + k: row[k] for k in names}

    given = [{k: row[k] for k in ("prompt", "response", "prompt_id")} for row in make_rows()]
    for first, last in (("", "again_"), ("again_", ""), ("own_", "own_again_")):
        data = [
            start | under(first, row) | under(last, row | {"reward": 7.0, "verifier": 0.0})
            for start, row in zip(given, make_rows(), strict=True)
        ]
        found = read_results(write_rows(tmp_path, data))
        assert (found.prefix, set(found.reward), set(found.verdict)) == (last, {7.0}, {0.0})
        assert (list(found.statuses), list(found.scores)) == (["verifier", "rm"], ["rm"])
    data = [{"reward": 1, "advantage": 1, "weight": 1} | row for row in given]  # a trainer's own, which came in
    data = [row | under("h_", result) for row, result in zip(data, make_rows(), strict=True)]
    assert read_results(write_rows(tmp_path, data)).prefix == "h_"


def test_read_results_ignores_steps_and_labels_that_are_not_numbers(tmp_path):
    data = [row | {"label": "algebra", "step": "warm-up"} for row in make_rows()]
    found = read_results(write_rows(tmp_path, data))
    assert (found.label, found.step) == (None, None)


def test_comparison_of_different_rollouts_compares_no_rows(tmp_path):
    one = make_rows()
    two = [row | {"response": f"No, {row['response']}"} for row in one]  # the same prompts, as many of each
    with pytest.warns(
        NoSignalWarning, match="not those of the same groups, with the same completions and in the same order"
    ):
        page = render(read_results(write_rows(tmp_path, one)), read_results(write_rows(tmp_path, two, "other.jsonl")))
    assert "different rollouts" in page
    assert "Advantages of the same" not in page


@pytest.mark.parametrize("name", ["scored.jsonl", ".", "report", "report.txt"])
def test_report_rejects_other_suffixes_than_html(tmp_path, name):
    path = write_rows(tmp_path, make_rows())
    before = Path(path).read_bytes()
    with pytest.raises(DataError, match=r"expected a file that ends in \.html"):
        write_report(path, tmp_path / name if name != "." else Path())
    assert Path(path).read_bytes() == before


def _tile(page, name):
    found = re.search(rf"<dt>{name}</dt>\s*<dd>(.*?)</dd>", page)
    return found and found[1]


def _values(page, title):
    specs = json.loads(re.search(r'id="specs">(.*?)</script>', page, re.DOTALL)[1].replace("\\u003c", "<"))
    return specs[re.findall(r"<figcaption><h2>(.*?)</h2>", page).index(title)]["data"]["values"]


def test_group_statistics_leave_out_missing_values(tmp_path):
    data = make_rows(3)
    for number, row in enumerate(data):  # group 0: two right, two failed; group 1: judged; group 2: all failed
        row.update(verifier=1.0, rm=5.0 + number % 2, weight=2.0)
        if number in {2, 3} or number >= 8:
            row.update(dict.fromkeys(("verifier", "rm", "reward", "advantage", "weight")))
            row.update(verifier_status="failed", rm_status="failed")
    data[4]["verifier"] = 0.0
    found = statistics.group_statistics(read_results(write_rows(tmp_path, data)))
    assert (found.judged.tolist(), found.correct.tolist()) == ([2, 4, 0], [2, 3, 0])
    assert found.uniform.tolist() == [True, False, False]
    assert (found.score_std[:2].tolist(), found.weight[:2].tolist()) == ([0.5, 0.5], [2.0, 2.0])
    assert np.isnan(found.score_std[2])
    assert np.isnan(found.weight[2])
    page = render(read_results(write_rows(tmp_path, data)))
    assert _tile(page, "uniform groups") == "50.0%"
    specs = {title: _values(page, title) for title in ("Group composition", "Weight by standard deviation")}
    assert specs["Group composition"] == [{"correct": 0.8, "groups": 1}, {"correct": 1.0, "groups": 1}]
    assert len(specs["Weight by standard deviation"]) == 2


@pytest.mark.parametrize("verifier", [True, False])
def test_page_leaves_out_verdicts_where_there_are_none(tmp_path, verifier):
    gone = {"verifier": None, "verifier_status": "failed"}
    names = ("verifier", "verifier_status", "verifier_answer", "verifier_reason", "label")
    data = [row | gone if verifier else {k: v for k, v in row.items() if k not in names} for row in make_rows(6)]
    results = read_results(write_rows(tmp_path, data))
    page = render(results, results)
    assert "Group composition" not in page
    assert "Size of advantages" not in page
    assert ">nan<" not in page
    assert "in uniform groups</th><td>none</td><td>none</td>" in page
    silent = "uniform groups"
    assert [_tile(page, name) for name in (silent, "AUC of rm")] == (["none", "none"] if verifier else [None, None])


def test_watch_inputs_writes_after_each_change_and_outlives_half_a_row(tmp_path, monkeypatch):
    path, out, sizes, errors = tmp_path / "scored.jsonl", tmp_path / "r.html", [], []
    first, second = (json.dumps(row) + "\n" for row in make_rows(1, 2))
    contents = iter([first, first, first + second[:9], first + second])

    def advance(_):
        if (text := next(contents)) != (path.read_text() if path.exists() else ""):
            path.write_text(text)

    def write():
        write_report(str(path), out)
        sizes.append(_tile(out.read_text(), "rollouts"))

    monkeypatch.setattr("time.sleep", advance)
    watch_inputs([str(path)], write, lambda error: errors.append(str(error)), rounds=5)
    assert sizes == ["1", "2"]
    assert len(errors) == 2
    assert "no such file" in errors[0]
    assert out.exists()


def test_watch_inputs_ends_at_an_interruption(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    assert watch_inputs([str(tmp_path)], interrupt, lambda _: None) is None
