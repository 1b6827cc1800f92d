"""A test that is code and the solution in two processes: cheats fail, and honest programs work."""

import json

import pytest

from herokit import Sample, Status
from herokit_code import CodeVerifier, Limits
from herokit_code.two_process import can_run_separately

LIMITS = Limits(timeout=4.0)
TEST = json.dumps(
    [
        "assert f(2) == 2 + 2",
        "assert abs(f(3) - 6) < 1e-6",
        "assert 5.9 < f(3) < 6.1",
        "assert f(5) in (9, 10)",
        "assert not f(6) - 12",
        "import math\nassert math.isclose(f(2), 4)",
        "assert math.isclose(f(2), 4)",
        "d = f(3) - 6\nassert d * d < 1e-6",
        "d = f(3)\nd -= 6\nassert abs(d) < 1e-6",
        "assert f'{f(3) - 6:.2f}' == '0.00'",
        "assert all(map(lambda c: f(c) == 2 * c, [1, 2]))",
        "for got, expected in zip(map(f, [1, 2]), [2, 4]):\n    assert got == expected",
        "try:\n    f(9)\n    assert False\nexcept Low:\n    pass",
        "for g in (f, lambda x: f(x)):\n    assert [g(1), g(2)] == [2, 4]",
    ]
)


def verdict(program, reference=TEST, limits=LIMITS, **settings):
    sample = Sample("", f"```python\n{program}\n```", 0, reference=reference)
    return CodeVerifier(limits, **settings).verify([sample])[0]


ALIKE = (
    "__eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = lambda s, *o: True; __hash__ = lambda s: 0"
)
ENDPOINT = """
import sys
def endpoint():
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("endpoint"), "exported"):
        frame = frame.f_back
    return frame.f_locals["endpoint"]
"""
"""Source text of a cheat: the solution's endpoint, result on the stack."""
CHEATS = {
    "equals everything": f"class A:\n    {ALIKE}\ndef f(x): return A()",
    "has distance 0 to everything": f"class A:\n    {ALIKE}\n    __sub__ = __rsub__ = __abs__ = __neg__ = lambda s, *o: 0\ndef f(x): return A()",
    "an int that equals everything": f"class A(int):\n    {ALIKE}\n    __sub__ = __rsub__ = lambda s, *o: s\ndef f(x): return A(7)",
    "a text that equals everything": f"class A(str):\n    {ALIKE}\ndef f(x): return A('')",
    "a list that equals everything": f"class A(list):\n    {ALIKE}\ndef f(x): return A()",
    "a tuple with names": f"class A(tuple):\n    {ALIKE}\n    _fields = ()\ndef f(x): return A()",
    "calls itself a Counter": f"class A:\n    {ALIKE}\nA.__module__, A.__qualname__ = 'collections', 'Counter'\ndef f(x): return A()",
    "says it is an int": f"class A:\n    {ALIKE}\n    __class__ = int\n    __int__ = __index__ = lambda s: 7\ndef f(x): return A()",
    "a class": f"class M(type):\n    {ALIKE}\nclass f(metaclass=M):\n    {ALIKE}\n    def __init__(s, x): pass",
    "an exception that equals everything": f"class A(Exception):\n    {ALIKE}\ndef f(x): return A()",
    "raises what is caught": "def f(x): raise AssertionError",
    "exits": "import os\ndef f(x): os._exit(0)",
    "exits with SystemExit": "import sys\ndef f(x): sys.exit(0)",
    "exits on import": "import sys; sys.exit()",
    "kills its parent": "import os\ndef f(x):\n    os.kill(os.getppid(), 15)",
    "stops the test": "import os\ndef f(x):\n    os.kill(os.getppid(), 19)",
    "interrupts the test": "import os\ndef f(x):\n    os.kill(os.getppid(), 2); return 7",
    "forks, both answer": "import os\ndef f(x): os.fork(); return 7",
    "replaces the harness": "import sys\nfor m in ('runner', 'rpc_endpoint', 'wire'):\n    for k, v in list(vars(sys.modules['herokit_code.' + m]).items()):\n        if callable(v) and k[0] != '_': setattr(sys.modules['herokit_code.' + m], k, lambda *a, **k: True)\ndef f(x): return 7",
    "replaces assertions": "import builtins\nbuiltins.abs = builtins.AssertionError = lambda *a: 0\ndef f(x): return 7",
    "guesses the token": "import os\ndef f(x):\n    for d in range(64):\n        try: os.write(d, b'\\nsecret')\n        except OSError: pass\n    return 7",
    "reads the test": "import os\ndef f(x):\n    for d in range(64):\n        try: os.lseek(d, 0, 0); t = os.read(d, 99)\n        except OSError: t = b''\n        if b'def test' in t: os.write(d, b'x')\n    return t",
    "looks for the test in memory": "import gc\ndef f(x): return next((o for o in gc.get_objects() if isinstance(o, dict) and 'test_a' in o), None)",
    "looks into the other process": "import ctypes, os\ndef f(x): return ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)",
    "endless items": "def f(x):\n    while True: yield x",
    "an endless number": "def f(x): return 10 ** 10 ** 9",
    "a deep list": "def f(x):\n    for _ in range(10**5): x = [x]\n    return x",
    "itself": "def f(x):\n    x = []; x.append(x); return x",
    "no repr": "class A:\n    def __repr__(s): raise KeyError\ndef f(x): return A()",
    "errors without a message": "class E(Exception):\n    def __str__(s): raise s\n    args = property(lambda s: 1 / 0)\ndef f(x): raise E",
    "a class created in the test's process": ENDPOINT + "def f(x):\n    e = endpoint()\n    return e.request('call', e.request('call', type, ('X', (), {'__eq__': lambda *a: True, '__sub__': lambda *a: 0}), {}), (), {})",
    "a built-in function called in the test's process": ENDPOINT + "def f(x):\n    e = endpoint(); return e.request('call', exec, ('import os; os._exit(0)',), {})",
    "a class that derives from int": ENDPOINT + "def f(x):\n    sys.modules['herokit_code.rpc_endpoint'].describe_class = lambda c: ('X', '', (int,), ('sub', 'abs', 'eq'), (), '')\n    return type('X', (), {'__eq__': lambda *a: True, '__sub__': lambda *a: 0})()",
    "an exception of any base": ENDPOINT + "def f(x):\n    sys.modules['herokit_code.rpc_endpoint'].describe_class = lambda c: ('X', '', (type, ValueError), ('sub', 'abs', 'eq'), (), '')\n    return type('X', (Exception,), {'__eq__': lambda *a: True})()",
    "a falsy difference": "class A:\n    __sub__ = __rsub__ = __abs__ = lambda s, *o: s\n    __bool__ = lambda s: False\n    __len__ = lambda s: 0\n    __lt__ = lambda s, o: True\ndef f(x): return A()",
    "a difference that is a number": f"class A:\n    {ALIKE}\n    __sub__ = __rsub__ = lambda s, *o: B(0)\nclass B(int, A): pass\ndef f(x): return A()",
    "a library's object created in the test's process": ENDPOINT + "from collections import defaultdict\ndef f(x):\n    e = endpoint()\n    return e.request('call', e.request('method', defaultdict(type), 'default_factory', ('X', (), {'__eq__': type}), {}), (), {})",
    "a method's name of a class of its own": ENDPOINT + "class N(str):\n    isidentifier = lambda s: True\n    __getitem__ = lambda s, i: 'a'\nsys.modules['herokit_code.rpc_endpoint'].describe_class = lambda c: ('N', '', (), (), (), 'str') if c is N else ('X', '', (), (), (N('__sub__'),), '')\ndef f(x): return type('X', (), {'__sub__': lambda *a: 0})()",
    "a difference squared": "class D:\n    __sub__ = __isub__ = lambda s, o: s\n    __mul__ = lambda s, o: 0\n    __format__ = lambda s, f: '0.00'\n    __float__ = __neg__ = lambda s: 0.0\ndef f(x): return D()",
    "ends the loop": "def f(x): raise StopIteration",
    "another name for every error": "Low = Exception\ndef f(x): return 7",
    "a library of its own": "class math: isclose = staticmethod(lambda *a: True)\ndef f(x): return 7",
    "noise on the wire": "import os\ndef f(x):\n    for d in range(3, 64):\n        try: os.write(d, b'o' * 999)\n        except OSError: pass\n    return 7",
    "replies without a request": ENDPOINT + "def f(x):\n    e = endpoint()\n    for _ in range(9): e.send('value', 7, {}, None)\n    return 7",
}  # fmt: skip


@pytest.mark.sandbox
@pytest.mark.parametrize("name", CHEATS)
def test_cheat_fails(name):
    result = verdict(CHEATS[name], limits=Limits(timeout=1.0))
    assert result.value == 0.0, result


SETS = "class S(set): pass\nclass D:\n    __and__ = __rand__ = lambda s, o: S(o)\n    __sub__ = __rsub__ = lambda s, o: S()\ndef f(x): return D()"


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "test", ["assert {2, 4} & f(1) == {2, 4}", "assert {2, 4} - f(1) == set()", "assert (f(1) & {2}) == {2}"]
)
def test_set_without_differences_fails(test):
    assert verdict(SETS, test).value == 0.0
    assert verdict("def f(x): return {2, 4, 5}", test).value == 1.0


@pytest.mark.sandbox
def test_rational_of_the_solution_is_not_a_number_to_a_decimal():
    names = ("eq", "lt", "le", "hash", "abs", "neg", "pos", "trunc", "floor", "ceil", "round")
    both = ("add", "mul", "truediv", "floordiv", "mod", "pow")
    ways = " = ".join(f"__{name}__" for name in (*names, *both, *(f"r{name}" for name in both)))
    rational = f"import numbers\nclass R(numbers.Rational):\n    numerator = denominator = 0\n    {ways} = lambda s, *o: 0\ndef f(x): return R()"
    assert verdict(rational, "from decimal import Decimal\nassert f(2) == Decimal('4.5')").value == 0.0


@pytest.mark.sandbox
def test_solution_can_only_call_functions_of_the_test():
    program = ENDPOINT + "def f(g):\n    if g() == 4: return endpoint().request('getattr', g, '__globals__')"
    result = verdict(program, "def test_a():\n    assert f(lambda: 4) == 7")
    assert result.reason == "0 of 1 tests; test 1: AttributeError: __globals__"


IMPORTED = (
    "import math\nfrom solution import *\nfrom solution import f\nassert abs(f(3) - 6) < 1e-6 and math.isclose(f(2), 4)"
)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "program",
    [
        "__path__ = ['/box']\nopen('/box/f.py', 'w').write('import os; os._exit(0)')",
        "__all__ = ['f', 'abs', 'math', '__builtins__']\ndef abs(x): return 0\nclass math: isclose = lambda *a: True\ndef f(x): return 0",
    ],
)
def test_solution_cannot_replace_what_the_test_imports(program):
    assert verdict(program, IMPORTED).value == 0.0
    assert verdict("def f(x): return 2 * x", IMPORTED).value == 1.0


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "program", ["def f(x: List[int]): return 2 * x", "def f(x):\n    if x == 3: import os; os._exit(0)\n    return 4"]
)
def test_program_that_exits_or_cannot_be_imported_fails(program):
    assert (
        verdict(program, "for i in (2, 3):\n    try:\n        assert f(i) == 2 * i\n    except:\n        pass").value
        == 0.0
    )


HONEST = {
    # name: program, test
    "exact types": ("def f(x): return x", "for v in (1, True, None, 2.5, 'ä\\ud800', b'x', bytearray(b'y'), [1], (1,), {1}, frozenset({1}), {'a': [()]}, 2j, range(3), 10**5000, -7):\n    assert f(v) == v and type(f(v)) is type(v)"),
    "numbers": ("def f(x): return x", "import math\nassert math.isnan(f(math.nan)) and f(-math.inf) == -math.inf and math.copysign(1, f(-0.0)) == -1"),
    "library types": ("def f(x): return x", "from collections import *\nfrom fractions import Fraction\nfrom decimal import Decimal\nfrom datetime import date, timedelta\nfor v in (Counter('aab'), OrderedDict(b=1, a=2), deque([1], 2), Fraction(1, 3), Decimal('1.10'), date(2020, 2, 29), timedelta(days=2)):\n    assert f(v) == v and type(f(v)) is type(v)\nassert f(Counter('a'))['z'] == 0"),
    "named tuples": ("from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(x): return P(x, 1)", "assert f(2).x == 2 and f(2) == (2, 1)"),
    "enumerations": ("from enum import Enum, IntEnum\nclass C(str, Enum):\n    RED = 'red'\nN = IntEnum('N', 'a b')\ndef f(x): return [C.RED, N.b]", "assert f(0) == ['red', 2]"),
    "arguments changed in place": ("def f(a, d, s, b):\n    a.sort(); d['x'] = 1; s.add(2); b += b'!'", "a, d, s, b = [2, 1], {}, set(), bytearray(b'a')\nf(a, d, s, b)\nassert (a, d, s, b) == ([1, 2], {'x': 1}, {2}, b'a!')"),
    "functions as arguments": ("def f(g, x): return list(map(g, x))", "k = 3\nassert f(lambda v: v * k, [1, 2]) == [3, 6] and f(len, ['ab']) == [2]"),
    "functions as results": ("def f(n): return lambda x: x + n", "assert f(2)(3) == 5 and callable(f(1))"),
    "iterators": ("def f(n):\n    while True:\n        yield n; n += 1\ndef g(xs): return sum(xs)", "from itertools import islice\nassert list(islice(f(2), 3)) == [2, 3, 4] and next(f(7)) == 7 and g(x for x in range(4)) == 6 and dict(zip('ab', f(0))) == {'a': 0, 'b': 1}"),
    "own errors": ("class Low(ValueError):\n    def __init__(s, have): super().__init__('low'); s.have = have\ndef f(x): raise Low(x)", "try:\n    f(3)\nexcept Low as e:\n    assert str(e) == 'low' and e.have == 3 and isinstance(e, ValueError)\nelse:\n    assert False"),
    "errors": ("def f(x): return {}[x]", "try:\n    f(3)\nexcept KeyError as e:\n    assert e.args == (3,)\nelse:\n    assert False"),
    "errors of input": ("def f(x): return input()", "try:\n    f(3)\nexcept EOFError:\n    pass\nelse:\n    assert False"),
    "objects": ("class S:\n    size = 3\n    def __init__(s): s.all = []\n    def push(s, x): s.all.append(x); return s\n    def __len__(s): return len(s.all)\n    def __contains__(s, x): return x in s.all\n    def __getitem__(s, i): return s.all[i]\n    def __setitem__(s, i, x): s.all[i] = x\n    def __bool__(s): return bool(s.all)\n    def __str__(s): return 'S'\n    def __iter__(s): return iter(s.all)", "s = S()\nassert not s and S.size == 3 and s.push(1) is s and s and len(s) == 1 and 1 in s and 2 not in s\ns[0] = 5\nassert s[0] == 5 and list(s) == [5] and str(s) == 'S' == f'{s}' and s.all == [5] and isinstance(s, S) and not isinstance(3, S)\ns.extra = 1\nassert s.extra == 1 and hasattr(s, 'push') and not hasattr(s, 'pop')"),
    "objects that compare and add": ("from dataclasses import dataclass\n@dataclass(frozen=True, order=True)\nclass V:\n    x: int\n    def __add__(s, o): return V(s.x + o.x)\n    def __mul__(s, k): return V(s.x * k)\n    __rmul__ = __mul__", "assert V(1) + V(2) == V(3) != V(4) and 3 * V(1) == V(1) * 3 and V(1) < V(2) and len({V(1), V(1)}) == 1 and sorted([V(2), V(1)])[0].x == 1 and V(1) != 1"),
    "linked objects": ("class N:\n    def __init__(s, v, n=None): s.v, s.n = v, n\ndef f(n):\n    r = None\n    while n: r, n.n, n = n, r, n.n\n    return r", "a = N(1, N(2))\nb = f(a)\nassert b.v == 2 and b.n is a and a.n is None"),
    "names": ("import math\nLIMIT = 7\ndef f(x): return math.sqrt(x)", "assert abs(f(2) - math.sqrt(2)) < 1e-9 and LIMIT == 7"),
    "built-in names stay": ("def sorted(x): return 'mine'\ndef f(x): return x", "assert sorted([2, 1]) == [1, 2] and f(1) == 1"),
    "names of the endpoint": ("def endpoint(x): return x\nend = endpoint", "import solution\nassert solution.endpoint(1) == solution.end(1) == 1"),
    "imported": ("def f(x): return x\ndef g(x): return -x", "import solution\nfrom solution import *\nfrom solution import f as h\nassert solution.f(1) == h(1) == -g(1)"),
    "pairs of lists": ("def f(n): return list(range(n))", "assert f(20_000) == list(range(20_000)) and f(3) is not f(3)"),
    "a time zone of its own": ("from datetime import *\nclass Z(tzinfo):\n    def utcoffset(s, t): return timedelta(hours=2)\n    def tzname(s, t): return 'Z'\n    def dst(s, t): return None\ndef f(h): return datetime(2020, 1, 1, h, tzinfo=Z())", "from datetime import datetime, timedelta, timezone\nassert f(2) == datetime(2020, 1, 1, 0, tzinfo=timezone.utc) and f(3) - f(2) == timedelta(hours=1) and f(2).tzname() == 'Z' and f(2).isoformat() == '2020-01-01T02:00:00+02:00'"),
    "a time zone of the library": ("from zoneinfo import ZoneInfo\nfrom datetime import *\ndef f(h): return datetime(2020, 7, 1, h, tzinfo=ZoneInfo('UTC')), time(h, tzinfo=timezone.utc)", "from datetime import datetime, time, timezone\nassert f(2) == (datetime(2020, 7, 1, 2, tzinfo=timezone.utc), time(2, tzinfo=timezone.utc))"),
    "positional match": ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int\ndef f(x): return P(x, 1)", "match f(2):\n    case P(2, y):\n        assert y == 1\n    case _:\n        assert False"),
    "numbers by name": ("import math\nclass N:\n    def __init__(s, x): s.x = x\n    def __index__(s): return s.x\n    def __complex__(s): return s.x + 1j\n    def __bytes__(s): return b'%d' % s.x\n    def __trunc__(s): return s.x\n    def __floor__(s): return s.x - 1\n    def __ceil__(s): return s.x + 1\n    def __length_hint__(s): return s.x\ndef f(x): return N(x)", "import math, operator\nn = f(1)\nassert [7, 8][n] == 8 and hex(n) == '0x1' and list(range(n)) == [0] and complex(n) == 1 + 1j and bytes(n) == b'1' and math.trunc(n) == 1 and math.floor(n) == 0 and math.ceil(n) == 2 and operator.length_hint(n) == 1"),
    "a decimal context of its own": ("from decimal import *\ngetcontext().prec = 50\ndef f(x): return Decimal(x) / 3", "from decimal import Decimal\nassert f(1) * 3 == Decimal('0.' + '9' * 50) and len(str(f(2))) == 52"),
    "an error under another name": ("Low = Exception\nclass S: Bad = AssertionError\ndef f(x):\n    if x: raise Low('low')\n    raise S.Bad('bad')", "try:\n    f(3)\nexcept Low as e:\n    assert str(e) == 'low' and isinstance(e, Exception)\nelse:\n    assert False\ntry:\n    f(0)\nexcept S.Bad as e:\n    assert isinstance(e, AssertionError)\nfor kind in (Exception, BaseException, Low):\n    try:\n        f(1)\n    except kind:\n        continue\n    assert False"),
    "errors passed on": ("def f(g, kind):\n    try: g()\n    except kind as e: return str(e)\nclass S: Bad = Exception", "def g(): raise ValueError('x')\nassert f(g, Exception) == f(g, S.Bad) == f(g, ValueError) == 'x'"),
    "imported last": ("def f(x): return 2 * x\ndef close(a, b): return True", "def close(a, b): return abs(a - b) < 1e-6\nfrom solution import *\nassert close(f(2), 4) and not close(f(2), 5)"),
    "a container with a member": ("class L(list): pass\nclass D(dict): pass\ndef f(x): return L([x]), D({x: 1})", "a, d = f(2)\nassert 2 in a and 3 not in a and 2 in d and 3 not in d"),
    "a vector": ("class V(tuple):\n    def __add__(s, o): return V(a + b for a, b in zip(s, o))\n    def __mul__(s, k): return V(a * k for a in s)\n    def __sub__(s, o): return V(a - b for a, b in zip(s, o))\ndef f(*x): return V(x)", "assert f(1, 2) + f(1, 1) == (2, 3) and f(1, 2) * 2 == (2, 4) and f(3, 3) - f(1, 2) == (2, 1) and f(1, 2) + (1, 1) == (2, 3)"),
    "a second process": ("import os\ndef f(x):\n    r, w = os.pipe()\n    if os.fork() == 0: os.write(w, b'a'); os._exit(0)\n    os.wait(); return os.read(r, 1)", "assert f(0) == b'a'"),
}  # fmt: skip


@pytest.mark.sandbox
@pytest.mark.parametrize("name", HONEST)
def test_honest_program_passes(name):
    program, test = HONEST[name]
    body = "\n    ".join(test.splitlines())
    reference = f"def test_it():\n    {body}" if "import *" not in test else f"if True:\n    {body}"
    assert can_run_separately(reference)
    result = verdict(program, reference, limits=Limits(timeout=10.0, max_processes=2))
    assert (result.value, result.reason) == (1.0, "1 of 1 tests")


@pytest.mark.sandbox
@pytest.mark.parametrize("name", HONEST)
def test_honest_test_fails_without_the_solution(name):
    _, test = HONEST[name]
    assert verdict("x = None", "if True:\n    " + "\n    ".join(test.splitlines())).value == 0.0


@pytest.mark.sandbox
def test_code_that_inspects_its_process_runs_in_the_solutions():
    reference = json.dumps(
        ["class N: v = 2\nassert f(N()) + 0 * f(N()) == f(N())", "assert f(type('N', (), {'v': 2})) + 1 > 2"]
    )
    result = verdict("def f(n): return n.v", reference)
    assert (result.value, result.reason) == (
        0.5,
        "1 of 2 tests, 1 in the solution's process; test 2: AttributeError: v",
    )


@pytest.mark.sandbox
def test_test_that_does_not_use_the_solution_is_not_counted():
    own = "def f(x): return x\nfor i in range(3):\n    assert f(i) == i"
    assert (verdict("def f(x): return 0", own).value, verdict("x = 1", own).status) == (None, Status.FAILED)
    both = json.dumps([own, "for i in range(3):\n    assert g(i) == i"])
    assert verdict("def g(x): return x", both).reason == "1 of 1 tests"


@pytest.mark.sandbox
def test_shared_test_process_runs_tests_in_the_solutions_process():
    result = verdict(
        "class A:\n    __eq__ = lambda s, o: True\ndef f(x): return A()",
        "assert f(2) == 2 + 2 * f(0)",
        test_process="shared",
    )
    assert result.reason.startswith("0 of 1 tests, 1 in the solution's process")
    result = verdict(
        "class A:\n    __eq__ = lambda s, o: True\ndef f(x): return A()", "assert [2, 4] == f(2)", test_process="shared"
    )
    assert (result.value, result.reason) == (1.0, "1 of 1 tests, 1 in the solution's process")


@pytest.mark.sandbox
@pytest.mark.parametrize("settings", [{}, {"partial_credit": False}])
@pytest.mark.parametrize("program", ["def f(x): return 2 * x", "def f(x): return 7", "while True: pass", "("])
def test_reason_counts_tests_that_show_the_solution_what_is_expected(program, settings):
    result = verdict(
        program, "assert abs(f(3) - 6) == 0", limits=Limits(timeout=1.0), test_process="shared", **settings
    )
    assert "of 1 tests, 1 in the solution's process" in result.reason


@pytest.mark.sandbox
def test_separate_test_process_works_without_a_sandbox():
    reference = json.dumps(["assert f(2) == f(1) + 2", "assert abs(f(3) - 6) < 1e-6", "assert abs(f(3) - 6) == 0"])
    correct, incorrect = "def f(x): return 2 * x", CHEATS["has distance 0 to everything"]
    assert [verdict(p, reference, sandbox="none").value for p in (correct, incorrect)] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import math, re\nfrom collections.abc import Iterable\nassert f(math.pi)", True),
        ("import pytest\nwith pytest.raises(ValueError): f(1)", True),
        ("from solution import f\nassert f.__name__ == 'f'", True),
        ("import io, sys", False),
        ("from unittest.mock import patch", False),
        ("from . import x", False),
        ("class T: pass", False),
        ("exec('f(1)')", False),
        ("random.seed(1)", False),
        ("f.__globals__", False),
        ("async def g(): await f()", False),
    ],
)
def test_can_run_separately(code, expected):
    assert can_run_separately(code) is expected
