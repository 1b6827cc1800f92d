"""`herokit serve`: a scheme over HTTP."""

import os
from pathlib import Path
from types import ModuleType
from typing import Annotated, TypeAlias

import typer

from herokit.cli import console
from herokit.cli.options import JsonFlag
from herokit.config.scheme import load_scheme
from herokit.errors import SetupError
from herokit.service import Limits
from herokit.service.limits import MIB

__all__ = ["serve"]

_DEFAULTS = Limits()

_Scheme: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        help="A scheme file (TOML or YAML), a scheme's name, e.g. hero, or FILE.py:OBJECT; by default HERO on maths."
    ),
]
_Host: TypeAlias = Annotated[str, typer.Option(help="Address to listen at; beyond loopback a token is required.")]
_Port: TypeAlias = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
_TokenFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="File with the token; by default HEROKIT_TOKEN, or a random one.")
]
_NoToken: TypeAlias = Annotated[bool, typer.Option("--no-token", help="Require no token at any address.")]
_State: TypeAlias = Annotated[
    Path | None, typer.Option(help="File of the running means: read at the start, saved regularly and at the end.")
]
_SaveEvery: TypeAlias = Annotated[float, typer.Option(min=0.1, help="Seconds between two saves of the state.")]
_GroupSize: TypeAlias = Annotated[
    int,
    typer.Option(min=1, help="Rollouts per prompt to gather into a group from the protocols of OpenRLHF and NeMo-Gym."),
]
_MaxBodyMib: TypeAlias = Annotated[float, typer.Option(min=0.001, help="MiB per request; above it 413.")]
_MaxRequestRows: TypeAlias = Annotated[int, typer.Option(min=1, help="Rows per request; above it 413.")]
_MaxRequestValues: TypeAlias = Annotated[int, typer.Option(min=1, help="JSON values per request; above it 413.")]
_MaxQueueRows: TypeAlias = Annotated[
    int, typer.Option(min=1, help="Rows that may wait; a request beyond them gets 429.")
]
_MaxBatchRows: TypeAlias = Annotated[int, typer.Option(min=1, help="Rows that are scored at once.")]
_BatchWaitMs: TypeAlias = Annotated[
    float, typer.Option(min=0, help="Milliseconds to wait for more requests while a batch is not full.")
]
_Timeout: TypeAlias = Annotated[float, typer.Option(min=0.01, help="Seconds per request.")]


def serve(  # noqa: PLR0913, PLR0917 - typer reads every parameter as one option
    scheme: _Scheme = None,
    host: _Host = "127.0.0.1",
    port: _Port = 8000,
    token_file: _TokenFile = None,
    no_token: _NoToken = False,
    state: _State = None,
    save_every: _SaveEvery = 60.0,
    group_size: _GroupSize = _DEFAULTS.group_size,
    max_body_mib: _MaxBodyMib = _DEFAULTS.max_body_bytes / MIB,
    max_request_rows: _MaxRequestRows = _DEFAULTS.max_request_rows,
    max_request_values: _MaxRequestValues = _DEFAULTS.max_request_values,
    max_queue_rows: _MaxQueueRows = _DEFAULTS.max_queue_rows,
    max_batch_rows: _MaxBatchRows = _DEFAULTS.max_batch_rows,
    batch_wait_ms: _BatchWaitMs = _DEFAULTS.batch_wait_s * 1000,
    timeout: _Timeout = _DEFAULTS.timeout_s,
    as_json: JsonFlag = False,
) -> None:
    """Serve a scheme over HTTP: all ranks of a job share one reward model, one verifier pool and one running mean.

    SIGTERM stops it: accepted requests are answered and the state is saved.
    """
    server = _import_server()
    address = server.Address(host, port)
    token = server.find_token(address, token_file, required=not no_token)
    limits = Limits(
        max_body_bytes=int(max_body_mib * MIB),
        max_request_rows=max_request_rows,
        max_request_values=max_request_values,
        max_queue_rows=max_queue_rows,
        max_batch_rows=max_batch_rows,
        batch_wait_s=batch_wait_ms / 1000,
        timeout_s=timeout,
        group_size=group_size,
    )
    loaded = load_scheme(scheme)
    if token and not token_file and not os.environ.get(server.TOKEN_ENV):
        console.err.print(f"token: {token}")
    server.serve(loaded, address, limits, token=token, state_path=state, save_every=save_every, as_json=as_json)


def _import_server() -> ModuleType:
    try:
        from herokit.service import server
    except ModuleNotFoundError as error:
        raise SetupError(f"herokit serve needs {error.name}: pip install 'herokit[serve]'") from error
    return server
