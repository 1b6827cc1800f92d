"""The programs that run a case inside the sandbox, and reading and comparing their results outside it."""

import ast
import math
import re
import secrets
from typing import Any

from herokit_code.cases import Case, ExpressionCase, ScriptCase, StdoutCase
from herokit_code.imports import usual_imports
from herokit_code.long_integers import literal, read_integer
from herokit_code.runner import UNUSED_SOLUTION
from herokit_code.two_process import compiled_module, two_process_program

__all__ = ["case_program", "expected_output_size", "is_passed", "is_solution_unused"]

_RESULT_WRITER = """
def _to_literal(value):
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, complex):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, dict):
        return {_to_literal(k): _to_literal(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_to_literal(v) for v in value]
    if isinstance(value, tuple):
        return tuple([_to_literal(v) for v in value])
    if isinstance(value, _Set):
        return {_to_literal(v) for v in value}
    for kind in (int, float):
        if hasattr(value, f"__{kind.__name__}__") and kind(value) == value:
            return kind(value)
    raise TypeError
def _write_result(value):
    try:
        return repr(_to_literal(value))
    except Exception:
        return repr(value)
"""
"""Source text that writes a result as an equal literal: a Counter as a dict, a named tuple as a tuple, Decimal(4) as 4."""

_PREAMBLE = """
import os as _os
import sys as _sys
_out = _os.dup(1)
_os.dup2(2, 1)
_sys.modules["solution"] = type(_sys)("solution")
_namespace = vars(_sys.modules["solution"])
for _name, _code in {modules!r}:
    _sys.modules[_name] = type(_sys)(_name)
    exec(__import__("marshal").loads(_code), vars(_sys.modules[_name]))
exec({imports!r}, _namespace)
exec(compile({program!r}, "solution.py", "exec"), _namespace)
def _solution(name):
    if hasattr(_namespace.get("Solution"), name):
        return getattr(_namespace["Solution"](), name)
    return _namespace[name]
_namespace.setdefault("_solution", _solution)
"""
_EXPRESSION = f"""
from _collections_abc import Set as _Set
{_RESULT_WRITER.replace("{", "{{").replace("}", "}}")}
exec(compile({{setup!r}}, "setup.py", "exec"), _namespace)
_result = eval(compile({{expression!r}}, "test.py", "eval"), _namespace)
_os.write(_out, ("\\n" + _write_result(_result)).encode("utf-8", "replace"))
"""
_SCRIPT = """
exec(compile({code!r}, "test.py", "exec"), _namespace)
_os.write(_out, b"\\n{token}")
"""

_MAX_SHORT = 4_300
"""Digits of an integer that Python reads by default."""
_MAX_RESULT_CHARS = 65_536
"""Characters of a result that are read, in addition to `expected_output_size`."""


def expected_output_size(case: Case) -> int:
    """Return how many characters a correct result may need: four times those expected, as numbers may be longer."""
    if isinstance(case, ScriptCase):
        return 0
    return 4 * len(case.expected if isinstance(case, StdoutCase) else literal(case.expected))


def case_program(program: str, case: Case, *, separate: bool) -> tuple[str, str, str]:
    """Return the program that runs a case, its stdin, and the token that it prints at its end, if any.

    Args:
        program: the solution.
        case: the test.
        separate: whether a `ScriptCase` runs in another process than the solution.
    """
    if isinstance(case, StdoutCase):
        return program, case.stdin, ""
    code = case.setup if isinstance(case, ExpressionCase) else case.code
    is_answer = "class Solution" in program or (isinstance(case, ExpressionCase) and not case.exact)
    preamble = _PREAMBLE.format(
        program=program,
        imports=usual_imports(program) if is_answer else "",
        modules=[("pytest", compiled_module("pytest"))] if "pytest" in code else [],
    )
    if isinstance(case, ExpressionCase):
        return preamble + _EXPRESSION.format(setup=case.setup, expression=case.expression), "", ""
    token = secrets.token_hex(8)
    if separate:
        return two_process_program(program, case.code), f"{token}\n{case.code}", token
    return preamble + _SCRIPT.format(code=case.code, token=token), "", token


def is_solution_unused(stdout: str, token: str) -> bool:
    """Return whether a test has run to its end without using the solution, so that any program would pass it."""
    return bool(token) and stdout.rpartition("\n")[2] == token + UNUSED_SOLUTION


def is_passed(case: Case, stdout: str, token: str, tolerance: float) -> bool:
    """Return whether a run that exited normally printed what the case expects.

    Example:
        >>> is_passed(StdoutCase("", "1 2"), "1 2", "", 1e-6)
        True
        >>> is_passed(StdoutCase("", "0.3333333"), "0.33333333", "", 1e-6)
        True
    """
    if isinstance(case, StdoutCase):
        return _same_text(stdout, case.expected, tolerance)
    last_line = stdout.rpartition("\n")[2]
    if isinstance(case, ScriptCase):
        return last_line == token
    if len(last_line) > _MAX_RESULT_CHARS + expected_output_size(case):
        return False
    try:
        value = _read_literal(last_line)
        if case.exact:
            return bool(value == case.expected)
        return any(_is_close(value, accepted, tolerance) for accepted in _accepted_values(case))
    except (ValueError, RecursionError):
        return False


def _accepted_values(case: ExpressionCase) -> list[Any]:
    """Return the values that are correct: APPS writes a result 2 as 2 or as [2]."""
    unwrap = case.accept_unwrapped and isinstance(case.expected, list) and len(case.expected) == 1
    return [case.expected, *(case.expected if unwrap else [])]


_LITERAL_TOKEN = re.compile(
    r"""\s+ | [][(){},:+-] | (?:True|False|None|infj?|nan|set)\b | (?:\d+\.?\d*(?:e[+-]?\d+)?j?)(?![\w.])
    | b?'(?:[^'\\\n]|\\['"\\nrt]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})*'
    | b?"(?:[^"\\\n]|\\['"\\nrt]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})*" """,
    re.VERBOSE,
)


def _read_literal(text: str) -> Any:
    """Return the value that `repr` wrote; hostile.

    Only text that `repr` can write is passed to the compiler, which would print warnings for other text.

    Raises:
        ValueError: the text is not the repr of a plain value.

    Example:
        >>> _read_literal("[1, -inf, {'a': (2.5,)}, set()]")
        [1, -inf, {'a': (2.5,)}, set()]
    """
    position, tokens = 0, []
    while position < len(text):
        match = _LITERAL_TOKEN.match(text, position)
        if not match:
            raise ValueError(f"not a value: {text[position : position + 40]!r}")
        token = {"inf": "1e999", "infj": "1e999j"}.get(match[0], match[0])
        tokens.append(hex(read_integer(token)) if len(token) > _MAX_SHORT and token.isdecimal() else token)
        position = match.end()
    try:
        tree = ast.parse("".join(tokens), mode="eval")
        return ast.literal_eval(_NotANumber().visit(tree) if "nan" in tokens else tree)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"not a value: {error}") from None


class _NotANumber(ast.NodeTransformer):
    """Replaces the name nan by the number."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Return a constant for nan."""
        return ast.Constant(math.nan) if node.id == "nan" else node


def _same_text(actual: str, expected: str, tolerance: float) -> bool:
    """Compare line by line without trailing blanks; decimals may differ by `tolerance`, relative and absolute."""
    a, b = ([line.rstrip() for line in text.rstrip().splitlines()] for text in (actual, expected))
    if a == b:
        return True
    if len(a) != len(b):
        return False
    return all(
        len(x.split()) == len(y.split()) and all(map(lambda s, t: _same_word(s, t, tolerance), x.split(), y.split()))
        for x, y in zip(a, b, strict=True)
    )


def _same_word(actual: str, expected: str, tolerance: float) -> bool:
    if actual == expected:
        return True
    if "." not in expected and "e" not in expected.lower():
        return False
    try:
        return math.isclose(float(actual), float(expected), rel_tol=tolerance, abs_tol=tolerance)
    except ValueError:
        return False


def _is_close(actual: Any, expected: Any, tolerance: float) -> bool:
    """Compare a result with a JSON value: tuples equal lists, floats may differ by `tolerance`, relative and absolute."""
    if isinstance(expected, list):
        return (
            isinstance(actual, list | tuple)
            and len(actual) == len(expected)
            and all(_is_close(a, b, tolerance) for a, b in zip(actual, expected, strict=True))
        )
    if isinstance(expected, dict) and isinstance(actual, dict):
        by_text = {str(key): value for key, value in actual.items()}
        return by_text.keys() == expected.keys() and all(
            _is_close(by_text[key], value, tolerance) for key, value in expected.items()
        )
    if isinstance(expected, float) and isinstance(actual, int | float):
        if math.isnan(expected):
            return actual != actual  # noqa: PLR0124 - NaN
        try:
            return math.isclose(actual, expected, rel_tol=tolerance, abs_tol=tolerance)
        except OverflowError:  # an int beyond every float
            return False
    return bool(actual == expected)
