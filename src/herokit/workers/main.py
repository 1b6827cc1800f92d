"""The process in which a pool's verifier works: ``python -P -m herokit.workers.main FD MEMORY_MB``.

It is handed a pickled verifier, then batches of pickled samples, by the process that started it, and answers each
sample with one line of JSON: what the policy wrote never comes back as an object. It is made to be killed.
"""

import json
import pickle
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from herokit.errors import HerokitError, PluginError, VerdictError, format_error
from herokit.types import Status, Verdict

GRACE = 1.0
"""Seconds after the caller's own limit at which the kernel ends this process, should the caller be gone."""


def limit_memory(megabytes: int) -> None:
    """Bound the address space, where the platform can."""
    try:
        import resource
    except ImportError:
        return
    limit = megabytes << 20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    with suppress(ValueError, OSError):  # a platform that has the name and not the limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def judge(verifier: Any, packed: bytes, memory_mb: int) -> dict[str, Any]:
    """Judge one pickled sample; whatever is raised becomes a reply, as where its meta cannot be loaded here.

    Example:
        >>> from herokit.types import Sample
        >>> class Yes:
        ...     def verify(self, samples):
        ...         return [Verdict(1.0)]
        >>> judge(Yes(), pickle.dumps(Sample("p", "c", 0)), 100)["value"]
        1.0
    """
    answer: str | None = None
    try:
        (verdict,) = verifier.verify([pickle.loads(packed)])  # noqa: S301 - the process that started this one made the bytes
        if not isinstance(verdict, Verdict):
            return {"setup": f"a verifier must return a Verdict for each sample, got {verdict!r}"[:300]}
        answer = None if verdict.answer is None else str(verdict.answer)
    except MemoryError:
        verdict = Verdict(0.0, Status.TIMEOUT, f"out of memory at {memory_mb} MB")
    except RecursionError:
        verdict = Verdict(0.0, Status.TIMEOUT, "nested deeper than the interpreter's stack")
    except (PluginError, VerdictError) as error:
        return {"raised": str(error)[:500]}
    except HerokitError as error:
        return {"setup": str(error)[:500]}
    except BaseException as error:  # noqa: BLE001 - a verifier may raise anything; the row fails and says why
        return {"raised": format_error(error)[:500]}
    return {"value": verdict.value, "status": verdict.status.value, "reason": str(verdict.reason), "answer": answer}


def main(fd: int, memory_mb: int) -> None:
    """Serve batches until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C belongs to the caller, which then closes the socket
    connection = Connection(fd)
    try:
        verifier = pickle.loads(connection.recv_bytes())  # noqa: S301 - the process that started this one made the bytes
    except Exception as error:  # noqa: BLE001 - loading may raise anything; the caller turns it into a SetupError
        connection.send_bytes(json.dumps({"broken": f"{type(error).__name__}: {error}"}).encode())
        return
    limit_memory(memory_mb)
    connection.send_bytes(b'{"ready": true}')
    while True:
        try:
            seconds, samples = pickle.loads(connection.recv_bytes())  # noqa: S301 - as above
        except (EOFError, OSError):
            return
        for packed in samples:
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
            reply = json.dumps(judge(verifier, packed, memory_mb)).encode()
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0.0)
            connection.send_bytes(reply)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
