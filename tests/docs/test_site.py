"""The site: the build fails if a public name is undocumented; pages load nothing from the network."""

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys

import pytest
from page_helpers import DOCS, ROOT

needs_sphinx = pytest.mark.skipif(
    importlib.util.find_spec("sphinx") is None, reason="sphinx is not installed: make docs installs it"
)


@pytest.fixture(scope="module")
def scripts():
    """The scripts that generate the reference, by name."""
    sys.path.insert(0, str(DOCS))
    yield {name: importlib.import_module(name) for name in ("public_names", "make_reference", "make_commands")}
    sys.path.remove(str(DOCS))


def test_public_names_are_documented(scripts):
    assert scripts["make_reference"].undocumented() == []


IMPORT = re.compile(r"from (herokit[\w.]*) import (\([^)]*\)|[^\n#]*)")
IMPORTING_FILES = ("README.md", "docs/*/*.md", "plugins/*/README.md", "src/herokit/templates/**/*.tmpl")


def imported_names(text):
    """Yield the module and the name of each import from herokit in a text."""
    for module, names in IMPORT.findall(text):
        yield from ((module, name.split()[0]) for name in names.strip("()\n ").split(",") if name.strip())


def test_pages_and_templates_import_public_names(scripts):
    public = {page.name: set(page.names) for page in scripts["public_names"].pages()}
    public["herokit.testing.laws"] = set(importlib.import_module("herokit.testing.laws").__all__)  # a page of its own
    actual = [
        (path.relative_to(ROOT).as_posix(), module, name)
        for pattern in IMPORTING_FILES
        for path in ROOT.glob(pattern)
        if path.parent.name != "adr"
        for module, name in imported_names(path.read_text(encoding="utf-8"))
        if name not in public.get(module, ()) and f"{module}.{name}" not in public
    ]
    assert actual == []


def test_reference_lists_every_name_command_key_and_hook(scripts):
    from herokit import hookspecs
    from herokit.config.parameters import CONFIG_KINDS, parameters_of
    from herokit.registry import get_registry

    api = scripts["make_reference"].api()
    for page in scripts["public_names"].pages():
        text = api[f"api/{page.name}.rst"]
        assert all(re.search(rf"\b{name}\b", text) for name in page.names), page.name
    commands = scripts["make_commands"].commands()
    for name, command in scripts["make_commands"].all_commands():
        section = commands.split(f"\n## herokit {name}\n")[1].split("\n## ")[0]
        assert all(p.name == "help" or p.opts[0] in section or p.name.upper() in section for p in command.params), name
    schemes = scripts["make_reference"].scheme_file()
    for entry in get_registry():
        if entry.kind in CONFIG_KINDS:
            section = schemes.split(f"\n### {entry.name}\n")[1].split("\n### ")[0]
            assert all(f"| `{s.name}` |" in section for s in parameters_of(entry.load())), entry.name
    hooks = scripts["make_reference"].hooks()
    assert all(f"hookspecs.{n}" in hooks for n, spec in vars(hookspecs).items() if hasattr(spec, "herokit_spec"))


def test_commands_page_lists_the_option_json(scripts):
    assert [
        n for n, c in scripts["make_commands"].all_commands() if all("--json" not in p.opts for p in c.params)
    ] == []


REMOVED = {
    "a class": ("types.py", '    """One rollout: what the policy', "herokit.types.Sample"),
    "a method": ("rewarder.py", '        """Return the state as plain JSON', "herokit.rewarder.Rewarder.state_dict"),
    "a key": ("combiners/stratify.py", "        alpha: half-width", "herokit: stratify.alpha"),
    "an option": ("cli/verify.py", 'help="Disagreements to print."', "herokit verify --max-disagreements"),
    "a hook": ("hookspecs.py", '        """Register a `herokit.types.Verifier`', "herokit.hookspecs.Register.verifier"),
}
"""What is removed -> the file, how its documentation begins, the line that the build then prints."""


def remove_documentation(whole, begins):
    """Return a file's text without the documentation that begins so."""
    assert whole.count(begins) == 1
    if begins.startswith("help"):
        return whole.replace(begins, 'help=""')
    if '"""' not in begins:
        return whole.replace(begins, "        alfa: half-width")
    at = whole.index(begins)
    end = whole.index('"""', at + len(begins)) + 3
    return f"{whole[:at]}{' ' * (len(begins) - len(begins.lstrip()))}pass{whole[end:]}"


@needs_sphinx
def test_build_fails_without_documentation(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__", "generated"))
    for name, begins, _ in REMOVED.values():
        path = tmp_path / "src" / "herokit" / name
        path.write_text(remove_documentation(path.read_text(), begins))
    command = [sys.executable, "-m", "sphinx", "-W", "-q", tmp_path / "docs", tmp_path / "site"]
    environment = {"PYTHONPATH": str(tmp_path / "src"), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode != 0
    assert "public, and not documented:\n" in done.stderr, done.stderr[-2000:]
    assert {message for _, _, message in REMOVED.values()} <= set(done.stderr.splitlines())
    assert not list(tmp_path.glob("site/**/*.html"))


@needs_sphinx
def test_pages_load_nothing_from_the_network(tmp_path):
    """One page through the theme; all pages share its head."""
    tmp_path.joinpath("conf.py").write_text(
        (DOCS / "conf.py").read_text().partition("def setup")[0].replace("Path(__file__).parent", repr(str(DOCS)))
    )
    shutil.copytree(DOCS / "static", tmp_path / "static")
    tmp_path.joinpath("index.md").write_text("# A page\n\n```python\nx = 1\n```\n")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", tmp_path, tmp_path / "site"]
    subprocess.run(command, check=True, capture_output=True)
    for path in tmp_path.glob("site/**/*.html"):
        loads = re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=[\"']([^\"']+)", path.read_text())
        assert [link for link in loads if "//" in link] == []
    for path in tmp_path.glob("site/_static/**/*.css"):
        assert not re.search(r"(@import|url\()[^;)]*https?:", path.read_text()), path
