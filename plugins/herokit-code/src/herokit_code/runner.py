"""A test that is code in one process, the solution in another; runs inside the sandbox, where `herokit_code.two_process` sends it.

The test's code, and the word that says it has passed, never come into the solution's process.
"""

from __future__ import annotations

import os
import sys

from herokit_code.proxies import plain
from herokit_code.proxy_operators import BINARY, CONTAINERS, VERBS
from herokit_code.rpc_endpoint import End, kept
from herokit_code.tester import Solution, Space, Tester

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

UNASKED = " unasked"
"""Said behind the word by a test that has asked nothing of the solution."""
DEEP = 10_000
"""Frames that reading what a solution returns may take; the solution has as many as ever."""
_THROUGH = type(iter(list[int]()))


def begin(program: str) -> None:
    """Run the solution in a child of this process, and the test, which stdin holds behind the word to say, in this one."""
    down, up = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(down[1])
        os.close(up[0])
        os.dup2(2, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _serve(program, down[0], up[1])
    os.close(down[0])
    os.close(up[1])
    _test(child, up[0], down[1])


def _test(child: int, reading: int, writing: int) -> None:
    """Be the test, and say the word if it passes."""
    sys.setrecursionlimit(DEEP)
    out = os.dup(1)
    os.dup2(2, 1)
    word, _, code = sys.stdin.read().partition("\n")
    end = Tester(os.fdopen(reading, "rb"), os.fdopen(writing, "wb"), child)
    end.receive()  # that it is ready
    Solution.end = end
    sys.modules["solution"] = Solution("solution")
    exec(compile(code, "test.py", "exec", dont_inherit=True), Space(end, code))  # noqa: S102 - what the process is for
    os.write(out, f"\n{word}{'' if end.asked else UNASKED}".encode())


def _serve(program: str, reading: int, writing: int) -> NoReturn:
    """Be the solution, and do what the test asks."""
    module = sys.modules["solution"] = type(sys)("solution")
    space = vars(module)
    exec(compile(program, "solution.py", "exec", dont_inherit=True), space)  # noqa: S102 - what the sandbox is for
    held = ("getattr", "getitem", *(f"i{name}" for name in BINARY))
    verbs: dict[str, Callable[..., Any]] = {
        **VERBS,
        **{name: _keeping(VERBS[name]) for name in held},
        "name": lambda name: kept(space[name]),
        "rename": space.__setitem__,
        "names": lambda: list(space.get("__all__", space)),
        "next": lambda value: kept(next(value)) if type(value) is _THROUGH else next(value),
        "method": _method,
        "call": lambda function, args, named: function(*args, **named),
        "plain": plain,
        "copy": lambda value: __import__("copy").copy(value),
        "deepcopy": lambda value: __import__("copy").deepcopy(value),
    }
    end = End(os.fdopen(reading, "rb"), os.fdopen(writing, "wb"), verbs, lambda: os._exit(0))
    end.send("ready")
    while True:
        end.answer(*end.receive())


def _keeping(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: kept(function(*args))


def _method(value: Any, *rest: Any) -> Any:
    """Call a method; what a container holds stays there."""
    result = VERBS["method"](value, *rest)
    return kept(result) if type(value) in CONTAINERS.values() else result
