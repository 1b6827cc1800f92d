"""What is released says the same everywhere: versions, Pythons, licence, changelog."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from herokit.registry import EXTRAS_BY_NAME, get_registry

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))]


@pytest.mark.parametrize("path", PROJECTS, ids=lambda p: p.parent.name)
def test_a_project_says_what_the_others_say(path):
    project = tomllib.loads(path.read_text())["project"]
    assert project["license"] == "MIT"
    assert project["requires-python"] == ">=3.11"
    assert path.with_name(project["readme"]).exists()
    assert path.with_name("LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    package = path.parent / "src" / project["name"].replace("-", "_")
    assert (package / "py.typed").exists()


def test_changelog_and_citation_name_the_version():
    version = tomllib.loads(PROJECTS[0].read_text())["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version


def test_the_makefile_knows_every_package():
    packages = re.search(r"^PLUGINS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    tracked = {str(p.parent.relative_to(ROOT)) for p in PROJECTS[1:]}
    assert set(packages) <= tracked


CORE = tomllib.loads(PROJECTS[0].read_text())["project"]
EXTRAS = CORE["optional-dependencies"]
LIBRARY_EXTRAS = {"cli", "report", "serve", "testing"}
PLUGINS = [tomllib.loads(path.read_text())["project"] for path in PROJECTS[1:]]


def bound(version):
    major, minor, _ = map(int, version.split("."))
    return f">={major}.{minor},<{major}.{minor + 1}"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin["name"])
def test_a_plugin_is_an_extra_of_the_core_and_both_bounds_admit_the_versions_here(plugin):
    (requirement,) = EXTRAS[plugin["name"].removeprefix("herokit-")]
    name, options, versions = re.fullmatch(r"([\w-]+)(?:\[(\w+)\])?(.*)", requirement).groups()
    assert (name, versions) == (plugin["name"], bound(plugin["version"]))
    assert options is None or options in plugin["optional-dependencies"]
    assert "herokit" + bound(CORE["version"]) in plugin["dependencies"]


def test_extras_are_those_of_the_plugins_and_of_libraries_and_all_has_each():
    plugins = {plugin["name"].removeprefix("herokit-") for plugin in PLUGINS}
    assert set(EXTRAS) == LIBRARY_EXTRAS | plugins | {"all"}
    (every,) = EXTRAS["all"]
    assert set(re.fullmatch(r"herokit\[(.*)\]", every)[1].split(",")) == set(EXTRAS) - {"all"}


def test_every_name_of_a_plugin_here_has_its_extra():
    names = {plugin["name"] for plugin in PLUGINS}
    registered = {
        entry.name: entry.owner for entry in get_registry() if entry.owner in names and entry.kind != "command"
    }
    assert {name: f"herokit-{extra}" for name, extra in EXTRAS_BY_NAME.items()} == registered


def test_pages_and_messages_install_extras_that_exist():
    texts = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("plugins/*/README.md"),
        *ROOT.glob("src/**/*.py"),
    ]
    lists = {
        match for path in texts for match in re.findall(r"pip install ['\"]herokit\[([a-z,]+)\]", path.read_text())
    }
    assert {extra for names in lists for extra in names.split(",")} - set(EXTRAS) == set()
    assert len(lists) > 5
