# ruff: noqa: RUF001 - the characters that look alike are the point
"""What a policy may write to break a verifier. Nothing may hang, raise, or run; the next good pair is judged right."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from herokit.types import Sample, Status
from herokit_math import MathVerifier, Policy, reading, tiers
from herokit_math import verdicts as judging
from herokit_math.verdicts import judge

MANY = 100_000
GOLDS = [r"\sqrt{2}", r"\{1,x,3\}", "B", r"\text{yes}"]
CORPUS = {
    "bignum towers": [
        *([r"9^{9^{9^9}}", r"10^{10^{10}}", r"2**2**2**2**2**2", r"(10^{1000})^{1000}", r"x^{10^{300}}", r"x^{-10^{300}}", r"(1+x)^{99999}"]),
        *([r"e^{e^{e^{e^9}}}", r"10^{10^{10^{10}}}-10^{10^{10^{10}}}", r"3^{3^{3^{3^{3}}}}", r"(2^{99999})!", r"0.5^{10^9}", r"(-2)^{10^{18}+1}"]),
        *(f"{k}^{{{k}^{{{k}^{{{k}}}}}}}" for k in range(2, 40)),
        "^".join(["9"] * 300), "x" + "^x" * 900, "x" + "^{x" * 60 + "}" * 60, r"\sqrt[10^{100}]{2}", "1e999999", "1e-999999",
    ],
    "factorials": [
        *([r"((10!)!)!", r"100000!", r"(9^9)!", r"\binom{1000000}{500000}", r"\binom{10^{10}}{10^9}", r"(n!)!", r"1000!/999!", r"(10^6)!/(10^6-1)!"]),
        *("5" + "!" * k for k in (2, 5, 50, 1500)), *(f"{10**k}!" for k in range(3, 24)),
        r"\prod_{k=1}^{400} k!", r"\frac{1}{100000!}", r"\gamma(10^9)",
    ],
    "deep nesting": [
        *(o * k + "1" + c * k for o, c in ("()", "{}", "[]", "||") for k in (50, 500, 900)),
        *(w * k + "2" + "}" * k for w in (r"\sqrt{", r"\frac{1}{", r"\text{", r"\sin{", r"\overline{", r"\boxed{") for k in (30, 300)),
        r"\frac{" * 300 + "1" + "}{2}" * 300, r"\{" * 300, r"\left(" * 300, "f(" * 300, r"\begin{pmatrix}" * 50,
    ],
    "long": [
        *(c * MANY for c in ("9", "x", " ", "\\", "$", "{", "}", "(", "|", "\n", "é", "*", "#", "0.")),
        "9" * 5000, "0." + "3" * 390, "1," * 1000, "1 " * 1000, "1/" * 900 + "1", "+-" * 900 + "1", "-" * 5000 + "1",
        "a<" * 600 + "b", "x=" * 600 + "1", "1:" * 500 + "2", "1_{" * 300, "a and " * 300 + "b", "1 or " * 300 + "2",
        r"\frac12" * 300, "x_" * 900, "x" + "'" * 1500, r"\cup" * 300, r"x\in" * 300, r"\pm" * 500 + "1", "%" * 900, "°" * 900,
    ],
    "unicode": [
        "\u202e123", "\ufeff7", "１２３", "٣", "١٢٣", "²" * 500, "½" * 500, "π" * 900, "√" * 900, "\x00", "\x00" * 900, "\ud800",
        "👩‍👩‍👧" * 100, "a\u0300" * 500, "−" * 900, "\r\n" * 900, "\t" * 900, "ſ", "ⅷ", "𝟕", "\u2028" * 500, "º" * 900, "…" * 900, "∑" * 300,
    ],
    "series and size": [
        r"\sum_{k=1}^{10^{100}} k", r"\sum_{k=1}^{400}\sum_{j=1}^{400}\sum_{i=1}^{400} ijk", r"\prod_{k=1}^{400} k^{k^k}",
        r"\sum_{k=1}^{\infty} \frac{1}{k^2}", r"\int_0^\infty e^{-x^2} dx", r"\int\int\int x^{x^x}", r"\lim_{n\to\infty} n!^{n!}",
        r"\gcd(10^{5000},3)", r"\lfloor 10^{400} \rfloor", r"\begin{pmatrix}" + "1&" * 500 + r"\end{pmatrix}",
        r"\det\begin{pmatrix}" + r"x&y&z\\" * 30 + r"\end{pmatrix}", r"\begin{array}{" + "c" * 500, r"\end{pmatrix}" * 50,
        "(" + ",".join([r"\pm1"] * 10) + ")", r"\{" + ",".join(map(str, range(500))) + r"\}",
        r"\{" + ",".join(f"\\sqrt{{{k}}}" for k in range(2, 60)) + r"\}", "(x+y+z+w)^{64}(a+b+c)^{64}", "one hundred " * 200, "5 " + "million " * 60,
        *(f"\\sum_{{k=1}}^{{{10**k}}} \\frac{{1}}{{k}}" for k in range(3, 12)),
    ],
    "undefined": [
        *([r"1/0", r"0^0", r"0^{-1}", r"\frac{1}{0}", r"\infty-\infty", r"i^i", r"\sqrt{-1}", r"(-1)^{1/2}", r"\log_1{5}", r"\log_0{5}", r"\ln{0}", r"\tan(\pi/2)", r"0/0"]),
        *([r"\arcsin(5)", r"\frac{\infty}{\infty}", r"(-8)^{1/3}", r"0!", r"(-1)!", r"(1/2)!", r"\binom{3}{5}", r"\sqrt[0]{2}", r"\log_{-1}{2}", r"5\%\%\%", r"1_{1}", r"9_{37}"]),
    ],
    "injection": [
        "eval(\"open('CANARY','w')\")", "__import__('os').system('touch CANARY')", "exec('open(\"CANARY\",\"w\")')",
        r"\text{__import__('os').system('touch CANARY')}", r"\operatorname{eval}(open('CANARY','w'))", "lambda: open('CANARY','w')",
        r"\write18{touch CANARY}", r"\input{/etc/passwd}", "{{7*7}}", "${7*7}", "Symbol('x').__class__", "$(touch CANARY)", "`touch CANARY`",
        "().__class__.__bases__[0].__subclasses__()", "x = __import__('os').system('touch CANARY')", "f(open('CANARY','w'))",
        *(f"{name}(open('CANARY','w'))" for name in ("sin", "sympify", "parse_expr", "N", "Integer", "Function('f')", "S", "Matrix")),
        *(f"\\{name}{{__import__('os').system('touch CANARY')}}" for name in ("frac", "sqrt", "int", "mathrm", "lim", "sum", "begin")),
    ],
    "catastrophic patterns": [
        *(f"The answer is {c * 20_000}" for c in " \t1a.*(\\$,-"), *(("answer" + c) * 5_000 for c in (" is ", ": ", " = ", "  ")),
        *(w * 20_000 for w in ("####", "A:", "\nA:", "**", "$1$ ", r"\( ", r"\[", "$$", "is ", "1.", r"\boxed", "and ", "option ")),
        "a" * 50 + " " * 50_000 + "b", r"\boxed{" * 5_000, r"\boxed{1} and " * 3_000, "option " + " " * 20_000 + "B", "1" + " " * 20_000 + "!",
        r"\text{" + " " * 20_000, "." + " " * 20_000 + "x", "final answer" + " " * 20_000 + "is 5", "$" + "1$ and $" * 5_000,
    ],
}  # fmt: skip
ALL = list(dict.fromkeys(text for texts in CORPUS.values() for text in texts))
LIMIT = 1.0
LATE = 0.5  # seconds past the limit at which a call counts as hanging
TRIES = 3  # calls of which one must be in time: a busy machine is late now and then, a hang always
GOOD = r"\boxed{\int_0^{7} 1\,dx}"  # only a worker can decide it


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Where this module and its workers run: a canary would appear here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("canaries"))
        yield Path.cwd()


@pytest.fixture(autouse=True)
def _nothing_ran(folder):
    yield
    assert not list(folder.iterdir()), "a canary was made: model text was executed"


@pytest.fixture(scope="module")
def math(folder):
    with MathVerifier(timeout=LIMIT, max_workers=2) as verifier:
        verifier.verify([sample(GOOD), sample(GOOD.replace("7", "8"))])  # both workers start
        yield verifier


def sample(text):
    return Sample("", text, group=0, reference="7")


def wrapped(text):
    return [text, rf"\boxed{{{text}}}", f"The answer is {text}"]


def forget():
    for cached in (tiers.reference, tiers.written, reading.read, judging.settling, judging._read):
        cached.cache_clear()


def test_there_are_enough():
    assert len(ALL) >= 300


@pytest.mark.parametrize("category", CORPUS)
def test_the_tiers_in_this_process_cannot_run_long(category):
    for text in CORPUS[category]:
        for completion in wrapped(text):
            for gold in GOLDS:
                start = time.process_time()
                judge(gold, completion, Policy())
                assert time.process_time() - start < LIMIT, (gold, completion[:80])


@pytest.mark.parametrize("category", CORPUS)
def test_hostile_references_cannot_either(category):
    for text in CORPUS[category]:
        start = time.process_time()
        judge(text, r"\boxed{\frac{1}{2}}", Policy())
        assert time.process_time() - start < LIMIT, text[:80]


def here(math, one):
    return math.verify([one])[0]


def in_a_thread(math, one):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(math.verify, [one]).result()[0]


def in_asyncio(math, one):
    return asyncio.run(math.averify([one]))[0]


def alone(math, ask, one):
    """Return the verdict of one call and the wall seconds it took, a worker being up and nothing being remembered."""
    for _ in range(TRIES):
        forget()
        patience = time.monotonic() + 60
        while not math._pool.pids:  # the one that was killed last is being replaced
            assert time.monotonic() < patience, "no worker comes up"
            time.sleep(0.005)
        start = time.monotonic()
        verdict = ask(math, one)
        took = time.monotonic() - start
        if took < LIMIT + LATE:
            break
    return verdict, took


@pytest.mark.parametrize(("ask", "form"), [(here, 1), (in_a_thread, 0), (in_asyncio, 2)])
def test_no_string_holds_a_call_past_its_limit(math, ask, form):
    stopped = 0
    for text in ALL:
        verdict, took = alone(math, ask, sample(wrapped(text)[form]))
        assert took < LIMIT + LATE, text[:80]
        assert verdict.value is not None, text[:80]
        if verdict.status is Status.TIMEOUT:
            stopped += 1
            assert alone(math, ask, sample(GOOD))[0].value == 1.0, text[:80]
    assert stopped, "no string ran into the limit: this test holds nothing"
    assert alone(math, ask, sample(GOOD))[0].value == 1.0


def test_no_row_of_a_batch_is_lost(math):
    verdicts = math.verify([*map(sample, ALL), sample(GOOD)])
    assert len(verdicts) == len(ALL) + 1
    assert all(v.value is not None for v in verdicts)
    assert verdicts[-1].value == 1.0


def test_the_event_loop_turns_while_a_pair_runs_into_its_limit(math):
    async def both():
        asked = asyncio.create_task(math.averify([sample(r"\boxed{\binom{10^{10}}{10^9}}")]))
        turns = 0
        while not asked.done():
            await asyncio.sleep(0.005)
            turns += 1
        return asked.result()[0], turns

    verdict, turns = asyncio.run(both())
    assert verdict.status is Status.TIMEOUT
    assert turns > 10


def test_what_no_tier_can_read_is_unparsed_and_wrong(math):
    verdict = math.verify([sample(r"\boxed{9^{9^{9^9}} \foo}")])[0]
    assert (verdict.value, verdict.status) == (0.0, Status.UNPARSED)
