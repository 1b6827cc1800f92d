"""`herokit serve`: a scheme behind HTTP."""

import os
from pathlib import Path
from typing import Annotated

import typer

from herokit.cli import console
from herokit.config.scheme import load_scheme
from herokit.errors import SetupError
from herokit.service import Limits
from herokit.service.limits import MIB


def serve(  # noqa: PLR0913, PLR0917 - one parameter an option
    scheme: Annotated[Path | None, typer.Argument(help="Scheme file, TOML or YAML; HERO on maths by default.")] = None,
    host: Annotated[str, typer.Option(help="Where to listen; beyond loopback a token is asked for.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token_file: Annotated[
        Path | None, typer.Option(help="Holds the token; else HEROKIT_TOKEN does, else one is made.")
    ] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Ask for no token, wherever it listens.")] = False,
    state: Annotated[Path | None, typer.Option(help="Keeps the running means: read at the start, saved.")] = None,
    snapshot: Annotated[float, typer.Option(min=0.1, help="Seconds between two savings of the state.")] = 60.0,
    cohort: Annotated[
        int, typer.Option(min=1, help="Rollouts a prompt that OpenRLHF's protocol is to gather into a group.")
    ] = 1,
    max_body: Annotated[float, typer.Option(min=0.001, help="MiB a request.")] = Limits().body / MIB,
    max_rows: Annotated[int, typer.Option(min=1, help="Rows a request.")] = Limits().rows,
    queue: Annotated[int, typer.Option(min=1, help="Rows that may wait; a request beyond them gets 429.")] = (
        Limits().queue
    ),
    batch: Annotated[int, typer.Option(min=1, help="Rows scored at a time.")] = Limits().batch,
    linger: Annotated[float, typer.Option(min=0, help="Milliseconds a batch waits for more requests.")] = 2.0,
    seconds: Annotated[float, typer.Option(min=0.01, help="Seconds until a request is given up.")] = Limits().seconds,
    as_json: Annotated[bool, typer.Option("--json", help="Print where it listens as a line of JSON.")] = False,
) -> None:
    """Serve a scheme over HTTP: all ranks of a job share one reward model, one verifier pool and one running mean.

    SIGTERM ends it: what was accepted is answered, the state saved.
    """
    try:
        from herokit.service.server import TOKEN, Address, find_token
        from herokit.service.server import serve as run
    except ModuleNotFoundError as error:
        raise SetupError(f"herokit serve needs {error.name}: pip install 'herokit[serve]'") from error
    address = Address(host, port)
    token = find_token(address, token_file, asked=not no_token)
    limits = Limits(
        body=int(max_body * MIB),
        rows=max_rows,
        queue=queue,
        batch=batch,
        linger=linger / 1000,
        seconds=seconds,
        cohort=cohort,
    )
    plan = load_scheme(scheme)
    if token and not token_file and not os.environ.get(TOKEN):
        console.err.print(f"token: {token}")
    run(plan, address, limits, token=token, state=state, snapshot=snapshot, as_json=as_json)
