"""Mutation score of modules: how many small changes of their code some test notices.

    python benchmarks/mutations.py MODULE... --tests FILE... [--sample 20] [--seed 0] [--verbose]

For instance, the tiers of the math verifier:

    python benchmarks/mutations.py herokit_math.exact herokit_math.numeric --tests plugins/herokit-math/tests/test_values.py

A mutation replaces one operator, comparison, number, name or condition of a module (docstrings, messages and annotations are
left alone). Each one runs in a forked child, which imports a copy of the package with the changed module, as do the processes that
it starts, and runs the tests until one fails or a minute of processor time is over. Mutations are sampled with a seed, so that a score can be repeated.
"""

import argparse
import ast
import importlib.util
import io
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

LIMIT_S = 60
"""Seconds of processor time after which tests that hang on a mutation count as failed."""

OPTIONS = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly", "--assert=plain")
"""Of pytest. Asserts are plain: nobody reads their messages."""

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.BitXor: ast.BitOr,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"max": "min", "min": "max", "all": "any", "any": "all", "floor": "ceil", "ceil": "floor", "isqrt": "floor"}


def find_mutations(tree: ast.Module) -> Iterator[tuple[ast.AST, str, object, str]]:
    """Yield (node, field, new value, description) of every mutation of a module."""
    ignored = {id(child) for node in ast.walk(tree) for part in _ignored_parts(node) for child in ast.walk(part)}
    for node in ast.walk(tree):
        if id(node) not in ignored:
            where = f"line {getattr(node, 'lineno', 0)}"
            yield from ((node, field, value, f"{where}: {text}") for field, value, text in _mutate_node(node))


def _mutate_node(node: ast.AST) -> Iterator[tuple[str, object, str]]:
    """Yield (field, new value, description) of the mutations of one node."""
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in OPERATORS:
        yield "op", OPERATORS[type(node.op)](), type(node.op).__name__
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        yield "ops", [OPERATORS[type(node.ops[0])](), *node.ops[1:]], type(node.ops[0]).__name__
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield "op", ast.UAdd() if isinstance(node.op, ast.USub) else _Same(), type(node.op).__name__
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "value", not node.value, str(node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield (
            "value",
            node.value + 1 if isinstance(node.value, int) or node.value == 0.0 else node.value * 1e4,
            str(node.value),
        )
    elif isinstance(node, ast.Name) and node.id in NAMES:
        yield "id", NAMES[node.id], node.id
    elif isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield "attr", NAMES[node.attr], node.attr
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "test", ast.Constant(value=False), "condition"


class _Same(ast.UAdd):
    """Stands for the removal of ``not``: printed as a call of `bool`."""


def _ignored_parts(node: ast.AST) -> list[ast.AST]:
    """Return the parts of a node that tests need not notice: docstrings, annotations, messages of exceptions."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return [node]
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return [*node.exc.args]
    if isinstance(node, ast.keyword) and node.arg == "strict":  # of `zip`: a check
        return [node.value]
    if isinstance(node, ast.AnnAssign):
        return [node.annotation]
    if isinstance(node, ast.FunctionDef):
        parts = [arg.annotation for arg in [*node.args.args, *node.args.kwonlyargs] if arg.annotation]
        return [*parts, *([node.returns] if node.returns else []), *node.decorator_list]
    return []


def mutate(source: str, number: int) -> tuple[str, str]:
    """Return a module's source with its n-th mutation, and what that is."""
    tree = ast.parse(source)
    node, field, value, description = list(find_mutations(tree))[number]
    if isinstance(value, _Same) and isinstance(node, ast.UnaryOp):
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
    else:
        setattr(node, field, value)
    return ast.unparse(ast.fix_missing_locations(tree)), description


def install(name: str, path: Path, source: str, place: str) -> None:
    """Let the next import of a module execute another source, here and in the processes that this one starts.

    Args:
        name: the module's.
        path: its file.
        source: what it becomes.
        place: an empty folder, for a copy of the distribution's package.
    """
    root = path.parents[name.count(".") - 1]
    copy = shutil.copytree(root, Path(place) / root.name)
    (copy / path.relative_to(root)).write_text(source)
    sys.path.insert(0, place)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (place, os.environ.get("PYTHONPATH"))))


def preload(tests: list[str], package: str) -> None:
    """Import what the tests import, so that children need not; but neither the tests nor packages that may hold the module.

    These are the module's and those whose names begin likewise: plugins, which import what the core has.
    """
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        pytest.main(["--collect-only", *OPTIONS, *tests])
    roots = {re.split(r"[._]", package)[0], "tests", "plugins", "conftest"}
    for loaded in [key for key in sys.modules if re.split(r"[._]", key)[0] in roots]:
        del sys.modules[loaded]


def survives(name: str, path: Path, source: str, tests: list[str]) -> bool:
    """Return whether all tests pass with a module's mutated source; in a child process."""
    with tempfile.TemporaryDirectory() as place:
        child = os.fork()
        if child == 0:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1)
            os.dup2(devnull, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
            signal.alarm(20 * LIMIT_S)  # also if it waits
            install(name, path, source, place)
            code = pytest.main([*OPTIONS, *tests])
            os._exit(int(code))
        _, status = os.waitpid(child, 0)
    return status == 0


def main() -> None:
    """Print the score of every module, and the mutations that no test noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+")
    parser.add_argument("--tests", nargs="+", required=True)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="print the mutations that no test noticed")
    args = parser.parse_args()
    for name in args.modules:
        package, _, module = name.rpartition(".")
        folder = importlib.util.find_spec(package)
        if folder is None or not folder.submodule_search_locations:
            parser.error(f"no package {package}")
        path = Path(folder.submodule_search_locations[0]) / f"{module}.py"
        preload(args.tests, package)
        source = path.read_text()
        if not survives(name, path, source, args.tests):
            parser.error("the tests fail without a mutation")
        if survives(name, path, "raise ImportError", args.tests):
            parser.error(f"the tests pass without {name}: they measure nothing of it")
        count = len(list(find_mutations(ast.parse(source))))
        numbers = random.Random(args.seed).sample(range(count), min(args.sample, count))  # noqa: S311 - repeatable
        survivors = []
        for number in sorted(numbers):
            mutated, description = mutate(source, number)
            if survives(name, path, mutated, args.tests):
                survivors.append(description)
        killed = len(numbers) - len(survivors)
        print(f"| {name} | {killed} of {len(numbers)} | {killed / len(numbers):.0%} |", flush=True)
        if args.verbose:
            print(*(f"    {survivor}" for survivor in survivors), sep="\n", flush=True)


if __name__ == "__main__":
    main()
