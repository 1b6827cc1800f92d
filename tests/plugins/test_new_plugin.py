"""`herokit new` writes packages that install offline, register, keep the laws, and pass their own checks."""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from herokit.cli.new import MAX_NAME_LENGTH, new_plugin
from herokit.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
LONG = "w" + "-x" * ((MAX_NAME_LENGTH - 1) // 2)


def run(*command, cwd, **environment):
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("what", ["verifier", "reward-model", "combiner"])
def test_new_plugin_installs_registers_and_passes_its_tests(what, tmp_path, monkeypatch, herokit, capsys):
    monkeypatch.chdir(tmp_path)
    assert herokit("new", what, "brand-new") == 0
    package, site = tmp_path / "herokit-brand-new", tmp_path / "site"
    assert "herokit-brand-new/tests/test_brand_new.py" in capsys.readouterr().out
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    run("pip", "install", "-q", *offline, "--target", site, package, cwd=tmp_path)
    seen = {"PYTHONPATH": str(site), "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
    assert "brand-new" in run("herokit", "plugins", cwd=tmp_path, **seen)
    assert "4 passed" in run("pytest", "-p", "no:cacheprovider", cwd=package, **seen)
    lines = [line for line in (package / "README.md").read_text().splitlines() if line.startswith("$ herokit check")]
    seen["PYTHONPATH"] = f"{site}{os.pathsep}src"
    for line in lines:
        assert " broken " not in run(*shlex.split(line, comments=True)[1:], "--budget", "20s", cwd=package, **seen)
    assert len(lines) == (what != "combiner")  # laws such as "bounded" judge a whole chain, not a step alone


@pytest.mark.parametrize("page", ["write-a-verifier", "bring-a-reward-model"])
def test_new_plugin_passes_the_check_on_its_page(page, tmp_path, monkeypatch, herokit):
    lines = (ROOT / f"docs/how-to/{page}.md").read_text().splitlines()
    new, check = (
        shlex.split(next(line for line in lines if line.startswith(f"$ herokit {word} ")))[2:]
        for word in ("new", "check")
    )
    monkeypatch.chdir(tmp_path)
    assert herokit(*new) == 0
    package = next(tmp_path.iterdir())
    run("herokit", *check, "--budget", "20s", cwd=package, PYTHONPATH="src")


@pytest.mark.parametrize("what", ["verifier", "reward-model", "combiner"])
@pytest.mark.parametrize("name", ["a", "last-word", LONG])
def test_new_plugin_passes_the_checks_of_its_ci(what, name, tmp_path):
    new_plugin(what, name, tmp_path / "made")
    run("ruff", "check", "--no-cache", ".", cwd=tmp_path / "made")
    run("ruff", "format", "--no-cache", "--check", ".", cwd=tmp_path / "made")
    ci = yaml.safe_load((tmp_path / "made/.github/workflows/ci.yml").read_text())
    project = tomllib.loads((tmp_path / "made/pyproject.toml").read_text())["project"]
    versions = ci["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert all(f"3.{v}" in versions for v in (11, 12, 13, 14))
    assert project["requires-python"] == ">=3.11"


@pytest.mark.parametrize("what", ["verifier", "reward-model", "combiner"])
def test_new_plugin_instructions_upgrade_pip_before_installing(what, tmp_path, monkeypatch, herokit, capsys):
    # a fresh environment of Python 3.11 or newer may have a pip that knows no --group, and `herokit check` needs the command
    monkeypatch.chdir(tmp_path)
    assert herokit("new", what, "brand-new") == 0
    package = tmp_path / "herokit-brand-new"
    page = {"reward-model": "bring-a-reward-model", "verifier": "write-a-verifier", "combiner": "write-a-step"}[what]
    for text in (
        capsys.readouterr().out,
        (package / "README.md").read_text(),
        (ROOT / f"docs/how-to/{page}.md").read_text(),
    ):
        upgrade, install = text.index("pip install --upgrade 'pip>=25.1'"), text.index("pip install --group dev")
        assert upgrade < install
    (own,) = (
        d for d in tomllib.loads((package / "pyproject.toml").read_text())["dependency-groups"]["dev"] if "herokit" in d
    )
    assert set(Requirement(own).extras) == {"cli", "testing"}


@pytest.mark.parametrize(
    "name", ["", "Last", "last_word", "-x", "x-", "a--b", "class", "../x", "x" * (MAX_NAME_LENGTH + 1)]
)
def test_new_plugin_rejects_an_invalid_name(name, tmp_path):
    with pytest.raises(ConfigError, match="e.g. last-word; got"):
        new_plugin("verifier", name, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_new_plugin_rejects_an_existing_folder_and_a_registered_name(tmp_path, monkeypatch, herokit, capsys):
    monkeypatch.chdir(tmp_path)
    Path("herokit-mine").mkdir()
    Path("herokit-mine/notes").write_text("keep")
    assert herokit("new", "verifier", "mine") == 2
    assert "herokit-mine: already exists; choose another folder" in capsys.readouterr().err
    assert herokit("new", "verifier", "number") == 2
    assert "'number' is the name of a verifier of 'herokit'; choose another name" in capsys.readouterr().err
    assert list(Path("herokit-mine").iterdir()) == [Path("herokit-mine/notes")]
