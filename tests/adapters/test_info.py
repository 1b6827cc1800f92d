"""`AdapterInfo`, the pages of the adapters and the environments of their tests agree, and the code on the pages runs."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

from herokit.adapters.common.info import list_adapters
from herokit.trainers import TRAINERS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REAL = ROOT / "tests" / "adapters" / "real"
FOLDERS = {path.name for path in REAL.iterdir() if list(path.glob("test_*.py"))}
ADAPTERS = dict(list_adapters())


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_adapters_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_adapters", DOCS / "make_adapters.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.PAGE.read_text(encoding="utf-8") == page.main(), "run python docs/make_adapters.py"


def test_any_trainer_page_runs(capsys):
    exec(compile("\n".join(blocks("how-to/any-trainer.md")), "any-trainer.md", "exec"), {})  # noqa: S102 - our own page
    printed = capsys.readouterr().out
    correct, *incorrect = map(float, printed.strip(" []\n").split(","))
    assert correct > max(incorrect)
    assert sum(incorrect) + correct == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("module", ADAPTERS)
def test_page_names_the_version_of_its_adapter(module):
    info = ADAPTERS[module]
    text = (DOCS / info.page).read_text(encoding="utf-8")
    for version in re.findall(r"\d+\.\d+\.\d+|\b[0-9a-f]{7}\b", info.version):
        assert version in text, f"{info.page} does not name {version}"
    assert (info.tested == "contract") == ("Contract only" in text or "not on the package index" in text)


@pytest.mark.parametrize("page", sorted({info.page for info in ADAPTERS.values()} | {"how-to/bridges.md"}))
def test_page_imports_exist(page):
    imports = 0
    for block in blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "herokit":
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{page}: {node.module} has no {alias.name}"
                    imports += 1
    assert imports


def test_integration_tests_exist_for_integration_adapters():
    folders = {
        "verl": "verl",
        "openrlhf": "openrlhf",
        "verifiers": "verifiers",
        "swift": "ms-swift",
        "skyrl": "skyrl-gym",
    }
    folders |= {"tinker": "tinker-cookbook", "areal": "areal"}
    real = {name for name, info in ADAPTERS.items() if info.tested == "integration"} - {"generic"}
    assert real == set(folders)
    for folder in folders.values():
        assert list((DOCS.parent / "tests" / "adapters" / "real" / folder).glob("test_*.py"))


def test_adapters_are_in_the_normalization_table():
    known = {name.split("-")[0] for name in TRAINERS} | {"ms"}
    for module in ADAPTERS:
        if module != "generic":
            first = {"open_instruct": "open", "prime_rl": "prime", "nemo_rl": "nemo", "swift": "ms"}.get(module, module)
            assert first in known, module


def test_environments_are_in_makefile_and_ci():
    makefile, ci = (ROOT / "Makefile").read_text(), (ROOT / ".ci" / "run").read_text()
    assert set(re.search(r"^TRAINERS := (.*)$", makefile, re.MULTILINE)[1].split()) == FOLDERS
    run = set(re.findall(r"^make test-trainer-(\S+)$", ci, re.MULTILINE))
    skipped = set(re.search(r"^for trainer in (.*); do$", ci, re.MULTILINE)[1].split())
    assert run | skipped == FOLDERS
    assert not run & skipped


def test_environments_install_the_version_of_the_table():
    versions = " ".join(info.version for info in ADAPTERS.values()) + (DOCS / "how-to" / "bridges.md").read_text()
    for folder in FOLDERS:
        package = REAL / folder / "package.txt"
        lines = (package if package.exists() else REAL / folder / "requirements.txt").read_text().splitlines()
        version = next(line.split("==")[1] for line in lines if "==" in line)
        assert version in versions, f"{folder}: {version}"
