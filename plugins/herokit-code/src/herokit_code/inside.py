"""A test that is code in one process, the solution in another; runs inside the sandbox, where `herokit_code.apart` sends it.

The test's code, and the word that says it has passed, never come into the solution's process.
"""

from __future__ import annotations

import builtins
import os
import sys

from herokit_code.ends import End, kept
from herokit_code.mirror import TOLD, Mirror, plain
from herokit_code.special import BINARY, CONTAINERS, VERBS, Handle
from herokit_code.wire import MODULES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

UNASKED = " unasked"
"""Said behind the word by a test that has asked nothing of the solution."""

DEEP = 10_000
"""Frames that reading what a solution returns may take; the solution has as many as ever."""

CATCHING = (AssertionError, Exception, BaseException)
"""What a solution's error must not be, by another name: it would catch the test's own."""

LIBRARY = {("re", "Pattern"), ("re", "Match"), ("random", "Random")}
_ANY: dict[int, int] = {}
VIEWS_OF_DICTS = (type(_ANY.keys()), type(_ANY.values()), type(_ANY.items()))


class Space(dict[str, "Any"]):
    """The names that a test's code sees: its own, and for any other that is not built in, the solution's."""

    def __init__(self, end: End, code: str) -> None:
        super().__init__(__name__="test", __builtins__=builtins)
        self.end, self.code = end, code

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        found = self.end.ask("name", name)
        if any(found is each for each in CATCHING) or (
            name in MODULES and f"{name}." in self.code and not isinstance(found, type(sys))
        ):
            raise KeyError(name)
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
            found = self.end.ask("name", name)
        except KeyError:
            raise AttributeError(name) from None
        if any(found is each for each in CATCHING):
            raise AttributeError(name)
        return found

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
        "iter": iter,
        "next": next,
        "hash": hash,
        "call": lambda function, args, named: _own(end, function)(*args, **named),
        "getattr": _look,
        "method": _of_library,
        **{name: _shown(VERBS[name]) for name in ("len", "contains", "getitem", "eq")},
    }
    end.receive()
    Solution.end = end
    sys.modules["solution"] = Solution("solution")
    exec(compile(code, "test.py", "exec", dont_inherit=True), Space(end, code))  # noqa: S102 - what the process is for
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


def _is_library(value: Any) -> bool:
    """Tell the few kinds of a library's objects that tests hand over and that lead nowhere else."""
    kind = type(value)
    name = kind.__module__, kind.__qualname__
    return (name in LIBRARY and kind is getattr(sys.modules.get(name[0]), name[1], None)) or kind in VIEWS_OF_DICTS


def _of_library(value: Any, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    if not _is_library(value) or type(name) is not str or name[:1] == "_":
        raise TypeError("what a test hands over can be called and gone through, and no more")
    return getattr(type(value), name)(value, *args, **named)


def _shown(verb: Callable[..., Any]) -> Callable[..., Any]:
    def done(value: Any, *rest: Any) -> Any:
        if not _is_library(value):
            raise TypeError("what a test hands over can be called and gone through, and no more")
        return verb(value, *rest)

    return done


def _look(value: Any, name: str) -> Any:
    """Return what a decorator wants to know of a function that the test has handed over, or what a library's object has."""
    if (
        type(name) is not str
        or name not in (*TOLD, "pattern", "flags", "groups", "string")
        or not (name in TOLD or _is_library(value))
    ):
        raise AttributeError(name)
    return getattr(value, name)


def _follow(child: int) -> NoReturn:
    """End at once as the solution has ended, whatever the test would catch."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    if code == 0:
        os.write(2, b"the solution has left\n")
    os._exit(code if code > 0 else 1)


def _keeping(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: kept(function(*args))


def _same(value: Any) -> Any:
    return value


def _serve(program: str, reading: int, writing: int) -> NoReturn:
    """Be the solution."""
    module = sys.modules["solution"] = type(sys)("solution")
    space = vars(module)
    exec(compile(program, "solution.py", "exec", dont_inherit=True), space)  # noqa: S102 - what the sandbox is for
    verbs: dict[str, Callable[..., Any]] = {
        **VERBS,
        **{name: _keeping(VERBS[name]) for name in VERBS if name[0] == "i" and name[1:] in BINARY},
        "name": lambda name: kept(space[name]),
        "rename": space.__setitem__,
        "names": lambda: list(space.get("__all__", space)),
        "getattr": _keeping(getattr),
        "getitem": _keeping(VERBS["getitem"]),
        "next": lambda value: kept(next(value)) if type(value) is type(iter([])) else next(value),
        "method": lambda value, *rest: (kept if type(value) in CONTAINERS.values() else _same)(
            VERBS["method"](value, *rest)
        ),
        "call": lambda function, args, named: function(*args, **named),
        "plain": plain,
        "copy": lambda value: __import__("copy").copy(value),
        "deepcopy": lambda value: __import__("copy").deepcopy(value),
    }
    end = End(os.fdopen(reading, "rb"), os.fdopen(writing, "wb"), verbs, lambda: os._exit(0))
    end.send("ready")
    while True:
        end.answer(*end.receive())
