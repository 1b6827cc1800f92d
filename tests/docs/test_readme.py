"""The README says what is so: its example prints what it claims, its scheme builds, its paths exist."""

import contextlib
import io
import re
import tomllib
from pathlib import Path

from herokit import Center, Select, Stratify, WeightByStd, chain
from herokit.config.builder import build

ROOT = Path(__file__).resolve().parents[2]
README = ROOT.joinpath("README.md").read_text()


def block(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_example_prints_what_the_readme_says():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block("python")[0], "README.md", "exec"), {})  # noqa: S102 - our own README
    assert f"It prints `{printed.getvalue().strip()}`" in README


def test_the_scheme_is_the_chain_that_the_readme_says():
    scheme = tomllib.loads(block("toml")[0])
    built = chain(*(build(step) for step in scheme["steps"]))
    assert built == chain(Select("rm"), Stratify(alpha=0.05, beta=0.05), Center(), WeightByStd())


def test_it_opens_with_the_two_commands():
    assert [line.split("#")[0].strip() for line in block("console")[0].splitlines()] == ["$ make demo", "$ make test"]


def test_every_path_it_names_exists():
    for names in re.findall(r"^\| (`[^|]+) \|", README, re.MULTILINE):
        folder = ""
        for name in re.findall(r"`([^`]+)`", names):
            path = name if "/" in name else f"{folder}/{name}"
            folder = str(Path(path).parent) if "/" in name and not name.endswith("/") else folder
            assert ROOT.joinpath(path).exists() or ROOT.joinpath(f"src/herokit/{name}").exists(), name
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert ROOT.joinpath(link).exists(), link


def test_make_demo_installs_what_the_commands_of_the_readme_need():
    demo = re.search(r"^\.venv/\.demo:.*\n(.*)", ROOT.joinpath("Makefile").read_text(), re.MULTILINE)[1]
    assert {"cli", "report", "testing"} <= set(re.search(r"'\.\[([^]]*)\]'", demo)[1].split(","))
