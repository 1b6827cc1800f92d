"""A test that is code in one process, the solution in another; runs inside the sandbox, where `herokit_code.apart` sends it.

The test's code, and the word that says it has passed, never come into the solution's process.
"""

from __future__ import annotations

import builtins
import os
import sys

from herokit_code.ends import End, kept
from herokit_code.mirror import TOLD, VERBS, Handle, Mirror, plain
from herokit_code.wire import MODULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

UNASKED = " unasked"
"""Said behind the word by a test that has asked nothing of the solution."""

DEEP = 10_000
"""Frames that reading what a solution returns may take; the solution has as many as ever."""


class Space(dict[str, "Any"]):
    """The names that a test's code sees: its own, and for any other that is not built in, the solution's."""

    def __init__(self, end: End) -> None:
        super().__init__(__name__="test", __builtins__=builtins)
        self.end = end

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        found = self.end.ask("name", name)
        if isinstance(found, Mirror) or (isinstance(found, Handle) and not found.herokit_base):
            self[name] = found  # asked once: functions and classes stay what they are
        return found


class Solution(type(sys)):  # type: ignore[misc]
    """The module `solution`, to import from."""

    end: End

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            names = self.end.ask("names")
            return [n for n in names if n[:1] != "_" and not hasattr(builtins, n) and n not in MODULES]
        if name[:2] == name[-2:] == "__":
            raise AttributeError(name)
        try:
            return self.end.ask("name", name)
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name[:2] == name[-2:] == "__":
            super().__setattr__(name, value)
        else:
            self.end.ask("rename", name, value)


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
    sys.setrecursionlimit(DEEP)
    os.close(down[0])
    os.close(up[1])
    out = os.dup(1)
    os.dup2(2, 1)
    word, _, code = sys.stdin.read().partition("\n")
    files = os.fdopen(up[0], "rb"), os.fdopen(down[1], "wb")
    end = End(*files, {}, lambda: _follow(child))
    end.often = lambda: _together(child)  # type: ignore[method-assign]
    end.verbs = {
        **{verb: _of_library(what) for verb, what in VERBS.items()},
        "method": _of_library(_public_method),
        **{function.__name__: function for function in (iter, next, hash)},
        "call": lambda function, args, named: _own(end, function)(*args, **named),
        "getattr": _look,
    }
    end.receive()
    Solution.end = end
    sys.modules["solution"] = Solution("solution")
    exec(compile(code, "test.py", "exec", dont_inherit=True), Space(end))  # noqa: S102 - what the process is for
    os.write(out, f"\n{word}{'' if end.asked else UNASKED}".encode())


def _together(child: int) -> None:
    """Put both processes on this processor: one works at a time, and to wake the other on an idle one takes several times longer."""
    from ctypes import CDLL  # seldom needed, and this starts often

    here = {CDLL(None).sched_getcpu()}
    try:
        os.sched_setaffinity(child, here)
        os.sched_setaffinity(0, here)
    except OSError:  # gone, or not allowed here
        return


def _own(end: End, function: Any) -> Any:
    """Return a function of the test's that it has handed over: no other is called for the solution."""
    if id(function) not in end.numbers:
        raise TypeError("the test has not handed this over")
    return function


def _of_library(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Allow something with a library's objects only, a pattern or a random generator: of the test's own they show nothing."""

    def done(value: Any, *rest: Any) -> Any:
        kind = type(value)
        if kind.__module__ not in MODULES and kind not in (type({}.keys()), type({}.values()), type({}.items())):
            raise TypeError("what a test hands over can be called and gone through, and no more")
        return verb(value, *rest)

    return done


def _look(value: Any, name: str) -> Any:
    """Return what a decorator wants to know of a function that the test has handed over, or what a library's object has."""
    if name in TOLD:
        return getattr(value, name)
    try:
        return _of_library(_public)(value, name)
    except TypeError:
        raise AttributeError(name) from None


def _public(value: Any, name: str) -> Any:
    if name[:1] == "_":
        raise AttributeError(name)
    return getattr(value, name)


def _public_method(value: Any, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return _public(value, name)(*args, **named)


def _follow(child: int) -> NoReturn:
    """End at once as the solution has ended, whatever the test would catch."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    if code == 0:
        os.write(2, b"the solution has left\n")
    os._exit(code if code > 0 else 1)


def _serve(program: str, reading: int, writing: int) -> NoReturn:
    """Be the solution."""
    module = sys.modules["solution"] = type(sys)("solution")
    space = vars(module)
    exec(compile(program, "solution.py", "exec", dont_inherit=True), space)  # noqa: S102 - what the sandbox is for
    verbs: dict[str, Callable[..., Any]] = {
        **VERBS,
        "name": lambda name: kept(space[name]),
        "rename": space.__setitem__,
        "names": lambda: list(space.get("__all__", space)),
        "getattr": lambda value, name: kept(getattr(value, name)),
        "getitem": lambda value, key: kept(value[key]),
        "call": lambda function, args, named: function(*args, **named),
        "plain": plain,
        "copy": lambda value: __import__("copy").copy(value),
        "deepcopy": lambda value: __import__("copy").deepcopy(value),
    }
    end = End(os.fdopen(reading, "rb"), os.fdopen(writing, "wb"), verbs, lambda: os._exit(0))
    end.send("ready")
    while True:
        end.answer(*end.receive())
