"""A hard limit of wall time for any verifier."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from herokit.sources.process_pool import Pooled, ProcessPool
from herokit.types import Sample, Verdict, Verifier


@dataclass(frozen=True)
class TimeLimit(Pooled):
    """Give every sample at most so many seconds, and a call so many in all; what runs on is killed.

    A `ProcessPool` of one process, for a verifier that is quick but may hang. It stops a verifier that waits for a server too,
    but such a verifier has limits of its own, which cost no process.

    Args:
        verifier: the verifier; see `ProcessPool` for what it must allow.
        seconds: wall seconds for one sample; past it the verdict is 0, TIMEOUT.
        total: wall seconds for one call; samples not begun by then abstain. None: no such limit.
        memory_mb: address space of the process.

    Raises:
        ConfigError: a setting that is not positive.

    Source: as for `ProcessPool`.

    Example:
        >>> from herokit.verifiers import ExactMatch
        >>> with TimeLimit(ExactMatch(), seconds=1.0) as limited:
        ...     limited.verify([Sample("p", "yes", "q", "yes")])[0].value
        1.0
    """

    verifier: Verifier
    seconds: float = 5.0
    total: float | None = None
    memory_mb: int = 2048
    _pool: ProcessPool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pool = ProcessPool(
            self.verifier, max_workers=1, timeout=self.seconds, memory_mb=self.memory_mb, call_timeout=self.total
        )
        object.__setattr__(self, "_pool", pool)

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples."""
        return self._pool.verify(samples)

    def report(self) -> str:
        """Say how often the limit was passed."""
        return self._pool.report().replace("pool", "time limit", 1)
