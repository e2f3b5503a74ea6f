"""Write-backs: some at a time, heard to their end, and in time for what has a time to live."""

import asyncio

import pytest

from streams.domain.caches import commands as c
from tests.unit.client.caches.conftest import NAME
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.caches.access import MAX_BRINGING
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.lost import LostLine
from tidelock.client.client import Client


@pytest.mark.parametrize("end", ["flush", "close"])
async def test_many_lines_are_written_back_some_at_a_time(
    cache: Cache[bytes], worker: CacheWorker, end: str
) -> None:
    for number in range(MAX_BRINGING + 20):
        await cache.put(str(number), b"1", keep="MODIFIED")
        await cache.put(str(number), b"2", keep="MODIFIED")
    worker.held = (c.WriteBack,)
    ending = asyncio.create_task(getattr(cache, end)())
    await until(lambda: len(worker.of(c.WriteBack)) == MAX_BRINGING)
    await cache.put("another", b"1", keep="INVALID")
    assert len(worker.of(c.WriteBack)) == MAX_BRINGING
    worker.let()
    await ending
    assert {each.value for each in worker.state(NAME).entries.values()} == {b"1", b"2"}
    assert worker.state(NAME).entries["119"].value == b"2"
    assert cache.local.lost == 0


async def test_closing_hears_of_a_write_back_whose_line_was_called_away(
    client: Client, other: Client, worker: CacheWorker
) -> None:
    lost: list[LostLine] = []
    cache = client.cache(NAME, keep="MODIFIED", on_lost=lost.append)
    await cache.create()
    await cache.put("x", b"1")
    await cache.put("x", b"2")
    worker.held = (c.WriteBack,)
    flushing = asyncio.create_task(cache.flush())
    await until(lambda: worker.of(c.WriteBack) != [])
    await other.cache(NAME).put("x", b"3")
    assert cache.lines == 0
    closing = asyncio.create_task(cache.close())
    for _ in range(100):
        await asyncio.sleep(0)
    assert worker.of(c.StopListening) == []
    worker.let()
    await asyncio.gather(flushing, closing)
    assert len(worker.of(c.StopListening)) == 1
    assert lost == []  # what was written here came before the other's write, in this order


async def test_a_local_write_renews_the_time_of_its_entry(
    client: Client, other: Client, worker: CacheWorker, clock: FakeClock
) -> None:
    lost: list[LostLine] = []
    cache = client.cache(NAME, keep="MODIFIED", on_lost=lost.append)
    await cache.create(ttl=10)
    await cache.put("x", b"1")
    await let_pass(clock, 6)
    assert await cache.put("x", b"2") == 0
    await let_pass(clock, 6)
    assert cache.hit("x") == b"2"
    there = other.cache(NAME, max_entries=0)
    assert await there.get("x") == b"2"
    await let_pass(clock, 3.5)
    assert await there.get("x") == b"2"
    await let_pass(clock, 1)
    assert await there.get("x") is None
    assert (cache.hit("x"), lost) == (None, [])


async def test_what_is_not_written_here_again_is_not_renewed(
    client: Client, worker: CacheWorker, clock: FakeClock
) -> None:
    cache = client.cache(NAME, keep="MODIFIED")
    await cache.create(ttl=10)
    await cache.put("x", b"1")
    await cache.put("x", b"2")
    await cache.flush()
    before = len(worker.of(c.WriteBack))
    await let_pass(clock, 9)
    await cache.get_versioned("x")
    await let_pass(clock, 1.5)
    assert cache.hit("x") is None
    assert len(worker.of(c.WriteBack)) == before


async def test_what_expired_before_it_could_be_written_back_is_told(
    client: Client, other: Client, worker: CacheWorker, clock: FakeClock
) -> None:
    lost: list[LostLine] = []
    cache = client.cache(NAME, keep="MODIFIED", on_lost=lost.append)
    await cache.create()
    await cache.put("x", b"1", ttl=5)
    assert await cache.put("x", b"2", ttl=5) == 0
    worker.held = (c.WriteBack,)
    await let_pass(clock, 6)
    assert cache.hit("x") is None
    await other.cache(NAME).put("x", b"3", keep="INVALID")
    worker.let()
    assert await cache.get("x") == b"3"
    assert [(each.entry, each.value) for each in lost] == [("x", b"2")]
    with pytest.raises(errors.LineLost):
        await cache.flush()
