"""Pages are consistent: generated ones are up to date, links work, decisions are complete, the map has every room."""

import re
import subprocess
import sys

import pytest
from page_helpers import DOCS, ROOT, load_script

from herokit.testing.laws import LAWS, list_laws

ADRS = sorted(DOCS.glob("adr/[0-9]*.md"))


def test_schemes_page_is_up_to_date():
    script = load_script("make_schemes")
    assert script.PAGE.read_text(encoding="utf-8") == script.main(), "run python docs/make_schemes.py"


def test_laws_page_is_up_to_date():
    script = load_script("make_laws")
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run python docs/make_laws.py"


def test_verifiers_page_is_up_to_date():
    pytest.importorskip("herokit_structured")
    script = load_script("make_verifiers")
    assert script.PAGE.read_text(encoding="utf-8") == script.main(), "run python docs/make_verifiers.py"


def test_laws_have_statement_reason_and_consequence():
    assert len({law.name for law in LAWS}) == len(LAWS)
    assert all(law.statement.endswith(".") and law.why and law.consequence for law in LAWS)
    assert {kind for law in LAWS for kind in law.kinds} == {"combiner", "verifier", "reward function", "reward model"}
    assert len(list_laws("combiner", universal=True)) >= 14


@pytest.mark.parametrize("law", list_laws("combiner", universal=True), ids=str)
def test_with_params_without_parameters_keeps_the_name(law):
    assert str(law.with_params()) == law.name


def test_make_weights_computes_what_survives():
    code = f"import sys; sys.path.insert(0, {str(DOCS)!r}); import make_weights as m; print(m.survival('trl-none'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 0.99


def test_links_lead_to_files():
    for page in DOCS.rglob("*.md"):
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            if "generated/" not in f"{page}{link}":  # generated, and checked, when the site is built
                assert page.parent.joinpath(link).exists(), f"{page}: {link}"


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
    paths = set(re.findall(r"`((?:src|plugins|tests|docs|examples|benchmarks|release)/[^`]*)`", text))
    assert [path for path in paths if not ROOT.joinpath(path).exists()] == []
    packages = {path.parent for path in ROOT.glob("src/herokit/*/__init__.py")}
    packages |= {path.parent for path in ROOT.glob("plugins/*/pyproject.toml")}
    assert [str(p) for p in packages if f"`{p.relative_to(ROOT)}/`" not in text] == []


def test_glossary_is_in_alphabetical_order():
    text = DOCS.joinpath("reference/glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| ([a-z][^|]*) \|", text, re.MULTILINE)
    assert len(words) > 40
    assert words == sorted(words)
