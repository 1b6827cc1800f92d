"""How much one run of a solution may use."""

import math
from dataclasses import dataclass, fields

from herokit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use; past any of them it is stopped and its test has failed.

    Attributes:
        seconds: wall time; the processor time is limited to as many whole seconds, rounded up, and one more.
        memory_mb: address space of each process, in MiB.
        processes: processes and threads alive at once.
        disk_mb: files written, in MiB; they live in memory and vanish with the run.
        files: files that may exist, and files open at once.
        output_kb: text printed, in KiB, on each of stdout and stderr; beside it there is room for four times what a test
            expects.

    Raises:
        ConfigError: a limit is not positive, or infinite.

    Example:
        >>> Limits(seconds=2.0).memory_mb
        512
    """

    seconds: float = 5.0
    memory_mb: int = 512
    processes: int = 16
    disk_mb: int = 16
    files: int = 64
    output_kb: int = 256

    def __post_init__(self) -> None:
        for f in fields(self):
            if not 0 < getattr(self, f.name) < math.inf:
                raise ConfigError(f"Limits: {f.name} must be positive and finite, got {getattr(self, f.name)!r}")
