"""The commands. Exit codes: 0 every rollout has a reward; 2 something in the input or the setup is wrong; 130 interrupted."""

import json
import sys
from dataclasses import asdict
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated

import typer

from herokit.cli import console
from herokit.cli.check import check
from herokit.cli.explain import explain
from herokit.cli.new import new
from herokit.cli.plugin_commands import Commands
from herokit.cli.report import report
from herokit.cli.schema import schema
from herokit.cli.score import score
from herokit.cli.serve import serve
from herokit.cli.verify import verify
from herokit.errors import HerokitError
from herokit.registry import registry

app = typer.Typer(
    name="herokit",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer's signature of a callback
    if asked:
        console.out.print(f"herokit {version('herokit')}", markup=False)
        raise typer.Exit


@app.callback()
def main(
    told: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Rewards for reinforcement learning of language models: verifiers, reward models, and HERO to join them."""
    del told


app.command()(score)
app.command()(explain)
app.command()(report)
app.command()(verify)
app.command()(serve)
app.command()(check)
app.command()(schema)
app.add_typer(new, name="new")


@app.command()
def plugins(as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False) -> None:
    """List what is registered, and by which plugin."""
    if as_json:
        found = {"names": [asdict(entry) for entry in registry()], "broken": registry().broken}
        sys.stdout.write(json.dumps(found) + "\n")
        return
    console.show_plugins(registry())


def run() -> None:
    """Run the command line: an expected error is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know fewer characters than models write
    try:
        app()
    except HerokitError as error:
        console.complain("error", str(error))
        sys.exit(2)
