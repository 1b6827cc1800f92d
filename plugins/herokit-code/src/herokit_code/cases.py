r"""Tests of a solution, read from a sample's reference in the forms that data sets use.

============================================== =======================================================
reference                                      what is tested
============================================== =======================================================
``{"inputs": [...], "outputs": [...]}``        stdin to stdout; with ``"fn_name"`` calls and their results (APPS)
``[{"input": ..., "output": ...}, ...]``       the same, a test each; ``"testtype": "functional"`` is a call,
                                               one JSON argument a line (LiveCodeBench)
``["assert f(1) == 2", ...]``                  assertions, a test each (MBPP)
``{"test": "def check(f): ...", "entry_point": "f"}``   one test, the whole code (HumanEval); ``Solution().f`` too
any other text                                 Python code; each top-level ``assert`` is a test; without any, each
                                               function ``test...()`` with its parameters and fixtures, or
                                               else the whole code
============================================== =======================================================

Expected values that can be compared outside the sandbox never enter it, so a solution cannot copy them: printed text, a
call's result, and ``assert f(x) == literal``. Other code runs in another process than the solution, if it can
(`herokit_code.two_process`).
"""

import ast
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from herokit.errors import DataError
from herokit_code.long_integers import literal, load_json, parse, unparse
from herokit_code.pytest_functions import is_main_guard, pytest_calls

__all__ = ["Case", "ExpressionCase", "ScriptCase", "StdoutCase", "read_cases"]

_MAX_CASES = 1_000
_MAX_CHARS = 4_000_000
_ASSERTING_WORDS = ("assert", "check", "expect", "exit", "fail", "raises", "verify")
"""Parts of the names of functions with which a test fails a solution."""


@dataclass(frozen=True, slots=True)
class StdoutCase:
    """A program's output for an input."""

    stdin: str
    expected: str


@dataclass(frozen=True, slots=True)
class ExpressionCase:
    """The value of an expression.

    Attributes:
        expression: what is evaluated.
        expected: its value.
        setup: code that runs before.
        exact: compare with ``==``; else lists equal tuples, and floats may differ a little.
        accept_unwrapped: the only item of an expected list is accepted as well.
    """

    expression: str
    expected: Any
    setup: str = ""
    exact: bool = True
    accept_unwrapped: bool = False


@dataclass(frozen=True, slots=True)
class ScriptCase:
    """Code that must run to its end, with the solution's names available.

    Attributes:
        code: the test.
        shared_process: what is tested instead if the code would have to run in the solution's process.
    """

    code: str
    shared_process: ExpressionCase | None = None


Case: TypeAlias = StdoutCase | ExpressionCase | ScriptCase
"""One test of a solution."""


def read_cases(reference: str) -> tuple[Case, ...]:
    """Read the tests in a reference.

    Raises:
        DataError: there are no tests, more than a thousand, or the text cannot be read.

    Example:
        >>> read_cases("assert double(2) == 4")
        (ExpressionCase(expression='double(2)', expected=4, setup='', exact=True, accept_unwrapped=False),)
        >>> read_cases('{"inputs": ["1"], "outputs": ["2"]}')
        (StdoutCase(stdin='1', expected='2'),)
    """
    if len(reference) > _MAX_CHARS:
        raise DataError(f"the tests are {len(reference):,} characters long; at most {_MAX_CHARS:,} are read")
    try:
        data = load_json(reference)
    except (ValueError, RecursionError):
        data = reference
    try:
        cases = _read(data)
    except (KeyError, TypeError, ValueError, SyntaxError, RecursionError, MemoryError, AttributeError) as error:
        raise DataError(f"the tests cannot be read: {type(error).__name__}: {error}") from None
    if not 0 < len(cases) <= _MAX_CASES:
        raise DataError(f"a reference must hold 1 to {_MAX_CASES} tests, got {len(cases)}")
    return tuple(cases)


def _read(data: Any) -> list[Case]:
    if isinstance(data, str):
        return _read_assertions(data)
    if isinstance(data, list):
        if all(isinstance(entry, str) for entry in data):
            return [case for entry in data for case in _read_assertions(entry)]
        return [_read_entry(entry) for entry in data]
    if "test" in data:
        compile(parse(data["test"]), "test", "exec", dont_inherit=True)
        if "check" not in _function_names(data["test"]):
            raise ValueError("'test' defines no function check")
        return [ScriptCase(f"{data['test']}\ncheck({_entry_point(data['entry_point'])})\n")]
    name = data.get("fn_name")
    for key in ("inputs", "outputs"):
        if not isinstance(data[key], list):
            raise TypeError(f"{key!r} must be a list, got {data[key]!r:.100}")
    pairs = zip(data["inputs"], data["outputs"], strict=True)
    return [
        replace(_call_case(name, given, expected), accept_unwrapped=True)
        if name
        else StdoutCase(_as_text(given), _as_text(expected))
        for given, expected in pairs
    ]


def _read_entry(entry: dict[str, Any]) -> Case:
    if entry.get("testtype") == "functional":
        arguments = [load_json(line) for line in entry["input"].split("\n") if line.strip()]
        name = entry.get("fn_name") or entry["metadata"]["func_name"]
        return _call_case(name, arguments, load_json(entry["output"]))
    return StdoutCase(_as_text(entry["input"]), _as_text(entry["output"]))


def _call_case(name: str, arguments: Any, expected: Any) -> ExpressionCase:
    listed = ", ".join(literal(a) for a in (arguments if isinstance(arguments, list) else [arguments]))
    return ExpressionCase(f"_solution({_identifier(name)!r})({listed})", expected, exact=False)


def _identifier(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"expected a function's name, got {name!r}")
    return name


def _entry_point(name: str) -> str:
    """Return the expression of the function that is tested: a name, or a method as ``Solution().f``."""
    owner, separator, method = name.rpartition("().")
    return f"{_identifier(owner)}{separator}{_identifier(method)}" if separator else _identifier(name)


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(_as_text, value))
    return value if isinstance(value, str) else str(value)


def _read_assertions(code: str) -> list[Case]:
    """Return one test for each top-level assertion; the statements before it are its setup."""
    tree = parse(code)
    compile(tree, "test", "exec", dont_inherit=True)
    cases: list[Case] = []
    setup, only_imports = "", True
    for statement in tree.body:
        if isinstance(statement, ast.Assert):
            cases.append(_assertion_case(statement, setup, only_imports=only_imports))
        else:
            setup = f"{setup}\n{unparse(statement)}" if setup else unparse(statement)
            only_imports = only_imports and isinstance(statement, ast.Import | ast.ImportFrom)
    if cases or not setup:
        return cases
    calls = pytest_calls(tree.body)
    if not (calls or any(map(_runs_something, tree.body))) or not _asserts_something(tree):
        raise ValueError("the code asserts nothing where it runs: its functions are never called")
    return [ScriptCase(setup if call == "pass" else f"{setup}\n{call}\n") for call in calls or ["pass"]]


def _assertion_case(statement: ast.Assert, setup: str, *, only_imports: bool) -> Case:
    test = statement.test
    script = ScriptCase(f"{setup}\n{unparse(statement)}\n")
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return script
    try:
        expected = ast.literal_eval(test.comparators[0])
    except (ValueError, TypeError, SyntaxError):
        return script
    expression = ExpressionCase(unparse(test.left), expected, setup)
    # other statements may hold what is expected, where a solution can find it, or compare it themselves
    hides = _hides_expected(test.left) and only_imports
    return expression if hides else replace(script, shared_process=expression)


def _hides_expected(expression: ast.expr) -> bool:
    """Return whether an expression, evaluated in the solution's process, does not show what is expected of it.

    True of a call, alone or wrapped: ``sorted(f(3))``; not of ``abs(f(3) - 6)`` or ``f(3) == 6``, which show it.
    """
    while isinstance(expression, ast.Call):
        inner = [node for each in expression.args for node in ast.walk(each) if isinstance(node, ast.Call)]
        if not inner:
            return not any(isinstance(node, ast.Call) for node in ast.walk(expression.func))
        if len(expression.args) > 1 or expression.keywords or not isinstance(expression.func, ast.Name):
            return False
        expression = expression.args[0]
    return False


def _runs_something(statement: ast.stmt) -> bool:
    """Return whether a statement does more than define something when a test is imported."""
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
    if isinstance(statement, definitions) or is_main_guard(statement):
        return False
    return any(isinstance(node, ast.Assert | ast.Raise | ast.Call) for node in ast.walk(statement))


def _asserts_something(tree: ast.Module) -> bool:
    """Return whether a code can fail a solution otherwise than by an error of the solution's own."""
    names = [node.id if isinstance(node, ast.Name) else getattr(node, "attr", "") for node in ast.walk(tree)]
    is_assertion = any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(tree))
    return is_assertion or any(word in name.lower() for name in names for word in _ASSERTING_WORDS)


def _function_names(code: str) -> list[str]:
    """Return the names of the functions at the top level."""
    return [statement.name for statement in parse(code).body if isinstance(statement, ast.FunctionDef)]
