"""The README is true: its code runs and prints what it shows, its commands work, its numbers and paths exist."""

import html
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
from page_helpers import ROOT, code_blocks, load_script, run_page

from herokit import hero_advantage, schemes
from herokit.config import build_scheme

PAGE = ROOT / "README.md"
README = PAGE.read_text(encoding="utf-8")


def blocks(language):
    return [code for _, code in code_blocks(PAGE, language)]


def run_herokit(command, folder):
    """Run a command line of the README; examples are read from the repository."""
    arguments = [word.replace("examples/", f"{ROOT}/examples/") for word in shlex.split(command, comments=True)[2:]]
    return subprocess.run(
        [sys.executable, "-m", "herokit", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_quick_start_prints_what_the_readme_shows(tmp_path, monkeypatch):
    pytest.importorskip("herokit_math")
    pytest.importorskip("herokit_onnx")
    code = "".join(f"```{language}\n{block}```\n" for language, block in code_blocks(PAGE, "python", "text")[:2])
    quick_start = tmp_path / "README.md"
    quick_start.write_text(code)
    run_page(quick_start, monkeypatch)


def test_check_prints_what_the_readme_shows(tmp_path):
    command, *lines = next(block for block in blocks("console") if "herokit check hero" in block).splitlines()
    printed = [line.rstrip() for line in run_herokit(command, tmp_path).stdout.splitlines()]
    shown = [line for line in lines if line != "..."]
    start = printed.index(shown[0])
    assert printed[start : start + len(shown)] == shown
    (laws,) = (match[1] for line in printed if (match := re.match(r"(\d+) laws, \d failed", line)))
    assert f"It tries {laws} [laws]" in README


def test_commands_on_files_run(tmp_path):
    tmp_path.joinpath("hero.toml").write_text(blocks("toml")[0])
    commands = next(block for block in blocks("console") if "herokit score" in block).splitlines()
    assert commands[-1].startswith("$ herokit serve hero.toml")  # it would not end
    for command in commands[:-1]:
        done = run_herokit(command, tmp_path)
        assert done.returncode == 0, (command, done.stderr)
    assert {path.name for path in tmp_path.iterdir()} == {"hero.toml", "scored.parquet", "report.html"}


def test_scheme_file_is_hero_advantage():
    assert build_scheme(tomllib.loads(blocks("toml")[0])).combiner == hero_advantage(alpha=0.05, beta=0.05)


def test_readme_has_the_install_line_and_the_two_commands_of_a_clone():
    install, *_, clone = blocks("console")
    extras = re.search(r"herokit\[(.*)\]", install)[1].split(",")
    assert set(extras) <= set(
        tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["project"]["optional-dependencies"]
    )
    assert [line.split("#")[0].strip() for line in clone.splitlines()] == ["$ make demo", "$ make test"]


def test_pictures_show_what_the_commands_print_today(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm-256color")
    script = load_script("make_pictures")
    for name, (command, lines) in script.COMMANDS.items():
        drawn = script.PICTURES.joinpath(f"{name}.svg").read_text(encoding="utf-8")
        assert drawn == script.draw(command, lines), "run python docs/make_pictures.py"


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_pages_describe_the_picture_by_its_headline(page):
    drawn = html.unescape(ROOT.joinpath("docs/pictures/check.svg").read_text(encoding="utf-8")).replace("\xa0", " ")
    (headline,) = set(re.findall(r"\d+ of \d+ attacks paid, \d+ of \d+ equivalent answers lost their reward", drawn))
    assert headline in ROOT.joinpath(page).read_text(encoding="utf-8")


def test_counts_of_schemes_and_trainers_are_right():
    assert f"{len(schemes.SCHEMES)} built in" in README
    trainers = re.findall(r"^\| .*\]\(docs/how-to/.*$", README, re.MULTILINE)
    named = {page for row in trainers for page in re.findall(r"docs/how-to/([\w-]+)\.md", row)}
    table = ROOT.joinpath("docs/reference/adapters.md").read_text(encoding="utf-8")
    assert named == set(re.findall(r"\[page\]\(\.\./how-to/([\w-]+)\.md\)", table))
    assert len(named) == 13  # "TRL, verl, OpenRLHF and ten other trainers"


def test_links_lead_to_files():
    assert [link for link in re.findall(r"\]\((?!http)([^)#]+)\)", README) if not ROOT.joinpath(link).exists()] == []


def test_make_demo_installs_what_the_commands_need():
    demo = re.search(r"^\.venv/\.demo:.*\n(.*)", ROOT.joinpath("Makefile").read_text(), re.MULTILINE)[1]
    assert {"cli", "report", "testing"} <= set(re.search(r"'\.\[([^]]*)\]'", demo)[1].split(","))
