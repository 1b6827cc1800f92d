"""Run the service: bind, print where, answer until SIGTERM, then finish what was accepted and save the state."""

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
from herokit.service.dispatch import Desk
from herokit.service.engine import Keeper
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics

TOKEN = "HEROKIT_TOKEN"  # noqa: S105 - the variable's name
"""The environment variable that holds the token."""

BACKLOG = 2048
"""Connections that may wait to be accepted."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Attributes:
        host: an address; loopback is this machine alone.
        port: 0 takes a free one.

    Example:
        >>> Address("127.0.0.1").loopback, Address("localhost").loopback, Address("0.0.0.0").loopback
        (True, True, False)
    """

    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def find_token(address: Address, file: Path | None = None, *, asked: bool = True) -> str | None:
    """Return the token that requests must carry, None where none is needed.

    It comes from `file`, else from the environment variable ``HEROKIT_TOKEN``; a service that other machines can reach
    and that was given none makes one.

    Args:
        address: where the service listens.
        file: holds the token.
        asked: False listens without a token wherever it is.

    Raises:
        ConfigError: the file cannot be read, or the token is shorter than 16 characters or not plain ASCII.

    Example:
        >>> find_token(Address("127.0.0.1"), asked=False) is None, len(find_token(Address("0.0.0.0")))
        (True, 43)
    """
    if not asked:
        return None
    try:
        given = file.read_text(encoding="utf-8").strip() if file else os.environ.get(TOKEN, "").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    if (given or file) and (len(given) < 16 or not given.isascii() or not given.isprintable() or " " in given):  # noqa: PLR2004 - said in the message
        raise ConfigError(f"{file or TOKEN}: a token has at least 16 ASCII characters and no space")
    return given or (None if address.loopback else secrets.token_urlsafe(32))


class _Server(uvicorn.Server):
    """Uvicorn, which tells the service that it is about to stop: nothing new is taken from then on."""

    desk: Desk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.desk.drain()
        await super().shutdown(sockets)


def serve(
    scheme: Scheme,
    address: Address,
    limits: Limits,
    *,
    token: str | None = None,
    state: Path | None = None,
    snapshot: float = 60.0,
    as_json: bool = False,
) -> None:
    """Serve a scheme until SIGTERM or SIGINT; requests that were accepted by then are answered, and the state saved.

    Args:
        scheme: what to ask and how to combine.
        address: where to listen.
        limits: bounds of requests and queue.
        token: what requests must carry; None asks for none.
        state: the file that keeps the rewarder's state; it is read at the start if it is there.
        snapshot: seconds between two savings of the state.
        as_json: also write a line of JSON on standard output once it listens: ``url``, ``token`` (whether one is
            asked for), ``restored`` (whether the state was read).

    Raises:
        ConfigError: the state is not of this scheme.
        HerokitError: a source cannot work at all.
        SetupError: the address cannot be listened at, or the state's folder is not there.
    """
    if state is not None and not state.parent.is_dir():
        raise SetupError(f"{state}: there is no folder {state.parent}")
    metrics = Metrics()
    keeper = Keeper(scheme.rewarder(), metrics, state)
    restored = keeper.load()
    keeper.warm()
    hosts = None if token or not address.loopback else frozenset({"localhost", "127.0.0.1", "::1", address.host})
    app, desk = make_app(keeper, limits, metrics, token=token, hosts=hosts, snapshot=snapshot)
    bound = _bind(address)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="on", backlog=BACKLOG
    )
    server = _Server(config)
    server.desk = desk
    host = f"[{address.host}]" if ":" in address.host else address.host
    url = f"http://{host}:{bound.getsockname()[1]}"
    words = [f"herokit serve: {url}"]
    words += [f"state from {state}"] if restored else []
    words += ["with a token"] if token else []
    sys.stderr.write(", ".join(words) + "\n")
    sys.stderr.flush()
    if as_json:
        sys.stdout.write(json.dumps({"url": url, "token": token is not None, "restored": restored}) + "\n")
        sys.stdout.flush()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it once more at its end; we exit with 0
    server.run([bound])


def _bind(address: Address) -> socket.socket:
    """Listen; the protocol is named, for without it asyncio leaves Nagle's algorithm on and answers take 40 ms."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address.host, address.port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise SetupError(f"cannot listen at {address.host} port {address.port}: {error.strerror or error}") from None
    return bound
