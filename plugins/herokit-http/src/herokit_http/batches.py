"""Send many rows through one client: batches, equal rows once, a cache, a deadline; each row fails by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from herokit.sources.cache import LRUCache
from herokit.types import Status
from herokit_http.client import Client, RequestError

__all__ = ["Failure", "SendBatch", "check_count", "send_rows"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row has no answer; `status` is `UNPARSED` if its completion is the cause."""

    reason: str
    status: Status = field(default=Status.FAILED, repr=False)


SendBatch: TypeAlias = Callable[[Sequence[Any]], Awaitable[Sequence[T | Failure]]]
"""Sends one batch of rows and returns an answer per row."""


async def send_rows(
    client: Client, rows: Sequence[Hashable], send: SendBatch[T], *, batch_size: int, cache: LRUCache[Hashable, T]
) -> list[T | Failure]:
    """Return N answers for N rows, or why there is none.

    Args:
        client: of the server.
        rows: what to send, as `send` takes it; equal rows are sent once.
        send: sends a batch.
        batch_size: rows per request. A request that the server rejects for its content is halved until the rejected rows
            are alone.
        cache: earlier answers; failures are not stored.
    """
    answers: dict[Hashable, T | Failure] = {**cache.get_many(dict.fromkeys(rows).keys())}
    missing = [row for row in dict.fromkeys(rows) if row not in answers]
    batches = [missing[start : start + batch_size] for start in range(0, len(missing), batch_size)]
    tasks = [asyncio.create_task(_send_halving(client, batch, send)) for batch in batches]
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=client.policy.deadline)
        late = Failure(f"no answer within the deadline of {client.policy.deadline:g} s")
        for batch, task in zip(batches, tasks, strict=True):
            new = dict(zip(batch, task.result() if task.done() else [late] * len(batch), strict=True))
            answers |= new
            cache.put_many({row: answer for row, answer in new.items() if not isinstance(answer, Failure)})
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [answers[row] for row in rows]


async def _send_halving(client: Client, batch: Sequence[Any], send: SendBatch[T]) -> list[T | Failure]:
    try:
        answers = check_count(list(await send(batch)), len(batch))
    except RequestError as error:
        if error.caused_by_content and len(batch) > 1:
            half = len(batch) // 2
            return [*await _send_halving(client, batch[:half], send), *await _send_halving(client, batch[half:], send)]
        if error.is_malformed:
            client.answer_breaker.record_failure(str(error))
        return [Failure(str(error))] * len(batch)
    client.answer_breaker.record_success()
    return answers


def check_count(answers: list[T | Failure], count: int) -> list[T | Failure]:
    """Return the answers; reject a wrong number of them, because nobody can tell which row each belongs to.

    Raises:
        RequestError: there are more or fewer than rows.
    """
    if len(answers) != count:
        hint = "; a server that takes one row per request needs batch_size = 1" if len(answers) == 1 else ""
        raise RequestError(f"{len(answers)} answers for {count} rows{hint}", is_malformed=True)
    return answers
