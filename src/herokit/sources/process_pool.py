"""A verifier in worker processes: how samples get there, how verdicts come back."""

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from herokit.errors import (
    ConfigError,
    HerokitError,
    PluginError,
    SetupError,
    VerdictError,
    check_positive,
    format_error,
)
from herokit.samples import SampleLike, as_samples
from herokit.types import Closeable, Status, Verdict, Verifier
from herokit.workers.pool import Reply, TaskFailure, WorkerPool
from herokit.workers.process import WorkerProcess

__all__ = ["ProcessPool", "ProcessPoolMixin", "load_verifier"]

_MAX_CHUNK = 64
"""Samples that are sent to a process at once; it answers them one by one."""

_MAX_TIMEOUT = 1_000_000
"""Seconds that a sample may be given; the clocks of some systems end not far beyond."""


@dataclass(frozen=True)
class ProcessPool(Closeable):
    """Run a verifier in worker processes: a sample that takes too long costs its process and nothing else.

    Samples are judged one at a time, each within `timeout` wall seconds; after that the process is killed and the
    verdict is 0, TIMEOUT, as it is for a sample that needs more memory than allowed. A sample under which a process
    dies three times is 0, CRASHED; one on which the verifier raises, or whose meta a process cannot load, abstains with
    the reason. Processes start on first use; they neither fork the caller nor import its main module, so the verifier's
    class must be importable. Usable from threads and after a fork; pickling drops the processes; `close`, a ``with``
    block or the interpreter's end kills them.

    Args:
        verifier: the verifier; it is pickled once for each process.
        max_workers: processes at most.
        timeout: wall seconds for one sample.
        memory_mb: address space of a process.
        max_tasks_per_child: samples after which a process is replaced.
        call_timeout: wall seconds for one call; samples without a result by then abstain. None: no such limit.

    Raises:
        ConfigError: a setting that is not positive, or a timeout of more than a million seconds.
        SetupError: on use, when the verifier cannot be pickled, or not loaded in another process.

    Source: limits of memory by setrlimit(2); why processes, and not signals or threads: ADR 0012 and 0036.

    Example:
        >>> from herokit import Sample
        >>> from herokit.verifiers import ExactMatch
        >>> with ProcessPool(ExactMatch(), max_workers=1) as pool:
        ...     pool.verify([Sample("Capital of France?", "Paris", "q", "Paris")])[0].value
        1.0
    """

    verifier: Verifier
    max_workers: int = 2
    timeout: float = 5.0
    memory_mb: int = 2048
    max_tasks_per_child: int = 1000
    call_timeout: float | None = None
    _pool: WorkerPool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_positive(self, "max_workers", "timeout", "memory_mb", "max_tasks_per_child")
        if self.call_timeout is not None:
            check_positive(self, "call_timeout")
        if self.timeout > _MAX_TIMEOUT:
            raise ConfigError(f"ProcessPool: timeout must be at most {_MAX_TIMEOUT:,} s, got {self.timeout!r}")
        start = partial(_start_worker, self.verifier, self.memory_mb)
        pool = WorkerPool(
            start,
            max_workers=self.max_workers,
            timeout=self.timeout,
            max_tasks_per_child=self.max_tasks_per_child,
        )
        object.__setattr__(self, "_pool", pool)

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        samples = as_samples(samples)
        deadline = None if self.call_timeout is None else time.monotonic() + self.call_timeout
        self._pool.counters.add(samples=len(samples))
        tasks = [pickle.dumps(sample) for sample in samples]
        chunk_size = max(1, min(_MAX_CHUNK, -(-len(samples) // self.max_workers)))
        replies = self._pool.run(tasks, chunk_size=chunk_size, deadline=deadline)
        return [_read_reply(reply, self.verifier) for reply in replies]

    def report(self) -> str:
        """Return one line: how many samples were judged, and how many processes were killed or died.

        Example:
            >>> from herokit.verifiers import ExactMatch
            >>> ProcessPool(ExactMatch()).report()
            'process-pool: 0 samples, 0 killed, 0 died'
        """
        counts = self._pool.counters
        return f"process-pool: {counts['samples']:,} samples, {counts['killed']} killed, {counts['died']} died"

    def close(self) -> None:
        """Kill the processes; the next use starts new ones."""
        self._pool.close()


class ProcessPoolMixin(Closeable):
    """Base of the verifiers that work in a `ProcessPool` of their own, `_pool`."""

    __slots__ = ()
    _pool: ProcessPool
    _registered_name: ClassVar[str]

    def report(self) -> str:
        """Return one line: how many samples went to a process, and how many processes were killed or died."""
        return self._pool.report().replace("process-pool", self._registered_name, 1)

    def close(self) -> None:
        """Kill the processes; the next call starts them again."""
        self._pool.close()


def _start_worker(verifier: Verifier, memory_mb: int) -> WorkerProcess:
    try:
        payload = pickle.dumps((verifier, memory_mb))
    except Exception as error:
        raise SetupError(f"{type(verifier).__name__} cannot be sent to a worker process: {error}") from error
    return WorkerProcess(f"{__name__}:load_verifier", payload, memory_mb)


def _read_reply(reply: Reply, verifier: Verifier) -> Verdict:
    """Return the verdict that a worker's reply holds.

    Raises:
        SetupError: no worker starts, or the verifier cannot work at all.
    """
    if isinstance(reply, TaskFailure):
        if reply.is_setup_error:
            raise SetupError(f"{type(verifier).__name__}: {reply.reason}")
        return Verdict(reply.value, reply.status, reply.reason)
    if "raised" in reply:
        return Verdict(None, Status.FAILED, f"{type(verifier).__name__} raised {reply['raised']}")
    return Verdict(reply["value"], Status(reply["status"]), reply["reason"], reply["answer"])


def load_verifier(payload: bytes) -> Callable[[bytes], dict[str, Any]]:
    """Return the function with which a worker process answers one pickled sample; `payload` is the pickled verifier.

    What the policy wrote never goes back as an object: a reply is JSON. Whatever is raised becomes a reply too, also
    where the sample's meta cannot be loaded here.

    Example:
        >>> from herokit import Sample
        >>> from herokit.verifiers import ExactMatch
        >>> judge = load_verifier(pickle.dumps((ExactMatch(), 100)))
        >>> judge(pickle.dumps(Sample("Capital of France?", "Paris", "q", "Paris")))["value"]
        1.0
    """
    verifier, memory_mb = pickle.loads(payload)  # noqa: S301 - the process that started this one made the bytes
    return partial(_judge, verifier, memory_mb)


def _judge(verifier: Verifier, memory_mb: int, task: bytes) -> dict[str, Any]:
    answer: str | None = None
    verdict: Any
    try:
        (verdict,) = verifier.verify([pickle.loads(task)])  # noqa: S301 - as above
        if not isinstance(verdict, Verdict):
            return {"setup_error": f"a verifier must return a Verdict for each sample, got {verdict!r}"[:300]}
        answer = None if verdict.answer is None else str(verdict.answer)
    except MemoryError:
        verdict = Verdict(0.0, Status.TIMEOUT, f"out of memory at {memory_mb} MB")
    except RecursionError:
        verdict = Verdict(0.0, Status.TIMEOUT, "nested deeper than the interpreter's stack")
    except (PluginError, VerdictError) as error:
        return {"raised": str(error)[:500]}
    except HerokitError as error:
        return {"setup_error": str(error)[:500]}
    except BaseException as error:  # noqa: BLE001 - a verifier may raise anything; the row fails and says why
        return {"raised": format_error(error)[:500]}
    return {"value": verdict.value, "status": verdict.status.value, "reason": str(verdict.reason), "answer": answer}
