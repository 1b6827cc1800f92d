"""Imports of programs and tests: those that problem sites put in front of answers, and packages that a sandbox lacks."""

import ast
import re
import sys
import threading
from collections.abc import Callable, Iterator

from herokit_code.long_integers import parse

__all__ = ["SandboxPackages", "usual_imports"]

_USUAL = {
    "typing": "Any Callable Deque DefaultDict Dict FrozenSet Generator Iterable Iterator List Mapping NamedTuple Optional Sequence Set Tuple Type TypeVar Union",
    "collections": "ChainMap Counter OrderedDict defaultdict deque namedtuple",
    "heapq": "heapify heappop heappush heappushpop heapreplace merge nlargest nsmallest",
    "math": "atan2 ceil comb cos dist exp factorial floor gcd hypot inf isqrt lcm log log10 log2 nan perm pi prod sin sqrt tan",
    "functools": "cache cmp_to_key lru_cache partial reduce",
    "itertools": "accumulate chain combinations combinations_with_replacement count cycle groupby islice pairwise permutations product repeat starmap takewhile zip_longest",
    "bisect": "bisect_left bisect_right insort insort_left insort_right",
    "operator": "add itemgetter mul xor",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits",
    "copy": "deepcopy",
    "random": "choice randint shuffle",
    "dataclasses": "dataclass field",
    "datetime": "date timedelta",
    "fractions": "Fraction",
    "decimal": "Decimal",
}  # fmt: skip
"""What sites such as LeetCode import for every answer: modules, and names of them."""
_MODULES = (*(each for each in _USUAL if each != "bisect"), "json", "re", "statistics", "sys", "time")
_NAMES = {name: module for module, names in _USUAL.items() for name in names.split()}
_WORD = re.compile(r"[A-Za-z_]\w*")


def usual_imports(program: str) -> str:
    r"""Return the import statements that problem sites put in front of a program, of the names that the program mentions.

    Example:
        >>> print(usual_imports("class Solution:\n    def f(self, x: List[int]): return math.gcd(*x)"))
        import math
        from typing import List
        from math import gcd
    """
    words = set(_WORD.findall(program))
    modules = [f"import {name}" for name in _MODULES if name in words]
    if "bisect" in words:
        modules.append("import bisect" if "bisect." in program else "from bisect import bisect")
    return "\n".join([*modules, *(f"from {module} import {name}" for name, module in _NAMES.items() if name in words)])


class SandboxPackages:
    """Which packages can be imported inside a sandbox; each is tried once.

    Args:
        can_import: tries a package.
    """

    def __init__(self, can_import: Callable[[str], bool]) -> None:
        self._can_import = can_import
        self._results: dict[str, bool] = {}
        self._lock = threading.Lock()

    def find_missing(self, code: str) -> str | None:
        """Return a package that a test's code imports and that the sandbox does not have."""
        if "import" not in code:
            return None
        for name in dict.fromkeys(_imported_packages(parse(code))):
            with self._lock:
                if name not in self._results:
                    self._results[name] = self._can_import(name)
            if not self._results[name]:
                return name
        return None


def _imported_packages(node: ast.AST) -> Iterator[str]:
    """Yield the packages outside the standard library that a code imports, except where it handles their absence."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [each.name for each in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [node.module or ""]
    for name in names:
        package = name.partition(".")[0]
        if package not in sys.stdlib_module_names and package not in ("solution", "pytest"):
            yield package
    if not isinstance(node, ast.Try):
        for child in ast.iter_child_nodes(node):
            yield from _imported_packages(child)
