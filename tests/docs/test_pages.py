"""Pages written from code are up to date, and pages that show code run."""

import importlib.util
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_of_schemes_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_schemes", DOCS / "make_schemes.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.PAGE.read_text(encoding="utf-8") == page.main(), "run python docs/make_schemes.py"


def test_every_page_links_to_files_that_exist():
    import re

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
    import re
    import tomllib

    from herokit import hero_advantage
    from herokit.config import build_scheme

    page = DOCS / "how-to" / "scheme-files.md"
    table = tomllib.loads(re.search(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)[1])
    assert build_scheme(table).combiner == hero_advantage(alpha=0.05, beta=0.05)
    for other in (*DOCS.glob("how-to/*.md"), *DOCS.glob("tutorial/*.md")):
        if other != page and "hero.toml" in other.read_text():
            assert "scheme-files.md" in other.read_text(), other
