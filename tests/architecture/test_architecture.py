"""What an import costs, which module may import which, how long files and functions may be."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
HEAVY = {
    "torch",
    "jax",
    "pydantic",
    "hypothesis",
    "transformers",
    "pyarrow",
    "typer",
    "rich",
    "sympy",
    "onnxruntime",
    "yaml",
}


def imported(statement):
    """Return the modules that a statement loads, with their packages."""
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_numpy_is_the_heaviest_thing_that_import_herokit_loads():
    modules = imported("import herokit")
    packages = Counter(name.partition(".")[0] for name in modules if not name.startswith("herokit"))
    assert packages.most_common(1)[0][0] == "numpy", packages.most_common(5)  # by modules: times depend on the machine
    assert not HEAVY & modules


def test_listing_plugins_imports_none_of_their_backends():
    assert not {"torch", "sympy", "onnxruntime", "transformers"} & imported(
        "from herokit.registry import load_registry; list(load_registry())"
    )


MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 40  # without the docstring
MIN_FILE_LINES = 60
SMALL_FILES = {
    "src/herokit/__main__.py": "the entry point of the command",
    "src/herokit/groupwise.py": "the public part of _segment.py",
    "src/herokit/adapters/common/info.py": "the table of adapters imports it and nothing else",
    "src/herokit/service/limits.py": "the command line reads it without loading FastAPI",
    "src/herokit/reward_models/pairs.py": "judges that compare rollouts choose their pairs with it, in two plugins",
    "src/herokit/workers/counters.py": "sources and pools count with it",
    "plugins/herokit-torch/src/herokit_torch/sync.py": "the only part of the plugin that needs torch.distributed",
}
"""Files below the minimum, each with its reason; files named `__init__` and `plugin` list names and need none."""


def test_no_file_is_longer_than_500_lines():
    others = [
        p for folder in ("tests", "plugins/*/tests", "benchmarks", "docs") for p in ROOT.glob(f"{folder}/**/*.py")
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in [*SOURCES, *others]}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_a_file_under_60_lines_has_a_reason():
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCES if path.stem not in ("__init__", "plugin")}
    small = {str(path.relative_to(ROOT)) for path, lines in lengths.items() if lines < MIN_FILE_LINES}
    assert {path for path in small if not path.startswith(tuple(SMALL_FILES))} == set()
    assert {reason for reason in SMALL_FILES if not any(path.startswith(reason) for path in small)} == set()


def test_no_function_is_longer_than_40_lines():
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": lines
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := count_lines(node)) > MAX_FUNCTION_LINES
    }
    assert long == {}


def count_lines(function):
    """Count the lines of a function without its docstring."""
    first = function.body[0]
    docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) else 0
    return function.end_lineno - function.lineno + 1 - docstring


PLUGIN_MAY_IMPORT = {
    "herokit.reward_models.agreement",
    "herokit.reward_models.batching",
    "herokit.reward_models.control_tokens",
    "herokit.reward_models.families",
    "herokit.reward_models.labels",
    "herokit.reward_models.lazy",
    "herokit.reward_models.local",
    "herokit.reward_models.monitor",
    "herokit.reward_models.packing",
    "herokit.reward_models.pairs",
    "herokit.reward_models.process",
    "herokit.reward_models.progress",
    "herokit.reward_models.encoding",
    "herokit.reward_models.inputs",
    "herokit.reward_models.checkpoints",
    "herokit.sources.cache",
    "herokit.tags",
    "herokit.verifiers.base",
    "herokit.verifiers.extraction",
    "herokit.verifiers.languages",
    "herokit.verifiers.marks",
    "herokit.verifiers.references",
    "herokit.verifiers.text",
    "herokit.conversations",
    "herokit.conversations.columns",
    "herokit.combiners",
    "herokit",
    "herokit.sources",
    "herokit.types",
    "herokit.samples",
    "herokit.errors",
    "herokit.hookspecs",
    "herokit.workers.pool",
    "herokit.workers.process",
    "herokit.files.reading",  # for commands: they are part of the command line
}


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/*/src/**/*.py")), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_plugin_imports_the_contract_and_no_other_plugin(path):
    own = path.relative_to(ROOT).parts[3]
    for node in ast.walk(ast.parse(path.read_text())):
        names = (
            [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            top = (name or "").partition(".")[0]
            assert top != "herokit" or name in PLUGIN_MAY_IMPORT, f"{path}: imports {name}"
            assert not top.startswith("herokit_") or top == own, f"{path}: imports another plugin, {name}"


def test_imports_only_point_down():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
