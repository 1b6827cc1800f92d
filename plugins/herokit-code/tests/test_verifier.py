import json
import pickle
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "verifiers"))
from tables import mismatches, tables

from herokit import Sample, Status
from herokit.config.builder import build
from herokit.errors import SetupError
from herokit.testing import Profile, check_verifier, list_laws
from herokit.testing.samples import MATH
from herokit_code import CodeVerifier, Limits, sandbox

pytestmark = pytest.mark.sandbox

LIMITS = Limits(seconds=2.0)
ASSERTS = json.dumps(["assert double(2) == 4", "assert double(5) == 10"])
CHECK = json.dumps({"test": "def check(f):\n    assert f(2) == 4", "entry_point": "double"})
RIGHT = "def double(x):\n    return 2 * x\n"


def test_programs_get_what_the_table_says():
    (table,) = tables(Path(__file__).with_name("cases"))
    verdicts = CodeVerifier(LIMITS).verify([case.sample for case in table.cases])
    assert not mismatches(table, verdicts)


def verdict(program, reference=ASSERTS, **settings):
    return CodeVerifier(LIMITS, **settings).verify([Sample("", f"```python\n{program}\n```", 0, reference=reference)])[
        0
    ]


def test_verdicts_say_why():
    assert verdict(RIGHT).reason == "2 of 2 tests"
    assert verdict(RIGHT).answer == RIGHT + "\n"
    assert verdict("def double(x): return 4").reason == "1 of 2 tests; test 2: another result"
    assert "ValueError: no" in verdict("raise ValueError('no')").reason
    assert "past 2 s" in verdict("while True: pass", CHECK).reason
    assert "signal 11" in verdict("import os; os.kill(os.getpid(), 11)").reason
    assert verdict("def double(x): return 4", credit="all").value == 0.0


@pytest.mark.parametrize(
    ("program", "reference"),
    [
        ("from collections import Counter\ndef f(x): return Counter(x)", ["assert f([1, 1]) == {1: 2}"]),  # as in MBPP
        ("from collections import namedtuple as n\ndef f(x): return n('P', 'a b')(x, x)", ["assert f(1) == (1, 1)"]),
        ("from decimal import Decimal\ndef f(x): return [Decimal(x), frozenset({x}), {x: x}.keys()]", ["assert f(1) == [1, {1}, {1}]"]),
        ("from enum import IntEnum\ndef f(x): return IntEnum('E', 'a b')(x)", ["assert f(1) == 1"]),
        ("def f(x): return float('inf')", {"fn_name": "f", "inputs": [[1]], "outputs": [float("inf")]}),
        ("from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(x): return P(x).x", ["assert f(1) == 1"]),
        ("def f(x): return x", ["from solution import f as g\nassert g(1) == 1"]),
        ("def f(x): return x", "def test_a():\n    assert f(1) == 1\ndef test_b():\n    assert f(2) == 2"),
        ("def f(x): return list(range(x))", {"fn_name": "f", "inputs": [[90_000]], "outputs": [list(range(90_000))]}),
        ("for i in range(60_000): print(i)", {"inputs": [""], "outputs": ["\n".join(map(str, range(60_000)))]}),
    ],
)  # fmt: skip
def test_what_equals_the_expected_is_right(program, reference):
    found = verdict(program, reference if isinstance(reference, str) else json.dumps(reference))
    assert found.value == 1.0, found.reason


@pytest.mark.parametrize(
    "returned",
    ["type('A', (), {'__eq__': lambda s, o: True, '__int__': lambda s: 5, '__float__': lambda s: 5.0})()", "10**400"],
)
def test_a_result_that_lies_is_wrong(returned):
    found = verdict(f"def f(x): return {returned}", json.dumps({"fn_name": "f", "inputs": [[1]], "outputs": [2.5]}))
    assert (found.value, found.status) == (0.0, Status.JUDGED)


def test_a_sandbox_that_something_else_ends_is_no_zero(monkeypatch):
    monkeypatch.setattr("herokit_code.verifier.run", lambda *a, **k: sandbox.Ran("lost", None, "", "", 0.0))
    found = verdict(RIGHT)
    assert (found.value, found.status) == (None, Status.FAILED)
    assert "test 1: the sandbox did not start" in found.reason


@pytest.mark.parametrize("taken_by", ["the main thread", "another"])
def test_an_interrupt_begins_no_further_test(monkeypatch, taken_by):
    calls = []

    def run(*_, **__):
        calls.append(1)
        time.sleep(0.2)
        return sandbox.Ran("exited", 0, "", "", 0.2)

    monkeypatch.setattr("herokit_code.verifier.run", run)

    def interrupt():
        thread = threading.main_thread() if taken_by == "the main thread" else threading.current_thread()
        signal.pthread_kill(thread.ident, signal.SIGINT)

    threading.Timer(0.3, interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        verdict(RIGHT, json.dumps(["assert double(2) == 4"] * 50))
    assert len(calls) < 10


def test_what_cannot_be_judged():
    found = CodeVerifier().verify(
        [Sample("", RIGHT, 0), Sample("", RIGHT, 0, "[]"), Sample("", "No idea.", 0, ASSERTS)]
    )
    assert [(v.value, v.status) for v in found] == [
        (None, Status.FAILED),
        (None, Status.FAILED),
        (0.0, Status.UNPARSED),
    ]


def test_the_same_program_runs_once(monkeypatch):
    calls = []
    original = sandbox.run
    monkeypatch.setattr("herokit_code.verifier.run", lambda *a, **k: calls.append(1) or original(*a, **k))
    found = CodeVerifier(LIMITS).verify([Sample("", RIGHT, 0, ASSERTS)] * 5)
    assert [v.value for v in found] == [1.0] * 5
    assert len(calls) == 2


def test_from_a_scheme_file():
    made = build({"use": "code", "partial_credit": "all", "limits": {"seconds": 3.0}})
    assert made == CodeVerifier(Limits(seconds=3.0), partial_credit="all")
    assert pickle.loads(pickle.dumps(made)) == made


def test_without_a_sandbox_nothing_runs(monkeypatch, tmp_path):
    broken = tmp_path / "launcher.py"
    broken.write_text("raise SystemExit('no such kernel')")
    monkeypatch.setattr(sandbox, "LAUNCHER", str(tmp_path))
    with pytest.raises(SetupError, match="the code sandbox cannot be made here: .*no such kernel"):
        verdict(RIGHT)
    monkeypatch.undo()
    monkeypatch.setattr(sandbox.platform, "machine", lambda: "riscv64")
    with pytest.raises(SetupError, match="on x86_64 and aarch64, not on 'riscv64'"):
        verdict(RIGHT)


@dataclass(frozen=True)
class Printed:
    """The verifier, with a number as reference: print it."""

    code: CodeVerifier

    def verify(self, samples):
        tests = [s.reference and json.dumps([{"input": "", "output": s.reference}]) for s in samples]
        return self.code.verify([replace(s, reference=t) for s, t in zip(samples, tests, strict=True)])


NUMBERS = replace(
    MATH, write=lambda answer: f"It is simple.\n```python\nprint({answer!r})\n```", variants=(), equivalents=()
)


def test_it_keeps_the_laws_of_verifiers():
    profile = Profile(max_examples=3, seconds=10.0, shrink_seconds=0.0)
    claims = list_laws("verifier", universal=False)
    report = check_verifier(
        Printed(CodeVerifier(Limits(seconds=10.0))), claims=claims, answer_format=NUMBERS, limit=30.0, profile=profile
    )
    assert report.passed, str(report)
