"""`herokit new`: a plugin package from a name."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from herokit.cli import console
from herokit.cli.scaffold import What, new_plugin
from herokit.errors import NameClashError
from herokit.registry import registry

new = typer.Typer(
    help="Write a new plugin package: it installs, registers, and passes its tests.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="What scheme files will write after use =, e.g. last-word.")]
Folder = Annotated[Path | None, typer.Option(help="Where it goes; herokit-NAME by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print the files written as JSON.")]


@new.command()
def verifier(name: Name, folder: Folder = None, as_json: Json = False) -> None:
    """Write a package that offers a verifier: it says what is right."""
    _write("verifier", name, folder, as_json=as_json)


@new.command()
def reward_model(name: Name, folder: Folder = None, as_json: Json = False) -> None:
    """Write a package that offers a reward model: it says what is better."""
    _write("reward-model", name, folder, as_json=as_json)


def _write(what: What, name: str, folder: Path | None, *, as_json: bool) -> None:
    for entry in registry():
        if entry.name == name:
            raise NameClashError(f"{name!r} is the name of a {entry.kind} of {entry.owner!r}; choose another")
    written = new_plugin(what, name, folder)
    if as_json:
        sys.stdout.write(json.dumps([str(path) for path in written]) + "\n")
        return
    for path in written:
        console.out.print(str(path), markup=False)
    root = folder or Path(f"herokit-{name}")
    console.out.print(
        f"\nTry it:\n  cd {root}\n  python -m pip install --upgrade 'pip>=25.1'\n"
        "  python -m pip install --group dev --editable .\n  python -m pytest",
        markup=False,
    )
