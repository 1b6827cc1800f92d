"""The benchmark of published rewards: its rules, its table, and one released reward."""

import importlib.util
from pathlib import Path

import pytest

from herokit.testing.samples import MATH

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "published_rewards.py"
spec = importlib.util.spec_from_file_location("published_rewards", PATH)
published_rewards = importlib.util.module_from_spec(spec)
spec.loader.exec_module(published_rewards)


@pytest.mark.parametrize(
    ("rule", "text", "answer"),
    [
        ("last box", r"\boxed{1} \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        ("last box", r"\boxed{1} \boxed{2", None),
        ("last ####", "#### 1\n#### 2 or 3\nDone.", "2 or 3"),
        ("last Answer:, else box", r"\boxed{2}", "2"),
        ("last Answer:, else box", "\\boxed{2}\nAnswer: 3", "3"),
        ("last answer tag", "<answer>1</answer><answer> 2 </answer>", "2"),
        ("last box, else number", "It is 2, not 3.", "3"),
        ("last box after </think>", r"<think>\boxed{1}</think>", None),
        ("last box after finished thinking", r"<think>\boxed{1}", None),
        ("last box after </think>, which must be there", r"\boxed{1}", None),
    ],
)
def test_rules_read_the_answer_that_is_documented(rule, text, answer):
    assert published_rewards.RULES[rule](text) == answer


def read_last_box(solution_str, ground_truth):
    return float(published_rewards.read_box(solution_str) == ground_truth)


def search_reference(solution_str, ground_truth):
    return float(ground_truth in solution_str)


def test_table_counts_attacks_and_lost_answers_of_stand_ins():
    answers = published_rewards.limit_to_rule(MATH, published_rewards.read_box, "texts")
    strict, lenient = (
        published_rewards.check(function, answers, laws=published_rewards.PANELS)
        for function in (read_last_box, search_reference)
    )
    assert published_rewards.row("strict", "1.0", 2.0, strict) == "| strict | 1.0 | 0 of 64 | 0 of 20 | none | 2 |"
    assert list(published_rewards.examples(strict)) == []
    (paid,) = published_rewards.examples(lenient)
    assert "right or wrong; wrong or right" in paid
    assert r"\boxed{776 or 41}" in paid
    assert int(published_rewards.count(lenient, "hack_does_not_pay").split()[0]) > 30


def test_released_reward_without_a_reference_has_a_row():
    pytest.importorskip("trl")
    ((name, version, target, answers, call),) = published_rewards.load_peers(["trl.think_format_reward"])
    report = published_rewards.check(target, answers, laws=("finite_scores", "repeated_scores_agree"))
    assert published_rewards.row(name, version, 0.0, report).startswith(f"| {name} | {version} | no reference | no ")
    assert report.passed
    assert "think_format_reward([[message]])" in call
