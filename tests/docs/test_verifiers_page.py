"""docs/reference/verifiers.md says what docstrings and tables say; the page on composing runs."""

import contextlib
import importlib.util
import io
import re
import tomllib
from pathlib import Path

import pytest

from herokit.config import build_scheme

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_of_verifiers_is_up_to_date():
    pytest.importorskip("herokit_structured")
    spec = importlib.util.spec_from_file_location("make_verifiers", DOCS / "make_verifiers.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.PAGE.read_text(encoding="utf-8") == made.main(), "run python docs/make_verifiers.py"


def test_the_page_on_composing_builds_and_prints_what_it_says():
    pytest.importorskip("herokit_structured")
    text = (DOCS / "how-to" / "compose-verifiers.md").read_text(encoding="utf-8")
    for table in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        source = tomllib.loads(table)
        build_scheme({**source, "steps": {"use": "select", "signal": next(iter(source["sources"]))}})
    names: dict[str, object] = {}
    for block, printed in re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", text, re.DOTALL):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, "compose-verifiers.md", "exec"), names)  # noqa: S102 - our own page
        assert out.getvalue() == printed
