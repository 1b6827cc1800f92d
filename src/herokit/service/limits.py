"""Limits of the service. A file of its own, because the command line reads it without loading FastAPI."""

from dataclasses import dataclass, fields

from herokit.errors import check_positive

__all__ = ["MIB", "Limits"]

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the service; a request that exceeds one gets the status given here.

    Attributes:
        max_body_bytes: bytes per request; above it 413.
        max_inflight_bytes: bytes of all requests that are being read or answered; above it 429.
        max_request_rows: rows per request; above it 413.
        max_request_values: values of all kinds in one body, which bounds the time to parse it; above it 413.
        max_answer_bytes: bytes of stored answers to requests with an id; the oldest are forgotten first.
        max_queue_rows: rows that wait; a request that does not fit gets 429 with Retry-After.
        max_batch_rows: rows that the `Rewarder` scores at once; a larger request runs alone, because groups are not split.
        batch_wait_s: seconds to wait for more requests while a batch is not full.
        timeout_s: seconds per request: then 408 if it is being read, 503 if it waits, 504 if it is being scored.
        group_size: rollouts per prompt to gather from OpenRLHF's protocol, which sends them one by one; 1 gathers none.

    Raises:
        ConfigError: a limit is not positive, or `batch_wait_s` is negative.

    Example:
        >>> Limits(max_request_rows=0)
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: Limits: max_request_rows must be positive and finite, got 0
    """

    max_body_bytes: int = 64 * MIB
    max_inflight_bytes: int = 512 * MIB
    max_request_rows: int = 8192
    max_request_values: int = 200_000
    max_answer_bytes: int = 64 * MIB
    max_queue_rows: int = 65536
    max_batch_rows: int = 4096
    batch_wait_s: float = 0.002
    timeout_s: float = 300.0
    group_size: int = 1

    def __post_init__(self) -> None:
        check_positive(self, *(field.name for field in fields(self) if field.name != "batch_wait_s"))
        check_positive(self, "batch_wait_s", allow_zero=True)
