"""Waiting for siblings: threads and event loops, late ones, none that come; nothing hangs."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from herokit.adapters.common.gather import Cohorts
from herokit.errors import ConfigError


def cohorts(size, *, limit=5.0, work=None):
    return Cohorts(
        size,
        work or (lambda items: [(item, sorted(items)) for item in items]),
        lambda items, why: [(item, why) for item in items],
        limit=limit,
    )


def test_siblings_from_threads_get_each_their_own_result():
    shared = cohorts(4)
    with ThreadPoolExecutor(16) as pool:
        asked = [(group, item) for item in range(4) for group in "abcd"]
        found = list(pool.map(lambda pair: shared.collect(pair[0], pair[0] + str(pair[1])), asked))
    for (group, item), (mine, all_of_them) in zip(asked, found, strict=True):
        assert mine == group + str(item)
        assert all_of_them == [group + str(i) for i in range(4)]


def test_a_thread_and_a_loop_may_share_a_cohort():
    shared = cohorts(2)

    async def both():
        return await asyncio.gather(shared.acollect("g", 1), asyncio.to_thread(shared.collect, "g", 2))

    assert asyncio.run(both()) == [(1, [1, 2]), (2, [1, 2])]


@pytest.mark.parametrize("way", ["threads", "loop"])
def test_a_group_whose_siblings_do_not_come_fails_in_time(way):
    shared = cohorts(3, limit=0.2)
    begun = time.monotonic()
    if way == "threads":
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda item: shared.collect("g", item), (1, 2)))
    else:

        async def both():
            return await asyncio.gather(shared.acollect("g", 1), shared.acollect("g", 2))

        found = asyncio.run(both())
    assert found == [(1, "2 of 3 siblings arrived within 0.2 s"), (2, "2 of 3 siblings arrived within 0.2 s")]
    assert time.monotonic() - begun < 2
    late = (3, "arrived after its group was closed: 2 of 3 siblings arrived within 0.2 s")
    assert shared.collect("g", 3) == late
    assert asyncio.run(shared.acollect("g", 3)) == late


def test_an_error_of_the_work_reaches_every_sibling():
    def broken(items):
        raise RuntimeError(f"cannot combine {len(items)}")

    shared = cohorts(2, work=broken)

    async def both():
        return await asyncio.gather(shared.acollect("g", 1), shared.acollect("g", 2), return_exceptions=True)

    assert [str(error) for error in asyncio.run(both())] == ["cannot combine 2"] * 2
    short = cohorts(2, work=lambda items: items[:1])
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(short.collect, "g", item) for item in (1, 2)]
    assert sum(future.exception() is not None for future in futures) == 1


def test_a_sibling_that_is_cancelled_leaves_the_others_whole():
    shared = cohorts(2)

    async def story():
        first = asyncio.create_task(shared.acollect("g", 1))
        await asyncio.sleep(0.05)
        first.cancel()
        second = await shared.acollect("g", 2)
        with pytest.raises(asyncio.CancelledError):
            await first
        return second

    assert asyncio.run(story()) == (2, [1, 2])


def test_work_that_outlasts_the_limit_is_still_its_result():
    def slow(items):
        time.sleep(0.3)
        return items

    shared = cohorts(2, limit=0.1, work=slow)

    async def both():
        return await asyncio.gather(shared.acollect("g", 1), shared.acollect("g", 2))

    assert asyncio.run(both()) == [1, 2]


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="size = 0"):
        cohorts(0)
    with pytest.raises(ConfigError, match="limit = 0"):
        cohorts(2, limit=0)
