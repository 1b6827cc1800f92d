"""Every scheme on a page is one that herokit takes: names, keys and values."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from herokit.config import build_scheme

ROOT = Path(__file__).resolve().parents[2]
READERS = {"toml": tomllib.loads, "yaml": yaml.safe_load}
INVENTED = {"same-items"}
"""The names of plugins that a page writes."""


def blocks():
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        if "generated" not in page.parts:
            for kind, text in re.findall(r"```(toml|yaml)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
                table = READERS[kind](text)
                if "sources" in table and not any(f'"{name}"' in text for name in INVENTED):
                    yield pytest.param(table, id=page.relative_to(ROOT).as_posix())


@pytest.mark.parametrize("table", list(blocks()))
def test_a_scheme_on_a_page_can_be_built(table):
    some = next(iter(table["sources"]))
    assert build_scheme({"combine": {"use": "take", "signal": some}, **table}).sources


def test_blocks_are_found():
    assert len(list(blocks())) > 8
