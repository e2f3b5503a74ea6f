"""Caches of several shards: the same entry is in the same shard for everybody, and parts of a cache are none."""

import asyncio

import pytest

from streams.domain.caches import commands as c
from streams.wire.shards import shard_of
from tests.unit.client.caches.conftest import NAME, Join
from tests.unit.client.caches.server import CacheWorker
from tests.unit.client.caches.test_listening import made_anew
from tests.unit.client.deciding import let_pass
from tests.unit.client.worker import FakeClock, until
from tidelock import errors
from tidelock.client.caches.terms import settings_of
from tidelock.client.client import Client

NAMES = [str(number) for number in range(40)]


async def test_entries_are_spread_and_found_by_others(
    client: Client, other: Client, worker: CacheWorker
) -> None:
    cache, there = client.cache(NAME), other.cache(NAME)
    await cache.create(shards=4)
    for name in NAMES:
        await cache.put(name, name.encode(), tags=("t",))
    assert await there.get_many(NAMES) == {name: name.encode() for name in NAMES}
    assert all(there.hit(name) == name.encode() for name in NAMES)
    assert {each.shard for each in worker.of(c.WriteEntry)} == {0, 1, 2, 3}
    assert all(each.shard == shard_of(each.entry, 4) for each in worker.of(c.WriteEntry))
    report = await cache.stats()
    assert (report.entries, len(report.shards), report.listeners) == (40, 4, 8)
    assert (await cache.inspect("7")).sharers == 2


async def test_a_tag_goes_in_all_shards(client: Client, clock: FakeClock) -> None:
    cache = client.cache(NAME)
    await cache.create(shards=3)
    await cache.warm([(name, b"1") for name in NAMES], tags=("t",))
    going = asyncio.create_task(cache.invalidate_tag("t"))
    await until(going.done, clock)
    assert going.result() == 40
    assert await cache.get_many(NAMES) == {}


async def test_creating_again_is_fine_and_otherwise_is_not(client: Client) -> None:
    cache = client.cache(NAME)
    await cache.create(shards=2, ttl=5.0)
    await cache.create(shards=2, ttl=5.0)
    with pytest.raises(errors.CacheExists, match="other settings"):
        await cache.create(shards=2)
    with pytest.raises(errors.CacheExists, match="2 shards, not 1"):
        await cache.create(shards=1, ttl=5.0)
    settings = await cache.configure(ttl=7.0)
    assert settings.ttl_ms == 7_000
    assert {each.settings for each in (await cache.stats()).shards} == {settings}
    with pytest.raises(errors.BadArgument, match="mode"):
        await cache.configure(mode="RELAXED")
    with pytest.raises(errors.BadArgument, match="colour"):
        await cache.configure(colour="red")  # type: ignore[call-arg]
    with pytest.raises(errors.BadArgument):
        await cache.create(shards=65)


async def test_creating_with_more_shards_adds_none_to_a_cache_that_others_use(
    client: Client, other: Client, join: Join
) -> None:
    one = client.cache(NAME)
    await one.create()
    await one.put("7", b"old")
    assert shard_of("7", 4) != 0
    with pytest.raises(errors.CacheExists, match="1 shard, not 4"):
        await other.cache(NAME).create(shards=4)
    assert await (await join()).cache(NAME).get("7") == b"old"


@pytest.mark.parametrize("shards", [(4, 2), (2, 4), (1, 3), (3, 1)])
async def test_of_two_who_create_at_once_with_other_shards_the_first_shard_takes_one(
    client: Client, other: Client, join: Join, worker: CacheWorker, shards: tuple[int, int]
) -> None:
    one, two = client.cache(NAME), other.cache(NAME)
    worker.held = (c.CreateCache,)
    pairs = zip((one, two), shards, strict=True)
    creating = [asyncio.create_task(cache.create(shards=number)) for cache, number in pairs]
    await until(lambda: len(worker.of(c.CreateCache)) == 2)
    worker.let()
    told = await asyncio.gather(*creating, return_exceptions=True)
    refused = [each for each in told if isinstance(each, errors.CacheExists)]
    assert (len(refused), told.count(True)) == (1, 1)
    right = shards[told.index(True)]
    for each in (one, two, (await join()).cache(NAME)):
        assert len((await each.stats()).shards) == right


async def test_a_creation_that_was_broken_off_is_continued(client: Client, other: Client) -> None:
    settings = settings_of()
    for shard in (0, 2):
        await client.command("caches", c.CreateCache(NAME, shard, settings, 4))
    with pytest.raises(errors.CacheIncomplete, match="some of its 4 shards"):
        await other.cache(NAME).get("x")
    with pytest.raises(errors.CacheExists, match="4 shards, not 2"):
        await other.cache(NAME).create(shards=2)
    assert not await other.cache(NAME).create(shards=4)
    assert len((await client.cache(NAME).stats()).shards) == 4


async def test_what_a_deletion_that_was_broken_off_has_left_is_not_taken_for_a_part_of_the_next_one(
    client: Client, other: Client, join: Join
) -> None:
    there = other.cache(NAME, max_entries=0)
    await client.cache(NAME).create(shards=4)
    for name in NAMES:
        await there.put(name, b"old")
    await client.command("caches", c.DeleteCache(NAME, 0))
    with pytest.raises(errors.CacheExists, match=r"[Ss]hard 1 .* is left of one that had 4 shards, not 2"):
        await client.cache(NAME).create(shards=2)
    with pytest.raises(errors.CacheIncomplete):
        await (await join()).cache(NAME).get("7")
    for shard in (2, 3):
        with pytest.raises(errors.CacheUnknown):
            await client.command("caches", c.InspectCache(NAME, shard))
    assert await client.cache(NAME).delete_cache() > 0
    assert await client.cache(NAME).create(shards=2)
    assert await (await join()).cache(NAME).get_many(NAMES) == {}


async def test_a_part_of_a_cache_is_none(client: Client, other: Client) -> None:
    cache = client.cache(NAME)
    await cache.create(shards=3)
    await client.command("caches", c.DeleteCache(NAME, 1))
    with pytest.raises(errors.CacheIncomplete):
        await other.cache(NAME).get("x")
    await client.command("caches", c.DeleteCache(NAME, 0))
    with pytest.raises(errors.CacheUnknown):
        await other.cache(NAME).get("x")
    await other.cache(NAME).delete_cache()
    await cache.create(shards=1)
    assert await other.cache(NAME).get("x") is None


async def test_a_cache_that_is_made_anew_with_other_shards_is_looked_at_anew(
    join: Join, worker: CacheWorker, clock: FakeClock
) -> None:
    one, two = (await join()).cache(NAME), (await join()).cache(NAME)
    await one.create(shards=4)
    for name in NAMES:
        await two.put(name, b"old")
    await one.delete_cache()
    await made_anew(one, clock, shards=2)
    await one.put("7", b"new")
    assert two.hit("7") is None
    assert await two.get("7") == b"new"
    assert len(two._access.desks) == 2


async def test_who_was_cut_off_while_it_was_made_anew_looks_anew_before_it_asks_any_shard(
    join: Join, worker: CacheWorker, clock: FakeClock
) -> None:
    one, two = (await join()).cache(NAME), (await join()).cache(NAME)
    await one.create()
    await two.put("7", b"old")
    await one.close()
    worker.held = (c.Listen,)
    await let_pass(clock, 11)
    await one.delete_cache()
    await made_anew(one, clock, shards=4)
    writing = asyncio.create_task(two.put("7", b"new"))
    await until(lambda: writing.done() or worker.of(c.WriteEntry) != [], clock)
    worker.let()
    await until(writing.done, clock)
    assert await one.get("7") == b"new"
    assert len(two._access.desks) == 4


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (4, 2)])
async def test_who_keeps_no_lines_finds_the_shards_of_a_cache_that_was_made_anew(
    join: Join, clock: FakeClock, before: int, after: int
) -> None:
    one, two = (await join()).cache(NAME), (await join()).cache(NAME, max_entries=0)
    await one.create(shards=before)
    assert await two.get_many(NAMES) == {}
    await one.delete_cache()
    await made_anew(one, clock, shards=after)
    for name in NAMES[:20]:
        await two.put(name, b"new", tags=("t",))
    assert await one.get_many(NAMES) == dict.fromkeys(NAMES[:20], b"new")


@pytest.mark.parametrize("first", ["get", "put", "delete", "warm", "invalidate_tag", "inspect"])
async def test_whatever_is_asked_first_of_a_cache_that_was_made_anew_concerns_the_new_one(
    join: Join, clock: FakeClock, first: str
) -> None:
    one, two = (await join()).cache(NAME, max_entries=0), (await join()).cache(NAME, max_entries=0)
    await one.create()
    assert await two.get("7") is None
    await one.delete_cache()
    await made_anew(one, clock, shards=4)
    for name in NAMES:
        await one.put(name, b"1", tags=("t",))
    match first:
        case "get":
            assert await two.get_many(NAMES) == dict.fromkeys(NAMES, b"1")
        case "put":
            for name in NAMES:
                await two.put(name, b"2")
            assert await one.get_many(NAMES) == dict.fromkeys(NAMES, b"2")
        case "delete":
            assert [await two.delete(name) for name in NAMES] == [True] * len(NAMES)
        case "warm":
            assert (await two.warm(dict.fromkeys(NAMES, b"2"))).skipped == len(NAMES)
        case "invalidate_tag":
            going = asyncio.create_task(two.invalidate_tag("t"))
            await until(going.done, clock)
            assert going.result() == len(NAMES)
        case "inspect":
            assert [(await two.inspect(name)).found for name in NAMES] == [True] * len(NAMES)


async def test_whose_session_ended_while_it_was_made_anew_looks_anew_too(
    join: Join, worker: CacheWorker, clock: FakeClock
) -> None:
    client = await join("n1")
    one, two = (await join()).cache(NAME), client.cache(NAME)
    await one.create()
    await two.put("7", b"old")
    await one.close()
    worker.held = (c.Listen,)
    before = client.node.session or ""
    worker.end_session(before)
    await until(lambda: client.node.session not in (None, before), clock)
    await one.delete_cache()
    await made_anew(one, clock, shards=4)
    worker.let()
    writing = asyncio.create_task(two.put("7", b"new"))
    await until(writing.done, clock)
    assert await one.get("7") == b"new"
