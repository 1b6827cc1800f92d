"""Counterexamples as tests: the file that `herokit check --write-test` writes fails on the fault and passes on its twin."""

import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from herokit.cli.app import app

FAULTY = {
    "substring": "def accuracy(completion, reference):\n    return float(str(reference) in completion)\n",
    "drops": (
        "def accuracy(completions, answer, **kwargs):\n"
        "    rows = [(c, a) for c, a in zip(completions, answer) if any(x.isdigit() for x in c)]\n"
        "    return [float(c.strip() == a) for c, a in rows] + [0.0] * (len(completions) - len(rows))\n"
    ),
}
TWIN = (
    "def accuracy(completion, reference):\n"
    "    text = completion.strip()\n"
    "    return float(isinstance(reference, str) and bool(text) and text == reference.strip())\n"
)


def run_tests(folder):
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", folder]
    done = subprocess.run([*words, "test_rewards.py"], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", FAULTY)
def test_write_test_writes_what_fails_on_the_fault_and_passes_on_the_twin(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "regression_rewards.py").write_text(FAULTY[name])
    words = ["regression_rewards.py:accuracy", "--answer-format", "plain", "--budget", "20s", "--examples", "10"]
    done = CliRunner().invoke(
        app, ["check", *words, "--write-test", "test_rewards.py", "--junit", "junit.xml"], env={"COLUMNS": "120"}
    )
    assert done.exit_code == 1, done.output
    failures = int(ET.parse(tmp_path / "junit.xml").getroot()[0].get("failures"))  # noqa: S314 - our own file
    code, output = run_tests(tmp_path)
    assert code == 1
    assert f"{failures} failed" in output, output
    (tmp_path / "regression_rewards.py").write_text(TWIN)
    code, output = run_tests(tmp_path)
    assert (code, f"{failures} passed" in output) == (0, True), output
