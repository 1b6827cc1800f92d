"""The test's side: the names that its code sees, and what the solution may ask of it; runs inside the sandbox."""

from __future__ import annotations

import builtins
import os
import sys

from herokit_code.proxies import TOLD, Mirror
from herokit_code.proxy_operators import VERBS, Handle
from herokit_code.rpc_endpoint import End, refuse
from herokit_code.wire import LIBRARIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

OFTEN = 100
"""From so many questions on, it pays to bring the two processes together."""
CATCHING = (AssertionError, Exception, BaseException)
"""What a solution's error must not be, by another name: it would catch the test's own."""
OPEN = {("re", "Pattern"), ("re", "Match"), ("random", "Random")}
OPEN_ATTRIBUTES = ("pattern", "flags", "groups", "string")
_ANY: dict[int, int] = {}
VIEWS_OF_DICTS = (type(_ANY.keys()), type(_ANY.values()), type(_ANY.items()))


class Tester(End):
    """The test's end of the wire: it knows how often it has asked, and shows little."""

    def __init__(self, reading: Any, writing: Any, child: int) -> None:
        verbs: dict[str, Callable[..., Any]] = {"iter": iter, "next": next, "hash": hash, "getattr": _look}
        verbs |= {"call": self._call, "method": _of_library}
        verbs |= {name: _shown(VERBS[name]) for name in ("len", "contains", "getitem", "eq")}
        super().__init__(reading, writing, verbs, lambda: _follow(child))
        self.child, self.asked = child, 0

    def ask(self, verb: str, *rest: Any) -> Any:
        """Have the solution's end do something."""
        self.asked += 1
        if self.asked == OFTEN:
            _together(self.child)
        return super().ask(verb, *rest)

    def name(self, name: str) -> Any:
        """Return what the solution calls so.

        Raises:
            KeyError: nothing, or what would catch the test's own errors.
        """
        found = self.ask("name", name)
        if any(found is each for each in CATCHING):
            raise KeyError(name)
        return found

    def _call(self, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if id(function) not in self.numbers:
            raise TypeError("the test has not handed this over")
        return function(*args, **named)


class Space(dict[str, "Any"]):
    """The names that a test's code sees: its own, and for any other that is not built in, the solution's."""

    def __init__(self, end: Tester, code: str) -> None:
        super().__init__(__name__="test", __builtins__=builtins)
        self.end, self.code = end, code

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        found = self.end.name(name)
        if name in LIBRARIES and f"{name}." in self.code and not isinstance(found, type(sys)):
            raise KeyError(name)
        if isinstance(found, Mirror) or (isinstance(found, Handle) and not found.herokit_base):
            self[name] = found  # asked once: functions and classes stay what they are
        return found


class Solution(type(sys)):  # type: ignore[misc]
    """The module `solution`, to import from."""

    end: Tester

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            names = self.end.ask("names")
            return [n for n in names if n[:1] != "_" and not hasattr(builtins, n) and n not in LIBRARIES]
        if name[:2] == name[-2:] == "__":
            raise AttributeError(name)
        try:
            return self.end.name(name)
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name[:2] == name[-2:] == "__":
            super().__setattr__(name, value)
        else:
            self.end.ask("rename", name, value)


def _is_open(value: Any) -> bool:
    """Tell the few kinds of a library's objects that tests hand over and that lead nowhere else."""
    kind = type(value)
    name = kind.__module__, kind.__qualname__
    return (name in OPEN and kind is getattr(sys.modules.get(name[0]), name[1], None)) or kind in VIEWS_OF_DICTS


def _of_library(value: Any, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    if not _is_open(value) or type(name) is not str or name[:1] == "_":
        refuse()
    return getattr(type(value), name)(value, *args, **named)


def _shown(verb: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, *rest: verb(value, *rest) if _is_open(value) else refuse()


def _look(value: Any, name: str) -> Any:
    """Return what a decorator wants to know of a function that the test has handed over, or what a library's object has."""
    if type(name) is str and (name in TOLD or (name in OPEN_ATTRIBUTES and _is_open(value))):
        return getattr(value, name)
    raise AttributeError(name)


def _together(child: int) -> None:
    """Put both processes on this processor: one works at a time, and to wake the other on an idle one takes several times longer."""
    from ctypes import CDLL  # seldom needed, and this starts often

    here = {CDLL(None).sched_getcpu()}
    try:
        os.sched_setaffinity(child, here)
        os.sched_setaffinity(0, here)
    except OSError:  # gone, or not allowed here
        return


def _follow(child: int) -> NoReturn:
    """End at once as the solution has ended, whatever the test would catch."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    if code == 0:
        os.write(2, b"the solution has left\n")
    os._exit(code if code > 0 else 1)
