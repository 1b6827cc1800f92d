"""Helpers of the tests of pages: where pages are, their code blocks, running them, the scripts that generate them."""

import contextlib
import importlib.util
import io
import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def code_blocks(path, *languages):
    """Return (language, code) of the fenced blocks of a page in these languages."""
    return re.findall(rf"```({'|'.join(languages)})\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def run_page(path, monkeypatch):
    """Run a page's Python blocks in one module; each text block must equal what the code before it printed."""
    module = ModuleType(f"page_{path.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # so that what it defines can be pickled
    printed = ""
    for language, block in code_blocks(path, "python", "text"):
        if language == "text":
            assert block == printed
            printed = ""
            continue
        assert not printed, f"the page does not show this output: {printed}"
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, path.name, "exec"), module.__dict__)  # noqa: S102 - our own page
        printed = out.getvalue()
    assert not printed, f"the page does not show this output: {printed}"
    return module


def load_script(name):
    """Import a script of docs/."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script
