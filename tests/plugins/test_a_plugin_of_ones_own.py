"""Ten lines and a pyproject add a verifier that the command line and a scheme file then use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).with_name("herokit-exact")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        folder,
        PLUGIN,
    ]
    subprocess.run(install, check=True, capture_output=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    return folder


def herokit(installed, *arguments):
    command = [sys.executable, "-m", "herokit", *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def test_plugin_is_at_most_ten_lines():
    lines = PLUGIN.joinpath("herokit_exact.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 10


def test_plugin_is_listed_with_its_owner(installed):
    listed = herokit(installed, "plugins")
    assert listed.returncode == 0, listed.stderr
    assert any(line.split()[:3] == ["exact", "verifier", "herokit-exact"] for line in listed.stdout.splitlines())


def test_plugin_is_used_by_a_scheme_file(installed, tmp_path):
    (tmp_path / "scheme.toml").write_text('[sources.verifier]\nuse = "exact"\n[[steps]]\nuse = "verifier-only"\n')
    rows = [{"prompt": "2+2?", "completion": c, "reference": "4"} for c in (" 4 ", "5")]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = herokit(
        installed, "score", tmp_path / "r.jsonl", "--scheme", tmp_path / "scheme.toml", "-o", tmp_path / "o.jsonl"
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [row["reward"] for row in found] == [1.0, 0.0]
    assert [row["advantage"] for row in found] == [0.5, -0.5]
