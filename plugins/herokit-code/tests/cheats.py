"""Generators of solutions that solve nothing, each with a test and the verdict that it must get."""

from collections.abc import Iterator
from typing import NamedTuple

from herokit import Status

__all__ = ["PAID_CHEATS", "Cheat", "cheats"]


class Cheat(NamedTuple):
    """A solution that must not be paid.

    Attributes:
        name: what it tries.
        program: the solution.
        test: the reference.
        status: the status of its verdict; the value is 0 if that is JUDGED or TIMEOUT, None if it is FAILED.
        correct: a solution that passes the test, where there is one.
    """

    name: str
    program: str
    test: str
    status: Status = Status.JUDGED
    correct: str = ""


def cheats() -> Iterator[Cheat]:
    """Yield all of them."""
    yield from _errors_of_every_verb()
    yield from _names_of_errors()
    yield from _values_with_operators()
    yield from _replaced_names()
    yield from _comparisons_in_helpers()
    yield from _interruptions()
    yield from _tests_that_ask_nothing()


_VERBS = {
    "call": "f(x)(1) == 2",
    "method": "f(x).size(1) == 2",
    "attribute": "f(x).size == 2",
    "item": "f(x)[0] == 2",
    "length": "len(f(x)) == 2",
    "comparison": "f(x) < f(x)",
    "equality": "f(x) == f(3)",
    "iteration": "[*f(x)] == [2]",
    "membership": "2 in f(x)",
    "int": "int(f(x)) == 2",
    "float": "float(f(x)) == 2",
    "text": "str(f(x)) == '2'",
    "format": "f'{f(x):3}' == '2'",
    "truth": "not f(x)",
    "hash": "hash(f(x)) == 2",
    "difference": "f(x) - f(3) == 2",
    "sum": "f(x) + f(3) == 2",
    "absolute": "abs(f(x)) == 2",
    "index": "[1, 2][f(x)] == 2",
    "rounded": "round(f(x)) == 2",
    "reversed": "list(reversed(f(x))) == [2]",
    "with": "g(f(x))",
}
_SPECIAL = ("call", "getitem", "len", "lt", "eq", "iter", "contains", "int", "float", "str", "format", "bool", "hash", "sub", "add", "abs", "index", "round", "reversed", "enter")  # fmt: skip
_LOOPS = {
    "map": "def check(x):\n    assert {verb}\n    return True\nfor _ in map(check, [1, 2]): pass",
    "filter": "def check(x):\n    assert {verb}\n    return True\nlist(filter(check, [1, 2]))",
    "generator": "def checks():\n    for x in [1, 2]:\n        assert {verb}\n        yield x\nfor _ in checks(): pass",
}


def _errors_of_every_verb() -> Iterator[Cheat]:
    """An error with which Python ends a loop, raised by every verb of an object."""
    helper = "def g(c):\n    with c as d:\n        return d == 2\n"
    for error in ("StopIteration", "GeneratorExit", "StopAsyncIteration"):
        methods = "".join(f"    def __{name}__(s, *a): raise {error}\n" for name in _SPECIAL)
        program = f"class A:\n{methods}    def __exit__(s, *a): return True\n    size = property(__call__)\ndef f(x): return A()"
        for verb, expression in _VERBS.items():
            for loop, text in _LOOPS.items() if error == "StopIteration" else [("generator", _LOOPS["generator"])]:
                test = (helper if verb == "with" else "") + text.format(verb=expression)
                yield Cheat(f"{error} of {verb} in {loop}", program, f"if True:\n    {_indent(test)}")


_FORMS = {
    "attribute": ("class S: Low = {error}", "except S.Low"),
    "tuple": ("Low = ({error}, KeyError)", "except Low"),
    "name": ("Low = {error}", "except Low"),
    "call": ("def low(): return {error}", "except low()"),
    "item": ("D = {{'low': {error}}}", "except D['low']"),
    "in a tuple": ("class S: Low = {error}", "except (ValueError, S.Low)"),
    "bound": ("class S: Low = {error}", "except own"),
    "list": ("L = [{error}]", "except tuple(L)"),
}


def _names_of_errors() -> Iterator[Cheat]:
    """A name for the error with which the test fails."""
    for error in ("AssertionError", "Exception", "BaseException"):
        for form, (names, clause) in _FORMS.items():
            bound = "own = S.Low\n" if form == "bound" else ""
            program = f"{names.format(error=error)}\ndef f(x): return 7"
            test = f"{bound}try:\n    assert f(9) == 18 + 0 * f(1)\n{clause}:\n    pass"
            correct = f"{names.format(error='KeyError')}\ndef f(x):\n    if x == 9: raise KeyError\n    return 2 * x"
            yield Cheat(f"{error} as {form}", program, f"if True:\n    {_indent(test)}", correct=correct)
        program = f"class S: Low = {error}\ndef f(x): return 7"
        for name, body in {
            "an assertion": "assert f(9) == 18",
            "pytest.fail": "f(9)\n    pytest.fail('no error')",
        }.items():
            yield Cheat(f"{error} in pytest.raises around {name}", program, f"import pytest\ndef test_a():\n  with pytest.raises(S.Low):\n    {body}")  # fmt: skip
        yield Cheat(f"{error} imported", f"Low = {error}\ndef f(x): return 7", "from solution import Low\ndef test_a():\n    try:\n        assert f(9) == 18\n    except Low: pass")  # fmt: skip


_LIES = "__eq__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = lambda s, *o: True\n    __ne__ = lambda s, o: False\n    __hash__ = lambda s: hash({expected})\n    __sub__ = __rsub__ = __mod__ = __xor__ = lambda s, *o: type(s)({zero})\n    __abs__ = __neg__ = __round__ = __isub__ = lambda s, *o: s\n    __bool__ = lambda s: False\n    __len__ = lambda s: 0"
_VALUES = {
    # base: a wrong value, the expected value, the zero of its differences
    "int": ("int(7)", "12", "0"),
    "float": ("float(7)", "12.5", "0.0"),
    "str": ("str('a')", "'ab'", "''"),
    "bytes": ("bytes(b'a')", "b'ab'", "b''"),
    "tuple": ("tuple([1])", "(1, 2)", "()"),
    "frozenset": ("frozenset([1])", "frozenset([1, 2])", "()"),
    "list": ("list([1])", "[1, 2]", "()"),
    "dict": ("dict(a=1)", "{'a': 2}", "()"),
    "set": ("set([1])", "{1, 2}", "()"),
    "bytearray": ("bytearray(b'a')", "bytearray(b'ab')", "b''"),
    "complex": ("complex(7)", "12j", "0"),
    "Fraction": ("Fraction(7)", "Fraction(25, 2)", "0"),
    "Decimal": ("Decimal(7)", "Decimal('12.5')", "0"),
    "date": ("date(2020, 1, 1)", "date(2021, 2, 2)", "1, 1, 1"),
    "timedelta": ("timedelta(7)", "timedelta(12)", "0"),
    "deque": ("deque([1])", "deque([1, 2])", "()"),
    "Counter": ("Counter('a')", "Counter('ab')", "()"),
    "OrderedDict": ("OrderedDict(a=1)", "OrderedDict(a=2)", "()"),
    "Exception": ("Exception(7)", "12", "0"),
    "object": ("object()", "12", "0"),
}
_IMPORTS = "from fractions import Fraction\nfrom decimal import Decimal\nfrom datetime import date, timedelta\nfrom collections import deque, Counter, OrderedDict\n"
_QUESTIONS = {
    "equals": "e = {e}\nassert f(1) == e",
    "is equal to": "e = {e}\nassert e == f(1)",
    "is not unequal": "assert not f(1) != {e}",
    "is in a list": "assert f(1) in [{e}]",
    "is approximately": "import pytest\nassert f(1) == pytest.approx({e})",
    "is between": "assert {e} <= f(1) <= {e}",
    "is in a list with": "assert [f(1), 1] == [{e}, 1] and (f(1),) == ({e},)",
}


def _values_with_operators() -> Iterator[Cheat]:
    """Subclasses of plain types whose operators say what the test wants to hear."""
    for base, (value, expected, zero) in _VALUES.items():
        lies = _LIES.format(expected=expected, zero=zero) if base != "OrderedDict" else "__eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False"  # fmt: skip
        made = f"A{value[len(base) :]}"
        program = f"{_IMPORTS}class A({base}):\n    {lies}\ndef f(x): return {made}"
        for name, test in _QUESTIONS.items():
            correct = "" if "approximately" in name else f"{_IMPORTS}def f(x): return {expected}"
            if name == "is between" and base in ("dict", "complex", "OrderedDict"):  # they have no order
                correct = ""
            yield Cheat(
                f"{base} {name}",
                program,
                f"{_IMPORTS}if True:\n    {_indent(test.format(e=expected))}",
                correct=correct,
            )


def _replaced_names() -> Iterator[Cheat]:
    """Names of the test's own that an import of all names would replace."""
    for name, definition in {
        "isclose": "from math import isclose",
        "approx": "from pytest import approx",
        "sqrt": "from math import *",
        "close": "def close(a, b): return abs(a - b) < 1e-6",
        "expected": "expected = 4",
        "CASES": "CASES = [(2, 4)]",
        "m": "import math as m",
    }.items():
        use = {
            "isclose": "assert isclose(f(2), 4)",
            "approx": "assert f(2) == approx(4)",
            "sqrt": "assert f(2) == sqrt(16)",
            "close": "assert close(f(2), 4)",
            "expected": "assert f(2) == expected + 0 * f(1)",
            "CASES": "for a, b in CASES:\n    assert f(a) == b",
            "m": "assert m.isclose(f(2), 4)",
        }[name]
        program = f"class Any:\n    def __call__(s, *a, **k): return s\n    __getattr__ = __call__\n    def __iter__(s): return iter(())\n    def __eq__(s, o): return True\n    def __add__(s, o): return 7\n    def __bool__(s): return True\n{name} = Any()\ndef f(x): return 7"
        for exported in ("", f"\n__all__ = ['f', '{name}']"):
            test = f"{definition}\nfrom solution import *\n{use}"
            label = f"replaces {name}{' by __all__' * bool(exported)}"
            reference = f"if True:\n    {_indent(test)}"
            yield Cheat(label, program + exported, reference, correct="def f(x): return 2 * x")


def _comparisons_in_helpers() -> Iterator[Cheat]:
    """A helper of the test that compares, where its result is a literal."""
    program = "class A:\n    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = lambda s, o: True\n    __sub__ = __abs__ = lambda s, *o: 0\n    __hash__ = None\ndef f(x): return A()\nimport builtins\nbuiltins.abs = lambda x: 0"
    for name, test in {
        "returns a comparison": "def same(a): return a == 4\nassert same(f(2)) == True",
        "of two values": "def same(a, b): return a == b\nassert same(f(2), 4) == True",
        "calls the solution": "def double(x): return f(x) == 2 * x\nassert double(2) == True",
        "lambda": "same = lambda a: a == 4\nassert same(f(2)) == True",
        "lambda in a dict": "checks = {'a': lambda a: a == 4}\nassert checks['a'](f(2)) == True",
        "nested": "def inner(a): return a == 4\ndef outer(a): return inner(a)\nassert outer(f(2)) == True",
        "counts": "def errors(a): return 0 if a == 4 else 1\nassert errors(f(2)) == 0",
        "in sorted": "def wrong(a): return [] if a == 4 else [a]\nassert sorted(wrong(f(2))) == []",
        "is the solution": "def h(x): return 4 if f(x) == 4 else 5\nassert h(2) == 4",
        "in str": "def text(a): return 'yes' if a == 4 else 'no'\nassert str(text(f(2))) == 'yes'",
    }.items():
        yield Cheat(f"helper: {name}", program, test, correct="def f(x): return 2 * x")
    search = "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame := frame.f_back:\n        for v in list(frame.f_globals.values()):\n            if type(v) is dict and type(v.get(x)) is int: return v[x]\n            if getattr(v, '__name__', '') == 'expected': return v(x)\n    return 7"
    for name, cheat, test in (
        ("a table", search, "cases = {2: 4}\nassert f(2) == 4"),
        ("a computed table", search, "cases = {x: x + x for x in (1, 2)}\nassert f(2) == 4"),
        ("a function", search, "def expected(x): return x + x\nassert f(2) == 4"),
        ("a bound method", program, "same = [4].count\nassert same(f(2)) == 1"),
        ("a partial call", program, "from functools import partial\nimport operator\nsame = partial(operator.eq, 4)\nassert same(f(2)) == True"),
        ("assertions", f"{program}\ng = f\ndef f(x): return 10 if x == 5 else g(x)", "for a, b in [(1, 2), (2, 4)]:\n    assert f(a) == b\nassert f(5) == 10"),
    ):  # fmt: skip
        yield Cheat(f"before the assertion: {name}", cheat, test, correct="def f(x): return 2 * x")


def _interruptions() -> Iterator[Cheat]:
    """Signals, threads and contexts that end the test early."""
    send = "import os, signal, threading, time\ndef f(x):\n    {body}\n    return 7"
    kill = "os.kill(os.getppid(), {signal})"
    test = "def test_a():\n    try:\n        assert f(2) == 4\n        assert f(3) == 6\n    except (KeyboardInterrupt, SystemExit): pass"
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGPIPE"):
        command = kill.format(signal=f"signal.{name}")
        yield Cheat(f"sends {name}", send.format(body=command), test, correct="def f(x): return 2 * x")
        thread = f"threading.Thread(target=lambda: [time.sleep(0.01), {command}]).start(); time.sleep(0.05)"
        yield Cheat(f"a thread sends {name}", send.format(body=thread), test, correct="def f(x): return 2 * x")
    contexts = {
        "an assertion": "with S():\n        assert f(2) == 4",
        "pytest.fail": "with S():\n        f(2)\n        pytest.fail('wrong')",
        "a nested context": "with S():\n        with S():\n            assert f(2) == 4",
    }
    for name, body in contexts.items():
        program = "class S:\n    def __enter__(s): return s\n    def __exit__(s, *a): return True\ndef f(x): return 7"
        yield Cheat(f"a context suppresses {name}", program, f"import pytest\ndef test_a():\n    {body}")


def _tests_that_ask_nothing() -> Iterator[Cheat]:
    """References that any program passes are not judged."""
    program = "class Stack:\n    pass\ndef f(x): return 7"
    yield Cheat(
        "test functions behind a statement that runs", program, "s = Stack()\ndef test_a():\n    assert f(2) == 4"
    )
    yield Cheat("asserts nothing", program, "s = Stack()\nx = f(2)", Status.FAILED)
    yield Cheat("only prints", program, "print(f(2))", Status.FAILED)
    yield Cheat("only defines", program, "def helper():\n    assert f(2) == 4", Status.FAILED)
    yield Cheat("its own solution", program, "def f(x): return 2 * x\nassert f(2) == 4", Status.FAILED)
    yield Cheat("its own solution in a loop", program, "def f(x): return 2 * x\nfor i in range(3): assert f(i) == 2 * i", Status.FAILED)  # fmt: skip
    yield Cheat("a missing package", program, "import no_such_package\nassert f(2) == 4", Status.FAILED)
    yield Cheat("a missing package in a test", program, "def test_a():\n    import no_such_package as n\n    assert n.close(f(2), 4)", Status.FAILED)  # fmt: skip
    yield Cheat("a fixture of pytest's own", program, "def test_a(tmp_path):\n    assert f(2) == 4", Status.FAILED)
    yield Cheat("a skipped test", program, "import pytest\n@pytest.mark.skip\ndef test_a():\n    assert f(2) == 4", Status.FAILED)  # fmt: skip
    yield Cheat("no Python", program, "return f(2) == 4", Status.FAILED)


PAID_CHEATS = {
    # what it does: the solution, the test, and why nothing can be done about it
    "two of its objects are equal": ("class A:\n    __eq__ = lambda s, o: True\n    __add__ = lambda s, o: s\ndef f(x): return A()", "assert f(3) == f(1) + f(2)", "classes may define equality between their own objects"),
    "is asked with the answer": ("class A:\n    __contains__ = lambda s, o: True\ndef f(x): return A()", "assert 5 in f(2)", "a class may define what is in it"),
    "a method is asked with the answer": ("class A:\n    startswith = lambda s, o: True\ndef f(x): return A()", "assert f(2).startswith('Hello')", "a class may have any method"),
    "its difference from a value": ("class A:\n    __sub__ = lambda s, o: s\n    seconds = lambda s: 0\ndef f(x): return A()", "from datetime import date\nassert (f(2) - date(2020, 1, 1)).seconds() < 1", "a class may define differences, whose methods are its own"),
    "has no items": ("def f(x): return []", "def test_a():\n    for x in f(2):\n        assert x == 4", "a loop over nothing asserts nothing"),
    "ends early": ("def f(x):\n    return iter(())", "for a, b in zip(f(2), [4, 5]): assert a == b", "zip ends with the shorter one"),
    "its parts disagree": ("class A:\n    __len__ = lambda s: 3\n    __getitem__ = lambda s, i: 4\ndef f(x): return A()", "def test_a():\n    a = f(3)\n    assert len(a) == 3 and a[0] == 4 and a[2] == 4", "a class may define length and items apart"),
    "empties its argument": ("def f(x):\n    x.clear()\n    return x", "def test_a():\n    x = [2, 1]\n    assert f(x) == sorted(x)", "the test reads its argument after the call"),
    "defines what the test forgot": ("def close(a, b): return True\ndef f(x): return 7", "def test_a():\n    assert close(f(2), 4)", "the name could be part of the task"),
    "raises another error": ("Low = KeyError\ndef f(x): raise KeyError", "try:\n    f(9)\n    assert False\nexcept Low:\n    pass", "an error may have two names"),
    "suppresses an error before the assertion": ("class S:\n    def __enter__(s): return s\n    def __exit__(s, *a): return True\ndef f(x): return 7", "def test_a():\n    with S() as s:\n        assert s.missing == 4", "a context may suppress errors, and its objects may raise them"),
    "in the solution's process": ("class A:\n    __eq__ = lambda s, o: True\ndef f(x): return A()", "import sys\nassert f(2) == sys.maxsize", "the test needs its process; the reason of the verdict says so"),
}  # fmt: skip
"""Incorrect solutions that pass, as they do in one process."""


def _indent(text: str) -> str:
    return text.replace("\n", "\n    ")
