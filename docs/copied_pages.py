"""Pages that lie elsewhere in the repository, and links that cross: the site has a copy of each, with links that hold."""

import os
import re
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PLACE = DOCS / "reference" / "generated"

_LINK = re.compile(r"(\]\()([^)#:\s]+)(#[^)]*)?(\))")


def copies() -> dict[Path, str]:
    """Return the files that the site has a copy of, and the copies' names below `PLACE`."""
    found = {ROOT / name: f"project/{name}" for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")}
    found |= {path: f"plugins/{path.parent.name}.md" for path in sorted(ROOT.glob("plugins/*/README.md"))}
    found |= {path: f"plugins/{path.name}" for path in ROOT.glob("plugins/*/src/*/embedded/MODEL_CARD.md")}
    return {path: name for path, name in found.items() if path.exists()}


def copied_pages() -> dict[str, str]:
    """Return the copies, name -> text."""
    return {
        name: relink(path.read_text(encoding="utf-8"), path.parent, PLACE.joinpath(name).parent)
        for path, name in copies().items()
    }


def relink(text: str, here: Path, there: Path) -> str:
    """Turn a page's relative links into ones that hold in the site; a file that the site lacks becomes its path.

    Args:
        text: the page.
        here: the folder it was written in.
        there: the folder it will be read in.
    """
    known = copies()

    def turn(match: re.Match[str]) -> str:
        opening, link, anchor, closing = match.groups()
        target = Path(os.path.normpath(here / link))
        if target in known:
            target = PLACE / known[target]
        elif not target.is_relative_to(DOCS):
            return f"] (`{target.relative_to(ROOT)}`)" if target.is_relative_to(ROOT) else match.group()
        return f"{opening}{os.path.relpath(target, there)}{anchor or ''}{closing}"

    return _LINK.sub(turn, text)
