"""Verifiers behind a server that speaks herokit's protocol, or OpenRLHF's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from herokit.errors import ConfigError
from herokit.reward_models.inputs import InputView, UnscorableError
from herokit.samples import SampleLike, as_samples
from herokit.types import Sample, Status, Verdict
from herokit_http.batches import Failure, SendBatch
from herokit_http.client import Client
from herokit_http.connection import HttpSource
from herokit_http.dialects import DIALECTS, Row, make_row, parse_response
from herokit_http.model import parse_number

__all__ = ["HttpVerifier"]


@dataclass(frozen=True)
class HttpVerifier(HttpSource):
    """Judge completions with a verifier behind a server; a row without an answer has status failed and the reason.

    Attributes:
        url: of the server; several that do the same are separated by commas.
        source: the verifier's name in the service's scheme; empty for OpenRLHF.
        dialect: ``herokit`` for `herokit serve`; ``openrlhf`` for a remote reward with values in [0, 1].
        batch_size: rows per request.
        cache_size: verdicts to store.
        view: what ``openrlhf`` is sent of the completion: ``final``, the last message without its thinking, or
            ``completion``, everything that the policy wrote. ``herokit`` is sent the whole sample.
        request: how hard to try, and when to give up.

    Raises:
        ConfigError: an invalid URL, or no source for ``herokit``.

    Source: the JSON of `herokit serve`, and of OpenRLHF's `serve_rm`; statuses as in ADR 0004.

    Example:
        >>> from herokit_http import RequestPolicy
        >>> verifier = HttpVerifier("http://127.0.0.1:9", "verifier", request=RequestPolicy(max_attempts=1))
        >>> verifier.verify([Sample("1 + 1?", "2", group="q", reference="2")])[0].status
        <Status.FAILED: 'failed'>
        >>> verifier.close()
    """

    source: str = ""
    dialect: Literal["herokit", "openrlhf"] = "herokit"
    batch_size: int = 64
    cache_size: int = 0
    view: Literal["final", "completion"] = "final"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("batch_size", 1)
        self._check_at_least("cache_size", 0)
        if self.view not in ("final", "completion"):
            raise ConfigError(f"HttpVerifier: view = {self.view!r}; expected 'final' or 'completion'")
        if self.dialect not in ("herokit", "openrlhf"):
            raise ConfigError(f"HttpVerifier: dialect = {self.dialect!r}; expected 'herokit' or 'openrlhf'")
        if (self.dialect == "herokit") != bool(self.source):
            raise ConfigError(
                f"HttpVerifier: source = {self.source!r}; expected the name of a verifier of the service for dialect "
                "'herokit', and none for 'openrlhf'"
            )

    def _describe(self) -> str:
        return f"http: {self.dialect} {self.source} at {self._public_url}"

    def verify(self, samples: Sequence[SampleLike], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples, in order."""
        samples = as_samples(samples)
        rows = [self._make_row(sample) for sample in samples]
        answers = self._send(rows, self._sender, batch_size=self.batch_size, cache_size=self.cache_size)
        return [_fail(answer) if isinstance(answer, Failure) else answer for answer in answers]

    def _make_row(self, sample: Sample) -> Row | Failure:
        dialect = DIALECTS[self.dialect]
        view = InputView("drop" if self.view == "final" else "keep", ignore_images=True)
        try:
            return make_row(sample, dialect, dialect.template, view)
        except UnscorableError as error:
            return Failure(error.reason, error.status)

    def _sender(self, client: Client) -> SendBatch[Any]:
        dialect = DIALECTS[self.dialect]

        async def send(rows: Sequence[Row]) -> list[Any]:
            response = await client.post(dialect.path.replace("{model}", self.source), dialect.body(self.source, rows))
            return parse_response(self.dialect, lambda: self._parse(response, len(rows)))

        return send

    def _parse(self, response: Any, count: int) -> list[Verdict | Failure]:
        if self.dialect == "herokit":
            return [_parse_row(row, self.source) for row in response["rows"]]
        values = [_parse_fraction(value) for value in DIALECTS["openrlhf"].parse(response, count, "")]
        return [value if isinstance(value, Failure) else Verdict(value) for value in values]


def _fail(failure: Failure) -> Verdict:
    return Verdict(None if failure.status is Status.FAILED else 0.0, failure.status, failure.reason)


def _parse_row(row: Any, source: str) -> Verdict | Failure:
    """Read one verdict of `herokit serve`."""
    status, reason = Status(row[f"{source}_status"]), row[f"{source}_reason"]
    if row[source] is None:
        return Failure(f"{status.value}: {reason}"[:500])
    value, answer = _parse_fraction(row[source]), row[f"{source}_answer"]
    if isinstance(value, Failure):
        return value
    if status is Status.FAILED or (status is not Status.JUDGED and value):
        return Failure(f"gave {value:g} with status {status.value}")
    origin = row.get(f"{source}_origin") or ""
    return Verdict(value, status, str(reason)[:500], None if answer is None else str(answer), str(origin)[:200])


def _parse_fraction(value: Any) -> Any:
    number = parse_number(value)
    if isinstance(number, Failure) or 0.0 <= number <= 1.0:
        return number
    return Failure(f"gave {number:g}; expected a verdict in [0, 1]")
