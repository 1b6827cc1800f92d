r"""Tests of a solution, read from a sample's reference in the forms that data sets use.

============================================== =======================================================
reference                                      what is tested
============================================== =======================================================
``{"inputs": [...], "outputs": [...]}``        stdin to stdout; with ``"fn_name"`` calls and their results (APPS)
``[{"input": ..., "output": ...}, ...]``       the same, a test each; ``"testtype": "functional"`` is a call,
                                               one JSON argument a line (LiveCodeBench)
``["assert f(1) == 2", ...]``                  assertions, a test each (MBPP)
``{"test": "def check(f): ...", "entry_point": "f"}``   one test, the whole code (HumanEval)
any other text                                 Python code; each top-level ``assert`` is a test; without any, each
                                               function ``test...()``, or else the whole code
============================================== =======================================================

What a test expects never enters the sandbox where it can be compared outside: printed text, a call's result, and
``assert f(x) == literal``. A solution cannot copy what it cannot see. Other code runs in another process than the
solution, where it can (`herokit_code.two_process`).
"""

import ast
import json
from dataclasses import dataclass, replace
from typing import Any

from herokit.errors import DataError

MAX_CASES = 1_000
MAX_REFERENCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Prints:
    """Given this on stdin, the program prints that."""

    stdin: str
    expected: str


@dataclass(frozen=True, slots=True)
class Gives:
    """After `setup`, an expression has this value.

    Attributes:
        expression: what is evaluated.
        expected: its value.
        setup: what runs before.
        exact: ``==``; otherwise tuples are lists and floats may be off a little.
        boxed: a list of one stands for the one as well.
    """

    expression: str
    expected: Any
    setup: str = ""
    exact: bool = True
    boxed: bool = False


@dataclass(frozen=True, slots=True)
class Finishes:
    """This code runs to its end, with the solution's names at hand.

    Attributes:
        code: the test.
        beside: what is tested instead where the code would have to run in the solution's process.
    """

    code: str
    beside: Gives | None = None


Case = Prints | Gives | Finishes
"""One test of a solution."""


def cases(reference: str) -> tuple[Case, ...]:
    """Read the tests.

    Raises:
        DataError: there is none, there are more than a thousand, or the text cannot be read.

    Example:
        >>> cases("assert double(2) == 4")
        (Gives(expression='double(2)', expected=4, setup='', exact=True, boxed=False),)
        >>> cases('{"inputs": ["1"], "outputs": ["2"]}')
        (Prints(stdin='1', expected='2'),)
    """
    if len(reference) > MAX_REFERENCE:
        raise DataError(f"the tests are {len(reference):,} characters long; at most {MAX_REFERENCE:,} are read")
    try:
        data = json.loads(reference)
    except (ValueError, RecursionError):
        data = reference
    try:
        found = _read(data)
    except (KeyError, TypeError, ValueError, SyntaxError, RecursionError, MemoryError, AttributeError) as error:
        raise DataError(f"the tests cannot be read: {type(error).__name__}: {error}") from None
    if not 0 < len(found) <= MAX_CASES:
        raise DataError(f"a reference holds 1 to {MAX_CASES} tests, got {len(found)}")
    return tuple(found)


def _read(data: Any) -> list[Case]:
    if isinstance(data, str):
        return _asserts(data)
    if isinstance(data, list):
        if all(isinstance(entry, str) for entry in data):
            return [case for entry in data for case in _asserts(entry)]
        return [_one(entry) for entry in data]
    if "test" in data:
        if "check" not in _defined(data["test"]):
            raise ValueError("'test' defines no function check")
        return [Finishes(f"{data['test']}\ncheck({_name(data['entry_point'])})\n")]
    name = data.get("fn_name")
    for key in ("inputs", "outputs"):
        if not isinstance(data[key], list):
            raise TypeError(f"{key!r} is a list, got {data[key]!r:.100}")
    pairs = zip(data["inputs"], data["outputs"], strict=True)
    return [
        replace(_call(name, given, wanted), boxed=True) if name else Prints(_text(given), _text(wanted))
        for given, wanted in pairs
    ]


def _one(entry: dict[str, Any]) -> Case:
    if entry.get("testtype") == "functional":
        arguments = [json.loads(line) for line in entry["input"].split("\n") if line.strip()]
        return _call(entry.get("fn_name") or entry["metadata"]["func_name"], arguments, json.loads(entry["output"]))
    return Prints(_text(entry["input"]), _text(entry["output"]))


def _call(name: str, arguments: Any, wanted: Any) -> Gives:
    given = ", ".join(repr(a) for a in (arguments if isinstance(arguments, list) else [arguments]))
    return Gives(f"_solution({_name(name)!r})({given})", wanted, exact=False)


def _name(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"a function's name, got {name!r}")
    return name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "\n".join(map(_text, value)) if isinstance(value, list) else str(value)


def _asserts(code: str) -> list[Case]:
    """Return one test for each top-level assertion; what stands before it is its setup."""
    found: list[Case] = []
    setup: list[str] = []
    for statement in ast.parse(code).body:
        if not isinstance(statement, ast.Assert):
            setup.append(ast.unparse(statement))
            continue
        before = "\n".join(setup)
        test = statement.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            try:
                expected = ast.literal_eval(test.comparators[0])
            except (ValueError, TypeError, SyntaxError):
                pass
            else:
                gives = Gives(ast.unparse(test.left), expected, before)
                plain = _tells_nothing(test.left)
                found.append(gives if plain else Finishes(f"{before}\n{ast.unparse(statement)}\n", beside=gives))
                continue
        found.append(Finishes(f"{before}\n{ast.unparse(statement)}\n"))
    if found or not setup:
        return found
    body = "\n".join(setup)
    if any(not _idle(statement) for statement in ast.parse(body).body):
        return [Finishes(body)]
    tests = [name for name in _defined(code) if name.startswith("test")]
    if not tests:
        raise ValueError("the code asserts nothing where it runs: its functions are never called")
    return [Finishes(f"{body}\n{name}()\n") for name in tests]


def _tells_nothing(expression: ast.expr) -> bool:
    """Whether the solution, in whose process an expression is evaluated, cannot tell from it what is expected.

    So it is of a call, alone or wrapped: ``sorted(f(3))``; not of ``abs(f(3) - 6)`` or ``f(3) == 6``, which say it.
    """
    while isinstance(expression, ast.Call):
        inner = [node for each in expression.args for node in ast.walk(each) if isinstance(node, ast.Call)]
        if not inner:
            return not any(isinstance(node, ast.Call) for node in ast.walk(expression.func))
        if len(expression.args) > 1 or expression.keywords or not isinstance(expression.func, ast.Name):
            return False
        expression = expression.args[0]
    return False


def _defined(code: str) -> list[str]:
    """Return the names of the functions at the top level."""
    return [statement.name for statement in ast.parse(code).body if isinstance(statement, ast.FunctionDef)]


def _idle(statement: ast.stmt) -> bool:
    """Whether a statement defines, and does nothing: a solution would pass whatever it is."""
    if isinstance(statement, ast.If):  # a main guard is false in a test
        return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test))
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
        return not any(isinstance(node, ast.Call) for node in ast.walk(statement))
    return isinstance(
        statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Pass
    )
