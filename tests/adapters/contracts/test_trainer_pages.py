"""Every adapter has a page that names the version it was read from, and the page's code uses names that exist."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from herokit.adapters.common.info import list_adapters
from herokit.trainers import TRAINERS

DOCS = Path(__file__).parents[3] / "docs"
ADAPTERS = dict(list_adapters())


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("module", ADAPTERS)
def test_the_page_of_an_adapter(module):
    info = ADAPTERS[module]
    text = (DOCS / info.page).read_text(encoding="utf-8")
    for version in re.findall(r"\d+\.\d+\.\d+|\b[0-9a-f]{7}\b", info.version):
        assert version in text, f"{info.page} does not name {version}"
    assert (info.tested == "contract") == ("Contract only" in text or "not on the package index" in text)


@pytest.mark.parametrize("page", sorted({info.page for info in ADAPTERS.values()}))
def test_the_code_of_a_page_uses_names_that_exist(page):
    found = 0
    for block in blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "herokit":
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{page}: {node.module} has no {alias.name}"
                    found += 1
    assert found


def test_real_objects_have_tests_with_real_objects():
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


def test_every_trainer_is_in_the_table_of_normalizations():
    known = {name.split("-")[0] for name in TRAINERS} | {"ms"}
    for module in ADAPTERS:
        if module != "generic":
            first = {"open_instruct": "open", "prime_rl": "prime", "nemo_rl": "nemo", "swift": "ms"}.get(module, module)
            assert first in known, module
