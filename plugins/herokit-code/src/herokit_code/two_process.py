"""Sending a test's code into another process than the solution's, where the code allows it."""

import ast
import functools
import marshal
from pathlib import Path

from herokit_code.wire import LIBRARIES

REACHING = {"__import__", "compile", "eval", "exec", "globals", "input", "locals", "open", "vars"}
"""Built-in functions with which code looks into its own process."""
MODULES = LIBRARIES | {"solution", "__future__"}
ATTRIBUTES = {"__name__"}
SHARED = {"seed", "setstate", "setcontext", "getcontext", "warns", "deprecated_call"}
"""Functions that change how the process goes on, the solution in it."""

_SCRIPT = """
import sys
from marshal import loads
for name, code in {modules!r}:
    sys.modules[name] = module = type(sys)(name)
    exec(loads(code), vars(module))
if __name__ == "__main__":
    sys.modules["herokit_code.runner"].begin({program!r})
"""


def two_processes(program: str) -> str:
    """Return the program that runs the solution and, beside it in a process of its own, the test that stdin holds."""
    return _SCRIPT.format(modules=_modules(), program=program)


@functools.cache
def _modules() -> list[tuple[str, bytes]]:
    found = []
    for name in ("wire", "proxy_operators", "proxies", "rpc_endpoint", "tester", "runner"):
        text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        found.append((f"herokit_code.{name}", marshal.dumps(compile(text, f"{name}.py", "exec", optimize=2))))
    return found


@functools.lru_cache(256)
def possible(code: str) -> bool:
    r"""Return whether a test's code does the same in a process of its own, by what it says; the solution has no say in it.

    It must hand values over, so it defines no class; look at results only, so it imports nothing that shows or changes the
    process (`sys`, `io`, `unittest.mock`, `threading` ...) and calls nothing such; and wait for nothing.

    Example:
        >>> possible("def check(f):\n    assert f([1]) == 2"), possible("import sys\nassert sys.modules")
        (True, False)
    """
    return all(_plain(node) for node in ast.walk(ast.parse(code)))


def _plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return all(name.name in MODULES for name in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module in MODULES
    if isinstance(node, ast.Name):
        return node.id not in REACHING
    if isinstance(node, ast.Attribute):
        return node.attr not in SHARED and (node.attr[:2] != "__" or node.attr in ATTRIBUTES)
    return not isinstance(node, ast.ClassDef | ast.AsyncFunctionDef | ast.Await)
