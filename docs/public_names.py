"""The public names: those that the reference lists, the versioning policy covers, and docstrings must document."""

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from itertools import pairwise
from types import ModuleType
from typing import Any, TypeVar

from herokit.testing.law import Law

INTERNAL = (
    "herokit.arrays",
    "herokit.cli",
    "herokit.distributed",
    "herokit.files",
    "herokit.pipeline",
    "herokit.records",
    "herokit.report",
    "herokit.samples",
    "herokit.service",
    "herokit.signals",
    "herokit.sources.execution",
    "herokit.templates",
    "herokit.testing.domains",
    "herokit.testing.laws",
    "herokit.workers",
)
"""Internal modules; the command line, the HTTP service, laws and instructions have pages of their own."""


@dataclass(frozen=True)
class Page:
    """One module of the reference.

    Attributes:
        name: the module's name.
    """

    name: str

    @cached_property
    def module(self) -> ModuleType:
        """The module."""
        return import_module(self.name)

    @cached_property
    def names(self) -> dict[str, Any]:
        """Its public names: those of ``__all__``, else what it defines without an underscore."""
        if hasattr(self.module, "__all__"):
            listed = {name: getattr(self.module, name) for name in sorted(self.module.__all__)}
            return {name: value for name, value in listed.items() if not inspect.ismodule(value)}
        constants = documented_constants(self.module)
        return {
            name: value
            for name, value in sorted(vars(self.module).items())
            if not name.startswith("_")
            and not isinstance(value, TypeVar)
            and (getattr(value, "__module__", None) == self.name or name in constants)
        }


def documented_constants(module: ModuleType) -> dict[str, str]:
    """Return the documented constants of a module: name -> the string below it."""
    body = ast.parse(inspect.getsource(module)).body
    body += [
        node for block in body if isinstance(block, ast.If) for node in block.body
    ]  # if TYPE_CHECKING
    found = {}
    for node, after in pairwise(body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = inspect.cleandoc(str(after.value.value))
            found |= {target.id: text for target in targets if isinstance(target, ast.Name)}
    return found


def constant_text(module: ModuleType, name: str) -> str:
    """Return the string below a constant, where it is defined; empty if there is none."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and any(
            (a.asname or a.name) == name for a in node.names
        ):
            module = import_module("." * node.level + (node.module or ""), module.__package__)
    return documented_constants(module).get(name, "")


def packages() -> list[str]:
    """Return herokit and the installed packages of its plugins."""
    points = [
        point for group in ("herokit", "herokit.language") for point in entry_points(group=group)
    ]
    return [
        "herokit",
        *sorted(
            {
                point.module.partition(".")[0]
                for point in points
                if point.module.startswith("herokit_")
            }
        ),
    ]


def pages() -> list[Page]:
    """Return the pages of the reference: packages with ``__all__``, and the modules that no package exports."""
    found = []
    for package in packages():
        found.append(Page(package))
        if package == "herokit":
            found += [Page(name) for name in _public_modules(import_module(package))]
    return [page for page in found if page.names]


def _public_modules(package: ModuleType) -> Iterator[str]:
    for module in sorted(
        pkgutil.iter_modules(package.__path__, f"{package.__name__}."), key=lambda m: m.name
    ):
        if module.name in INTERNAL or module.name.rpartition(".")[2].startswith("_"):
            continue
        yield module.name
        if module.ispkg:
            inner = import_module(module.name)
            lists = hasattr(inner, "__all__")
            for name in _public_modules(inner):
                if not lists or hasattr(import_module(name), "__path__"):
                    yield name


def undocumented_names() -> list[str]:
    """Return the public names and methods without a docstring."""
    found = []
    for page in pages():
        if not page.module.__doc__:
            found.append(page.name)
        for name, value in page.names.items():
            if not (inspect.isclass(value) or inspect.isroutine(value)):
                if not isinstance(value, Law) and not constant_text(page.module, name):
                    found.append(f"{page.name}.{name}: a constant needs a string below it")
                continue
            if not (value.__doc__ or "").strip() or (value.__doc__ or "").startswith(f"{name}("):
                found.append(f"{page.name}.{name}")
            if inspect.isclass(value) and value.__module__.startswith("herokit"):
                found += [
                    f"{page.name}.{name}.{method}"
                    for method, member in vars(value).items()
                    if not method.startswith("_")
                    and (inspect.isroutine(member) or isinstance(member, property))
                    and not inspect.getdoc(member)
                ]
    return sorted(set(found))


if __name__ == "__main__":
    for page in pages():
        print(page.name, len(page.names))
    print(*undocumented_names(), sep="\n")
