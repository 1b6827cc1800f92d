"""Whether a test's code can run in another process than the solution, and the program that does so."""

import ast
import functools
import marshal
from pathlib import Path

from herokit_code.imports import usual_imports
from herokit_code.long_integers import parse
from herokit_code.wire import LIBRARIES

__all__ = ["can_run_separately", "compiled_module", "two_process_program"]

INTROSPECTION = {"__import__", "compile", "eval", "exec", "globals", "input", "locals", "open", "vars"}
"""Built-in functions with which code reads or changes its own process."""
ALLOWED_MODULES = LIBRARIES | {"solution", "__future__"}
ALLOWED_DUNDERS = {"__name__"}
PROCESS_STATE_FUNCTIONS = {"seed", "setstate", "setcontext", "getcontext", "warns", "deprecated_call"}
"""Functions that change the state of their process, on which a solution may depend."""

_MODULES = ("wire", "proxy_operators", "proxies", "rpc_endpoint", "client", "runner")

_PROGRAM = """
import sys
from marshal import loads
for name, code in {modules!r}:
    sys.modules[name] = module = type(sys)(name)
    exec(loads(code), vars(module))
if __name__ == "__main__":
    sys.modules["herokit_code.runner"].main({program!r}, {imports!r})
"""


def two_process_program(program: str, test: str) -> str:
    """Return the program that runs the solution and, in a process of its own, the test, which it reads from stdin."""
    names = [f"herokit_code.{name}" for name in _MODULES]
    modules = [(name, compiled_module(name)) for name in (*names, *(["pytest"] if "pytest" in test else []))]
    return _PROGRAM.format(
        modules=modules, program=program, imports=usual_imports(program) if "class Solution" in program else ""
    )


@functools.cache
def compiled_module(name: str) -> bytes:
    """Return a module that runs inside the sandbox, where this package cannot be imported; `pytest` is our own."""
    file = "pytest_module.py" if name == "pytest" else f"{name.rpartition('.')[2]}.py"
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    return marshal.dumps(compile(text, file, "exec", optimize=2))


@functools.lru_cache(256)
def can_run_separately(code: str) -> bool:
    r"""Return whether a test's code does the same in a process of its own; the solution has no influence on this.

    The code must work by passing values, so it defines no class; it must only look at results, so it imports and calls
    nothing that shows or changes its process (`sys`, `io`, `unittest.mock`, `threading` ...); and it must not be
    asynchronous.

    Example:
        >>> can_run_separately("def check(f):\n    assert f([1]) == 2"), can_run_separately("import sys\nassert sys.path")
        (True, False)
    """
    return all(_is_allowed(node) for node in ast.walk(parse(code)))


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return all(name.name in ALLOWED_MODULES for name in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module in ALLOWED_MODULES
    if isinstance(node, ast.Name):
        return node.id not in INTROSPECTION
    if isinstance(node, ast.Attribute):
        return node.attr not in PROCESS_STATE_FUNCTIONS and (node.attr[:2] != "__" or node.attr in ALLOWED_DUNDERS)
    return not isinstance(node, ast.ClassDef | ast.AsyncFunctionDef | ast.Await)
