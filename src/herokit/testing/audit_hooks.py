"""Listening to what Python is asked to do: files opened, sockets, processes, code compiled from text."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

WORK = {
    "open",
    "socket.connect",
    "subprocess.Popen",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.system",
    "os.exec",
    "_thread.start_new_thread",
}
"""Audit events of a constructor that does more than store."""

_listening: list[tuple[int, set[str], list[str]]] = []
_hooked: list[bool] = []


def _hear(event: str, args: tuple[object, ...]) -> None:
    for thread, wanted, events in _listening:
        if event in wanted and thread == threading.get_ident():
            events.append(f"{event}: {str(args[0])[:300]}" if args else event)


@contextmanager
def watched(wanted: frozenset[str] | set[str] = WORK) -> Iterator[list[str]]:
    """Collect the audit events of this thread while the block runs.

    An audit hook cannot be removed, so one is added on first use and is deaf outside the block.

    Example:
        >>> with watched() as events:
        ...     open("/dev/null").close()
        >>> events
        ['open: /dev/null']
    """
    if not _hooked:
        sys.addaudithook(_hear)
        _hooked.append(True)
    events: list[str] = []
    entry = (threading.get_ident(), set(wanted), events)
    _listening.append(entry)
    try:
        yield events
    finally:
        _listening.remove(entry)
