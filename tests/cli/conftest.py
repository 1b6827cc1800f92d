import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from score_inputs import PLUGIN, SCHEME

from herokit.hookspecs import hookimpl
from herokit.registry import load_registry


@pytest.fixture
def stub_sources(tmp_path, monkeypatch, use_registry):
    """Work in an empty folder with the sources ``exact`` and ``length``, and the scheme file s.toml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("cli_plugin.py").write_text(PLUGIN)
    Path("s.toml").write_text(SCHEME)

    class Plugin:
        @hookimpl
        def herokit_register(self, register):
            register.verifier("exact", "cli_plugin:Exact")
            register.reward_model("length", "cli_plugin:Length")

    use_registry(load_registry(plugins=False, extra=[("cli-plugin", Plugin())]))
