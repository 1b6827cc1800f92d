"""A new plugin package from a name: a verifier or a reward model that installs, registers and passes its tests."""

import keyword
import re
import shutil
import string
from importlib.resources import files
from pathlib import Path
from typing import Literal

from herokit.errors import ConfigError

What = Literal["verifier", "reward-model"]

PLACES = {
    "common/pyproject.toml": "pyproject.toml",
    "common/gitignore": ".gitignore",
    "common/ci.yml": ".github/workflows/ci.yml",
    "common/__init__.py": "src/$package/__init__.py",
    "$what/module.py": "src/$package/$module.py",
    "$what/README.md": "README.md",
    "$what/test.py": "tests/test_$module.py",
}
"""Template -> where it goes in the package."""

LONGEST = 30
"""Characters of a name: so many that no line of the templates grows too long."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def new_plugin(what: What, name: str, folder: Path | None = None) -> list[Path]:
    """Write a plugin package.

    Args:
        what: what it offers.
        name: what scheme files will write after ``use =``: small letters, digits and dashes.
        folder: where it goes; ``herokit-NAME`` by default. It must be empty, or not be there.

    Returns:
        The files, sorted.

    Raises:
        ConfigError: the name is none that a scheme file and a package can have, or the folder is not empty.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     [path.name for path in new_plugin("verifier", "last-word", Path(folder))][-1]
        'test_last_word.py'
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > LONGEST:
        raise ConfigError(
            "a plugin's name has small letters, digits and single dashes, begins with a letter, is no word of Python's "
            f"own and has at most {LONGEST} characters, e.g. last-word; got {name!r}"
        )
    folder = folder or Path(f"herokit-{name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: is there already; name another folder")
    module = name.replace("-", "_")
    words = {
        "what": what,
        "kind": what.replace("-", " "),
        "register": what.replace("-", "_"),
        "name": name,
        "module": module,
        "project": f"herokit-{name}",
        "package": f"herokit_{module}",
        "Class": "".join(word.capitalize() for word in name.split("-")),
    }
    written = [folder / "src" / words["package"] / "py.typed"]
    texts = {written[0]: ""}
    for template, place in PLACES.items():
        source = files("herokit").joinpath("templates", f"{string.Template(template).substitute(words)}.tmpl")
        path = folder / string.Template(place).substitute(words)
        texts[path] = string.Template(source.read_text(encoding="utf-8")).substitute(words)
    there = folder.exists()
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        for path in list(folder.iterdir()) if there else [folder]:  # it was empty, or was not there
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise ConfigError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return sorted(texts)
