"""What the service takes, and for how long."""

from dataclasses import dataclass, fields

from herokit.errors import ConfigError

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the service; a request beyond one is refused with a status that says which.

    Attributes:
        body: bytes a request; more is 413.
        held: bytes of all requests that are being read or answered; more is 429.
        rows: rows a request; more is 413.
        queue: rows that wait; a request that does not fit is 429 with Retry-After.
        batch: rows that go to the `Rewarder` at a time; a larger request goes alone, for a group is never split.
        linger: seconds to wait for more requests while a batch is not full.
        seconds: seconds until a request is given up: 408 while it is read, 503 while it waits, 504 while it is scored.
        cohort: rollouts of one prompt that OpenRLHF's protocol, which sends them one by one, is to gather; 1 gathers
            none.

    Raises:
        ConfigError: a bound is not positive, or `linger` is negative.

    Example:
        >>> Limits(rows=0)
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: the service's limit 'rows' must be above 0, got 0
    """

    body: int = 64 * MIB
    held: int = 512 * MIB
    rows: int = 8192
    queue: int = 65536
    batch: int = 4096
    linger: float = 0.002
    seconds: float = 300.0
    cohort: int = 1

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not (0 <= value < float("inf")) or (value == 0 and item.name != "linger"):
                raise ConfigError(f"the service's limit {item.name!r} must be above 0, got {value!r}")
