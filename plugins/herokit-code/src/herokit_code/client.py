"""The test's end: the names that a test's code sees, and what the solution may request of it; runs inside the sandbox."""

from __future__ import annotations

import builtins
import os
import sys

from herokit_code.proxies import FUNCTION_ATTRIBUTES, ProxyClass
from herokit_code.proxy_operators import OPERATIONS, Proxy
from herokit_code.rpc_endpoint import RpcEndpoint, reject
from herokit_code.wire import LIBRARIES

__all__ = ["ClientEndpoint", "SolutionModule", "TestNamespace"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

SAME_PROCESSOR_AFTER = 100
"""Requests after which it is faster to run both processes on one processor."""
STAND_INS: dict[Any, Any] = {
    error: type(error.__name__, (error,), {"__module__": "builtins"})
    for error in (AssertionError, Exception, BaseException)
}
"""What the solution's references to these errors become: a test that catches them under a name of the solution would
otherwise catch its own failures. What the solution raises is still an instance of both."""
ORIGINALS = {stand_in: error for error, stand_in in STAND_INS.items()}
OPEN_TYPES = {("re", "Pattern"), ("re", "Match"), ("random", "Random")}
OPEN_ATTRIBUTES = ("pattern", "flags", "groups", "string")
_EMPTY: dict[int, int] = {}
DICT_VIEW_TYPES = (type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items()))


class ClientEndpoint(RpcEndpoint):
    """The test's end of the wire: it counts its requests and performs few operations for the solution."""

    def __init__(self, reading: Any, writing: Any, child: int) -> None:
        operations: dict[str, Callable[..., Any]] = {
            "iter": iter,
            "next": next,
            "hash": hash,
            "getattr": _get_attribute,
        }
        operations |= {"call": self._call, "method": _call_method}
        operations |= {name: _for_open_types(OPERATIONS[name]) for name in ("len", "contains", "getitem", "eq")}
        super().__init__(reading, writing, operations, lambda: _exit_like(child))
        self.child, self.num_requests = child, 0

    def request(self, operation: str, *arguments: Any) -> Any:
        """Have the solution's end perform an operation."""
        self.num_requests += 1
        if self.num_requests == SAME_PROCESSOR_AFTER:
            _share_processor(self.child)
        return super().request(operation, *arguments)

    def look_up(self, name: str) -> Any:
        """Return the solution's global of this name.

        Raises:
            KeyError: there is none.
        """
        return self.request("name", name)

    def global_name(self, value: Any) -> tuple[str, str] | None:
        """Return the module and name of a library's module or class; None for anything else."""
        return super().global_name(ORIGINALS.get(value, value) if isinstance(value, type) else value)

    def import_global(self, module: str, name: str) -> Any:
        """Return a library's module or class by its name, or the stand-in for one that would catch a test's failures."""
        value = super().import_global(module, name)
        return STAND_INS.get(value, value) if isinstance(value, type) else value

    def _call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if id(function) not in self.numbers:
            raise TypeError("the test has not passed this function")
        return function(*args, **kwargs)


class TestNamespace(dict[str, "Any"]):
    """The globals of a test's code: its own, and for names that are not built in, the solution's."""

    def __init__(self, endpoint: ClientEndpoint, code: str) -> None:
        super().__init__(__name__="test", __builtins__=builtins)
        self.endpoint, self.code = endpoint, code

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            raise KeyError(name)
        value = self.endpoint.look_up(name)
        if name in LIBRARIES and f"{name}." in self.code and not isinstance(value, type(sys)):
            raise KeyError(name)
        if isinstance(value, ProxyClass) or (isinstance(value, Proxy) and not value.herokit_base):
            self[name] = value  # functions and classes are requested once
        return value


class SolutionModule(type(sys)):  # type: ignore[misc]
    """The module `solution`, from which a test imports; an import of all names replaces none of the test's own."""

    herokit_endpoint: ClientEndpoint
    herokit_namespace: TestNamespace

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            names = self.herokit_endpoint.request("names")
            own = self.herokit_namespace
            return [n for n in names if n[:1] != "_" and not (hasattr(builtins, n) or n in LIBRARIES or n in own)]
        if name[:2] == name[-2:] == "__":
            raise AttributeError(name)
        try:
            return self.herokit_endpoint.look_up(name)
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name[:2] == name[-2:] == "__":
            super().__setattr__(name, value)
        else:
            self.herokit_endpoint.request("rename", name, value)


def _is_open(value: Any) -> bool:
    """Return whether the solution may use an object of the test: a few library types that give access to nothing else."""
    kind = type(value)
    name = kind.__module__, kind.__qualname__
    return (name in OPEN_TYPES and kind is getattr(sys.modules.get(name[0]), name[1], None)) or kind in DICT_VIEW_TYPES


def _call_method(value: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not _is_open(value) or type(name) is not str or name[:1] == "_":
        reject()
    return getattr(type(value), name)(value, *args, **kwargs)


def _for_open_types(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, *rest: operation(value, *rest) if _is_open(value) else reject()


def _get_attribute(value: Any, name: str) -> Any:
    """Return an attribute that a decorator reads of a function, or an open attribute of a library's object."""
    if type(name) is str and (name in FUNCTION_ATTRIBUTES or (name in OPEN_ATTRIBUTES and _is_open(value))):
        return getattr(value, name)
    raise AttributeError(name)


def _share_processor(child: int) -> None:
    """Run both processes on this processor: only one works at a time, and waking an idle processor takes longer."""
    from ctypes import CDLL  # rarely needed, and this module is loaded at every start

    here = {CDLL(None).sched_getcpu()}
    try:
        os.sched_setaffinity(child, here)
        os.sched_setaffinity(0, here)
    except OSError:  # the process is gone, or this is not allowed
        return


def _exit_like(child: int) -> NoReturn:
    """Exit at once as the solution has exited, whatever the test would catch."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    if code == 0:
        os.write(2, b"the solution has exited\n")
    os._exit(code if code > 0 else 1)
