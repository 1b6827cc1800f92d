"""Commands that plugins bring: listed without their backends, loaded when named, and plain about what is missing."""

import subprocess
import sys

import pytest

from herokit.cli import console
from herokit.hookspecs import hookimpl
from herokit.registry import load_registry

PLUGIN = """
from typing import Annotated
import typer
def shout(word: Annotated[str, typer.Argument(help="What to shout.")], often: int = 1) -> None:
    '''Shout a word.'''
    typer.echo(" ".join([word.upper()] * often))
"""


@pytest.fixture
def offer(tmp_path, monkeypatch, use_registry):
    tmp_path.joinpath("shouting.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    for stream in (console.out, console.err):
        monkeypatch.setattr(stream, "_width", 200)

    def register_commands(**commands):
        class Plugin:
            @hookimpl
            def herokit_register(self, register):
                register.verifier("exact", "shouting:Exact")
                for name, target in commands.items():
                    register.command(name, target)

        use_registry(load_registry(plugins=False, extra=[("shouter", Plugin())]))

    return register_commands


def test_plugin_command_has_options_and_help(offer, herokit, capsys):
    offer(shout="shouting:shout")
    assert herokit("shout", "hero", "--often", "2") == 0
    assert capsys.readouterr().out == "HERO HERO\n"
    assert herokit("--help") == 0
    assert "Shout a word." in capsys.readouterr().out
    assert herokit("shout", "--help") == 0
    assert "What to shout." in capsys.readouterr().out


def test_plugin_command_that_cannot_be_loaded_leaves_the_others_usable(offer, herokit, capsys):
    offer(shout="shouting:shout", broken="nowhere:command")
    assert herokit("--help") == 0
    assert "Cannot be loaded" in capsys.readouterr().out
    assert herokit("shout", "x") == 0
    assert herokit("broken") == 2
    assert "error: plugin 'shouter', loading 'broken'" in capsys.readouterr().err


def test_unknown_command_names_the_package_that_provides_it(offer, herokit, capsys):
    offer()
    assert herokit("export-rm", "a", "b") == 2
    assert capsys.readouterr().err == 'error: herokit export-rm needs: pip install "herokit-onnx[cpu,export]"\n'
    for name in ("exprt", "exact"):  # "exact" is a verifier
        assert herokit(name) == 2
        assert f"No such command '{name}'" in capsys.readouterr().err


def test_plugin_command_cannot_replace_a_command_of_herokit(offer, herokit, capsys):
    offer(score="shouting:shout")
    assert herokit("--help") == 2
    assert "plugin 'shouter' registers the command 'score', which herokit has already" in capsys.readouterr().err


def test_help_of_export_rm_imports_neither_torch_nor_onnx():
    code = (
        "import sys; from herokit.cli import app\nsys.argv = ['herokit', 'export-rm', '--help']\n"
        "try: app.run()\nexcept SystemExit: print('loaded', *sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    help_text, _, loaded = done.stdout.partition("loaded ")
    assert "--system-prompt" in help_text
    assert not {"torch", "onnx", "onnxruntime", "transformers", "tokenizers", "pyarrow"} & set(loaded.split())
