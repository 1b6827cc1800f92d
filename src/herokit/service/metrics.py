"""Prometheus metrics of one service, in a registry of their own, so that two services can share a process."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)


class Metrics:
    """Counters of one service.

    Attributes:
        open_requests: gauge of requests that are being read or answered.
        waiting_rows: gauge of rows in the queue.
        state_saved: gauge of the time of the last save of the state.
        state_save_failures: counter of saves that failed.

    Example:
        >>> metrics = Metrics()
        >>> metrics.count_rows("verifier", ["judged", "judged", "failed"])
        >>> b'herokit_rows_total{source="verifier",status="failed"} 1.0' in metrics.to_text()
        True
    """

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self._requests = Counter("herokit_requests", "Requests.", ["path", "code"], registry=own)
        self._request_seconds = Histogram(
            "herokit_request_seconds", "Seconds per request.", ["path"], buckets=_SECONDS, registry=own
        )
        self._rows = Counter(
            "herokit_rows", "Rows that a source ran on, by status.", ["source", "status"], registry=own
        )
        self._source_seconds = Counter("herokit_source_seconds", "Seconds in a source.", ["source"], registry=own)
        self._batch_rows = Histogram("herokit_batch_rows", "Rows per batch.", buckets=_ROWS, registry=own)
        self._batch_seconds = Histogram("herokit_batch_seconds", "Seconds per batch.", buckets=_SECONDS, registry=own)
        self.open_requests = Gauge("herokit_open_requests", "Requests being read or answered.", registry=own)
        self.waiting_rows = Gauge("herokit_waiting_rows", "Rows in the queue.", registry=own)
        self.state_saved = Gauge("herokit_state_saved_timestamp_seconds", "Last save of the state.", registry=own)
        self.state_save_failures = Counter("herokit_state_save_failures", "Saves that failed.", registry=own)

    def count_request(self, path: str, code: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(path, str(code)).inc()
        self._request_seconds.labels(path).observe(seconds)

    def count_batch(self, rows: int, seconds: float) -> None:
        """Count one batch."""
        self._batch_rows.observe(rows)
        self._batch_seconds.observe(seconds)

    def count_rows(self, source: str, statuses: Iterable[str]) -> None:
        """Count the statuses of one source's rows."""
        for status in statuses:
            self._rows.labels(source, status).inc()

    def count_source_seconds(self, seconds: Mapping[str, float]) -> None:
        """Count the seconds that each source took."""
        for source, value in seconds.items():
            self._source_seconds.labels(source).inc(value)

    def to_text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
