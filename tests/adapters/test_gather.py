"""`GroupGatherer`: rollouts of a group from threads and event loops, late ones, missing ones; no call waits forever."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from herokit.adapters.common.gather import GroupGatherer, IncompleteGroupError
from herokit.errors import ConfigError


def make_gatherer(*, timeout=5.0, process=None, unique_keys=True):
    process = process or (lambda items: [(item, sorted(items)) for item in items])
    return GroupGatherer(process, timeout, unique_keys=unique_keys)


async def acollect_all(gatherer, key, *items, size=None):
    calls = (gatherer.acollect(key, item, size or len(items)) for item in items)
    return await asyncio.gather(*calls, return_exceptions=True)


def test_gatherer_returns_each_thread_its_own_result():
    gatherer = make_gatherer()
    with ThreadPoolExecutor(16) as pool:
        calls = [(key, key + str(number)) for number in range(4) for key in "abcd"]
        results = list(pool.map(lambda call: gatherer.collect(*call, size=4), calls))
    for (key, item), (own, group) in zip(calls, results, strict=True):
        assert own == item
        assert group == [key + str(number) for number in range(4)]


def test_gatherer_serves_threads_and_loops_in_one_group():
    gatherer = make_gatherer()

    async def both():
        return await asyncio.gather(
            gatherer.acollect("g", 1, size=2), asyncio.to_thread(gatherer.collect, "g", 2, size=2)
        )

    assert asyncio.run(both()) == [(1, [1, 2]), (2, [1, 2])]


@pytest.mark.parametrize("front", ["threads", "loop"])
def test_gatherer_raises_for_a_whole_incomplete_group_and_its_late_rollouts(front):
    gatherer = make_gatherer(timeout=0.2)
    start = time.monotonic()
    if front == "threads":
        with ThreadPoolExecutor(2) as pool:
            errors = [pool.submit(gatherer.collect, "g", item, 3).exception() for item in (1, 2)]
    else:
        errors = asyncio.run(acollect_all(gatherer, "g", 1, 2, size=3))
    assert [type(error) for error in errors] == [IncompleteGroupError] * 2
    assert time.monotonic() - start < 2
    with pytest.raises(IncompleteGroupError, match=r"arrived after its group was closed: [12] of 3 rollouts"):
        gatherer.collect("g", 3, size=3)
    with pytest.raises(IncompleteGroupError, match=r"closed: [12] of 3 rollouts of the group arrived within 0\.2 s"):
        asyncio.run(gatherer.acollect("g", 3, size=3))


def test_gatherer_raises_the_error_of_process_for_every_rollout():
    def broken(items):
        raise RuntimeError(f"cannot combine {len(items)}")

    errors = asyncio.run(acollect_all(make_gatherer(process=broken), "g", 1, 2))
    assert [str(error) for error in errors] == ["cannot combine 2"] * 2
    short = make_gatherer(process=lambda items: items[:1])
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(short.collect, "g", item, 2) for item in (1, 2)]
    assert sum(future.exception() is not None for future in futures) == 1


@pytest.mark.parametrize("unique_keys", [True, False])
def test_gatherer_keeps_a_cancelled_rollout_only_if_keys_are_unique(unique_keys):
    gatherer = make_gatherer(unique_keys=unique_keys, timeout=0.3)

    async def story():
        first = asyncio.create_task(gatherer.acollect("g", 1, size=2))
        await asyncio.sleep(0.05)
        first.cancel()
        [second] = await acollect_all(gatherer, "g", 2, size=2)
        with pytest.raises(asyncio.CancelledError):
            await first
        return second

    second = asyncio.run(story())
    assert second == (2, [1, 2]) if unique_keys else isinstance(second, IncompleteGroupError)
    assert gatherer.num_waiting == 0


def test_gatherer_returns_results_of_a_process_that_exceeds_the_timeout():
    def slow(items):
        time.sleep(0.3)
        return items

    assert asyncio.run(acollect_all(make_gatherer(timeout=0.1, process=slow), "g", 1, 2)) == [1, 2]


def test_gatherer_processes_a_complete_group_whose_last_caller_is_cancelled():
    async def story():
        async def process(items):
            await asyncio.sleep(0.05)
            return items

        gatherer = make_gatherer(process=process)
        first = asyncio.create_task(gatherer.acollect("g", 1, size=2))
        await asyncio.sleep(0)
        last = asyncio.create_task(gatherer.acollect("g", 2, size=2))
        await asyncio.sleep(0.01)
        last.cancel()
        return await first

    assert asyncio.run(story()) == 1


def make_async_gatherer(timeout=5.0):
    """A gatherer as the service has it: keys are texts that come again, `process` is a coroutine function."""
    groups = []

    async def process(items):
        groups.append(list(items))
        await asyncio.sleep(0)
        if items[0] == "broken":
            raise RuntimeError("no")
        return [item.upper() for item in items]

    return make_gatherer(process=process, timeout=timeout, unique_keys=False), groups


def test_gatherer_forms_one_group_after_the_other_for_a_repeated_key():
    async def main():
        gatherer, groups = make_async_gatherer()
        other = asyncio.create_task(gatherer.acollect("other", "x", size=3))
        assert await acollect_all(gatherer, "p", *"abcdef", size=3) == [*"ABCDEF"]
        assert groups == [["a", "b", "c"], ["d", "e", "f"]]
        assert gatherer.num_waiting == 1
        gatherer.close("shutting down")
        with pytest.raises(IncompleteGroupError, match="shutting down"):
            await other

    asyncio.run(main())


def test_gatherer_lets_one_rollout_expire_alone_for_a_repeated_key():
    async def main():
        gatherer, groups = make_async_gatherer(timeout=0.4)
        expires = asyncio.create_task(gatherer.acollect("p", "expires", size=3))
        await asyncio.sleep(0.3)
        stays = asyncio.create_task(gatherer.acollect("p", "stays", size=3))
        with pytest.raises(IncompleteGroupError, match=r"2 of 3 rollouts of the group arrived within 0\.4 s"):
            await expires
        assert gatherer.num_waiting == 1
        assert await acollect_all(gatherer, "p", "a", "b", size=3) == ["A", "B"]
        assert await stays == "STAYS"
        assert groups == [["stays", "a", "b"]]
        errors = await acollect_all(gatherer, "p", "broken", "b")
        assert [str(error) for error in errors] == ["no", "no"]

    asyncio.run(main())


def test_gatherer_checks_its_timeout():
    with pytest.raises(ConfigError, match="timeout = 0"):
        make_gatherer(timeout=0)
