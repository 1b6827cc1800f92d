"""How hard to try: time limits, attempts with backoff, and a circuit breaker."""

from dataclasses import dataclass, fields
from time import monotonic

import httpx2
import tenacity

from herokit.errors import check_positive

__all__ = ["RETRIED_STATUSES", "CircuitBreaker", "RequestPolicy", "StatusError", "retrying"]

RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed."""

_MAX_BACKOFF = 30.0
"""Seconds between two attempts at most."""


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """How hard to try, and when to give up.

    Attributes:
        timeout: seconds for one attempt.
        deadline: seconds for one call of `score` or `verify`, all rows together; rows without an answer by then fail.
        max_attempts: attempts per request; connection errors, timeouts and the statuses 408, 425, 429 and 5xx are retried.
        backoff: seconds before the second attempt; doubles, with jitter, up to 30. The server's Retry-After goes first.
        max_concurrency: requests in flight at once.
        failure_threshold: consecutive failed requests, each after all its attempts, after which the server counts as down.
        recovery_timeout: seconds for which a server that is down gets no request.
        max_response_bytes: bytes of a response that are read.
        token_env: the name of an environment variable with a bearer token; "" sends none.

    Raises:
        ConfigError: a number is not positive.

    Example:
        >>> RequestPolicy(max_attempts=0)
        Traceback (most recent call last):
        ...
        herokit.errors.ConfigError: RequestPolicy: max_attempts must be positive and finite, got 0
    """

    timeout: float = 60.0
    deadline: float = 600.0
    max_attempts: int = 5
    backoff: float = 0.5
    max_concurrency: int = 16
    failure_threshold: int = 8
    recovery_timeout: float = 30.0
    max_response_bytes: int = 64 * 2**20
    token_env: str = ""

    def __post_init__(self) -> None:
        check_positive(self, *(field.name for field in fields(self) if field.name != "token_env"))


class StatusError(Exception):
    """A response whose status is not a success.

    Attributes:
        code: the status.
        retry_after: seconds of the header of this name; None for a date, which leaves the usual backoff.
    """

    def __init__(self, code: int, text: str, retry_after: str | None) -> None:
        super().__init__(f"status {code}: {text}" if text else f"status {code}")
        self.code = code
        try:
            self.retry_after: float | None = max(0.0, min(float(retry_after or ""), _MAX_BACKOFF))
        except ValueError:
            self.retry_after = None


def retrying(policy: RequestPolicy) -> tenacity.AsyncRetrying:
    """Return the attempts of one request: full jitter in ``[0, backoff 2^k]``, or what the server's Retry-After says."""
    backoff = tenacity.wait_random_exponential(multiplier=policy.backoff, max=_MAX_BACKOFF)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        retry_after = error.retry_after if isinstance(error, StatusError) else None
        return backoff(state) if retry_after is None else retry_after

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(_may_succeed_later),
        stop=tenacity.stop_after_attempt(policy.max_attempts),
        wait=wait,
        reraise=True,
    )


def _may_succeed_later(error: BaseException) -> bool:
    if isinstance(error, StatusError):
        return error.code in RETRIED_STATUSES
    return isinstance(error, httpx2.TransportError | TimeoutError)


@dataclass(slots=True)
class CircuitBreaker:
    """Opens after `failure_threshold` consecutive failures; after `recovery_timeout` seconds it lets one probe through.

    Example:
        >>> breaker = CircuitBreaker(failure_threshold=2, recovery_timeout=60.0)
        >>> for _ in range(2):
        ...     breaker.record_failure("refused")
        >>> breaker.acquire()
        'not sent after 2 consecutive failures, the last: refused'
    """

    failure_threshold: int
    recovery_timeout: float
    failures: int = 0
    opened_at: float = 0.0
    last_failure: str = ""
    probing: bool = False

    def acquire(self) -> str:
        """Return why not to send a request now, "" if it may be sent; of an open breaker, that request is the probe."""
        if self.failures < self.failure_threshold:
            return ""
        if not self.probing and monotonic() - self.opened_at >= self.recovery_timeout:
            self.probing = True
            return ""
        return f"not sent after {self.failures} consecutive failures, the last: {self.last_failure}"

    def record_failure(self, reason: str) -> None:
        """Count a failure."""
        self.failures, self.opened_at, self.last_failure, self.probing = self.failures + 1, monotonic(), reason, False

    def record_success(self) -> None:
        """Close the breaker."""
        self.failures, self.probing = 0, False

    def release(self) -> None:
        """Let another request probe, because this one ended without a result."""
        self.probing = False
