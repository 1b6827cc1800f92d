"""No cheat of the generators is paid; correct programs pass the same kinds of tests."""

import os

import pytest
from cheats import PAID_CHEATS, cheats
from interpreter_cheats import FORMS, interpreter_cheats

from herokit import Sample, Status
from herokit_code import CodeVerifier, Limits

pytestmark = pytest.mark.sandbox
LIMITS = Limits(timeout=10.0)


def judge(pairs):
    samples = [Sample("", f"```python\n{program}\n```", 0, reference=test) for program, test in pairs]
    return CodeVerifier(LIMITS).verify(samples)


def test_no_cheat_is_paid():
    every = list(cheats())
    assert len(every) >= 150
    verdicts = judge((each.program, each.test) for each in every)
    wrong = {
        each.name: (verdict.value, verdict.status.value, verdict.reason)
        for each, verdict in zip(every, verdicts, strict=True)
        if (verdict.value, verdict.status) != (None if each.status is Status.FAILED else 0.0, each.status)
        or "in the solution's process" in verdict.reason
    }
    assert not wrong


def test_no_work_on_the_interpreter_is_paid():
    every = list(interpreter_cheats(every_form="HEROKIT_EVERY_CHEAT" in os.environ))
    assert len(every) >= 90
    correct = "def f(x): return 2 * x\nif __name__ == '__main__': print(f(int(input())))"
    pairs = [(each.program, each.test) for each in every] + [(correct, test) for test in FORMS.values()]
    verdicts = judge(pairs)
    paid = {each.name: verdict.reason for each, verdict in zip(every, verdicts, strict=False) if verdict.value != 0.0}
    assert not paid
    assert [verdict.value for verdict in verdicts[len(every) :]] == [1.0] * len(FORMS)


def test_correct_solutions_pass_the_tests_of_the_cheats():
    pairs = {each.test: each.correct for each in cheats() if each.correct}
    verdicts = judge((program, test) for test, program in pairs.items())
    wrong = {test: verdict.reason for test, verdict in zip(pairs, verdicts, strict=True) if verdict.value != 1.0}
    assert not wrong


def test_cheats_that_are_paid_are_known():
    verdicts = judge((program, test) for program, test, _ in PAID_CHEATS.values())
    assert {name: v.value for name, v in zip(PAID_CHEATS, verdicts, strict=True)} == dict.fromkeys(PAID_CHEATS, 1.0)
