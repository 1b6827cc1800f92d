"""A verifier in processes that can be killed."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

from herokit.errors import ConfigError
from herokit.types import Sample, Verdict, Verifier
from herokit.workers.counters import Tally
from herokit.workers.pool import Crew

CHUNK = 64
"""Samples that are handed to a process at once; it answers them one by one."""

LONGEST = 1_000_000
"""Seconds that a sample may be given; the clocks of some systems end not far beyond."""


@dataclass(frozen=True)
class ProcessPool:
    """Ask a verifier in worker processes: a sample that takes too long costs its process, and nothing else.

    Samples are judged one at a time, each within `timeout` wall seconds; after that the process is killed and the
    verdict is 0, TIMEOUT, as it is for one that needs more memory than it may have. A sample under which a process
    dies three times is 0, FAILED; one on which the verifier raises, or whose meta a process cannot load, abstains with
    the reason. Processes start on first use; they neither fork the caller nor import its main module, so the verifier's
    class must be importable. Usable from threads and after a fork; pickling drops the processes; `close`, a ``with``
    block or the interpreter's end kills them.

    Args:
        verifier: the verifier; it is pickled once for each process.
        max_workers: processes at most.
        timeout: wall seconds for one sample.
        memory_mb: address space of a process.
        max_tasks_per_child: samples after which a process is replaced.
        call_timeout: wall seconds for one call; samples not begun by then abstain. None: no such limit.

    Raises:
        ConfigError: a setting that is not positive, or a timeout of more than a million seconds.
        SetupError: asked, and the verifier cannot be pickled, or not loaded in another process.

    Source: limits of memory by setrlimit(2); why processes, and not signals or threads: ADR 0201 and 0902.

    Example:
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
    _crews: dict[int, Crew] = field(default_factory=dict, init=False, repr=False, compare=False)
    _tally: Tally = field(default_factory=Tally, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("max_workers", "timeout", "memory_mb", "max_tasks_per_child", "call_timeout"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be positive, got {value!r}")
        if self.timeout > LONGEST:
            raise ConfigError(f"timeout is at most {LONGEST:,} s, got {self.timeout!r}")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        if not samples:
            return []
        self._tally.add(asked=len(samples))
        until = None if self.call_timeout is None else time.monotonic() + self.call_timeout
        crew = self._crew()
        size = max(1, min(CHUNK, -(-len(samples) // self.max_workers)))
        chunks = [samples[low : low + size] for low in range(0, len(samples), size)]
        if len(chunks) == 1:
            return crew.judge(samples, until)
        with ThreadPoolExecutor(min(self.max_workers, len(chunks)), thread_name_prefix="herokit-pool") as threads:
            return [v for part in threads.map(lambda chunk: crew.judge(chunk, until), chunks) for v in part]

    def _crew(self) -> Crew:
        """Return this process's workers; those of the process that forked this one are left to it."""
        mine = os.getpid()
        for owner in [pid for pid in self._crews if pid != mine]:
            self._crews.pop(owner).close()
        if mine not in self._crews:  # two threads may both make one; nothing runs in the one that is dropped
            crew = Crew(
                self.verifier, self.max_workers, self.timeout, self.memory_mb, self.max_tasks_per_child, self._tally
            )
            self._crews.setdefault(mine, crew)
        return self._crews[mine]

    def report(self) -> str:
        """Say how many samples were asked about, and how many processes were killed or died."""
        return f"pool: {self._tally['asked']:,} asked, {self._tally['killed']} killed, {self._tally['died']} died"

    def close(self) -> None:
        """Kill the processes; the next use starts new ones."""
        while self._crews:
            self._crews.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_crews": {}}


class Pooled:
    """Base of the verifiers whose work is done in a `ProcessPool` of their own, `_pool`."""

    __slots__ = ()
    _pool: ProcessPool

    def close(self) -> None:
        """Kill the processes; the next call starts them again."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
