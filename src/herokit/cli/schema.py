"""`herokit schema`: the JSON schema of scheme files, for editors."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from herokit.cli import console
from herokit.config.schema import scheme_schema
from herokit.errors import ConfigError


def schema(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write, instead of printing.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; it always is.")] = True,  # noqa: ARG001 - every command has it
) -> None:
    """Print the JSON schema of scheme files: editors complete and check names and settings by it.

    It knows what is installed, plugins too. In a TOML file, the line `#:schema herokit.config.schema.json` on top names it;
    in a YAML file, `# yaml-language-server: $schema=herokit.config.schema.json`.
    """
    text = json.dumps(scheme_schema(), indent=1) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error.strerror or error}") from error
    console.err.print(console.said(f"Schema: {output}"))
