"""A whole scheme behind `herokit serve`: its rewards, with one running mean for all clients."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from uuid import uuid4

from herokit.errors import ConfigError
from herokit.reward_models.inputs import InputView, UnscorableError
from herokit.samples import SampleLike, as_samples
from herokit.types import Sample, Scores
from herokit_http.batches import Failure, SendBatch
from herokit_http.client import Client, RequestError, parse_urls
from herokit_http.connection import HttpSource
from herokit_http.dialects import DIALECTS, Row, make_row, service_body
from herokit_http.model import make_scores, parse_number

__all__ = ["ServiceRewardModel"]


@dataclass(frozen=True, slots=True)
class _Group:
    """Samples of one group; the number keeps two groups with equal samples apart."""

    number: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ServiceRewardModel(HttpSource):
    """Take rewards or advantages of a whole scheme from a service that all ranks of a job share.

    A group goes in one request. Each request has a name: if it is sent again, it gets the answer to the first attempt, and
    the running mean counts it once. Combine it with a chain that does not change it, ``Select("rm")``.

    Attributes:
        url: of `herokit serve`.
        column: ``reward`` or ``advantage``.
        update_state: False for evaluation: the service's running means do not move.
        batch_size: groups per request.
        request: how hard to try, and when to give up.

    Raises:
        ConfigError: an invalid URL, several of them, or a batch size below 1.
    """

    column: Literal["reward", "advantage"] = "reward"
    update_state: bool = True
    batch_size: int = 8
    _unit: ClassVar[str] = "groups"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("batch_size", 1)
        if len(parse_urls(self.url)) > 1:
            raise ConfigError(
                f"ServiceRewardModel: url = {self.url!r}; expected one service, because it holds one mean"
            )
        if self.column not in ("reward", "advantage"):
            raise ConfigError(f"ServiceRewardModel: column = {self.column!r}; expected 'reward' or 'advantage'")

    def _describe(self) -> str:
        return f"http: {self.column} of {self._public_url}"

    def score(self, samples: Sequence[SampleLike], /) -> Scores:
        """Return N rewards for N samples, in order; pass whole groups, as to a `Rewarder`."""
        samples = as_samples(samples)
        members: dict[Hashable, list[int]] = defaultdict(list)
        for row, sample in enumerate(samples):
            members[sample.group].append(row)
        groups = [_make_group(number, [samples[row] for row in rows]) for number, rows in enumerate(members.values())]
        answers = self._send(groups, self._sender, batch_size=self.batch_size)
        rewards: list[Any] = [None] * len(samples)
        for rows, answer in zip(members.values(), answers, strict=True):
            for position, row in enumerate(rows):
                rewards[row] = answer if isinstance(answer, Failure) else answer[position]
        return make_scores(rewards)

    def _sender(self, client: Client) -> SendBatch[Any]:
        async def send(groups: Sequence[_Group]) -> list[Any]:
            rows = [row for group in groups for row in group.rows]
            body = service_body("", rows)
            numbers = (group.number for group in groups for _ in group.rows)
            for sample, number in zip(body["samples"], numbers, strict=True):
                sample["group"] = number
            settings = {"update_state": self.update_state, "id": uuid4().hex}
            try:
                response = await client.post("/v1/score", body | settings)
            except RequestError as error:
                # after a malformed response the groups may be counted already, so they are not sent again
                resend = error.caused_by_content and not error.is_malformed
                raise RequestError(str(error), caused_by_content=resend, is_malformed=error.is_malformed) from None
            rewards = iter(self._parse(response, len(rows)))
            return [[next(rewards) for _ in group.rows] for group in groups]

        return send

    def _parse(self, response: Any, count: int) -> list[Any]:
        try:
            rewards = [_parse_reward(row, self.column) for row in response["rows"]]
        except (KeyError, TypeError, AttributeError) as error:
            raise RequestError(f"the response does not have the form of herokit: {error!r}"[:200]) from None
        if len(rewards) != count:
            raise RequestError(f"{len(rewards)} rewards for {count} rows")
        return rewards


def _make_group(number: int, samples: Sequence[Sample]) -> _Group | Failure:
    """Return a group; it cannot be sent without a row that cannot be sent."""
    try:
        return _Group(number, tuple(make_row(sample, DIALECTS["herokit"], None, InputView()) for sample in samples))
    except UnscorableError as error:
        return Failure(f"a row of the group cannot be sent: {error.reason}")


def _parse_reward(row: Mapping[str, Any], column: str) -> Any:
    """Return (reward, None), or why the row has none: the reasons of its sources."""
    if row[column] is not None:
        number = parse_number(row[column])
        return number if isinstance(number, Failure) else (number, None)
    sources = [key.removesuffix("_status") for key in row if key.endswith("_status")]
    reasons = [f"{s}: {row[f'{s}_reason'] or row[f'{s}_status']}" for s in sources if row[s] is None]
    return Failure(f"the service: {'; '.join(reasons) or 'a filter dropped the row'}"[:500])
