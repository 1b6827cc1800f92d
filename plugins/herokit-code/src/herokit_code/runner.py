"""Runs a test's code in one process and the solution in another; inside the sandbox, started by `two_process`.

The test's code, and the token that reports its success, are never in the solution's process.
"""

from __future__ import annotations

import os
import sys
from _signal import SIG_IGN, SIGINT, signal  # type: ignore[import-not-found]  # the public module imports enum

from herokit_code.client import ClientEndpoint, SolutionModule, TestNamespace
from herokit_code.proxies import to_builtin
from herokit_code.proxy_operators import BINARY, CONTAINER_TYPES, OPERATIONS
from herokit_code.rpc_endpoint import RpcEndpoint, by_reference

__all__ = ["UNUSED_SOLUTION", "main"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

UNUSED_SOLUTION = " unused"
"""Printed after the token by a test that has made no request of the solution."""
RECURSION_LIMIT = 10_000
"""Frames that decoding a solution's result may take; the solution's own limit is unchanged."""
_LIST_ITERATOR = type(iter(list[int]()))


def main(program: str, imports: str) -> None:
    """Run the solution in a child process and the test in this one; stdin holds the token, a newline and the test.

    Args:
        program: the solution.
        imports: code that runs before it.
    """
    to_solution, to_test = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(to_solution[1])
        os.close(to_test[0])
        os.dup2(2, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _run_solution(program, imports, to_solution[0], to_test[1])
    os.close(to_solution[0])
    os.close(to_test[1])
    _run_test(child, to_test[0], to_solution[1])


def _run_test(child: int, reading: int, writing: int) -> None:
    """Run the test, and print the token if it passes."""
    sys.setrecursionlimit(RECURSION_LIMIT)
    signal(SIGINT, SIG_IGN)  # the solution may send it
    out = os.dup(1)
    os.dup2(2, 1)
    token, _, code = sys.stdin.read().partition("\n")
    endpoint = ClientEndpoint(os.fdopen(reading, "rb"), os.fdopen(writing, "wb"), child)
    endpoint.receive()  # the solution is ready
    namespace = TestNamespace(endpoint, code)
    SolutionModule.herokit_endpoint, SolutionModule.herokit_namespace = endpoint, namespace
    sys.modules["solution"] = SolutionModule("solution")
    exec(compile(code, "test.py", "exec", dont_inherit=True), namespace)  # noqa: S102 - the process's task
    os.write(out, f"\n{token}{'' if endpoint.num_requests else UNUSED_SOLUTION}".encode())


def _run_solution(program: str, imports: str, reading: int, writing: int) -> NoReturn:
    """Run the solution, and perform the operations that the test requests."""
    module = sys.modules["solution"] = type(sys)("solution")
    namespace = vars(module)
    exec(imports, namespace)  # noqa: S102 - import statements of ours
    exec(compile(program, "solution.py", "exec", dont_inherit=True), namespace)  # noqa: S102 - the sandbox's task
    returning_members = ("getattr", "getitem", *(f"i{name}" for name in BINARY))
    operations: dict[str, Callable[..., Any]] = {
        **OPERATIONS,
        **{name: _result_by_reference(OPERATIONS[name]) for name in returning_members},
        "name": lambda name: by_reference(namespace[name]),
        "rename": namespace.__setitem__,
        "names": lambda: list(namespace.get("__all__", namespace)),
        "next": lambda value: by_reference(next(value)) if type(value) is _LIST_ITERATOR else next(value),
        "method": _call_method,
        "call": lambda function, args, kwargs: function(*args, **kwargs),
        "to_builtin": to_builtin,
        "copy": lambda value: __import__("copy").copy(value),
        "deepcopy": lambda value: __import__("copy").deepcopy(value),
    }
    endpoint = RpcEndpoint(os.fdopen(reading, "rb"), os.fdopen(writing, "wb"), operations, lambda: os._exit(0))
    endpoint.send("ready")
    while True:
        endpoint.respond(*endpoint.receive())


def _result_by_reference(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: by_reference(function(*args))


def _call_method(value: Any, *rest: Any) -> Any:
    """Call a method; the members of a container are returned by reference."""
    result = OPERATIONS["method"](value, *rest)
    return by_reference(result) if type(value) in CONTAINER_TYPES.values() else result
