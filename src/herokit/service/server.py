"""Run the service: bind, print the URL, answer until SIGTERM, then finish accepted requests and save the state."""

import ipaddress
import json
import os
import secrets
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from herokit.config.scheme import Scheme
from herokit.errors import ConfigError, SetupError
from herokit.service.app import make_app
from herokit.service.dispatch import Dispatcher
from herokit.service.engine import Engine
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics

__all__ = ["TOKEN_ENV", "Address", "find_token", "serve"]

TOKEN_ENV = "HEROKIT_TOKEN"  # noqa: S105 - the variable's name
"""The environment variable that holds the token."""

_MIN_TOKEN_LENGTH = 16
_BACKLOG = 2048
"""Connections that may wait to be accepted."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Attributes:
        host: an address; on loopback only this machine can connect.
        port: 0 takes a free one.

    Example:
        >>> Address("127.0.0.1").is_loopback, Address("localhost").is_loopback, Address("0.0.0.0").is_loopback
        (True, True, False)
    """

    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def find_token(address: Address, file: Path | None = None, *, required: bool = True) -> str | None:
    """Return the token that requests must have, None if they need none.

    It comes from `file`, else from the environment variable ``HEROKIT_TOKEN``; a service that other machines can reach
    gets a random one if neither is set.

    Args:
        address: where the service listens.
        file: contains the token.
        required: False requires no token at any address.

    Raises:
        ConfigError: the file cannot be read, or the token is shorter than 16 characters or not printable ASCII.

    Example:
        >>> find_token(Address("127.0.0.1"), required=False) is None, len(find_token(Address("0.0.0.0")))
        (True, 43)
    """
    if not required:
        return None
    try:
        token = file.read_text(encoding="utf-8").strip() if file else os.environ.get(TOKEN_ENV, "").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    is_valid = len(token) >= _MIN_TOKEN_LENGTH and token.isascii() and token.isprintable() and " " not in token
    if (token or file) and not is_valid:
        raise ConfigError(f"{file or TOKEN_ENV}: invalid token; expected at least 16 ASCII characters without spaces")
    return token or (None if address.is_loopback else secrets.token_urlsafe(32))


class _Server(uvicorn.Server):
    """Uvicorn; the service stops accepting requests as soon as the shutdown begins."""

    dispatcher: Dispatcher

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.dispatcher.drain()
        await super().shutdown(sockets)


_ALONE = (
    "note: each rollout that /verify (NeMo-Gym) or /get_reward (OpenRLHF) gets alone is a group of its own, with none to compare it "
    "with; with --group-size N a rollout waits for the others of its prompt\n"
)
"""What a service does without a group size."""


def serve(
    scheme: Scheme,
    address: Address,
    limits: Limits,
    *,
    token: str | None = None,
    state_path: Path | None = None,
    save_every: float = 60.0,
    as_json: bool = False,
) -> None:
    """Serve a scheme until SIGTERM or SIGINT; requests accepted by then are answered, and the state is saved.

    Args:
        scheme: sources and chain.
        address: where to listen.
        limits: of requests and queue.
        token: what requests must have; None requires none.
        state_path: the file of the rewarder's state; read at the start if it exists.
        save_every: seconds between two saves of the state.
        as_json: also write a line of JSON to standard output when it listens: ``url``, ``token`` (whether one is
            required), ``restored`` (whether the state was read).

    Raises:
        ConfigError: the state is not of this scheme.
        HerokitError: a source cannot work at all.
        SystemExit: with code 1, if the last state could not be saved.
        SetupError: the address cannot be bound, or the state's folder does not exist.
    """
    metrics = Metrics()
    engine, restored = _open_engine(scheme, metrics, state_path)
    hosts = None if token or not address.is_loopback else frozenset({"localhost", "127.0.0.1", "::1", address.host})
    app, dispatcher = make_app(engine, limits, metrics, token=token, hosts=hosts, save_every=save_every)
    bound = _bind(address)
    server = _Server(
        uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="on", backlog=_BACKLOG)
    )
    server.dispatcher = dispatcher
    if threading.current_thread() is threading.main_thread():
        # before uvicorn's own handler is set; uvicorn raises the signal again at its end; exit with 0
        signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    note = _ALONE if limits.group_size == 1 else ""
    _announce(address, bound, state_path if restored else None, note, has_token=token is not None, as_json=as_json)
    server.run([bound])
    if dispatcher.final_save_failed:
        raise SystemExit(1)


def _open_engine(scheme: Scheme, metrics: Metrics, state_path: Path | None) -> tuple[Engine, bool]:
    """Return the engine with its sources open, and whether its state was restored."""
    if state_path is not None and not state_path.parent.is_dir():
        raise SetupError(f"{state_path}: no folder {state_path.parent}; create it")
    engine = Engine(scheme.rewarder(), metrics, state_path)
    restored = engine.load_state()
    engine.open_sources()
    return engine, restored


def _bind(address: Address) -> socket.socket:
    """Listen. The protocol is given, because asyncio otherwise leaves Nagle's algorithm on and answers take 40 ms."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address.host, address.port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise SetupError(f"cannot listen at {address.host} port {address.port}: {error.strerror or error}") from None
    return bound


def _announce(
    address: Address, bound: socket.socket, restored_from: Path | None, note: str, *, has_token: bool, as_json: bool
) -> None:
    """Print where the service listens, which scripts read from the first line, then a note."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    url = f"http://{host}:{bound.getsockname()[1]}"
    restored = f", state restored from {restored_from}" if restored_from else ""
    sys.stderr.write(f"herokit serve: {url}{restored}{', token required' if has_token else ''}\n{note}")
    sys.stderr.flush()
    if as_json:
        sys.stdout.write(json.dumps({"url": url, "token": has_token, "restored": restored_from is not None}) + "\n")
        sys.stdout.flush()
