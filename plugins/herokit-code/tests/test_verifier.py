import json
import pickle
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "verifiers"))
from tables import differs, tables

from herokit import Sample, Status
from herokit.builder import build
from herokit.errors import SetupError
from herokit.testing import Profile, check_verifier, laws_of
from herokit.testing.texts import MATH
from herokit_code import CodeVerifier, Limits, sandbox

pytestmark = pytest.mark.sandbox

LIMITS = Limits(seconds=2.0)
ASSERTS = json.dumps(["assert double(2) == 4", "assert double(5) == 10"])
CHECK = json.dumps({"test": "def check(f):\n    assert f(2) == 4", "entry_point": "double"})
RIGHT = "def double(x):\n    return 2 * x\n"


def test_programs_get_what_the_table_says():
    (table,) = tables(Path(__file__).with_name("cases"))
    verdicts = CodeVerifier(LIMITS).verify([case.sample for case in table.cases])
    wrong = [differs(case, verdict) for case, verdict in zip(table.cases, verdicts, strict=True)]
    assert not [line for line in wrong if line]


def verdict(program, reference=ASSERTS, **settings):
    return CodeVerifier(LIMITS, **settings).verify([Sample("", f"```python\n{program}\n```", 0, reference=reference)])[
        0
    ]


def test_verdicts_say_why():
    assert verdict(RIGHT).detail == "2 of 2 tests"
    assert verdict(RIGHT).answer == RIGHT + "\n"
    assert verdict("def double(x): return 4").detail == "1 of 2 tests; test 2: another result"
    assert "ValueError: no" in verdict("raise ValueError('no')").detail
    assert "past 2 s" in verdict("while True: pass", CHECK).detail
    assert "signal 11" in verdict("import os; os.kill(os.getpid(), 11)").detail
    assert verdict("def double(x): return 4", credit="all").value == 0.0


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
    made = build({"use": "code", "credit": "all", "limits": {"seconds": 3.0}})
    assert made == CodeVerifier(Limits(seconds=3.0), credit="all")
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


NUMBERS = replace(MATH, write=lambda answer: f"It is simple.\n```python\nprint({answer!r})\n```", ways=(), same=())


def test_it_keeps_the_laws_of_verifiers():
    profile = Profile(examples=3, seconds=10.0, shrinking=0.0)
    claims = laws_of("verifier", universal=False)
    report = check_verifier(
        Printed(CodeVerifier(Limits(seconds=10.0))), claims=claims, domain=NUMBERS, limit=30.0, profile=profile
    )
    assert report.fine, [(r.law, r.message, str(r.counterexample)) for r in report.broken]
