"""Requests in the queue: time limits, clients that go away, groups gathered from single rollouts, bytes in flight."""

import asyncio

import pytest
from service_stubs import Short, make_service

from herokit.adapters.common.gather import IncompleteGroupError
from herokit.service.dispatch import RequestTimeoutError
from herokit.service.engine import ScoreKey, SourceKey
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics
from herokit.service.middleware import GatewayMiddleware
from herokit.types import Sample


class Client:
    """The part of a request that the dispatcher reads: whether its client went away."""

    def __init__(self):
        self.gone = asyncio.Event()

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}


def make_samples(count, key="g"):
    return [Sample("p", str(i), key, "0") for i in range(count)]


def run(story, **limits):
    async def main():
        model = Short()
        _, dispatcher, _ = make_service(model, batch_wait_s=0.0, **limits)
        try:
            await story(dispatcher, model)
        finally:
            model.gate.set()
            await dispatcher.close()

    asyncio.run(asyncio.wait_for(main(), 20))


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("never came true")


async def hold(dispatcher, model):
    """Start a batch that runs until `model.gate` is set."""
    model.gate.clear()
    held = asyncio.create_task(dispatcher.run(Client(), ScoreKey(), make_samples(1)))
    await until(lambda: model.calls)
    return held


def test_request_times_out_while_it_is_scored_or_while_it_waits():
    async def story(dispatcher, model):
        held = await hold(dispatcher, model)
        waiting = asyncio.create_task(dispatcher.run(Client(), ScoreKey(), make_samples(2)))
        first, second = await asyncio.gather(held, waiting, return_exceptions=True)
        assert isinstance(first, RequestTimeoutError)
        assert first.started
        assert isinstance(second, RequestTimeoutError)
        assert not second.started
        assert str(second) == "out of time after 0.15 s while waiting"
        assert dispatcher.queue.num_waiting == 0
        model.gate.set()
        await dispatcher.close()
        assert model.calls == [1]  # what ran out of time while it waited is never scored

    run(story, timeout_s=0.15)


def test_request_of_a_client_that_goes_away_is_never_scored():
    async def story(dispatcher, model):
        held = await hold(dispatcher, model)
        client = Client()
        leaves = asyncio.create_task(dispatcher.run(client, ScoreKey(), make_samples(7)))
        stays = asyncio.create_task(dispatcher.run(Client(), ScoreKey(), make_samples(2)))
        await until(lambda: dispatcher.queue.num_waiting == 9)
        client.gone.set()
        await until(lambda: dispatcher.queue.num_waiting == 2)
        model.gate.set()
        assert [len(rows) for rows in await asyncio.gather(held, stays)] == [1, 2]
        assert model.calls == [1, 2]
        with pytest.raises(Exception, match="the client went away"):
            await leaves

    run(story)


def test_requests_with_different_keys_do_not_share_a_batch():
    async def story(dispatcher, model):
        held = await hold(dispatcher, model)
        keys = [ScoreKey(), ScoreKey(), SourceKey("rm"), ScoreKey(update_state=False)]
        tasks = [asyncio.create_task(dispatcher.run(Client(), key, make_samples(2))) for key in keys]
        await until(lambda: dispatcher.queue.num_waiting == 8)
        model.gate.set()
        await asyncio.gather(held, *tasks)
        assert model.calls == [1, 4, 2, 2]

    run(story)


def test_rollouts_of_a_prompt_become_a_group_and_other_references_do_not():
    async def story(dispatcher, model):
        rollouts = [Sample("p", "x" * (i + 1), ("p", "4"), "4") for i in range(3)]
        other = asyncio.create_task(dispatcher.run_in_group(Client(), Sample("p", "x", ("p", "5"), "5")))
        rows = await asyncio.gather(*(dispatcher.run_in_group(Client(), sample) for sample in rollouts))
        assert [row["rm"] for row in rows] == [-1.0, -2.0, -3.0]
        assert model.calls == [3]
        assert dispatcher.gatherer.num_waiting == 1
        dispatcher.drain()
        with pytest.raises(IncompleteGroupError, match="shutting down"):
            await other

    run(story, group_size=3)


def test_rollout_whose_group_stays_incomplete_is_never_scored():
    async def story(dispatcher, model):
        with pytest.raises(IncompleteGroupError, match=r"1 of 2 rollouts of the group arrived within 0\.1 s"):
            await dispatcher.run_in_group(Client(), Sample("p", "alone", 0))
        assert model.calls == []

    run(story, group_size=2, timeout_s=0.1)


def test_middleware_limits_the_bytes_in_flight():
    async def main():
        release = asyncio.Event()

        async def app(scope, receive, send):
            while (await receive()).get("more_body"):
                pass
            await release.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        limits = Limits(max_body_bytes=60, max_inflight_bytes=100, timeout_s=1)
        gateway = GatewayMiddleware(app, limits, Metrics(), frozenset())

        async def call(size):
            codes = []

            async def receive():
                await asyncio.sleep(0)
                return {"type": "http.request", "body": b"x" * size, "more_body": False}

            async def send(message):
                codes.append(message.get("status"))

            headers = [(b"content-length", str(size).encode())]
            await gateway({"type": "http", "path": "/", "headers": headers}, receive, send)
            return codes[0]

        first = asyncio.create_task(call(60))
        await until(lambda: gateway.inflight_bytes == 60)
        assert await call(60) == 429
        assert await call(61) == 413
        second = asyncio.create_task(call(40))
        await until(lambda: gateway.inflight_bytes == 100)
        release.set()
        assert await asyncio.gather(first, second) == [200, 200]
        assert gateway.inflight_bytes == 0

    asyncio.run(main())
