"""What pages show is so: Python blocks run and print what the page says, schemes build, commands and options exist."""

import ast
import contextlib
import importlib.util
import io
import re
import shlex
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from herokit.config import build_scheme

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROOT = DOCS.parent
WRITTEN = sorted(p for p in DOCS.rglob("*.md") if "generated" not in p.parts)
ALL = [*WRITTEN, ROOT / "README.md", *sorted(ROOT.glob("plugins/*/README.md"))]

HERE = (
    "write-a-verifier",
    "bring-a-reward-model",
    "choose-alpha-and-beta",
    "debug-a-reward",
    "notebooks",
    "size-a-large-run",
)
"""Pages whose Python runs in this file."""


def blocks(path, *languages):
    kinds = "|".join(languages)
    return re.findall(rf"```({kinds})\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def run(path, monkeypatch):
    """Run a page's Python in one module; what it prints must stand in the text block that follows."""
    module = ModuleType(f"page_{path.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # so that what it defines can be pickled
    printed = ""
    for language, block in blocks(path, "python", "text"):
        if language == "text":
            assert printed == block
            printed = ""
            continue
        assert not printed, f"the page does not say what this prints: {printed}"
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, path.name, "exec"), module.__dict__)  # noqa: S102 - our own page
        printed = out.getvalue()
    assert not printed, f"the page does not say what this prints: {printed}"


@pytest.mark.parametrize("name", HERE)
def test_the_python_of_a_page_prints_what_the_page_says(name, monkeypatch):
    run(next(path for path in WRITTEN if path.stem == name), monkeypatch)


@pytest.mark.parametrize("path", [p for p in ALL if blocks(p, "python")], ids=lambda p: f"{p.parent.name}/{p.name}")
def test_python_on_every_page_compiles_and_imports_what_exists(path):
    """Also where nothing runs, as on pages of trainers that are not installed."""
    for _, block in blocks(path, "python"):
        for node in ast.walk(ast.parse(block, path.name)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0].startswith("herokit"):
                with contextlib.suppress(ModuleNotFoundError):  # a trainer's package that is not here
                    module = importlib.import_module(node.module)
                    assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)
            elif isinstance(node, ast.Import):
                assert all(a.name.partition(".")[0] != "herokit" or importlib.import_module(a.name) for a in node.names)


@pytest.mark.parametrize("path", ALL, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_schemes_on_pages_build(path):
    for language, block in blocks(path, "toml", "yaml"):
        table = tomllib.loads(block) if language == "toml" else yaml.safe_load(block)
        if isinstance(table, dict) and "sources" in table:
            own = path.stem == "write-a-verifier"  # names the verifier it is about to write
            sources = {"verifier": {"use": "number"}} if own else table["sources"]
            combine = table.get(
                "combine", {"use": "select", "signal": next(iter(sources))}
            )  # a page may show sources alone
            build_scheme(table | {"sources": sources, "steps": combine})


@pytest.fixture(scope="module")
def known():
    spec = importlib.util.spec_from_file_location("make_commands", DOCS / "make_commands.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: {o for p in command.params for o in p.opts} for name, command in module.all_commands()}


@pytest.mark.parametrize("path", ALL, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_commands_and_options_on_pages_exist(path, known):
    for _, block in blocks(path, "console"):
        for line in re.findall(r"^\$ (herokit .*(?:\\\n.*)*)", block, re.MULTILINE):
            words = shlex.split(line, comments=True)[1:]
            if not words or words[0].startswith("--"):
                continue
            name = " ".join(words[:2]) if words[0] == "new" else words[0]
            assert name in known, line
            given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            assert given <= known[name] | {"--help"}, line
