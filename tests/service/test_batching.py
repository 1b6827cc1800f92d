"""The queue: what runs together, who waits, who is turned away, and that nothing accepted is lost."""

import asyncio

import pytest

from herokit.service.batching import Batcher, QueueFullError, TooLateError
from herokit.service.gather import Cohorts, TooFewError
from herokit.service.limits import Limits
from herokit.service.metrics import Metrics
from herokit.service.middleware import Guard
from herokit.types import Sample


def samples(count, key="g", prompt="p"):
    return [Sample(prompt, str(i), key) for i in range(count)]


class Work:
    """Records its batches; waits for `go` before each."""

    def __init__(self):
        import threading

        self.batches = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, key, requests):
        self.batches.append((key, [len(r) for r in requests]))
        self.go.wait(10)
        if key == "broken":
            raise RuntimeError("no")
        return [[s.completion for s in r] for r in requests]


def run(main, **limits):
    async def wrapped():
        work = Work()
        batcher = Batcher(work, Limits(**limits), Metrics())
        batcher.open()
        try:
            await main(batcher, work)
        finally:
            work.go.set()
            await batcher.close()

    asyncio.run(asyncio.wait_for(wrapped(), 20))


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("never came true")


def test_requests_run_together_up_to_a_batch_and_are_never_split():
    async def main(batcher, work):
        work.go.clear()
        first = asyncio.create_task(batcher.ask("a", samples(1)))
        await until(lambda: work.batches)
        rest = [asyncio.create_task(batcher.ask("a", samples(n))) for n in (3, 3, 3, 20, 1)]
        await until(lambda: batcher.waiting == 30)
        work.go.set()
        found = await asyncio.gather(first, *rest)
        assert [len(x) for x in found] == [1, 3, 3, 3, 20, 1]
        assert [sizes for _, sizes in work.batches] == [[1], [3, 3, 3], [20], [1]]
        assert batcher.waiting == 0

    run(main, batch=10)


def test_different_keys_never_share_a_batch_and_keep_their_order():
    async def main(batcher, work):
        work.go.clear()
        tasks = [asyncio.create_task(batcher.ask(key, samples(1))) for key in ("a", "a", "b", "a")]
        await until(lambda: work.batches)
        work.go.set()
        await asyncio.gather(*tasks)
        assert work.batches == [("a", [1, 1]), ("b", [1]), ("a", [1])]

    run(main, linger=0.01)


def test_a_full_queue_says_so_at_once_and_when_to_come_back():
    async def main(batcher, work):
        await batcher.ask("a", samples(1))
        work.go.clear()
        running = asyncio.create_task(batcher.ask("a", samples(5)))
        await until(lambda: len(work.batches) == 2)
        waiting = [asyncio.create_task(batcher.ask("a", samples(4))) for _ in range(2)]
        await until(lambda: batcher.waiting == 8)
        with pytest.raises(QueueFullError, match="8 rows wait, the queue holds 10") as full:
            await batcher.ask("a", samples(3))
        assert 1 <= full.value.retry_after <= 60
        work.go.set()
        assert [len(x) for x in await asyncio.gather(running, *waiting)] == [5, 4, 4]
        await batcher.ask("a", samples(50))  # an empty queue takes whatever a request may have

    run(main, queue=10)


def test_who_gives_up_waiting_is_never_scored():
    async def main(batcher, work):
        work.go.clear()
        running = asyncio.create_task(batcher.ask("a", samples(1)))
        await until(lambda: work.batches)
        gone = asyncio.create_task(batcher.ask("a", samples(7)))
        stays = asyncio.create_task(batcher.ask("a", samples(2)))
        await until(lambda: batcher.waiting == 9)
        gone.cancel()
        await until(lambda: batcher.waiting == 2)
        work.go.set()
        await asyncio.gather(running, stays)
        assert [sizes for _, sizes in work.batches] == [[1], [2]]

    run(main)


def test_time_runs_out_while_waiting_or_while_being_scored():
    async def main(batcher, work):
        work.go.clear()
        both = [asyncio.create_task(batcher.ask("a", samples(1)))]
        await until(lambda: work.batches)
        both.append(asyncio.create_task(batcher.ask("a", samples(1))))
        first, second = await asyncio.gather(*both, return_exceptions=True)
        assert isinstance(first, TooLateError)
        assert first.scored
        assert isinstance(second, TooLateError)
        assert not second.scored

    run(main, seconds=0.15)


def test_a_batch_that_raises_fails_its_requests_and_no_other():
    async def main(batcher, work):
        with pytest.raises(RuntimeError):
            await batcher.ask("broken", samples(1))
        assert await batcher.ask("a", samples(1)) == ["0"]

    run(main)


def test_closing_answers_all_that_wait():
    async def main():
        work = Work()
        batcher = Batcher(work, Limits(batch=2, linger=0.05), Metrics())
        batcher.open()
        tasks = [asyncio.create_task(batcher.ask("a", samples(2))) for _ in range(20)]
        await asyncio.sleep(0)
        await batcher.close()
        assert [len(x) for x in await asyncio.gather(*tasks)] == [2] * 20

    asyncio.run(main())


def cohorts(size, seconds=5.0):
    asked = []

    async def ask(group):
        asked.append(group)
        await asyncio.sleep(0)
        if group[0].completion == "broken":
            raise RuntimeError("no")
        return [s.completion.upper() for s in group]

    return Cohorts(ask, size, seconds), asked


def test_a_cohort_is_scored_when_its_last_rollout_is_here():
    async def main():
        made, asked = cohorts(3)
        texts = ["a", "b", "c", "d", "e", "f"]
        joined = [made.join(Sample("p", t, i, "4")) for i, t in enumerate(texts)]
        other = asyncio.create_task(made.join(Sample("p", "x", 9, "5")))  # another reference is another group
        assert await asyncio.gather(*joined) == [t.upper() for t in texts]
        assert [[s.completion for s in group] for group in asked] == [["a", "b", "c"], ["d", "e", "f"]]
        assert all(len({s.group for s in group}) == 1 for group in asked)
        assert made.rows == 1
        made.release()
        with pytest.raises(TooFewError, match="shutting down"):
            await other

    asyncio.run(main())


def test_siblings_that_do_not_come_and_clients_that_go():
    async def main():
        made, asked = cohorts(2, seconds=0.1)
        gone = asyncio.create_task(made.join(Sample("p", "gone", 0)))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0.01)
        with pytest.raises(TooFewError, match=r"1 of 2 rollouts of this prompt arrived within 0.1 s"):
            await made.join(Sample("p", "alone", 1))
        assert made.rows == 0
        assert not asked
        pair = [made.join(Sample("p", "broken", 0)), made.join(Sample("p", "b", 1))]
        assert [type(x) for x in await asyncio.gather(*pair, return_exceptions=True)] == [RuntimeError] * 2

    asyncio.run(main())


def test_what_all_requests_hold_is_bounded():
    async def main():
        release = asyncio.Event()

        async def app(scope, receive, send):
            while (await receive()).get("more_body"):
                pass
            await release.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        guard = Guard(app, Limits(body=60, held=100, seconds=1), Metrics(), frozenset())

        async def call(size, delay=0.0):
            codes = []

            async def receive():
                await asyncio.sleep(delay)
                return {"type": "http.request", "body": b"x" * size, "more_body": False}

            async def send(message):
                codes.append(message.get("status"))

            headers = [(b"content-length", str(size).encode())]
            await guard({"type": "http", "path": "/", "headers": headers}, receive, send)
            return codes[0]

        first = asyncio.create_task(call(60))
        await asyncio.sleep(0.01)
        assert guard.held == 60
        assert await call(60) == 429
        assert await call(61) == 413
        second = asyncio.create_task(call(40))
        await asyncio.sleep(0.01)
        release.set()
        assert await asyncio.gather(first, second) == [200, 200]
        assert guard.held == 0

    asyncio.run(main())
