"""The process that asks sympy: ``python -m herokit_math.worker FD MEMORY_MB PARSER``.

It speaks JSON over one inherited socket, never pickles, and is made to be killed: the parent kills it when a job
runs past its limit, and the kernel does so (an interval timer with its default, fatal, disposition) when the parent
is gone too. A closed socket ends it.
"""

import json
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

GRACE = 1.0  # seconds after the parent's own limit at which the kernel ends the process


def _limit_memory(megabytes: int) -> None:
    """Bound the address space, where the platform can."""
    try:
        import resource
    except ImportError:
        return
    limit = megabytes << 20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _arm(seconds: float) -> None:
    """Ask the kernel to end this process after `seconds`; 0 disarms."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    """Decide one job; whatever sympy raises becomes an undecided reply."""
    from herokit_math.symbolic import GoldError, equal

    try:
        verdict, reason = equal(job["gold"], job["answer"])
    except GoldError as error:
        return {"equal": None, "reason": str(error), "gold": False}
    except MemoryError:
        return {"equal": None, "reason": "sympy ran out of memory"}
    except RecursionError:
        return {"equal": None, "reason": "sympy recursed too deep"}
    except Exception as error:  # noqa: BLE001 - third-party parsers raise anything; the pair stays undecided
        return {"equal": None, "reason": f"sympy could not: {type(error).__name__}"}
    return {"equal": verdict, "reason": reason}


def main(fd: int, memory_mb: int, parser: str) -> None:
    """Serve jobs until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C belongs to the parent, which then closes the socket
    connection = Connection(fd)
    try:
        from herokit_math.symbolic import use

        use(parser)
        _answer({"gold": "x", "answer": r"\int_0^1 2x\,dx"})  # what sympy loads and caches lazily is not a job's time
    except ImportError as error:
        connection.send_bytes(json.dumps({"broken": f"{type(error).__name__}: {error}"}).encode())
        return
    _limit_memory(memory_mb)
    connection.send_bytes(b'{"ready": true}')
    while True:
        try:
            job = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        _arm(job["timeout"] + GRACE)
        reply = _answer(job)
        _arm(0.0)
        connection.send_bytes(json.dumps(reply).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
