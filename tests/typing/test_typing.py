"""What type checkers reveal in code that users write: mypy in strict mode, and pyright in standard mode."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("user_code.py")
EXPECTED = re.findall(r"# type: (.+)$", PROGRAM.read_text(), re.MULTILINE)


def run(*command):
    environment = os.environ | {"NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, env=environment
    )
    return done.returncode, done.stdout + done.stderr


def without_modules(name):
    """Return a type's name without the names of modules, in which the two checkers differ."""
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", name)


def test_mypy_reveals_the_expected_types():
    code, output = run(
        "mypy", "--strict", "--config-file=", "--ignore-missing-imports", "--no-incremental", str(PROGRAM)
    )
    assert code == 0, output
    assert [without_modules(name) for name in re.findall('Revealed type is "(.*)"', output)] == EXPECTED


def test_pyright_reveals_the_expected_types(tmp_path):
    config = tmp_path / "pyrightconfig.json"
    config.write_text(json.dumps({"include": [str(PROGRAM)], "typeCheckingMode": "standard", "pythonVersion": "3.11"}))
    code, output = run("basedpyright", "--pythonpath", sys.executable, "-p", str(config))
    assert code == 0, output
    assert [without_modules(name) for name in re.findall('Type of ".*" is "(.*)"', output)] == EXPECTED
