"""docs/reference/laws.md equals the docstrings; the tutorial prints what it shows."""

import contextlib
import importlib.util
import io
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from herokit.testing.laws import LAWS, list_laws

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_laws_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_laws", DOCS / "make_laws.py")
    make_laws = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_laws)
    assert make_laws.PAGE.read_text(encoding="utf-8") == make_laws.page(), "run python docs/make_laws.py"


def test_laws_have_statement_reason_and_consequence():
    assert len({law.name for law in LAWS}) == len(LAWS)
    assert all(law.statement.endswith(".") and law.why and law.consequence for law in LAWS)
    assert {law.kind for law in LAWS} == {"combiner", "verifier", "reward model"}
    assert len(list_laws("combiner", universal=True)) >= 14


def test_tutorial_prints_what_it_shows(monkeypatch):
    text = (DOCS / "tutorial" / "test-your-reward.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(python|text)\n(.*?)```", text, re.DOTALL)
    module = ModuleType("tutorial")
    monkeypatch.setitem(sys.modules, "tutorial", module)  # so that the steps it defines can be pickled
    printed = ""
    for language, block in blocks:
        if language == "text":
            assert printed == block
            printed = ""
            continue
        assert not printed, f"the page does not show this output: {printed}"
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, "test-your-reward.md", "exec"), module.__dict__)  # noqa: S102 - our own page
        printed = out.getvalue()
    for mark in module.test_my_reward.pytestmark:
        for param in mark.args[1]:
            param.values[0]()


@pytest.mark.parametrize("law", list_laws("combiner", universal=True), ids=str)
def test_with_params_without_parameters_keeps_the_name(law):
    assert str(law.with_params()) == law.name
