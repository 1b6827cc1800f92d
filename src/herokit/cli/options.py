"""Options that several commands have, and the parser of KEY=VALUE options."""

import tomllib
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import typer

from herokit.errors import ConfigError

__all__ = ["BatchGroups", "Columns", "JsonFlag", "Rollouts", "SchemeName", "parse_arguments"]

Rollouts: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        help="JSONL (.gz, .zst), JSON, Parquet, Arrow or CSV: files, folders, globs, or - for standard input."
    ),
]

SchemeName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="A scheme file (TOML or YAML), a scheme's name, e.g. hero-advantage, or FILE.py:OBJECT; by default HERO on maths."
    ),
]

Columns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ROLE=COLUMN",
        help="ROLE is prompt, completion, reference, group, conversation, images, num_tokens or truncated; repeatable.",
    ),
]

BatchGroups: TypeAlias = Annotated[
    int, typer.Option(min=1, help="Prompts per batch; running means are updated after each batch.")
]

JsonFlag: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def parse_arguments(option: str, texts: Sequence[str]) -> dict[str, Any]:
    """Parse texts KEY=VALUE; a value is TOML, or a word without quotes.

    Args:
        option: the name of the option, for messages.
        texts: its values.

    Raises:
        ConfigError: a text has no key or no value.

    Example:
        >>> parse_arguments("--engine-arg", ["num_actors=8", "address=auto"])
        {'num_actors': 8, 'address': 'auto'}
    """
    arguments: dict[str, Any] = {}
    for text in texts:
        key, separator, value = (part.strip() for part in text.partition("="))
        if not (separator and key and value):
            raise ConfigError(f"{option} {text}: expected KEY=VALUE, for example {option} rel_tol=0.01")
        try:
            arguments[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            arguments[key] = value
    return arguments
