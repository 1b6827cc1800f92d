"""`MathVerifier` as a verifier."""

import json
import pickle
from pathlib import Path

import pytest

from herokit.errors import ConfigError
from herokit.types import Sample, Status, Verifier
from herokit_math import MathVerifier

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture(scope="module")
def math():
    with MathVerifier() as verifier:
        yield verifier


def judge(verifier, completion, reference):
    return verifier.verify([Sample("", completion, group=0, reference=reference)])[0]


def test_an_error_in_the_tiers_leaves_its_pair_to_sympy(math, monkeypatch):
    def fail(reference, answer):
        raise IndexError("out of range")

    monkeypatch.setattr("herokit_math.verdicts.decide_plain_numbers", fail)
    pairs = [("5-1", "2+2"), ("5-1", "2+3")]
    for verdicts in (
        math.compare(pairs),
        math.verify([Sample("", rf"\boxed{{{a}}}", group=0, reference=r) for r, a in pairs]),
    ):
        assert [(v.status, v.reason[:6]) for v in verdicts] == [(Status.JUDGED, "sympy:")] * 2
    assert [v.value for v in math.compare(pairs)] == [1.0, 0.0]


def test_math_verifier_is_a_verifier():
    assert isinstance(MathVerifier(), Verifier)


@pytest.mark.parametrize(
    ("completion", "reference", "value"),
    [
        (r"so \boxed{\dfrac{1}{2}}.", "0.5", 1.0),
        ("12 eggs\n#### 1,200", "1200", 1.0),
        ("reasoning\nA: 41", "42", 0.0),
        ("The answer is 7.", "7", 1.0),
        (r"Thus \boxed{\int_0^1 2x\,dx}", "1", 1.0),
        (r"\boxed{1 2}", "12", 0.0),
        (r"\boxed{0.1 2}", "0.12", 0.0),
        (r"\boxed{3 7}", "10", 0.0),
        (r"\boxed{A) B) C)}", "A", 0.0),
        ("The answer is A or B.", "A", 0.0),
        ("The answer is not 5.", "5", 0.0),
        ("The answer is definitely not 5.", "5", 0.0),
        ("The answer is not 5 but 6.", "5", 0.0),
        ("The answer is not 5 but 6.", "6", 1.0),
        ("The answer is not 5; it is 7.", "7", 1.0),
        ("The answer is not 5. The answer is 6.", "6", 1.0),
        (r"So \boxed{5}. The final answer is not 6.", "5", 1.0),
        ("The answer is not defined.", "not defined", 1.0),
        ("The answer is A or B.", "B", 0.0),
        ("The answer is A. B is wrong.", "A", 1.0),
        (r"\boxed{3\,7}", "10", 0.0),
        (r"\boxed{5 0/1}", "R-r", 0.0),
        (r"\boxed{\int_R^r dx}", "R-r", 0.0),
        (r"\boxed{\int_r^R dx}", "R-r", 1.0),
        (r"\boxed{\int_0^1 1\,000\,dx}", "1000", 1.0),
        (r"\boxed{\int_0^1 \frac 1 2\,dx}", "0.5", 1.0),
    ],
)
def test_math_verifier_judges_completions(math, completion, reference, value):
    assert judge(math, completion, reference).value == value


def test_math_verifier_reports_the_extracted_answer(math):
    assert judge(math, "2 + 2\n#### 4", "4").answer == "4"


def test_math_verifier_abstains_without_a_reference(math):
    verdict = judge(math, r"\boxed{1}", None)
    assert (verdict.value, verdict.status) == (None, Status.FAILED)


def test_math_verifier_returns_unparsed_for_an_empty_completion(math):
    verdict = judge(math, "", "4")
    assert (verdict.value, verdict.status) == (0.0, Status.UNPARSED)


@pytest.mark.parametrize("setting", ["timeout", "max_workers", "memory_mb", "max_tasks_per_child", "call_timeout"])
def test_math_verifier_rejects_settings_that_are_not_positive(setting):
    with pytest.raises(ConfigError, match=setting):
        MathVerifier(**{setting: 0})


def test_pickled_math_verifier_has_no_workers(math):
    judge(math, r"\boxed{\int_0^1 x\,dx}", "2")
    copy = pickle.loads(pickle.dumps(math))
    assert copy == math
    assert not copy._pool.pids


@pytest.mark.skipif(not DATA.exists(), reason="no shared data")
def test_math_verifier_agrees_with_the_labels_of_real_rollouts(math):
    rows = [json.loads(line) for line in (DATA / "gsm8k_rollouts.jsonl").read_text().splitlines()]
    samples = [Sample(r["prompt"], r["response"], r["prompt_id"], r["reference"]) for r in rows]
    agree = [v.value == r["label"] for v, r in zip(math.verify(samples), rows, strict=True)]
    assert sum(agree) >= 0.995 * len(rows)
