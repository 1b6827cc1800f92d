"""Copies of pages from outside docs/, with links that work on the site."""

import os
import re
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PLACE = DOCS / "reference" / "generated"

_LINK = re.compile(r"(\]\()([^)#:\s]+)(#[^)]*)?(\))")


def copies() -> dict[Path, str]:
    """Return the files of which the site has a copy, and the name of each copy below `PLACE`."""
    pages = {
        ROOT / name: f"project/{name}"
        for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
    }
    pages |= {
        path: f"plugins/{path.parent.name}.md" for path in sorted(ROOT.glob("plugins/*/README.md"))
    }
    pages |= {
        path: f"plugins/{path.name}" for path in ROOT.glob("plugins/*/src/*/embedded/MODEL_CARD.md")
    }
    return {path: name for path, name in pages.items() if path.exists()}


def copied_pages() -> dict[str, str]:
    """Return the copies, name -> text."""
    pages = {
        name: relink(path.read_text(encoding="utf-8"), path.parent, PLACE.joinpath(name).parent)
        for path, name in copies().items()
    }
    pages["plugins/index.md"] = (
        "# Packages\n\nEach plugin is a package of its own.\n\n```{toctree}\n:maxdepth: 1\n:glob:\n*\n```\n"
    )
    return pages


def relink(text: str, here: Path, there: Path) -> str:
    """Rewrite the relative links of a page for the site; a link to a file outside the site becomes its path.

    Args:
        text: the page.
        here: the folder of the source file.
        there: the folder of the page on the site.
    """
    copied = copies()

    def rewrite(match: re.Match[str]) -> str:
        opening, link, anchor, closing = match.groups()
        target = Path(os.path.normpath(here / link))
        if target in copied:
            target = PLACE / copied[target]
        elif not target.is_relative_to(DOCS):
            return (
                f"] (`{target.relative_to(ROOT)}`)"
                if target.is_relative_to(ROOT)
                else match.group()
            )
        return f"{opening}{os.path.relpath(target, there)}{anchor or ''}{closing}"

    return _LINK.sub(rewrite, text)
