"""Verifiers behind a server that speaks our own protocol, or OpenRLHF's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from herokit.errors import ConfigError
from herokit.types import Sample, Status, Verdict
from herokit_http.client import Link, addresses, public
from herokit_http.connection import Cell, Reaching
from herokit_http.dialects import DIALECTS, Row, row_of
from herokit_http.model import finite, read
from herokit_http.request_policy import Reach
from herokit_http.rows import Call, Lost


@dataclass(frozen=True)
class HttpVerifier(Reaching):
    """Judge completions with a verifier behind a server; a row without an answer cannot be said, and says why.

    Attributes:
        url: where the server is; several that do the same are separated by commas.
        source: the verifier's name in the service's scheme; for OpenRLHF nothing.
        dialect: ``herokit`` asks `herokit serve`; ``openrlhf`` a remote reward that gives values in [0, 1].
        batch: rows a request.
        cache: verdicts to remember.
        reach: how hard to try, and when to stop.

    Raises:
        ConfigError: a URL that is none, or no source for ``herokit``.

    Source: the JSON of `herokit serve`, and of OpenRLHF's `serve_rm`; statuses as in
    ADR 0004.

    Example:
        >>> verifier = HttpVerifier("http://127.0.0.1:9", "verifier", reach=Reach(tries=1))
        >>> verifier.verify([Sample("1 + 1?", "2", group="q", reference="2")])[0].status
        <Status.FAILED: 'failed'>
        >>> verifier.close()
    """

    url: str
    source: str = ""
    dialect: Literal["herokit", "openrlhf"] = "herokit"
    batch: int = 64
    cache: int = 0
    reach: Reach = field(default_factory=Reach)
    _cell: Cell = field(default_factory=Cell, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        addresses(self.url)
        if self.dialect not in ("herokit", "openrlhf"):
            raise ConfigError(f"HttpVerifier: dialect = {self.dialect!r}; expected 'herokit' or 'openrlhf'")
        if (self.dialect == "herokit") != bool(self.source):
            raise ConfigError("HttpVerifier: 'source' names a verifier of the service for 'herokit', and nothing else")
        if self.batch < 1 or self.cache < 0:
            raise ConfigError(f"HttpVerifier: batch = {self.batch}, cache = {self.cache}; expected from 1, from 0")

    def verify(self, samples: Sequence[Sample], /) -> Sequence[Verdict]:
        """Return N verdicts for N samples, in order."""
        text = DIALECTS[self.dialect].template
        rows = [row_of(sample, text, "", meta=self.dialect == "herokit") for sample in samples]
        found = self._cell.ask(rows, self._call, url=self.url, reach=self.reach, batch=self.batch, cache=self.cache)
        return [Verdict(None, Status.FAILED, x.why) if isinstance(x, Lost) else x for x in found]

    def report(self) -> str:
        """Say in a line what was asked, and how often."""
        return f"http: {self.dialect} {self.source} at {public(self.url)}; {self._cell.said()}"

    def _call(self, link: Link) -> Call[Any]:
        spoken = DIALECTS[self.dialect]
        path = spoken.path.replace("{model}", self.source)
        judge = _ours if self.dialect == "herokit" else _theirs

        async def some(rows: Sequence[Row]) -> list[Any]:
            answer = await link.post(path, spoken.body(self.source, rows))
            ours = self.dialect == "herokit"
            entries = read(lambda: list(answer["rows"] if ours else spoken.read(answer, len(rows))), self.dialect)
            return read(lambda: [judge(entry) for entry in entries], self.dialect)

        return some


def _ours(entry: Any) -> Verdict | Lost:
    status = Status(entry["status"])
    if entry["value"] is None:
        return Lost(f"{status.value}: {entry['reason']}"[:500])
    value = _share(entry["value"])
    answer = entry["answer"]
    if isinstance(value, Lost):
        return value
    if status is Status.FAILED or (status is not Status.JUDGED and value):
        return Lost(f"gave {value:g} with status {status.value}")
    return Verdict(value, status, str(entry["reason"])[:500], None if answer is None else str(answer))


def _theirs(entry: Any) -> Verdict | Lost:
    value = _share(entry)
    return value if isinstance(value, Lost) else Verdict(value)


def _share(value: Any) -> Any:
    number = finite(value)
    if isinstance(number, Lost) or 0.0 <= number <= 1.0:
        return number
    return Lost(f"gave {number:g}; a verdict lies in [0, 1]")
