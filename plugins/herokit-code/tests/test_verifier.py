"""The verifier of programs: its verdicts, reasons and settings."""

import json
import pickle
import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest

from helpers.tables import mismatches, tables
from herokit import Sample, Status
from herokit.config.builder import build
from herokit.errors import SetupError
from herokit.testing import Profile, check_verifier, list_laws
from herokit.testing.attacks import REWRITES
from herokit.testing.samples import MATH
from herokit_code import CodeVerifier, Limits, sandbox

pytestmark = pytest.mark.sandbox

LIMITS = Limits(timeout=2.0)
ASSERTIONS = json.dumps(["assert double(2) == 4", "assert double(5) == 10"])
CHECK = json.dumps({"test": "def check(f):\n    assert f(2) == 4", "entry_point": "double"})
CORRECT = "def double(x):\n    return 2 * x\n"


POWER = f"{Decimal(7**6000)}"


@contextmanager
def integers_of_any_length():
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    yield
    sys.set_int_max_str_digits(limit)


def dump_json(value):
    with integers_of_any_length():
        return json.dumps(value)


def verify(program, reference=ASSERTIONS, **settings):
    sample = Sample("", f"```python\n{program}\n```", 0, reference=reference)
    return CodeVerifier(LIMITS, **settings).verify([sample])[0]


def test_native_reference_may_hold_integers_of_any_length():
    sample = Sample(
        "", "```python\ndef f(x): return 7 ** x\n```", 0, {"fn_name": "f", "inputs": [[6000]], "outputs": [7**6000]}
    )
    assert CodeVerifier(LIMITS).verify([sample])[0].value == 1.0


def test_verifier_agrees_with_its_table():
    (table,) = tables(Path(__file__).with_name("cases"))
    verdicts = CodeVerifier(LIMITS).verify([case.sample for case in table.cases])
    assert not mismatches(table, verdicts)


def test_reason_names_the_first_problem():
    assert verify(CORRECT).reason == "2 of 2 tests"
    assert verify(CORRECT).answer == CORRECT + "\n"
    assert verify("def double(x): return 4").reason == "1 of 2 tests; test 2: another result"
    assert "ValueError: no" in verify("raise ValueError('no')").reason
    assert "ran longer than 2 s" in verify("while True: pass", CHECK).reason
    assert "killed by signal 11" in verify("import os; os.kill(os.getpid(), 11)").reason


def test_without_partial_credit_one_failed_test_gives_0():
    assert verify("def double(x): return 4").value == 0.5
    assert verify("def double(x): return 4", partial_credit=False).value == 0.0
    assert verify("def double(x): return 3", partial_credit=False).reason.startswith("0 of 1 tests; test 1")
    assert verify(CORRECT, partial_credit=False).value == 1.0


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
        ("print(7 ** int(input()))", {"inputs": ["6000"], "outputs": [POWER]}),
        ("def f(x): return 7 ** x + 0 * 10 ** 9000", {"fn_name": "f", "inputs": [[6000]], "outputs": [7**6000]}),
        ("def f(x): return [x, -x]", {"fn_name": "f", "inputs": [[7**6000]], "outputs": [[7**6000, -(7**6000)]]}),
        ("def f(x): return str(7 ** x)", [f"assert f(6000) == '{POWER}'"]),
        ("def f(x): return 7 ** x", [f"assert f(6000) == {POWER}", f"assert {POWER} == f(6000)"]),
        (f"def f(x): return {POWER} * x", [f"assert f(1) - {POWER} == 0"]),
        ("class Solution:\n    def f(self, x: List[int]) -> Optional[int]: return max(Counter(heapq.nlargest(2, x)), key=lambda k: inf)", {"fn_name": "f", "inputs": [[[1, 2]]], "outputs": [2]}),
        ("class Solution:\n    def permutations(self, x): return list(itertools.permutations(x)) + [bisect_left(x, 2), bisect.bisect(x, 1), gcd(4, 6)]", {"fn_name": "permutations", "inputs": [[[1, 2]]], "outputs": [[[1, 2], [2, 1], 1, 1, 2]]}),
        ("class Solution:\n    def f(self, x: List[int]): return reduce(add, x)", {"test": "def check(c):\n    assert c([1, 2]) == 3", "entry_point": "Solution().f"}),
        ("def f(x: List[int]): return defaultdict(int, {1: x})", {"fn_name": "f", "inputs": [[2]], "outputs": [{"1": 2}]}),
        ("print(open('/dev/stdin').read() + input())", {"inputs": ["ab"], "outputs": ["abab"]}),
        ("import os, sys\nprint(os.fdopen(os.open('/dev/stdin', os.O_RDONLY)).readline(), end='')\nprint(len(sys.stdin.read()))", {"inputs": ["1\n" * 1_000_000], "outputs": ["1\n2000000"]}),
        ("def f(x): return [float('nan'), x]", {"fn_name": "f", "inputs": [[1]], "outputs": [[float("nan"), 1]]}),
        ("def f(x): return x", "import pytest\n@pytest.mark.parametrize('a, b', [(1, 1), (2, 2)])\n@pytest.mark.parametrize('c', [3, pytest.param(4, id='four')])\ndef test_a(a, b, c):\n    assert f(a + c) == b + c"),
        ("def f(x): return x", "import pytest\n@pytest.fixture\ndef two(): return f(2)\n@pytest.fixture(params=[1, 3])\ndef more(request, two):\n    yield request.param + two\n    f(0)\ndef test_a(more, two):\n    assert more - two in (1, 3) and f(1.0) == pytest.approx(1 + 1e-9) and [f(1)] == pytest.approx([1])"),
        ("def f(x): raise ValueError(f'low {x}')", "import pytest\ndef test_a():\n    with pytest.raises(ValueError, match=r'low \\d') as caught:\n        f(1)\n    assert str(caught.value) == 'low 1' and caught.type is ValueError\n    pytest.raises(ValueError, f, 1)"),
        ("calls = []\ndef f(x): calls.append(x); return x", "import pytest\n@pytest.fixture(autouse=True)\ndef before(): f(7)\ndef test_a():\n    assert len(calls) == 1 and f(1) == 1"),
        ("def f(x): return x", "import pytest\nCASES = [(1, 1)]\nx = f(1)\n@pytest.mark.parametrize(('a', 'b'), CASES, ids=['one'])\ndef test_a(a, b): assert f(a) == b\nif __name__ == '__main__':\n    pytest.main()"),
        ("def f(x): return x", "def test_a():\n    assert f(1) == 1\ntest_a()\ndef test_b():\n    assert f(2) == 2"),
        ("for i in range(60_000): print(i)", {"inputs": [""], "outputs": ["\n".join(map(str, range(60_000)))]}),
    ],
)  # fmt: skip
def test_result_that_equals_the_expected_is_correct(program, reference):
    verdict = verify(program, reference if isinstance(reference, str) else dump_json(reference))
    assert verdict.value == 1.0, verdict.reason


@pytest.mark.parametrize(
    "returned",
    ["type('A', (), {'__eq__': lambda s, o: True, '__int__': lambda s: 5, '__float__': lambda s: 5.0})()", "10**400"],
)
def test_result_that_imitates_a_value_is_incorrect(returned):
    verdict = verify(f"def f(x): return {returned}", json.dumps({"fn_name": "f", "inputs": [[1]], "outputs": [2.5]}))
    assert (verdict.value, verdict.status) == (0.0, Status.JUDGED)


def test_verifier_abstains_if_the_sandbox_is_ended_from_outside(monkeypatch):
    lost = sandbox.RunResult("lost", None, "", "", 0.0)
    monkeypatch.setattr("herokit_code.verifier.run_program", lambda *a, **k: lost)
    verdict = verify(CORRECT)
    assert (verdict.value, verdict.status) == (None, Status.FAILED)
    assert "test 1: the sandbox did not start" in verdict.reason


def test_run_that_is_ended_from_outside_is_repeated(monkeypatch):
    runs = [sandbox.RunResult("lost", None, "", "", 0.0)] * 2
    original = sandbox.run_program
    monkeypatch.setattr("herokit_code.verifier.run_program", lambda *a, **k: runs.pop() if runs else original(*a, **k))
    assert verify(CORRECT).value == 1.0


@pytest.mark.parametrize("receiver", ["the main thread", "another thread"])
def test_interrupt_starts_no_further_test(monkeypatch, receiver):
    calls = []

    def run_program(*_, **__):
        calls.append(1)
        time.sleep(0.2)
        return sandbox.RunResult("exited", 0, "", "", 0.2)

    monkeypatch.setattr("herokit_code.verifier.run_program", run_program)

    def interrupt():
        thread = threading.main_thread() if receiver == "the main thread" else threading.current_thread()
        signal.pthread_kill(thread.ident, signal.SIGINT)

    threading.Timer(0.3, interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        verify(CORRECT, json.dumps(["assert double(2) == 4"] * 50))
    assert len(calls) < 10


def test_verifier_abstains_without_tests_and_rejects_without_a_program():
    verdicts = CodeVerifier().verify(
        [Sample("", CORRECT, 0), Sample("", CORRECT, 0, "[]"), Sample("", "No idea.", 0, ASSERTIONS)]
    )
    assert [(v.value, v.status) for v in verdicts] == [
        (None, Status.FAILED),
        (None, Status.FAILED),
        (0.0, Status.UNPARSED),
    ]


WIDE = {
    "printed as itself": "\U00010348",
    "escaped": "\U000e0001",
    "a lone surrogate": "\ud800",
    "a null byte": "\x00",
    "a line separator": "\u2028",
    "a quote": "'",
    "a backslash": "\\",
    "a brace": "{",
}


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize(
    "reference", [ASSERTIONS, CHECK, '{"inputs": [""], "outputs": ["4"]}'], ids=["call", "code", "text"]
)
def test_text_of_the_policy_never_raises(name, reference):
    limits = Limits(timeout=10.0, disk_mb=1, output_kb=1, max_files=16)
    texts = [
        f"x = '{WIDE[name] * 190_000}'\n{CORRECT}",
        WIDE[name] * 190_000,
        f"print('{WIDE[name] * 10_000}')",
        f"# {WIDE[name] * 190_000}",
    ]
    samples = [Sample("", f"```python\n{text}\n```", 0, reference) for text in texts]
    verdicts = CodeVerifier(limits).verify(samples)
    assert all(verdict.value is not None and verdict.status in (Status.JUDGED, Status.UNPARSED) for verdict in verdicts)
    if name in ("printed as itself", "escaped", "a line separator", "a brace") and "inputs" not in reference:
        assert verdicts[0].value == 1.0, verdicts[0].reason


def test_limits_within_which_no_program_starts_are_an_error():
    with pytest.raises(SetupError, match=r"no program can start within Limits\(.*memory_mb=4"):
        CodeVerifier(Limits(memory_mb=4)).verify([Sample("", f"```python\n{CORRECT}\n```", 0, reference=ASSERTIONS)])


def test_equal_programs_run_once(monkeypatch):
    calls = []
    original = sandbox.run_program
    monkeypatch.setattr("herokit_code.verifier.run_program", lambda *a, **k: calls.append(1) or original(*a, **k))
    verdicts = CodeVerifier(LIMITS).verify([Sample("", CORRECT, 0, ASSERTIONS)] * 5)
    assert [v.value for v in verdicts] == [1.0] * 5
    assert len(calls) == 2


def test_verifier_is_built_from_a_scheme_file_and_pickled():
    verifier = build({"use": "code", "partial_credit": False, "limits": {"timeout": 3.0}})
    assert verifier == CodeVerifier(Limits(timeout=3.0), partial_credit=False)
    assert pickle.loads(pickle.dumps(verifier)) == verifier


def test_verifier_runs_nothing_without_a_sandbox(monkeypatch, tmp_path):
    broken = tmp_path / "launcher.py"
    broken.write_text("raise SystemExit('no such kernel')")
    monkeypatch.setattr(sandbox, "_LAUNCHER_FOLDER", str(tmp_path))
    with pytest.raises(SetupError, match="the code sandbox cannot be created here: .*no such kernel"):
        verify(CORRECT)
    monkeypatch.undo()
    monkeypatch.setattr(sandbox.platform, "machine", lambda: "riscv64")
    with pytest.raises(SetupError, match="it supports x86_64 and aarch64 machines, not 'riscv64'"):
        verify(CORRECT)


@dataclass(frozen=True)
class PrintedAnswer:
    """A code verifier whose reference is the text that the program must print."""

    verifier: CodeVerifier

    def verify(self, samples):
        tests = [s.reference and json.dumps([{"input": "", "output": s.reference}]) for s in samples]
        return self.verifier.verify([replace(s, reference=t) for s, t in zip(samples, tests, strict=True)])


NUMBERS = replace(
    MATH,
    write=lambda answer: f"It is simple.\n```python\nprint({answer!r})\n```",
    variants=(),
    equivalents=(),
    rewrites=REWRITES,
)


def test_verifier_keeps_the_laws():
    profile = Profile(max_examples=3, seconds=10.0, shrink_seconds=0.0)
    needs_pairs = {"symmetric_equivalence", "answer_format_invariance"}  # the domain has one way to write an answer
    claims = [law for law in list_laws("verifier", universal=False) if law.name not in needs_pairs]
    report = check_verifier(
        PrintedAnswer(CodeVerifier(Limits(timeout=10.0))),
        claims=claims,
        answer_format=NUMBERS,
        timeout=30.0,
        profile=profile,
    )
    assert report.passed, str(report)


def test_tests_may_be_in_a_column_of_their_own():
    sample = Sample(
        "Double x.", "def double(x):\n    return 2 * x\n", 0, "see tests", {"tests": "assert double(2) == 4"}
    )
    with_key = CodeVerifier(sandbox="none", reference_key="tests")
    assert with_key.verify([sample])[0].value == 1.0
    assert CodeVerifier(sandbox="none", reference_key="missing").verify([sample])[0].value is None
