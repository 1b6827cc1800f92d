"""The page of the command line, generated from the typer commands: arguments, options, defaults, help."""

import inspect
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from herokit.cli.app import app

HEAD = """# Command line

Results go to standard output. Notes, progress bars and errors (one line each) go to standard error. With `--json`,
standard output is JSON and nothing else. `herokit --version` prints the version. See also [exit
codes](../exit-codes.md) and [completion in the shell](../../how-to/scheme-files.md#completion-in-the-shell).
"""


def all_commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its name, also those of plugins; the name of a nested command is ``outer inner``."""
    from typer import Context

    def walk(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        context = Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if hasattr(command, "list_commands"):
                yield from walk(command, f"{prefix}{name} ")
            else:
                yield f"{prefix}{name}", command

    yield from walk(get_command(app), "")


def undocumented_options() -> list[str]:
    """Return the commands, arguments and options without a help text."""
    names = []
    for name, command in all_commands():
        if not (command.help or "").strip():
            names.append(f"herokit {name}")
        names += [
            f"herokit {name} {p.opts[0]}" for p in command.params if not getattr(p, "help", None)
        ]
    return names


def commands() -> str:
    """Return the page."""
    return HEAD + "".join(_section(name, command) for name, command in all_commands())


def _section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = " ".join(_format_name(p) for p in arguments)
    text = f"\n## herokit {name}\n\n```console\n$ herokit {name} {usage} [OPTIONS]\n```\n\n"
    text = text.replace(f"{name}  [", f"{name} [")
    text += (
        inspect.cleandoc(command.help).replace("$", "\\$") + "\n\n| | default | |\n|---|---|---|\n"
    )
    for param in command.params:
        if param.name != "help":
            label = (
                f"`{_format_name(param)}`"
                if param in arguments
                else ", ".join(f"`{o}`" for o in param.opts)
            )
            text += f"| {label} | {_default(param)} | {param.help.replace('|', chr(92) + '|')} |\n"
    return text


def _format_name(param: Any) -> str:
    name = str(param.name).upper()
    repeated = " ..." if param.nargs == -1 else ""
    return f"{name}{repeated}" if param.required else f"[{name}{repeated}]"


def _default(param: Any) -> str:
    if param.required:
        return "*required*"
    value = param.default
    if value in (None, "") or value is False or callable(value):
        return ""
    value = getattr(value, "value", value)
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
