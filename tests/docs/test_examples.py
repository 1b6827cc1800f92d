"""Examples on pages work: Python prints what the page shows, schemes build, commands and options exist."""

import ast
import contextlib
import importlib
import importlib.util
import re
import shlex
import tomllib
from time import thread_time

import pytest
import yaml
from page_helpers import DOCS, ROOT, code_blocks, load_script, run_page

from herokit.config import build_scheme

WRITTEN = sorted(path for path in DOCS.rglob("*.md") if "generated" not in path.parts)
ALL = [*WRITTEN, ROOT / "README.md", *sorted(ROOT.glob("plugins/*/README.md"))]
RUN = {
    "arrays": (),
    "bring-a-reward-model": (),
    "choose-alpha-and-beta": (),
    "compose-verifiers": ("herokit_structured",),
    "conversations": (),
    "debug-a-reward": (),
    "notebooks": (),
    "size-a-large-run": (),
    "use-your-reward-function": (),
    "write-a-step": (),
    "write-a-verifier": (),
}
"""Pages whose Python runs here, and the packages that they need."""


def page_id(path):
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("name", RUN)
def test_page_prints_what_it_shows(name, monkeypatch):
    for package in RUN[name]:
        pytest.importorskip(package)
    run_page(next(path for path in WRITTEN if path.stem == name), monkeypatch)


def test_tutorial_on_testing_prints_what_it_shows(monkeypatch):
    monkeypatch.setattr("herokit.testing.search.monotonic", thread_time)  # a busy machine cuts no counterexample short
    module = run_page(DOCS / "tutorial" / "test-your-reward.md", monkeypatch)
    (mark,) = module.test_my_reward.pytestmark
    for param in mark.args[1]:
        param.values[0]()


@pytest.mark.parametrize("path", [path for path in ALL if code_blocks(path, "python")], ids=page_id)
def test_python_compiles_and_imports_names_that_exist(path):
    """Also where nothing runs, as on pages of trainers that are not installed."""
    for _, block in code_blocks(path, "python"):
        for node in ast.walk(ast.parse(block, path.name)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0].startswith("herokit"):
                with contextlib.suppress(ModuleNotFoundError):  # a trainer's package that is not installed
                    module = importlib.import_module(node.module)
                    missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                    assert all(importlib.util.find_spec(f"{node.module}.{name}") for name in missing), ast.unparse(node)
            elif isinstance(node, ast.Import):
                assert all(a.name.partition(".")[0] != "herokit" or importlib.import_module(a.name) for a in node.names)


def names_missing_package(use):
    """Return whether a name is the place of an object in a package that is not here, such as an evaluation library."""
    package, _, rest = use.partition(".")
    return ":" in rest and not rest.startswith("py:") and importlib.util.find_spec(package) is None


@pytest.mark.parametrize("path", ALL, ids=page_id)
def test_schemes_build(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_rewards.py").write_text("def accuracy(completions, answer): ...\ndef brevity(completion): ...\n")
    (tmp_path / "my_metrics.py").write_text("async def scorer(state, target): ...\n")
    for language, block in code_blocks(path, "toml", "yaml"):
        table = tomllib.loads(block) if language == "toml" else yaml.safe_load(block)
        if isinstance(table, dict) and "sources" in table:
            if path.stem == "write-a-verifier":  # it names the verifier that it is about to write
                table["sources"] = {"verifier": {"use": "number"}}
            table["sources"] = {name: t for name, t in table["sources"].items() if not names_missing_package(t["use"])}
            first = next(iter(table["sources"]))
            build_scheme({"steps": {"use": "select", "signal": first}} | table)  # a page may show sources alone


@pytest.fixture(scope="module")
def options():
    """Names of commands and their options."""
    commands = load_script("make_commands").all_commands()
    return {name: {option for param in command.params for option in param.opts} for name, command in commands}


@pytest.mark.parametrize("path", ALL, ids=page_id)
def test_commands_and_options_exist(path, options):
    for _, block in code_blocks(path, "console"):
        for line in re.findall(r"^\$ (herokit .*(?:\\\n.*)*)", block, re.MULTILINE):
            words = shlex.split(line, comments=True)[1:]
            if not words or words[0].startswith("--"):
                continue
            name = " ".join(words[:2]) if words[0] == "new" else words[0]
            assert name in options, line
            given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            assert given <= options[name] | {"--help"}, line


def test_scheme_file_of_the_how_to_pages_is_hero_advantage():
    from herokit import hero_advantage

    page = DOCS / "how-to" / "scheme-files.md"
    _, table = code_blocks(page, "toml")[0]
    assert build_scheme(tomllib.loads(table)).combiner == hero_advantage(alpha=0.05, beta=0.05)
    others = [path for folder in ("how-to", "tutorial") for path in DOCS.glob(f"{folder}/*.md") if path != page]
    texts = {path.name: path.read_text(encoding="utf-8") for path in others}
    assert [name for name, text in texts.items() if "hero.toml" in text and "scheme-files.md" not in text] == []
