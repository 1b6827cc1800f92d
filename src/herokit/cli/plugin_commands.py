"""Commands that plugins offer, beside the command line's own. None is imported before it is named or listed."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from herokit.errors import HerokitError, NameClashError, UnknownNameError
from herokit.registry import Entry, registry

OFFERED_BY = {"export-rm": "herokit-onnx[cpu,export]"}
"""Commands that come with packages of this project, for the message when the package is not installed."""


class Commands(TyperGroup):
    """The command line's own commands, then those of the installed plugins."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, in the order of the help.

        Raises:
            NameClashError: a plugin offers a command of the command line's own.
        """
        own = super().list_commands(ctx)
        offered = [entry for entry in registry() if entry.kind == "command"]
        for entry in offered:
            if entry.name in own:
                raise NameClashError(
                    f"plugin {entry.owner!r} offers a command {entry.name!r}, which herokit has itself"
                )
        return [*own, *(entry.name for entry in offered)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by name; None for one that nobody offers.

        Raises:
            UnknownNameError: it comes with a package of this project that is not installed.
        """
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for entry in registry():
            if entry.kind == "command" and entry.name == cmd_name:
                return _made(entry)
        if cmd_name in OFFERED_BY:
            failed = "".join(
                f"; plugin {owner!r} could not be loaded: {why}" for owner, why in registry().broken.items()
            )
            raise UnknownNameError(f'herokit {cmd_name} needs: pip install "{OFFERED_BY[cmd_name]}"{failed}')
        return None


def _made(entry: Entry) -> Any:
    """Make a command of a plugin's function; one that cannot be imported says so when it runs, not in the help of all."""
    function: Callable[..., Any]
    try:
        function = entry.load()
    except HerokitError as error:
        broken = error

        def function() -> None:
            raise broken

        function.__doc__ = f"Cannot be loaded: {error}"
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    single.command(entry.name)(function)
    return get_command(single)
