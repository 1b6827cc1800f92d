"""Solutions that solve nothing and work on the interpreter, the process or its files; each against every form of test."""

import json
from collections.abc import Iterator

from cheats import Cheat

__all__ = ["interpreter_cheats"]

FORMS = {
    "output": json.dumps({"inputs": ["2"], "outputs": ["4"]}),
    "literal": "assert f(2) == 4",
    "function": json.dumps({"fn_name": "f", "inputs": [[2]], "outputs": [4]}),
    "check": json.dumps({"test": "import math\ndef check(g):\n    for x in (2, 3):\n        try:\n            got = g(x)\n        except (OSError, ValueError):\n            got = None\n        assert math.isclose(got, 2 * x) and got == x * 2", "entry_point": "f"}),
    "test function": "import pytest\nEXPECTED = {2: 4, 3: 6}\n@pytest.mark.parametrize('x', [2, 3])\ndef test_f(x):\n    assert f(x) == pytest.approx(EXPECTED[x])",
}  # fmt: skip
"""References that ask for twice a number, one for each way in which a result is compared."""
_PRINTS = "\nprint(f(2))"
_WRONG = "def f(x=2, *a): return 7" + _PRINTS

PROGRAMS = {
    # Objects
    "a descriptor": "class D:\n    def __get__(s, o, c): return lambda *a: True\nclass A:\n    __eq__ = __lt__ = __le__ = __ge__ = __gt__ = D()\n    __hash__ = None\ndef f(x): return A()" + _PRINTS,
    "a metaclass that is every class": "class M(type):\n    __eq__ = lambda s, o: True\n    __instancecheck__ = __subclasscheck__ = lambda s, o: True\n    __hash__ = lambda s: 0\nclass A(metaclass=M): pass\ndef f(x): return A" + _PRINTS,
    "a property __class__": "class A:\n    __class__ = property(lambda s: int)\n    __eq__ = lambda s, o: True\n    __hash__ = lambda s: 4\n    __index__ = __int__ = lambda s: 7\ndef f(x): return A()" + _PRINTS,
    "a class registered as a number": "import numbers\nclass A:\n    __eq__ = __lt__ = __le__ = lambda s, o: True\n    __sub__ = __rsub__ = __abs__ = lambda s, *o: s\n    __hash__ = lambda s: 4\nnumbers.Integral.register(A)\ndef f(x): return A()" + _PRINTS,
    "__eq__ of the type of results": "import builtins\nclass Meta(type):\n    __eq__ = lambda s, o: True\n    __hash__ = type.__hash__\nclass int(builtins.int, metaclass=Meta):\n    __eq__ = lambda s, o: True\n    __hash__ = lambda s: 4\nbuiltins.int = int\ndef f(x): return int(7)" + _PRINTS,
    "a generator that exits when it is closed": "import os\ndef g():\n    try:\n        yield 7\n    finally:\n        os._exit(0)\ndef f(x): return g()" + _PRINTS,
    "a generator that never closes": "def g():\n    while True:\n        try: yield 7\n        except GeneratorExit: pass\ndef f(x): return g()" + _PRINTS,
    "a coroutine": "async def f(x=2): return 4" + "\nprint(f)",
    "a finalizer that exits": "import os, weakref\nclass A: pass\ndef f(x):\n    a = A(); weakref.finalize(a, os._exit, 0); return 7" + _PRINTS,
    "__del__ exits": "import os\nclass A:\n    __del__ = lambda s: os._exit(0)\ndef f(x):\n    A(); return 7" + _PRINTS,
    "__del__ of the module exits": "import os\nclass A:\n    def __del__(s, exit=os._exit): exit(0)\nkeep = A()\n" + _WRONG,
    "a result that deletes itself": "class A(int):\n    def __del__(s): print(4)\ndef f(x): return A(7)" + _PRINTS,
    "a cached property changes the result": "from functools import cached_property\nclass A:\n    value = cached_property(lambda s: vars(s).update(n=4) or 4)\n    __eq__ = lambda s, o: s.value == 4\n    __hash__ = None\ndef f(x): return A()" + _PRINTS,
    "a slot that lies": "class A(int):\n    __slots__ = ()\n    real = numerator = imag = property(lambda s: 4)\n    as_integer_ratio = lambda s: (4, 1)\n    __eq__ = lambda s, o: o == 4\n    __hash__ = lambda s: 4\ndef f(x): return A(7)" + _PRINTS,
    "not a number": "def f(x): return float('nan')" + _PRINTS,
    "infinity": "def f(x): return float('inf')" + _PRINTS,
    "every value in a set": "def f(x): return set(range(1000))" + _PRINTS,
    "an approximation of everything": "import sys\ndef f(x):\n    p = sys.modules.get('pytest')\n    return p.approx(7, abs=float('inf')) if p else 7" + _PRINTS,
    "unittest.mock.ANY": "from unittest.mock import ANY\ndef f(x): return ANY" + _PRINTS,
    "a MagicMock": "from unittest.mock import MagicMock\nf = MagicMock()\nf.return_value.__eq__ = lambda s, o: True" + _PRINTS,
    # The end of the process
    "atexit exits with 0": "import atexit, os\natexit.register(os._exit, 0)\n" + _WRONG,
    "atexit prints": "import atexit\natexit.register(print, 4)\n" + _WRONG,
    "exits in an exception hook": "import os, sys\nsys.excepthook = sys.unraisablehook = lambda *a: os._exit(0)\ndef f(x): raise ValueError" + _PRINTS,
    "a thread exits": "import os, threading, time\ndef end():\n    time.sleep(0.02); os._exit(0)\nthreading.Thread(target=end).start()\ndef f(x):\n    time.sleep(0.1); return 7" + _PRINTS,
    "a daemon thread that holds the end": "import threading, time\nthreading.Thread(target=time.sleep, args=(0.3,)).start()\n" + _WRONG,
    "an alarm exits": "import os, signal, time\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\nsignal.setitimer(signal.ITIMER_REAL, 0.02)\ndef f(x):\n    time.sleep(0.1); return 7" + _PRINTS,
    "every signal exits": "import os, signal\nfor s in range(1, 32):\n    try: signal.signal(s, lambda *a: os._exit(0))\n    except OSError: pass\ndef f(x): os.kill(os.getpid(), 15); return 7" + _PRINTS,
    "os._exit(0) in the function": "import os\ndef f(x=2): os._exit(0)" + _PRINTS,
    "os._exit(0) at import": "import os\nos._exit(0)\n" + _WRONG,
    "SystemExit without a code": "def f(x=2): raise SystemExit" + _PRINTS,
    "a fork that exits first": "import os\nif os.fork(): os._exit(0)\n" + _WRONG,
    "another program": "import os, sys\ndef f(x=2): os.execv(sys.executable, [sys.executable, '-c', 'print(5)'])" + _PRINTS,
    "the same program with -O": "import os, sys\nif not sys.flags.optimize: os.execv(sys.executable, [sys.executable, '-O', *sys.argv])\n" + _WRONG,
    "the same program with PYTHONOPTIMIZE": "import os, sys\nif not sys.flags.optimize:\n    os.environ['PYTHONOPTIMIZE'] = '2'; os.execv(sys.executable, [sys.executable, 'main.py'])\n" + _WRONG,
    "interactive after the end": "import os\nos.environ['PYTHONINSPECT'] = '1'\n" + _WRONG,
    # The streams
    "results on stderr": "import sys\nprint('\\n4', file=sys.stderr)\n" + _WRONG,
    "results on every descriptor": "import os\ndef f(x):\n    for d in range(64):\n        try: os.write(d, b'\\n5')\n        except OSError: pass\n    os._exit(0)" + _PRINTS,
    "stdout replaced": "import sys\nclass Out:\n    write = flush = lambda s, *a: sys.__stdout__.write('4\\n')\nsys.stdout = Out()\n" + _WRONG,
    "stdout closed": "import os, sys\nos.close(1); sys.stdout = None\ndef f(x): return 7",
    "every descriptor closed": "import os\nos.closerange(0, 256)\n" + _WRONG,
    "descriptors exchanged": "import os\nfor d in range(3, 16):\n    try: os.dup2(1, d)\n    except OSError: pass\n" + _WRONG,
    "print replaced": "import builtins\nbuiltins.print = lambda *a, **k: None\n" + _WRONG,
    "a huge output": "def f(x=2): print('4\\n' * 10**7)" + _PRINTS,
    "a huge result": "def f(x=2): return '4' * 10**8" + _PRINTS,
    "invalid UTF-8": "import sys\nsys.stdout.buffer.write(b'\\xff\\xfe4'); sys.stdout.flush()\ndef f(x): return b'\\xff4'" + _PRINTS,
    "lone surrogates": "import sys\nsys.stdout.reconfigure(errors='surrogatepass')\ndef f(x=2): return '\\ud8004\\udfff'" + _PRINTS,
    "null bytes": "def f(x=2): return '\\x004\\x00'" + _PRINTS,
    "terminal controls": "def f(x=2): return '7\\r4\\x1b[2K\\b4'" + _PRINTS,
    "many results in a line": "print('\\n'.join(map(str, range(100))))\ndef f(x): return range(100)",
    "an answer of another width": "def f(x=2): return '\\u0664'" + _PRINTS,
    # What the test uses
    "builtins replaced": "import builtins\nfor n in ('abs', 'isinstance', 'len', 'all', 'any', 'repr', 'str', 'float'):\n    if n not in ('str', 'float'): setattr(builtins, n, lambda *a, **k: True)\nbuiltins.AssertionError = Warning\n" + _WRONG,
    "patched with unittest.mock": "from unittest.mock import patch\npatch('builtins.abs', lambda x: 0).start(); patch('math.isclose', lambda *a, **k: True).start(); patch('builtins.repr', lambda x: '5').start() \ndef f(x): return 7",
    "math and json replaced": "import json, math\nmath.isclose = lambda *a, **k: True\njson.dumps = lambda *a, **k: '4'\njson.loads = lambda *a, **k: 4\n" + _WRONG,
    "pytest replaced": "import sys\nclass P:\n    __getattr__ = lambda s, n: lambda *a, **k: P()\n    __call__ = lambda s, *a, **k: s\n    __eq__ = lambda s, o: True\nsys.modules['pytest'] = P()\n" + _WRONG,
    "an import hook": "import sys, types\nclass H:\n    def find_spec(s, n, p=None, t=None):\n        from importlib.machinery import ModuleSpec\n        return ModuleSpec(n, s)\n    def create_module(s, spec):\n        m = types.ModuleType(spec.name); m.__getattr__ = lambda n: lambda *a, **k: True; return m\n    def exec_module(s, m): pass\nsys.meta_path.insert(0, H())\nfor n in ('math', 'pytest', 'marshal'): sys.modules.pop(n, None)\n" + _WRONG,
    "a path of its own": "import sys\nfor n in ('math', 'pytest', 'decimal', 'marshal'): open(n + '.py', 'w').write('import os; os._exit(0)\\ndef __getattr__(n): return lambda *a, **k: True'); sys.modules.pop(n, None)\nsys.path.insert(0, '.')\n" + _WRONG,
    "files of Python's start": "import os\nfor n in ('sitecustomize.py', 'usercustomize.py', 'a.pth', 'conftest.py', 'pytest.ini', 'pyvenv.cfg', '__main__.py', 'runner.py', 'wire.py'):\n    open(n, 'w').write('import os; os._exit(0)')\n" + _WRONG,
    "compiled files": "import os, py_compile\nopen('x.py', 'w').write('import os; os._exit(0)')\nos.makedirs('__pycache__', exist_ok=True)\nfor n in ('main', 'math', 'pytest', 'solution', 'test'): py_compile.compile('x.py', f'__pycache__/{n}.cpython-311.pyc')\n" + _WRONG,
    "environment variables": "import os\nos.environ.update(PYTHONPATH='/box', PYTHONOPTIMIZE='2', PYTHONSTARTUP='main.py', PYTHONHASHSEED='1', LD_PRELOAD='/box/x.so', PYTEST_ADDOPTS='-p no:assertion')\n" + _WRONG,
    "its own file changed": "import os\nopen('main.py', 'w').write('print(4)')\n" + _WRONG,
    "links instead of files": "import os\nos.remove('main.py'); os.symlink('/dev/zero', 'main.py'); os.symlink('/', 'root')\n" + _WRONG,
    "equality of numbers changed": "import ctypes, os\ndef f(x):\n    n = 4\n    ctypes.memset(id(4) + 24, 7, 1) if x == 2 else None\n    return 7",
    "harness attributes replaced": "import sys\nm = sys.modules['__main__']\nfor n in list(vars(m)):\n    if n[:2] != '__' and callable(getattr(m, n)): setattr(m, n, lambda *a, **k: '4')\nm._result = 4\n" + _WRONG,
    "os replaced": "import os\nold = os.write\nos.write = lambda d, b: old(d, b'\\n5')\nos._exit = lambda c: None\n" + _WRONG,
    # Looking for the expected value
    "frames": "import sys\ndef f(x=2):\n    frame = sys._getframe()\n    while frame.f_back:\n        frame = frame.f_back\n        for value in [*frame.f_code.co_consts, *frame.f_locals.values(), *frame.f_globals.values()]:\n            if type(value) is int and value > 3: return value\n            if type(value) is dict and x in value: return value[x]\n    return 7" + _PRINTS,
    "the caller's locals changed": "import ctypes, sys\ndef f(x=2):\n    frame = sys._getframe(1)\n    for name in list(frame.f_locals): frame.f_locals[name] = 7\n    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))\n    return 7" + _PRINTS,
    "a trace function": "import sys\ndef trace(frame, event, value):\n    if frame.f_code.co_name in ('check', 'test_f', '<module>'): frame.f_locals.update(got=4, x=3.5, EXPECTED={2: 7, 3: 7})\n    frame.f_trace_lines = True\n    return trace\nsys.settrace(trace)\nf = lambda x=2: 7" + _PRINTS,
    "a profile function": "import os, sys\nsys.setprofile(lambda frame, event, value: os._exit(0) if frame.f_code.co_name in ('check', 'test_f', '_write_result') else None)\nf = lambda x=2: 7",
    "an audit hook": "import os, sys\nsys.addaudithook(lambda name, args: os._exit(0) if name in ('exec', 'compile', 'os._exit') else None)\n" + _WRONG,
    "the garbage collector's objects": "import gc\ndef f(x=2):\n    for o in gc.get_objects():\n        if type(o) is dict and type(o.get(x)) is int: return o[x]\n        if type(o) is tuple and len(o) == 2 and o[0] == x and type(o[1]) is int: return o[1]\n    return 7" + _PRINTS,
    "referrers of the argument": "import gc\ndef f(x=2):\n    for o in gc.get_referrers(x):\n        if type(o) is dict and type(o.get('expected')) is int: return o['expected']\n    return 7" + _PRINTS,
    "memory of the process": "import ctypes\ndef f(x=2):\n    for address in range(id(f) & ~0xfff, (id(f) & ~0xfff) + 0x40000, 0x1000):\n        try: data = ctypes.string_at(address, 16)\n        except Exception: break\n        if b'EXPECTED' in data: return 4\n    return 7" + _PRINTS,
    "a memory map": "import mmap, os\ndef f(x=2):\n    m = mmap.mmap(-1, 1 << 20)\n    for d in range(3, 64):\n        try: m = mmap.mmap(d, 0, mmap.MAP_SHARED, mmap.PROT_READ); return m[:]\n        except (OSError, ValueError): pass\n    return 7" + _PRINTS,
    "files of the machine": "import os\ndef f(x=2):\n    for folder in ('/proc/self', '/proc/1', '/box', '/tmp', '/dev', '/old', '/'):\n        try: names = os.listdir(folder)\n        except OSError: continue\n        for n in names:\n            try: text = open(f'{folder}/{n}').read(9999)\n            except (OSError, ValueError): continue\n            if 'EXPEC' 'TED' in text or 'def ' 'check' in text: return 4\n    return 7" + _PRINTS,
    "traces its parent": "import ctypes, os\nc = ctypes.CDLL(None)\ndef f(x=2):\n    for pid in (os.getppid(), 1):\n        c.ptrace(16, pid, 0, 0); c.process_vm_readv(pid, 0, 0, 0, 0, 0); c.syscall(438, pid, 1, 0); c.syscall(434, pid, 0)\n    return 7" + _PRINTS,
    "sockets to descriptors": "import array, os, socket\na, b = socket.socketpair()\ndef f(x=2):\n    for d in range(3, 32):\n        try: a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [d]))]); os.write(socket.recv_fds(b, 9, 1)[1][0], b'\\n4')\n        except Exception: pass\n    return 7" + _PRINTS,
    "counts its calls in a file": "import os\ndef f(x=2):\n    open('n', 'a').write('x'); return os.path.getsize('n') * 7" + _PRINTS,
    # Exhaustion
    "deep recursion": "import sys\nsys.setrecursionlimit(10**9)\ndef f(x=2): return f(x)" + _PRINTS,
    "a recursion limit of nothing": "import sys\ndef f(x=2):\n    sys.setrecursionlimit(sys._getframe().f_lineno + 9); return 7" + _PRINTS,
    "no memory left": "keep = []\ntry:\n    while True: keep.append(bytearray(1 << 20))\nexcept MemoryError: pass\n" + _WRONG,
    "no descriptors left": "import os\ntry:\n    while True: os.dup(1)\nexcept OSError: pass\n" + _WRONG,
    "no disk left": "try:\n    f = open('x', 'wb')\n    while True: f.write(bytes(1 << 20))\nexcept OSError: pass\n" + _WRONG,
    "no processes left": "import os, time\nfor _ in range(50):\n    try:\n        if os.fork() == 0: time.sleep(9); os._exit(0)\n    except OSError: break\n" + _WRONG,
    "limits of its own": "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))\n" + _WRONG,
    "warnings are errors": "import warnings\nwarnings.simplefilter('error')\n" + _WRONG,
    "a stopped parent": "import os, signal\ndef f(x=2): os.kill(os.getppid(), signal.SIGSTOP); return 7" + _PRINTS,
    "kills everything": "import os\ndef f(x=2):\n    for s in (9, 15): os.kill(-1, s)\n    os.kill(0, 9)" + _PRINTS,
}  # fmt: skip
TEXTS = {
    "a null byte in the program": "x = '\x00'\n" + _WRONG,
    "a lone surrogate in the program": "x = '\ud800'\n" + _WRONG,
    "a byte order mark": "\ufeff" + _WRONG,
    "a declared encoding": "# -*- coding: utf-7 -*-\n" + _WRONG,
    "form feeds and carriage returns": "\x0c\r" + _WRONG,
    "a deep expression": "x = " + "(" * 5000 + ")" * 5000 + "\n" + _WRONG,
    "a deep operator": "x = " + "-" * 100_000 + "1\n" + _WRONG,
    "a long line": f"x = '{'a' * 150_000}'\n{_WRONG}",
    "braces of a template": "x = {'{modules!r}': '{program}'}\n'''{token}'''\n" + _WRONG,
    "quotes that end a text": "''' \"\"\" '\n" + _WRONG,
    "bidirectional controls": "x = '\u202e4'\n" + _WRONG,
    "names that are normalized": "\uff46 = lambda x=2: 7\n" + _PRINTS,
}
"""Programs whose text is unusual."""


def interpreter_cheats(*, every_form: bool = False) -> Iterator[Cheat]:
    """Yield every program with one form of test, in turn, or with every form."""
    forms = list(FORMS.items())
    for number, (name, program) in enumerate({**PROGRAMS, **TEXTS}.items()):
        for form, reference in forms if every_form else [forms[number % len(forms)]]:
            yield Cheat(f"{name}: {form}", program, reference)
