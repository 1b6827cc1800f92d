"""A test that is code in one process, the solution in another; runs inside the sandbox, where `herokit_code.apart` sends it.

The test's code, and the word that says it has passed, never come into the solution's process.
"""

from __future__ import annotations

import builtins
import os
import sys

from herokit_code.ends import METHODS, End
from herokit_code.wire import GoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

UNASKED = " unasked"
"""Said behind the word by a test that has asked nothing of the solution."""


class Space(dict[str, "Any"]):
    """The names that a test's code sees: its own, and for any other that is not built in, the solution's."""

    def __init__(self, end: End) -> None:
        super().__init__(__name__="test", __builtins__=builtins)
        self.end = end

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        return self.end.ask("name", name)


def _module_of(end: End) -> Any:
    """Return a module `solution`, to import from."""

    def look(name: str) -> Any:
        if name == "__all__":
            return end.ask("names")
        try:
            return end.ask("name", name)
        except KeyError:
            raise AttributeError(name) from None

    module = type(sys)("solution")
    module.__getattr__ = look  # type: ignore[method-assign]
    return module


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
        os._exit(0)
    os.close(down[0])
    os.close(up[1])
    out = os.dup(1)
    os.dup2(2, 1)
    word, _, code = sys.stdin.read().partition("\n")
    end = End(up[0], down[1], {"iter": iter, "next": next, "hash": hash})
    try:
        end.receive()
        sys.modules["solution"] = _module_of(end)
        exec(compile(code, "test.py", "exec"), Space(end))  # noqa: S102 - what the process is for
    except GoneError:
        _follow(child)
    os.write(out, f"\n{word}{'' if end.asked else UNASKED}".encode())


def _serve(program: str, reading: int, writing: int) -> None:
    module = sys.modules["solution"] = type(sys)("solution")
    space = vars(module)
    exec(compile(program, "solution.py", "exec"), space)  # noqa: S102 - what the sandbox is for
    names: dict[str, Callable[..., Any]] = {
        "name": space.__getitem__,
        "names": lambda: [name for name in space if name[0] != "_"],
    }
    end = End(reading, writing, {**METHODS, **names, "isinstance": isinstance, "getattr": getattr, "setattr": setattr})
    end.put(end.text("ready"))
    while True:
        try:
            message = end.receive()
        except GoneError:
            return
        end.answer(*message)


def _follow(child: int) -> NoReturn:
    """End as the solution has ended."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    if code == 0:
        os.write(2, b"the solution has left\n")
    os._exit(code if code > 0 else 1)
