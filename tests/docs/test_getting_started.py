"""Getting started works as it stands: files, commands with what they print, Python with what it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from page_helpers import DOCS, run_page

PAGE = DOCS / "tutorial" / "getting-started.md"
FILE = re.compile(r"in `([\w.]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
COMMANDS = re.compile(r"```console\n(.*?)```", re.DOTALL)


def run_commands(block, folder):
    """Run the commands of a console block; each must print the lines below it, in order, between lines of `...`."""
    for command, expected in re.findall(r"^\$ (herokit .*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
        words = [sys.executable, "-m", *command.split()]
        environment = {**os.environ, "COLUMNS": "100"}
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        printed = (done.stdout + done.stderr).splitlines()
        lines = iter(line.rstrip() for line in printed)
        for line in expected.splitlines():
            assert line == "..." or line in lines, f"{command}: {line!r} is not printed, or not here:\n{done.stdout}"


def test_files_and_commands_print_what_the_page_shows(tmp_path):
    pytest.importorskip("herokit_onnx")
    text = PAGE.read_text(encoding="utf-8")
    for name, content in FILE.findall(text):
        Path(tmp_path, name).write_text(content)
    blocks = COMMANDS.findall(text)
    assert sum(block.count("$ herokit ") for block in blocks) >= 3
    for block in blocks:
        run_commands(block, tmp_path)


def test_python_prints_what_the_page_shows(monkeypatch):
    pytest.importorskip("trl")
    run_page(PAGE, monkeypatch)
