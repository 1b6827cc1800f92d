"""The programs that run in the sandbox, and reading what they give back."""

import math
import secrets
from typing import Any

from herokit_code.cases import Case, Finishes, Gives, Prints
from herokit_code.runner import UNASKED
from herokit_code.two_process import two_processes
from herokit_code.values import PLAIN, read

_SOLUTION = """
import os as _os
import sys as _sys
_out = _os.dup(1)
_os.dup2(2, 1)
_sys.modules["solution"] = type(_sys)("solution")
_space = vars(_sys.modules["solution"])
exec(compile({program!r}, "solution.py", "exec"), _space)
def _solution(name):
    if name not in _space and "Solution" in _space:
        return getattr(_space["Solution"](), name)
    return _space[name]
_space.setdefault("_solution", _solution)
"""
_GIVES = f"""
from _collections_abc import Set as _Set
{PLAIN.replace("{", "{{").replace("}", "}}")}
exec(compile({{setup!r}}, "setup.py", "exec"), _space)
_os.write(_out, ("\\n" + _written(eval(compile({{expression!r}}, "test.py", "eval"), _space))).encode("utf-8", "replace"))
"""
_FINISHES = """
exec(compile({code!r}, "test.py", "exec"), _space)
_os.write(_out, b"\\n{token}")
"""

MAX_RESULT = 65_536
"""Characters of a result that is read back, beside `room`."""


def room(case: Case) -> int:
    """Return how many characters a right answer may need: those expected, four times, for numbers written longer."""
    if isinstance(case, Finishes):
        return 0
    return 4 * len(case.expected if isinstance(case, Prints) else repr(case.expected))


def script(program: str, case: Case, *, apart: bool) -> tuple[str, str, str]:
    """Return the program to run, what it reads, and the token it prints when it has finished, if any."""
    if isinstance(case, Prints):
        return program, case.stdin, ""
    start = _SOLUTION.format(program=program)
    if isinstance(case, Gives):
        return start + _GIVES.format(setup=case.setup, expression=case.expression), "", ""
    token = secrets.token_hex(8)
    if apart:
        return two_processes(program), f"{token}\n{case.code}", token
    return start + _FINISHES.format(code=case.code, token=token), "", token


def says_nothing(printed: str, token: str) -> bool:
    """Return whether a test has run to its end without asking anything of the solution, so that any program passes it."""
    return bool(token) and printed.rpartition("\n")[2] == token + UNASKED


def passed(case: Case, printed: str, token: str, tolerance: float) -> bool:
    """Return whether what a finished run printed is what the test expects.

    Example:
        >>> passed(Prints("", "1 2"), "1 2", "", 1e-6), passed(Prints("", "0.3333333"), "0.33333333", "", 1e-6)
        (True, True)
    """
    if isinstance(case, Prints):
        return _same_text(printed, case.expected, tolerance)
    last = printed.rpartition("\n")[2]
    if isinstance(case, Finishes):
        return last == token
    if len(last) > MAX_RESULT + room(case):
        return False
    try:
        value = read(last)
        if case.exact:
            return bool(value == case.expected)
        return any(_close(value, expected, tolerance) for expected in _accepted(case))
    except (ValueError, RecursionError):
        return False


def _accepted(case: Gives) -> list[Any]:
    """Return what counts: APPS writes a result 2 as 2 or as [2]."""
    boxed = case.boxed and isinstance(case.expected, list) and len(case.expected) == 1
    return [case.expected, *(case.expected if boxed else [])]


def _same_text(ours: str, theirs: str, tolerance: float) -> bool:
    """Compare line by line without trailing blanks; numbers with a point may be off by `tolerance`, relative."""
    a, b = ([line.rstrip() for line in text.rstrip().splitlines()] for text in (ours, theirs))
    if a == b:
        return True
    if len(a) != len(b):
        return False
    return all(
        len(x.split()) == len(y.split()) and all(map(lambda s, t: _same_word(s, t, tolerance), x.split(), y.split()))
        for x, y in zip(a, b, strict=True)
    )


def _same_word(ours: str, theirs: str, tolerance: float) -> bool:
    if ours == theirs:
        return True
    if "." not in theirs and "e" not in theirs.lower():
        return False
    try:
        return math.isclose(float(ours), float(theirs), rel_tol=tolerance, abs_tol=tolerance)
    except ValueError:
        return False


def _close(ours: Any, theirs: Any, tolerance: float) -> bool:
    """Compare a result with a JSON value: tuples are lists, floats may be off by `tolerance`, relative."""
    if isinstance(theirs, list):
        return (
            isinstance(ours, list | tuple)
            and len(ours) == len(theirs)
            and all(_close(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))
        )
    if isinstance(theirs, dict) and isinstance(ours, dict):
        mine = {str(key): value for key, value in ours.items()}
        return mine.keys() == theirs.keys() and all(_close(mine[k], v, tolerance) for k, v in theirs.items())
    if isinstance(theirs, float) and isinstance(ours, int | float):
        try:
            return math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=tolerance)
        except OverflowError:  # an int beyond every float
            return False
    return bool(ours == theirs)
