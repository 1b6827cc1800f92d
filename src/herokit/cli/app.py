"""The command line. Exit codes: 0 success; 1 a law fails; 2 wrong options, input or setup; 130 interrupted."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from herokit.cli import console
from herokit.cli.check import check
from herokit.cli.explain import explain
from herokit.cli.new import new
from herokit.cli.options import JsonFlag
from herokit.cli.report import report
from herokit.cli.score import score
from herokit.cli.serve import serve
from herokit.cli.verify import verify
from herokit.config.schema import scheme_schema
from herokit.errors import ConfigError, HerokitError, NameClashError, SchemeError, UnknownNameError
from herokit.registry import Entry, get_registry

__all__ = ["app", "run"]

COMMANDS_PROVIDED_BY = {"export-rm": "herokit-onnx[cpu,export]"}
"""Command -> the package of this project that provides it, for the error if it is not installed."""


class _CommandGroup(TyperGroup):
    """herokit's commands and those of the installed plugins, which are imported when they are used or listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the help.

        Raises:
            NameClashError: a plugin registers the name of one of herokit's commands.
        """
        names = super().list_commands(ctx)
        registered = [entry for entry in get_registry() if entry.kind == "command"]
        for entry in registered:
            if entry.name in names:
                raise NameClashError(
                    f"plugin {entry.owner!r} registers the command {entry.name!r}, which herokit has already"
                )
        return [*names, *(entry.name for entry in registered)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by name, or None.

        Raises:
            UnknownNameError: it comes with a package of this project that is not installed.
        """
        command = self._find_command(ctx, cmd_name)
        if command is not None and command.help:  # lines of a docstring are not lines of a terminal
            command.help = re.sub(r"(?<!\n)\n(?!\n)", " ", command.help)
        return command

    def _find_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            return command
        for entry in get_registry():
            if entry.kind == "command" and entry.name == cmd_name:
                return _load_command(entry)
        if cmd_name in COMMANDS_PROVIDED_BY:
            errors = get_registry().load_errors.items()
            failed = "".join(f"; plugin {owner!r} could not be loaded: {error}" for owner, error in errors)
            raise UnknownNameError(f'herokit {cmd_name} needs: pip install "{COMMANDS_PROVIDED_BY[cmd_name]}"{failed}')
        return None


def _load_command(entry: Entry) -> Any:
    """Return the command of a plugin; if it cannot be loaded, running it raises the error and the help still works."""
    function: Callable[..., Any]
    try:
        function = entry.load()
    except HerokitError as error:
        load_error = error

        def function() -> None:
            raise load_error

        function.__doc__ = f"Cannot be loaded: {error}"
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    command.command(entry.name)(function)
    return get_command(command)


app = typer.Typer(
    name="herokit",
    cls=_CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _print_version(requested: bool) -> None:  # noqa: FBT001 - the signature of typer's callbacks
    if requested:
        console.out.print(f"herokit {version('herokit')}", markup=False)
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Composable rewards for reinforcement learning of language models."""
    del show_version


app.command()(score)
app.command()(explain)


app.command()(report)
app.command()(verify)
app.command()(serve)
app.command()(check)


@app.command()
def schema(
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write this file instead of printing.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; this is always so.")] = True,  # noqa: ARG001 - every command has it
) -> None:
    """Print the JSON schema of scheme files, with which editors complete and check names and parameters.

    It contains all installed plugins. In a TOML file, the first line `#:schema herokit.schema.json` refers to it;
    in a YAML file, `# yaml-language-server: $schema=herokit.schema.json`.
    """
    text = json.dumps(scheme_schema(), indent=1) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written: {error.strerror or error}") from error
    console.err.print(console.printable(f"Schema: {output}"))


app.add_typer(new, name="new")


@app.command()
def plugins(as_json: JsonFlag = False) -> None:
    """List all registered names with the plugins that provide them."""
    registry = get_registry()
    if as_json:
        data = {"names": [asdict(entry) for entry in registry], "load_errors": registry.load_errors}
        sys.stdout.write(json.dumps(data) + "\n")
        return
    console.print_plugins(registry)


def run() -> None:
    """Run the command line; an expected error is printed as one line, several as a line each, and ends with exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # models write characters that a terminal may lack
    try:
        app()
    except HerokitError as error:
        first, *others = error.lines() if isinstance(error, SchemeError) else [str(error)]
        console.print_problem("error", first)
        for line in others:
            console.err.print(console.printable(line))
        sys.exit(2)
