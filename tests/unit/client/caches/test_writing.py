"""Writes: through, back and conditional; what is held Modified is written here until somebody else wants it."""

import asyncio

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches import events as e
from tests.unit.client.caches.conftest import NAME, Join
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.lost import LostLine
from tidelock.client.client import Client


async def test_versions_grow_and_are_conditions(cache: Cache[bytes], there: Cache[bytes]) -> None:
    first = await cache.put("x", b"1", if_version=0)
    second = await there.put("x", b"2", if_version=first)
    assert second > first
    with pytest.raises(errors.EntryConflict) as caught:
        await cache.put("x", b"3", if_version=first)
    assert caught.value.version == second
    with pytest.raises(errors.EntryConflict):
        await cache.put("x", b"3", if_version=0)
    assert await cache.get_versioned("x") == (b"2", second)
    with pytest.raises(errors.EntryConflict):
        await cache.delete("x", if_version=first)
    assert await cache.delete("x", if_version=second)
    assert not await cache.delete("x")
    assert await there.get_versioned("x") is None


async def test_a_line_that_was_dropped_for_a_refused_write_is_told(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    with pytest.raises(errors.EntryConflict):
        await cache.put("x", b"2", if_version=1)
    assert cache.hit("x") is None
    await let_pass(clock, 4)
    assert not worker.state(NAME).entries["x"].lines


async def test_further_writes_to_a_modified_line_stay_here(cache: Cache[bytes], worker: CacheWorker) -> None:
    version = await cache.put("x", b"1", keep="MODIFIED")
    before = len(worker.seen)
    assert await cache.put("x", b"2", keep="MODIFIED") == 0
    assert await cache.get("x") == b"2"
    found = cache.look("x")
    assert found is not None
    assert (found.version, found.local, found.hit) == (version, 1, True)
    assert len(worker.seen) == before
    assert cache.local.local_writes == 1
    assert worker.state(NAME).entries["x"].value == b"1"


async def test_anothers_read_brings_back_what_was_written(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker
) -> None:
    await cache.put("x", b"1", keep="MODIFIED")
    await cache.put("x", b"2", keep="MODIFIED")
    assert await there.get("x") == b"2"
    assert cache.hit("x") == b"2"
    assert cache.local.write_backs == 1
    before = len(worker.seen)
    assert await cache.put("x", b"3", keep="MODIFIED") > 0
    assert len(worker.seen) > before


async def test_local_writes_stop_while_a_line_is_written_back(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker
) -> None:
    await cache.put("x", b"1", keep="MODIFIED")
    await cache.put("x", b"2", keep="MODIFIED")
    worker.held = (c.WriteBack,)
    reading = asyncio.create_task(there.get("x"))
    await until(lambda: worker.of(c.WriteBack) != [])
    assert cache.hit("x") is None
    putting = asyncio.create_task(cache.put("x", b"3", keep="MODIFIED"))
    getting = asyncio.create_task(cache.get("x"))
    await asyncio.sleep(0)
    assert not reading.done()
    worker.let()
    assert await reading == b"2"
    assert await putting > 0
    assert await getting in (b"2", b"3")
    assert await there.get("x") == b"3"


async def test_flush_gives_the_value_a_version_and_keeps_the_line(
    cache: Cache[bytes], worker: CacheWorker
) -> None:
    version = await cache.put("x", b"1", keep="MODIFIED")
    await cache.put("x", b"2", keep="MODIFIED")
    await cache.flush()
    assert worker.state(NAME).entries["x"].value == b"2"
    assert await cache.put("x", b"3", keep="MODIFIED") == 0
    found = await cache.get_versioned("x")
    assert found is not None
    assert (found[0], found[1] > version) == (b"3", True)
    assert await cache.put("x", b"4", if_version=found[1]) > found[1]


async def test_an_eviction_writes_back_first(client: Client, other: Client, worker: CacheWorker) -> None:
    cache = client.cache(NAME, max_entries=2, keep="MODIFIED")
    await cache.create()
    for name in "ab":
        await cache.put(name, b"1")
        await cache.put(name, b"2")
    await cache.put("c", b"1")
    await until(lambda: cache.lines == 2)
    (back,) = worker.of(c.WriteBack)
    assert (back.entry, back.value, back.keep) == ("a", b"2", "INVALID")
    assert cache.local.evictions == 1
    assert await other.cache(NAME).get("a") == b"2"


async def test_bytes_bound_what_is_kept(client: Client, worker: CacheWorker, clock: FakeClock) -> None:
    cache = client.cache(NAME, max_bytes=10)
    await cache.create()
    await cache.put("a", b"12345")
    await cache.put("b", b"12345")
    await cache.put("c", b"1")
    assert (cache.hit("a"), cache.hit("b"), cache.hit("c")) == (None, b"12345", b"1")
    await cache.put("huge", b"x" * 11)
    assert cache.hit("huge") is None
    assert await cache.get("huge") == b"x" * 11
    await let_pass(clock, 4)
    entries = worker.state(NAME).entries
    assert [bool(entries[name].lines) for name in ("a", "b", "c", "huge")] == [False, True, True, False]


async def test_other_tags_go_to_the_directory(cache: Cache[bytes], worker: CacheWorker) -> None:
    await cache.put("x", b"1", keep="MODIFIED")
    await cache.put("x", b"2", keep="MODIFIED")
    assert await cache.put("x", b"3", keep="MODIFIED", tags=("t",)) > 0
    assert worker.state(NAME).entries["x"].tags == ("t",)
    assert await cache.get("x") == b"3"


async def test_values_over_the_limit_are_refused_here_too(cache: Cache[bytes]) -> None:
    await cache.put("x", b"1", keep="MODIFIED")
    with pytest.raises(errors.ValueTooLarge) as caught:
        await cache.put("x", b"x" * 65_537, keep="MODIFIED")
    assert caught.value.limit == 65_536
    with pytest.raises(errors.ValueTooLarge):
        await cache.put("y", b"x" * 65_537)
    assert await cache.get("x") == b"1"


async def test_a_line_whose_client_was_not_heard_is_lost_and_says_so(
    client: Client, worker: CacheWorker, clock: FakeClock
) -> None:
    lost: list[LostLine] = []
    cache = client.cache(NAME, keep="MODIFIED", on_lost=lost.append)
    await cache.create()
    await cache.put("x", b"1")
    await cache.put("x", b"2")
    await cache.put("clean", b"1")
    worker.held = (c.Listen,)
    await let_pass(clock, 10.5)
    assert cache.hit("x") is None
    worker.forget()
    await until(lambda: lost != [], clock)
    assert [(each.entry, each.value) for each in lost] == [("x", b"2")]
    reading = asyncio.create_task(cache.get("x"))
    await until(reading.done, clock)
    assert reading.result() == b"1"
    with pytest.raises(errors.LineLost) as caught:
        await cache.flush()
    assert caught.value.lines == tuple(lost)
    await cache.flush()
    assert cache.local.lost == 1


async def test_a_late_write_back_is_refused_and_told(
    client: Client, other: Client, worker: CacheWorker, clock: FakeClock
) -> None:
    lost: list[LostLine] = []
    cache = client.cache(NAME, keep="MODIFIED", on_lost=lost.append)
    await cache.create(read_lease=1.0)
    await cache.put("x", b"1")
    await cache.put("x", b"2")
    worker.held = (c.WriteBack, c.Listen)
    flushing = asyncio.create_task(cache.flush())
    await until(lambda: worker.of(c.WriteBack) != [])
    await let_pass(clock, 1.5)
    worker.let()
    with pytest.raises(errors.LineLost, match="not held Modified"):
        await flushing
    assert [each.value for each in lost] == [b"2"]
    assert await other.cache(NAME).get("x") == b"1"


async def test_a_cancelled_write_is_taken_back_if_it_has_not_begun(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker
) -> None:
    await cache.put("x", b"1", keep="MODIFIED")
    worker.held = (c.WriteBack,)
    reading = asyncio.create_task(there.get("x"))
    await until(lambda: worker.of(c.WriteBack) != [])
    putting = asyncio.create_task(there.put("x", b"2"))
    await until(lambda: len(worker.of(c.WriteEntry)) == 2)
    putting.cancel()
    await until(lambda: worker.of(c.WithdrawWait) != [])
    worker.let()
    assert await reading == b"1"
    assert worker.state(NAME).entries["x"].value == b"1"


async def test_tags_invalidate_groups(cache: Cache[bytes], there: Cache[bytes], clock: FakeClock) -> None:
    for name in "abc":
        await cache.put(name, b"1", tags=("shop/7",) if name < "c" else ())
    await there.get("a")
    invalidating = asyncio.create_task(there.invalidate_tag("shop/7"))
    await until(invalidating.done, clock)
    assert invalidating.result() == 2
    assert (cache.hit("a"), there.hit("a"), cache.hit("c")) == (None, None, b"1")
    assert await cache.get("b") is None
    assert await there.invalidate_tag("nobody") == 0


async def test_a_warm_up_leaves_what_is_there(cache: Cache[bytes], worker: CacheWorker) -> None:
    await cache.put("1", b"mine")
    seen: list[tuple[int, int]] = []
    items = {str(number): b"x" * 1_000 for number in range(1_000)}
    done = await cache.warm(items, progress=lambda now: seen.append((now.warmed, now.skipped)))
    assert (done.warmed, done.skipped) == (999, 1)
    assert seen[-1] == (999, 1)
    assert len(seen) == len(worker.of(c.WarmEntries)) > 3
    assert await cache.get("1") == b"mine"
    assert await cache.get("999") == b"x" * 1_000


async def test_a_cache_that_writes_through_keeps_nothing_modified(client: Client) -> None:
    cache = client.cache(NAME)
    await cache.create(write_policy="THROUGH")
    with pytest.raises(errors.CacheError, match="writes through"):
        await cache.put("x", b"1", keep="MODIFIED")
    assert await cache.put("x", b"1") > 0


async def test_relaxed_writes_wait_for_nobody(join: Join, worker: CacheWorker) -> None:
    one, two = (await join()).cache(NAME), (await join()).cache(NAME)
    await one.create(mode="RELAXED")
    await one.put("x", b"1")
    assert await two.get("x") == b"1"
    worker.held = (c.Listen,)
    await one.put("x", b"2")
    assert [type(event) for _, event in worker.events].count(e.ChangeStarted) == 0
