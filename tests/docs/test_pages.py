"""Pages written from code are up to date, and pages that show code run."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_of_schemes_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_schemes", DOCS / "make_schemes.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.PAGE.read_text(encoding="utf-8") == page.main(), "run python docs/make_schemes.py"


def test_every_page_links_to_files_that_exist():
    for page in DOCS.rglob("*.md"):
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            if "generated/" in f"{page}{link}":  # written, and checked, when the site is built
                continue
            assert page.parent.joinpath(link).exists(), f"{page}: {link}"


def test_the_scripts_that_draw_pictures_run(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(DOCS)!r}); import make_weights as m; print(m.survival('trl-none'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 0.99


def test_the_scheme_file_of_the_pages_is_shown_whole_and_every_page_that_loads_it_says_where():
    import tomllib

    from herokit import hero_advantage
    from herokit.config import build_scheme

    page = DOCS / "how-to" / "scheme-files.md"
    table = tomllib.loads(re.search(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)[1])
    assert build_scheme(table).combiner == hero_advantage(alpha=0.05, beta=0.05)
    for other in (*DOCS.glob("how-to/*.md"), *DOCS.glob("tutorial/*.md")):
        if other != page and "hero.toml" in other.read_text():
            assert "scheme-files.md" in other.read_text(), other


ADRS = sorted(DOCS.glob("adr/[0-9]*.md"))


def test_decisions_are_numbered_in_sequence():
    assert [path.name[:4] for path in ADRS] == [f"{number:04}" for number in range(1, len(ADRS) + 1)]


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.name[:4])
def test_decision_has_all_sections_and_is_listed(path):
    text = path.read_text(encoding="utf-8")
    number, title = re.match(r"# (\d{4})\. (.+)\n", text).groups()
    status, date = re.search(r"^- Status: (.+)\n- Date: (\d{4}-\d\d-\d\d)\n", text, re.MULTILINE).groups()
    assert re.match(r"accepted|superseded by \[\d{4}\]", status)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    row = f"| {number} | [{title}]({path.name}) | {status} | {date} |"
    assert number == path.name[:4]
    assert row in DOCS.joinpath("adr/README.md").read_text(encoding="utf-8").splitlines()


def test_architecture_names_every_room_and_only_paths_that_exist():
    text = DOCS.joinpath("explanation/architecture.md").read_text(encoding="utf-8")
    root = DOCS.parent
    paths = set(re.findall(r"`((?:src|plugins|tests|docs|examples|benchmarks|release)/[^`]*)`", text))
    assert [path for path in paths if not root.joinpath(path).exists()] == []
    packages = {path.parent for path in root.glob("src/herokit/*/__init__.py")}
    packages |= {path.parent for path in root.glob("plugins/*/pyproject.toml")}
    assert [str(p) for p in packages if f"`{p.relative_to(root)}/`" not in text] == []


def test_glossary_is_in_alphabetical_order():
    words = re.findall(r"^\| ([a-z][^|]*) \|", DOCS.joinpath("reference/glossary.md").read_text(), re.MULTILINE)
    assert len(words) > 40
    assert words == sorted(words)
