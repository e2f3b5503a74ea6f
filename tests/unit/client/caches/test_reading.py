"""Reads: what is kept costs nothing, what is called away is asked for again."""

import asyncio
from typing import Any

import pytest

from streams.domain.caches import commands as c
from tests.unit.client.caches.conftest import NAME
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.lines import Line
from tidelock.client.client import Client


async def test_the_second_read_asks_nobody(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker
) -> None:
    await there.put("x", b"1", keep="INVALID")
    assert await cache.get("x") == b"1"
    before = len(worker.seen)
    assert await cache.get("x") == b"1"
    assert cache.hit("x") == b"1"
    assert len(worker.seen) == before
    assert (cache.local.hits, cache.local.misses, cache.local.round_trips_saved) == (2, 1, 2)


async def test_what_is_not_there_is_the_default(cache: Cache[bytes]) -> None:
    assert await cache.get("x") is None
    assert await cache.get("x", b"none") == b"none"
    assert cache.hit("x", b"none") == b"none"


async def test_a_read_after_anothers_write_sees_it(cache: Cache[bytes], there: Cache[bytes]) -> None:
    await cache.put("x", b"1")
    assert await there.get("x") == b"1"
    await cache.put("x", b"2")
    assert there.hit("x") is None
    assert await there.get("x") == b"2"
    assert there.local.invalidations == 1


async def test_a_strict_write_waits_until_the_reader_has_dropped_its_line(
    cache: Cache[bytes], there: Cache[bytes], worker: CacheWorker
) -> None:
    await there.put("x", b"1", keep="INVALID")
    await cache.get("x")
    worker.held = (c.Listen,)
    putting = asyncio.create_task(there.put("x", b"2"))
    await until(lambda: cache.hit("x") is None)
    assert not putting.done()
    worker.let()
    await putting
    assert await cache.get("x") == b"2"


async def test_many_are_read_together(cache: Cache[bytes], there: Cache[bytes]) -> None:
    for name in "abc":
        await there.put(name, name.encode())
    await cache.get("a")
    assert await cache.get_many(["a", "b", "c", "d", "b"]) == {"a": b"a", "b": b"b", "c": b"c"}
    assert cache.local.hits == 1


async def test_a_cache_that_is_not_there_is_an_error(client: Client) -> None:
    with pytest.raises(errors.CacheUnknown) as caught:
        await client.cache("nowhere").get("x")
    assert (caught.value.code, caught.value.cache) == ("CACHE_UNKNOWN", "nowhere")


async def test_without_the_worker_lines_are_used_until_their_lease_may_be_over(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    worker.held = (c.Listen,)
    await let_pass(clock, 9.8)
    assert cache.hit("x") == b"1"
    clock.turn(0.2)
    assert cache.hit("x") is None
    worker.let()
    assert await cache.get("x") == b"1"
    assert (cache.local.expiries, cache.local.misses) == (1, 1)


async def test_a_versioned_read_of_a_line_is_a_hit(cache: Cache[bytes], worker: CacheWorker) -> None:
    version = await cache.put("x", b"1")
    before = len(worker.seen)
    assert await cache.get_versioned("x") == (b"1", version)
    assert len(worker.seen) == before
    assert (cache.local.hits, cache.local.misses) == (1, 0)


async def test_a_lease_is_renewed_for_as_long_as_the_worker_answers(
    cache: Cache[bytes], clock: FakeClock
) -> None:
    await cache.put("x", b"1")
    await let_pass(clock, 60)
    assert cache.hit("x") == b"1"
    assert cache.local.misses == 0


async def test_an_entry_is_not_used_past_its_own_end(
    cache: Cache[bytes], worker: CacheWorker, clock: FakeClock
) -> None:
    await cache.put("x", b"1", ttl=2.0)
    await let_pass(clock, 1.9)
    assert cache.hit("x") == b"1"
    clock.turn(0.1)
    assert cache.hit("x") is None
    await let_pass(clock, 0.1)
    assert await cache.get("x") is None


async def test_names_that_cannot_be_are_refused(cache: Cache[bytes], client: Client) -> None:
    with pytest.raises(errors.BadArgument, match="name of an entry"):
        await cache.get(7)  # type: ignore[arg-type]
    with pytest.raises(errors.BadArgument):
        await cache.get("")
    with pytest.raises(errors.BadArgument, match="#"):
        client.cache("a#1")
    with pytest.raises(errors.BadArgument, match="another codec"):
        client.cache(NAME, max_entries=3)
    assert client.cache(NAME) is cache


async def test_a_hit_on_another_thread_is_a_use_and_disturbs_nobody_who_makes_room(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = client.cache(NAME, max_entries=2)
    await cache.create()
    await cache.put("a", b"1")
    await cache.put("b", b"1")
    assert cache.hit("b") == b"1"
    slot: Any = vars(Line)["settling"]

    def meanwhile(line: Line) -> object:
        cache.look_elsewhere("b")
        settling: object = slot.__get__(line)
        return settling

    monkeypatch.setattr(Line, "settling", property(meanwhile, slot.__set__))
    await cache.put("c", b"1")
    assert (cache.hit("a"), cache.lines) == (None, 2)
    cache.look_elsewhere("b")
    await cache.put("d", b"1")
    assert (cache.held("c"), cache.hit("b")) == (None, b"1")
