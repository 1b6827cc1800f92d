"""Intervals, equivalence and Holm's correction of the replication, and what its claims make of made-up results."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("torch")
pytest.importorskip("herokit_math")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.replication import finals, goal, tables
from benchmarks.replication.audit import judge
from benchmarks.replication.candidates import audited_trust
from benchmarks.replication.claims import check, hacked, leads, tie
from benchmarks.replication.pipeline import task_of
from benchmarks.replication.protocol import DEV, RATES, RECALLS, TASKS, at_edge, chosen_rate, headline, schemes, tuning
from benchmarks.replication.statistics import Interval, holm, interval
from benchmarks.replication.sweeps import SWEEPS
from benchmarks.replication.verifiers import SETTINGS, HiddenForm

from herokit import Groups, Signals
from herokit.combiners import Select, Standardize, chain
from herokit.schemes import earned_trust

CSV = Path(__file__).resolve().parents[2] / "docs" / "reference" / "replication.csv"
KEYS = ("curve", "sampled", "greedy", "auc_change", "score_change")


def results_of(**offsets):
    """Eight seeds a scheme, its offset above a common course; only `noise` differs between seeds."""
    rng = np.random.default_rng(0)
    common = rng.normal(0.5, 0.1, 8)
    return {
        (recall, name.replace("_", " ")): [
            {"final": dict.fromkeys(KEYS, float(c + offset + 0.002 * i * (-1) ** i))} for i, c in enumerate(common)
        ]
        for recall in (0.1, 1.0)
        for name, offset in offsets.items()
    }


def test_interval_p_value_is_that_of_students_t():
    from scipy import stats

    values = [0.1, 0.3, -0.05, 0.2, 0.15]
    assert interval(values).p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert interval([0.3]).p == 1.0
    assert Interval(0.1, 0.0, 4).p == 0.0


def test_interval_touching_its_level_has_p_005():
    assert Interval(0.1, 0.1, 8).p == pytest.approx(0.05)
    assert Interval(0.1, 0.1, 8).narrow.low > 0


@pytest.mark.parametrize(
    ("mean", "half", "equal"),
    [(0.0, 0.01, True), (0.0, 0.06, False), (-0.025, 0.015, False), (0.014, 0.0065, True), (0.029, 0.0, True)],
)
def test_within_asks_for_the_whole_interval(mean, half, equal):
    assert Interval(mean, half, 8).within(0.03) is equal


def test_one_seed_shows_no_equivalence():
    assert not interval([0.0]).within(0.03)


def test_holm_keeps_order_and_is_monotone():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_leads_need_the_correction():
    strong, weak = Interval(0.2, 0.05, 8), Interval(0.13, 0.1215, 8)  # p .039 alone
    alone = leads({("a", "b", "greedy"): weak}, 0.1)
    assert alone[0].holds
    both = leads({("a", "b", "greedy"): weak, ("a", "c", "greedy"): strong, ("a", "d", "greedy"): weak}, 0.1)
    assert [claim.holds for claim in both] == [False, True, False]


def test_tie_is_not_the_absence_of_a_difference():
    assert not tie(Interval(-0.016, 0.06, 8), "a", "b", "greedy").holds
    assert tie(Interval(0.004, 0.009, 8), "a", "b", "sampled").holds


def test_hacked_is_a_fall_beyond_the_verifiers():
    falls = {(0.1, "verifier only"): [-0.05] * 4, (0.1, "RM only"): [-0.051, -0.049, -0.05, -0.05]}
    results = {c: [{"final": {"auc_change": x, "score_change": 1.0 + x}} for x in xs] for c, xs in falls.items()}
    assert not hacked(results, 0.1).holds  # both lose the same: fewer mistakes are left to rank
    worse = [
        {"final": {"auc_change": r["final"]["auc_change"] - 0.1, "score_change": 1.0}} for r in results[0.1, "RM only"]
    ]
    assert hacked(results | {(0.1, "RM only"): worse}, 0.1).holds


def test_check_leaves_out_what_was_not_run():
    claims = check(results_of(verifier_only=0.0, stratified=0.1))
    assert {"RM only", "earned-trust"}.isdisjoint(" ".join(c.text for c in claims).split("is ahead of "))
    assert [c.holds for c in claims] == [True, True, False, False]  # two leads, and no ties


@pytest.mark.parametrize("name", ["remainders", "equations"])
def test_world_changes_problems_and_forms_and_0_is_the_common_one(name):
    common, other = task_of(name, 0), task_of(name, 3)
    assert task_of(name, 3) is other
    assert common.pool("dev", 20) == type(common)().pool("dev", 20)
    assert common.pool("dev", 20) != other.pool("dev", 20)
    assert not set(other.pool("dev", 60)) & set(common.pool("test", 60))
    problems = common.pool("dev", 40)
    forms = [[HiddenForm(task, 0.25).accepted(p) for p in problems] for task in (common, other)]
    assert forms[0] != forms[1]


def test_world_of_remainders_has_its_own_wrong_table():
    assert task_of("remainders", 0).wrong != task_of("remainders", 1).wrong


def test_headline_gives_every_seed_its_world_if_asked():
    for own, worlds in ((False, {0}), (True, {1, 2})):
        cells = headline("remainders", (0.1,), range(2), lambda *_: 1e-4, own_worlds=own)
        assert {run.base.world for runs in cells.values() for run in runs} == worlds


def test_named_verifiers_cover_the_papers_recall_and_false_positives():
    assert {0.7, 0.1} <= {recall for recall, _ in SETTINGS.values()}
    assert {0.003, 0.05, 0.1} <= {rate for _, rate in SETTINGS.values()}
    cells = SWEEPS["verifiers"](range(1))
    met = {(run.recall, run.false_positives) for runs in cells.values() for run in runs}
    assert met == set(SETTINGS.values())
    assert sum(run.learnable for runs in cells.values() for run in runs) == 5


def test_learnable_verifier_accepts_one_form_for_every_problem():
    task = task_of("remainders", 0)
    problems = task.pool("dev", 40)
    accepted = {tuple(HiddenForm(task, 0.25, learnable=True).accepted(p)) for p in problems}
    assert len(accepted) == 1
    assert len(accepted.pop()) == 1
    assert len({tuple(HiddenForm(task, 0.25).accepted(p)) for p in problems}) == 4


def test_tuning_gives_every_scheme_the_same_rates_and_seeds():
    tried = {
        recall: {
            name: [(r.rate, r.base.seed) for r in tuning("equations", recall, scheme)]
            for name, scheme in schemes(recall).items()
        }
        for recall in RECALLS
    }
    assert len({tuple(runs) for cells in tried.values() for runs in cells.values()}) == 1
    assert len(tried[0.1]["stratified"]) == len(RATES) * len(DEV)
    assert not at_edge(dict.fromkeys(RATES, 0.1) | {1e-4: 0.2})
    assert not at_edge(dict.fromkeys(RATES, 0.1) | {4e-4: 0.2})  # the edges of the grid of the published runs


@pytest.mark.parametrize("task", TASKS)
def test_every_scheme_of_the_headline_has_a_rate(task):
    for recall in TASKS[task]:
        for scheme in schemes(recall).values():
            assert chosen_rate(task, recall, scheme) in RATES
    assert chosen_rate("remainders", 0.7, schemes(0.7)["verifier only"]) == 2e-4  # not tuned: that of recall 0.25


@pytest.mark.skipif(not CSV.exists(), reason="the page's values of single seeds come with the next full run")
def test_page_repeats_from_its_csv():
    page, checked = CSV.with_suffix(".md").read_text(encoding="utf-8"), 0
    declared = {(where.which, where.recall) for where in goal.ORDER}
    for which, results in finals.read(CSV).items():
        for recall in {recall for recall, _ in results}:
            assert goal.table(results, recall) in page
            assert (which, recall) not in declared or goal.compared(results, recall) in page
        if ", " in which:
            continue  # another condition, where the goal alone is judged
        for recall, name in results:
            if name in {"earned-trust", "stratified"}:
                assert tables.differences(results, recall, name) in page
                checked += 1
        assert all(f"- {claim}" in page for claim in check(results))
    assert checked == page.count(" minus |")


def test_intervals_of_the_fresh_seeds_are_in_the_tables():
    names = ("replication.md", "replication-seeds-0-7.md")
    tables_of_page = "".join(CSV.with_name(name).read_text(encoding="utf-8") for name in names)
    text = (CSV.parents[1] / "explanation" / "when-hero-helps.md").read_text(encoding="utf-8")
    section = " ".join(text.partition("## Fresh seeds: other")[2].partition("\n## ")[0].split())
    found = re.findall(r"[+-]0\.\d{3} \[[+-][\d.]+, [+-][\d.]+\]", section)
    assert found
    assert [interval for interval in found if interval not in tables_of_page] == []
    cells = re.findall(r"(\[[+-][\d.]+, [+-][\d.]+\]) (ahead|behind|equal|not known) ", section)
    assert all(re.search(re.escape(known) + r", p [< \d.]+: " + finding, tables_of_page) for known, finding in cells)


def test_comparisons_that_survive_a_correction_over_all_are_as_many_as_the_page_says():
    results = finals.read(CSV)
    places = dict.fromkeys((where.which, where.recall) for where in goal.ORDER)
    gaps = {
        (where, pair): gap for where in places for pair, gap in goal.differences(results[where[0]], where[1]).items()
    }
    held = [key for key, p in zip(gaps, holm([gap.p for gap in gaps.values()]), strict=True) if p < 0.05]
    text = (CSV.parents[1] / "explanation" / "when-hero-helps.md").read_text(encoding="utf-8")
    assert f"The reference prints {len(gaps)} such comparisons" in text
    assert f"Corrected all together, {len(held)} would remain" in text
    ahead = {key[0][0] for key in held if key[1][1] == "verifier only" and gaps[key].mean > 0}
    assert ahead == {"remainders, 0.05 false positives", "remainders, 0.1 false positives"}


def test_finals_are_read_as_they_were_written(tmp_path):
    cells = dict(headline("remainders", (0.1,), range(8), lambda *_: 1e-4).items())
    names = [name for _, name in cells]
    rng = np.random.default_rng(1)
    results = {
        (0.1, name): [{"final": {m: float(rng.normal()) for m in finals.MEASURES}} for _ in range(8)] for name in names
    }
    results[0.1, "stratified"][3]["final"]["auc_inside"] = float("nan")
    finals.write(tmp_path / "f.csv", {"remainders": cells}, {"remainders": results})
    again = finals.read(tmp_path / "f.csv")["remainders"]
    assert repr(again) == repr(results)
    assert tables.differences(again, 0.1, "stratified") == tables.differences(results, 0.1, "stratified")
    assert list(map(str, check(again))) == list(map(str, check(results)))
    assert len((tmp_path / "f.csv").read_text().splitlines()) == 1 + 8 * len(names)


def test_goal_is_met_only_by_a_whole_interval():
    assert goal.verdict(Interval(-0.01, 0.015, 8)) == "yes"
    assert goal.verdict(Interval(-0.01, 0.04, 8)) == "not known"
    assert goal.verdict(Interval(-0.2, 0.1, 8)) == "no"
    table = goal.table(results_of(verifier_only=0.0, stratified=0.1))
    assert table == ""  # the scheme that is judged was not run
    offsets = {"verifier_only": 0.0, "stratified": 0.2}
    judged = results_of(**offsets) | {(0.1, "earned-trust"): results_of(**offsets)[0.1, "verifier only"]}
    rows = goal.table(judged).splitlines()[2:]
    assert [row.count(" yes ") for row in rows] == [2, 0]
    assert [row.count(" no ") for row in rows] == [0, 2]


def test_goal_changes_one_thing_a_condition():
    every = (*goal.RIVALS, *goal.JUDGED)
    places = {name: goal.Situation("remainders", 0.1, name, every) for name in goal.CONDITIONS}
    cells = {name: goal.grid(where, range(8, 10), own_worlds=True) for name, where in places.items()}
    for name, changed in goal.CONDITIONS.items():
        assert {run.base.world for runs in cells[name].values() for run in runs} == {9, 10}
        for cell, runs in cells[name].items():
            plain = cells["no false positives"][cell]
            heard = {} if cell[1] == "verifier only" and "random_scores" in changed else changed
            assert [replace(run, **heard) for run in plain] == runs
    assert (
        headline("remainders", (0.1,), range(8, 10), own_worlds=True)[0.1, "earned-trust"]
        == cells["no false positives"][0.1, "earned-trust"]
    )


def test_comparison_is_a_lead_by_its_corrected_p_and_a_tie_by_its_whole_interval():
    results = results_of(verifier_only=0.0, stratified=0.2, naive_blend=0.2)
    rows = goal.compared(results, 0.1).splitlines()[2:]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| stratified", "verifier only"],
        ["| stratified", "naive blend"],
    ]
    assert [row.count(": ahead ") for row in rows] == [2, 0]
    assert [row.count(": equal ") for row in rows] == [0, 2]
    assert goal.finding(Interval(-0.2, 0.1, 8), 0.04) == "behind"
    assert goal.finding(Interval(-0.2, 0.1, 8), 0.06) == "not known"  # the correction decides, not the interval
    assert goal.compared({cell: runs[:7] for cell, runs in results.items()}, 0.1) == ""  # cut off: no claim


def test_rows_that_a_file_has_stay_and_those_that_it_lacks_are_added(tmp_path):
    cells = headline("remainders", (0.1,), range(8, 11), lambda *_: 1e-4, own_worlds=True)
    old, new = ([{"final": dict.fromkeys(finals.MEASURES, value)} for _ in range(3)] for value in (1.0, 2.0))
    known, other = (0.1, "verifier only"), (0.1, "stratified")
    finals.write(tmp_path / "f.csv", {"remainders": cells}, {"remainders": {known: old[:2]}})
    grids = {"remainders": cells, "equations": cells}
    every = finals.joined(tmp_path / "f.csv", grids, {"remainders": {known: new, other: new}})
    assert every == {"remainders": {known: [*old[:2], new[2]], other: new}, "equations": {}}
    foreign = headline("remainders", (0.1,), range(9, 11), lambda *_: 1e-4, own_worlds=True)
    with pytest.raises(ValueError, match=r"seed 8, world 9 is not of this draw"):
        finals.joined(tmp_path / "f.csv", {"remainders": foreign}, {})


def test_order_declares_rates_and_names_a_situation_once_a_scheme():
    places = [(w.which, w.recall, name) for w in (*goal.KNOWN[:2], *goal.ORDER) for name in w.schemes]
    assert len(places) == len(set(places))
    assert {(w.task, w.recall) for w in goal.ORDER} == {
        (task, recall) for task, recalls in TASKS.items() for recall in recalls
    }
    for where in goal.ORDER:
        cells = goal.grid(where, range(8, 9), own_worlds=True)
        assert {run.rate for (run,) in cells.values()} <= set(RATES)
        assert {run.recall for (_, name), (run,) in cells.items() if name != "RM only"} == {where.recall}


def test_audit_tells_which_source_is_wrong():
    sound, chance = [True] * 40, [True, False] * 20
    good, noise = [1.0] * 40 + [1.0, 0.0] * 20, [0.0, 1.0] * 40
    said = judge(sound, chance, good)
    assert said.soundness > 0.97
    assert said.agreement == 1.0
    assert judge(sound, chance, noise).agreement == 0.0
    assert judge(chance, chance, [1.0, 0.0] * 40).soundness == 0.0
    assert judge([], chance, [1.0, 0.0] * 20).soundness == 0.0  # nothing accepted, nothing known
    assert judge(sound, sound, noise).agreement == 0.0  # no incorrect rollout to rank


def test_audited_trust_of_a_sound_verifier_is_earned_trust():
    rng = np.random.default_rng(0)
    groups = Groups.from_keys(np.repeat(np.arange(20), 8).tolist())
    signals = Signals({"rm": rng.normal(size=160), "verifier": (rng.random(160) < 0.1).astype(float)}, groups)
    chains = earned_trust(), audited_trust(), audited_trust(soundness=0.0, agreement=0.5)
    states = [chain.init() for chain in chains]
    for _ in range(2):
        done = [c.combine(np.zeros(160), signals, s) for c, s in zip(chains, states, strict=True)]
        states = [state for _, state in done]
    np.testing.assert_allclose(done[0][0], done[1][0], atol=1e-12)
    alone = chain(Select("rm"), Standardize()).combine(np.zeros(160), signals, (None, None))[0]
    np.testing.assert_allclose(done[2][0], 0.5 * alone, atol=1e-12)  # v = 0 is the reward model alone


def test_page_without_the_heading_of_its_rest_is_not_written_over(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.replication import report

    page = tmp_path / "page.md"
    page.write_text("# Tables\n\n## Learning rates, dev problems\n\nrest\n")
    assert report.rest_of(page) == "## Learning rates, dev problems\n\nrest\n"
    page.write_text("# Tables\n\n## Rates\n\nrest\n")
    with pytest.raises(ValueError, match="has no heading '## Learning rates, dev problems'"):
        report.rest_of(page)
