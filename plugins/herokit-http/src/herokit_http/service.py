"""A whole scheme behind `herokit serve`: its rewards, with one running mean for all who ask."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from herokit.errors import ConfigError
from herokit.types import Sample, Scores
from herokit_http.client import Link, UnansweredError, addresses, public
from herokit_http.connection import Cell, Reaching
from herokit_http.dialects import Row, ours, row_of
from herokit_http.model import finite, scores_of
from herokit_http.request_policy import Reach
from herokit_http.rows import Call, Lost


@dataclass(frozen=True, slots=True)
class _Group:
    """Samples of one group in the order they came; equal groups are two groups."""

    number: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ServiceRewardModel(Reaching):
    """Take rewards or advantages of a whole scheme from a service that all ranks of a job share.

    A group goes in one request. Each request has a name, so one that is tried again, whatever became of the first try,
    gets the answer of the first and is counted once by the running mean. Use it with a chain that takes it as it is, ``Select("rm")``.

    Attributes:
        url: where `herokit serve` listens.
        part: ``reward`` or ``advantage``.
        update_state: False for evaluation: the service's running means do not move.
        batch: groups a request.
        reach: how hard to try, and when to stop.

    Raises:
        ConfigError: a URL that is none, several of them, or a batch below 1.
    """

    url: str
    part: Literal["reward", "advantage"] = "reward"
    update_state: bool = True
    batch: int = 8
    reach: Reach = field(default_factory=Reach)
    _cell: Cell = field(default_factory=Cell, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(addresses(self.url)) > 1:
            raise ConfigError(f"ServiceRewardModel: url = {self.url!r}; expected one service, for it keeps one mean")
        if self.part not in ("reward", "advantage"):
            raise ConfigError(f"ServiceRewardModel: part = {self.part!r}; expected 'reward' or 'advantage'")
        if self.batch < 1:
            raise ConfigError(f"ServiceRewardModel: batch = {self.batch}; expected at least 1")

    def score(self, samples: Sequence[Sample], /) -> Scores:
        """Return N rewards for N samples, in order; whole groups, as for a `Rewarder`."""
        members: dict[Hashable, list[int]] = {}
        for row, sample in enumerate(samples):
            members.setdefault(sample.group, []).append(row)
        groups = [
            _Group(number, tuple(row_of(samples[row], None, "", meta=True) for row in rows))
            for number, rows in enumerate(members.values())
        ]
        found: list[Any] = [None] * len(samples)
        answers = self._cell.ask(groups, self._call, url=self.url, reach=self.reach, batch=self.batch)
        for rows, answer in zip(members.values(), answers, strict=True):
            for place, row in enumerate(rows):
                found[row] = answer if isinstance(answer, Lost) else answer[place]
        return scores_of(found)

    def report(self) -> str:
        """Say in a line what was asked, and how often."""
        return f"http: {self.part} of {public(self.url)}; {self._cell.said().replace(' rows', ' groups')}"

    def _call(self, link: Link) -> Call[Any]:
        async def some(groups: Sequence[_Group]) -> list[Any]:
            flat = [(group.number, row) for group in groups for row in group.rows]
            body = ours("", [row for _, row in flat])
            for (number, _), sample in zip(flat, body["samples"], strict=True):
                sample["group"] = number
            try:
                answer = await link.post("/v1/score", body | {"update_state": self.update_state, "id": uuid4().hex})
            except UnansweredError as error:
                # what came instead of an answer: the groups are counted already, and not sent again
                again = error.content and not error.false
                raise UnansweredError(str(error), content=again, false=error.false) from None
            try:
                rows = [_reward(entry, self.part) for entry in answer["rows"]]
            except (KeyError, TypeError) as error:
                raise UnansweredError(f"the answer has not the shape of herokit: {error!r}"[:200]) from None
            if len(rows) != len(flat):
                raise UnansweredError(f"{len(rows)} rewards for {len(flat)} rows")
            given = iter(rows)
            return [[next(given) for _ in group.rows] for group in groups]

        return some


def _reward(entry: Any, part: str) -> Any:
    value = entry[part]
    if value is None:
        return Lost(f"the service: {entry['problem'] or 'a filter marked the row'}"[:500])
    number = finite(value)
    return number if isinstance(number, Lost) else (number, None)
