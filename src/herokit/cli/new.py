"""`herokit new`: write a plugin package that installs, registers and passes its tests, or a script that trains."""

import json
import keyword
import re
import shutil
import string
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from herokit.cli import console
from herokit.cli.options import JsonFlag
from herokit.errors import ConfigError, NameClashError
from herokit.registry import get_registry

__all__ = ["MAX_NAME_LENGTH", "new", "new_plugin"]

new = typer.Typer(
    help="Write a plugin package that installs, registers and passes its tests, or a script that trains.",
    no_args_is_help=True,
)

TrainerScript: TypeAlias = Literal["trl"]

PluginKind: TypeAlias = Literal["verifier", "reward-model", "combiner"]

TEMPLATE_PATHS = {
    "common/pyproject.toml": "pyproject.toml",
    "common/gitignore": ".gitignore",
    "common/ci.yml": ".github/workflows/ci.yml",
    "common/__init__.py": "src/$package/__init__.py",
    "$template/module.py": "src/$package/$module.py",
    "$template/README.md": "README.md",
    "$template/test.py": "tests/test_$module.py",
}
"""Template -> path in the package."""

MAX_NAME_LENGTH = 30
"""The maximum length of a name: with it no line of the templates gets too long."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

Name: TypeAlias = Annotated[str, typer.Argument(help="The value of `use` in scheme files, e.g. last-word.")]
Trainer: TypeAlias = Annotated[TrainerScript, typer.Argument(help="The trainer that the script uses.")]
Script: TypeAlias = Annotated[
    Path | None, typer.Option("-o", "--output", help="The new file; by default train_TRAINER.py.")
]
Folder: TypeAlias = Annotated[Path | None, typer.Option(help="The new folder; by default herokit-NAME.")]


@new.command()
def verifier(name: Name, folder: Folder = None, as_json: JsonFlag = False) -> None:
    """Write a package with a verifier, which decides whether a completion is correct."""
    _run("verifier", name, folder, as_json=as_json)


@new.command()
def reward_model(name: Name, folder: Folder = None, as_json: JsonFlag = False) -> None:
    """Write a package with a reward model, which scores how good a completion is."""
    _run("reward-model", name, folder, as_json=as_json)


@new.command()
def combiner(name: Name, folder: Folder = None, as_json: JsonFlag = False) -> None:
    """Write a package with a step, which combines the values of the sources."""
    _run("combiner", name, folder, as_json=as_json)


@new.command()
def trainer_script(trainer: Trainer, output: Script = None, as_json: JsonFlag = False) -> None:
    """Write a script that trains a tiny model on a CPU with rewards of herokit, to be changed into a run of your own."""
    path = output or Path(f"train_{trainer}.py")
    if path.exists():
        raise ConfigError(f"{path}: already exists; choose another file with --output")
    template = files("herokit").joinpath("templates", "trainer-script", f"{trainer}.py.tmpl")
    _write_files(path.parent, {path: template.read_text(encoding="utf-8")})
    if as_json:
        sys.stdout.write(json.dumps([str(path)]) + "\n")
        return
    console.out.print(f"{path}\n\nTo run it, about a minute on a CPU:\n  python {path}", markup=False)


def _run(kind: PluginKind, name: str, folder: Path | None, *, as_json: bool) -> None:
    for entry in get_registry():
        if entry.name == name:
            raise NameClashError(f"{name!r} is the name of a {entry.kind} of {entry.owner!r}; choose another name")
    paths = new_plugin(kind, name, folder)
    if as_json:
        sys.stdout.write(json.dumps([str(path) for path in paths]) + "\n")
        return
    for path in paths:
        console.out.print(str(path), markup=False)
    console.out.print(
        f"\nTo install and test it:\n  cd {folder or f'herokit-{name}'}\n"
        "  python -m pip install --upgrade 'pip>=25.1'\n"
        "  python -m pip install --group dev --editable .\n  python -m pytest",
        markup=False,
    )


def new_plugin(kind: PluginKind, name: str, folder: Path | None = None) -> list[Path]:
    """Write a plugin package.

    Args:
        kind: what it provides.
        name: the value of ``use`` in scheme files: small letters, digits and dashes.
        folder: the new folder; by default ``herokit-NAME``. If it exists, it must be empty.

    Returns:
        The files, sorted.

    Raises:
        ConfigError: the name is not allowed, or the folder is not empty.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     [path.name for path in new_plugin("verifier", "last-word", Path(folder))][-1]
        'test_last_word.py'
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > MAX_NAME_LENGTH:
        raise ConfigError(
            "the name of a plugin consists of small letters, digits and single dashes, starts with a letter, is not a "
            f"Python keyword and has at most {MAX_NAME_LENGTH} characters, e.g. last-word; got {name!r}"
        )
    folder = folder or Path(f"herokit-{name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: already exists; choose another folder")
    texts = {folder / path: text for path, text in _fill_templates(kind, name).items()}
    _write_files(folder, texts)
    return sorted(texts)


def _fill_templates(kind: PluginKind, name: str) -> dict[str, str]:
    """Return the files of a package: path -> text."""
    module = name.replace("-", "_")
    words = {
        "template": kind,
        "kind": kind.replace("-", " "),
        "register": kind.replace("-", "_"),
        "name": name,
        "module": module,
        "project": f"herokit-{name}",
        "package": f"herokit_{module}",
        "Class": "".join(word.capitalize() for word in name.split("-")),
    }

    def fill(text: str) -> str:
        return string.Template(text).substitute(words)

    templates = files("herokit").joinpath("templates")
    texts = {
        fill(path): fill(templates.joinpath(f"{fill(template)}.tmpl").read_text(encoding="utf-8"))
        for template, path in TEMPLATE_PATHS.items()
    }
    return texts | {fill("src/$package/py.typed"): ""}


def _write_files(folder: Path, texts: Mapping[Path, str]) -> None:
    """Write files into a folder that is empty or does not exist; leave nothing behind if one cannot be written."""
    existed = folder.exists()
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        for path in list(folder.iterdir()) if existed else [folder]:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise ConfigError(f"{folder}: cannot be written: {error.strerror or error}") from error
