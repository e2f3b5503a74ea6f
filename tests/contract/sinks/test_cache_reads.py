"""What every `CacheReads` answers, in memory and on PostgreSQL: of rows that the fold made and the store wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from random import Random

import pytest
import pytest_asyncio

from storage.memory.caches import MemoryCacheReads
from storage.memory.projections import MemoryProjectionStore
from storage.postgres.pool import pool
from storage.postgres.reads import SETTINGS as READ_SETTINGS
from storage.postgres.reads_caches import PostgresCacheReads
from storage.postgres.reads_caches_sql import entries
from streams.domain.caches import commands as c
from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId, Position
from streams.projections.caches.projections import AUDIT, CACHES
from streams.projections.caches.reads import CacheFilter, CacheReads, Counts, EntryFilter, EntryRow
from streams.projections.caches.tables import CACHE_ENTRIES, CACHE_LINES
from streams.projections.ports import ProjectionStore
from streams.projections.reads import AuditFilter
from tests.contract.sinks.conftest import Database, MemoryDatabase, empty_database, postgres_for_tests
from tests.contract.sinks.filling import fill
from tests.property.projections.caches_histories import ENTRIES, KEYS, VERBS, history
from tests.property.projections.play import Move
from tests.unit.projections.caches.spec import NAME, SETTINGS, WHERE, WORDS, Told
from tidelock.local.stack import LocalStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]

SHARD = PartitionId("caches", 1)
"""Where `prices#1` lives."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as running:
        yield running


async def project(store: ProjectionStore, where: PartitionId, commits: list[AcceptedCommit]) -> None:
    for projection in (CACHES, AUDIT):
        await fill(store, projection, where, WORDS, commits)


class World:
    """A store, what reads it, and a way to fill it."""

    def __init__(self, database: Database, reads: CacheReads) -> None:
        self.database, self.reads = database, reads

    async def told(self, told: Told, where: PartitionId = WHERE) -> None:
        await project(self.database.store, where, told.commits)

    async def entry(self, name: str, at: int | Position | None = None) -> EntryRow:
        if at is None:
            return await self.reads.entry("dev", NAME, name)
        return await self.reads.entry_at("dev", NAME, name, at)


@pytest_asyncio.fixture(loop_scope="module", params=["memory", "postgres"])
async def world(request: pytest.FixtureRequest, stack: LocalStack) -> AsyncIterator[World]:
    if request.param == "memory":
        database = MemoryDatabase()
        yield World(database, MemoryCacheReads(database.store))
        return
    async with (
        empty_database(stack) as found,
        pool(str(stack.addresses.postgres), READ_SETTINGS) as connections,
    ):
        yield World(found, PostgresCacheReads(connections))


def position(offset: int) -> Position:
    return Position(WHERE, offset)


def states(entry: EntryRow) -> dict[str, str]:
    return {line.client: line.state for line in entry.lines}


def shared() -> Told:
    """x is written by `a` (offset 3), read by `b` (4), written again by `a`: begun in 5, in force in 6."""
    told = Told().joins("a", "b").writes("x", b"one", "a", "EXCLUSIVE", ("t", "u")).at(2_000)
    told = told.reads("x", "b").at(3_000)
    told = told.writes("x", b"second", "a", "MODIFIED").at(4_000)
    return told.listens("b").at(5_000)


async def test_a_cache_is_its_shards_put_together(world: World) -> None:
    await world.told(shared())
    await world.told(Told(shard=1).joins("z").writes("far", b"12345").at(2_500), SHARD)
    (cache, none) = await world.reads.caches_by_name("dev", [NAME, "nothing"])
    assert none is None
    assert cache is not None
    assert cache.counts == Counts(2, 11, 1, 0, 0, 3, 0, 0, 0)
    assert [(one.name, one.partition, one.incarnation) for one in cache.shards] == [
        ("prices", 0, 1), ("prices#1", 1, 1),
    ]  # fmt: skip
    assert (cache.home.settings, cache.home.version, cache.closing) == (SETTINGS, 1, False)
    assert [(one.partition, one.time_ms) for one in cache.as_of.stands] == [(0, 5_000), (1, 2_500)]
    assert await world.reads.caches_by_name("other", [NAME]) == [None]


async def test_caches_come_by_name(world: World) -> None:
    await world.told(Told("dev/a", "dev/ab", "dev/b", "other/aa", "dev/c#1"))

    async def names(wanted: CacheFilter, first: int = 9, after: str | None = None) -> list[str]:
        found, _ = await world.reads.caches("dev", wanted, first, after)
        return [cache.name for cache in found]

    assert await names(CacheFilter()) == ["a", "ab", "b", NAME]
    assert await names(CacheFilter(), 1, "a") == ["ab", "b"]
    assert await names(CacheFilter("a")) == ["a", "ab"]


async def test_a_cache_is_told_as_it_was(world: World) -> None:
    told = shared()
    told.asks(c.ConfigureCache(NAME, 0, Told(max_entries=7).state.settings or SETTINGS, 0), "operator")
    told.at(6_000)
    told.asks(c.DeleteCache(NAME, 0), "operator")
    told.listens("a").listens("b").at(7_000)
    for client in "ab":
        told.asks(c.StopListening(NAME, 0, told.of(client)), client)
    await world.told(told.ticks().at(8_000))

    async def then(at: int | Position) -> tuple[object, ...] | None:
        cache = await world.reads.cache_at("dev", NAME, at)
        if cache is None:
            return None
        return cache.counts.entries, cache.counts.shared, cache.home.settings.max_entries, cache.closing

    assert await then(500) is None
    assert await then(1_000) == (0, 0, 100, False)
    assert await then(3_500) == (1, 2, 100, False)
    assert await then(position(6)) == (1, 0, 100, False)
    assert await then(6_500) == (1, 0, 7, False)
    assert await then(7_500) == (0, 0, 7, True)
    assert await then(8_000) is None
    assert await world.reads.caches_by_name("dev", [NAME]) == [None]


async def test_an_entry_is_its_value_and_who_has_lines_of_it(world: World) -> None:
    await world.told(shared())
    entry = await world.entry("x")
    assert entry.found is not None
    assert (entry.found.bytes, entry.found.digest) == (6, sha256(b"second").hexdigest())
    assert (entry.found.cause, entry.found.client, entry.found.tags) == ("WRITTEN", "a", ())
    assert (entry.found.value_offset, entry.found.from_offset) == (5, 6), (
        "it was brought by the command that waited"
    )
    assert (states(entry), entry.sharers, entry.pending) == ({"a": "MODIFIED"}, 1, ())
    assert entry.owner is not None
    assert entry.owner.client == "a"


async def test_an_entry_is_told_as_it_was_at_any_position_or_time(world: World) -> None:
    await world.told(shared())
    expected = {
        2: (None, {}),
        3: (b"one", {"a": "EXCLUSIVE"}),
        4: (b"one", {"a": "SHARED", "b": "SHARED"}),
        5: (b"one", {"a": "SHARED"}),
        6: (b"second", {"a": "MODIFIED"}),
    }
    for offset, (value, lines) in expected.items():
        digest = None if value is None else sha256(value).hexdigest()
        for at in (position(offset), (offset - 1) * 1_000, (offset - 1) * 1_000 + 999):
            entry = await world.entry("x", at)
            assert (None if entry.found is None else entry.found.digest, states(entry)) == (digest, lines), at
            assert entry.sharers == len(lines)
    assert (await world.entry("x", Position(SHARD, 9))).found is None


async def test_an_entry_says_what_is_under_way(world: World) -> None:
    told = shared().joins("c").reads("x", "c").writes("x", b"new!", "b").at(6_000)
    told = told.reads("missing", "b", fill=True).reads("missing", "c", fill=True).at(6_500)
    await world.told(told)
    entry = await world.entry("x")
    assert [(one.what, one.purpose, one.client, one.bytes) for one in entry.pending] == [
        ("READ", None, "c", None), ("CHANGE", "RECALL", "c", None), ("WRITE", None, "b", 4),
    ]  # fmt: skip
    missing = await world.entry("missing")
    assert (missing.found, missing.sharers) == (None, 0)
    assert [(one.what, one.client) for one in missing.pending] == [("FILL", "b"), ("READ", "c")]
    assert missing.pending[0].until_ms == 6_500 + 5_000 - 70, (
        "by the clock of the commit, whose lease time is 70"
    )
    assert (await world.entry("missing", 6_500)).pending == ()


async def test_entries_come_by_name_with_the_values_that_they_have(world: World) -> None:
    told = (
        Told().writes("a", b"1", tags=("t",)).writes("ab", b"22", tags=("u", "t")).writes("b", b"3").at(2_000)
    )
    await world.told(told.writes("gone", b"1").writes("a", b"333", tags=("u",)).deletes("gone").at(3_000))

    async def page(wanted: EntryFilter, first: int = 9, after: str | None = None) -> list[tuple[str, int]]:
        found, _ = await world.reads.entries("dev", NAME, wanted, first, after)
        return [(one.entry, one.bytes) for one in found]

    assert await page(EntryFilter()) == [("a", 3), ("ab", 2), ("b", 1)]
    assert await page(EntryFilter(), 1, "a") == [("ab", 2), ("b", 1)]
    assert await page(EntryFilter("a")) == [("a", 3), ("ab", 2)]
    assert await page(EntryFilter(tag="t")) == [("ab", 2)]
    assert await page(EntryFilter("a", "u")) == [("a", 3), ("ab", 2)]


async def test_the_end_of_a_cache_ends_all_that_is_in_it_and_nothing_else(world: World) -> None:
    told = Told("dev/other").joins("a").writes("x", b"1", keep="EXCLUSIVE").writes("y", b"1").at(6_000)
    told.asks(c.WriteEntry("other", 0, "x", b"1", (), -1, -1, 0, "INVALID", 0, 0), key="dev/other")
    told.asks(c.WriteEntry(NAME, 0, "z", b"1", (), -1, -1, 0, "INVALID", 0, 0))
    told.asks(c.DeleteCache(NAME, 0))
    await world.told(told.at(7_000))
    left, _ = await world.reads.entries("dev", NAME, EntryFilter(), 9, None)
    found, _ = await world.reads.entries("dev", "other", EntryFilter(), 9, None)
    assert ([*left], [one.entry for one in found]) == ([], ["x"])
    values = await world.database.rows(CACHE_ENTRIES)
    mine = [dict(zip(CACHE_ENTRIES.columns, row, strict=True)) for row in values if row[5] == NAME]
    assert [(one["entry"], one["ended"]) for one in mine if one["to_ms"] == 7_000] == [
        (name, "CLOSED") for name in "xyz"
    ]
    lines = [
        dict(zip(CACHE_LINES.columns, row, strict=True)) for row in await world.database.rows(CACHE_LINES)
    ]
    assert {one["ended"] for one in lines if one["to_ms"] == 7_000} == {"CLOSED"}
    assert all(one["to_ms"] is not None for one in lines)


async def test_entries_with_a_tag_are_looked_up(stack: LocalStack) -> None:
    async with empty_database(stack) as found, found.pool.connection() as connection:
        await connection.execute("""
            INSERT INTO tidelock.cache_entries
            SELECT 0, 1, n::text, n, 'dev', 'prices', 0, n, 'WRITTEN', 1, '', 1, 1, jsonb_build_array('t/' || n), 0,
                NULL, NULL, 'dev', 'a', 1, 1
            FROM generate_series(1, 5000) AS n
        """)
        await connection.execute("ANALYZE tidelock.cache_entries")
        wanted = {"tenant": "dev", "cache": NAME, "after": "", "tag": "t/7", "limit": 10}
        wanted |= {"kind": "caches", "projection": "caches"}
        plan = await connection.execute(b"EXPLAIN " + entries(False, True).encode(), wanted)
        assert "cache_entries_tagged" in str(await plan.fetchall())


async def test_the_history_of_an_entry_is_one_value_after_the_other(world: World) -> None:
    told = shared().writes_back("x", b"third", "a").at(6_000).deletes("x").listens("a").at(7_000)
    await world.told(told)
    values, _ = await world.reads.values("dev", NAME, "x", 9, None)
    assert [(one.cause, one.bytes, one.from_ms, one.to_ms, one.ended) for one in values] == [
        ("WRITTEN_BACK", 5, 6_000, 7_000, "DELETED"),
        ("WRITTEN", 6, 5_000, 6_000, "WRITTEN_BACK"),
        ("WRITTEN", 3, 2_000, 5_000, "WRITTEN"),
    ]  # fmt: skip
    assert values[0].from_position == position(7)
    page, _ = await world.reads.values("dev", NAME, "x", 1, (values[0].from_ms, values[0].from_event))
    assert page == values[1:]
    lines, _ = await world.reads.lines("dev", NAME, "x", 9, None)
    assert [(one.client, one.state, one.from_ms, one.to_ms, one.ended) for one in lines] == [
        ("a", "SHARED", 6_000, 7_000, "INVALIDATED"),
        ("a", "MODIFIED", 5_000, 6_000, "WRITTEN_BACK"),
        ("b", "SHARED", 3_000, 4_000, "INVALIDATED"),
        ("a", "SHARED", 3_000, 5_000, "OVERWRITTEN"),
        ("a", "EXCLUSIVE", 2_000, 3_000, "SHARED"),
    ]  # fmt: skip
    after = (lines[2].from_ms, lines[2].from_event, lines[2].attachment)
    page_of_lines, _ = await world.reads.lines("dev", NAME, "x", 1, after)
    assert page_of_lines == lines[3:]


async def test_listeners_are_those_who_keep_lines(world: World) -> None:
    told = shared()
    await world.told(told)
    found, _ = await world.reads.listeners("dev", NAME, 9, None)
    assert [(one.client, one.session, one.posted, one.acked, one.lines, one.gone) for one in found] == [
        ("a", "s", 1, 0, 1, None), ("b", "s", 1, 1, 0, None),
    ]  # fmt: skip
    rest, _ = await world.reads.listeners("dev", NAME, 1, (0, found[0].attachment))
    assert rest == found[1:]


async def test_windows_are_those_of_the_whole_cache(world: World) -> None:
    await world.told(shared())
    await world.told(Told(shard=1).writes("far", b"12345").at(2_500), SHARD)
    (window,) = (await world.reads.windows("dev", [NAME], 0, 10_000))[NAME]
    assert (window.writes, window.invalidations, window.granted_shared, window.granted_modified) == (
        3,
        1,
        1,
        1,
    )
    assert window.wait_p50_ms == pytest.approx(1_000, rel=0.02)
    assert await world.reads.windows("other", [NAME], 0, 10_000) == {}


async def test_the_audit_tells_who_asked_for_what(world: World) -> None:
    told = shared()
    told.asks(c.WriteBack(NAME, 0, "x", told.of("b"), 1, b"late", "INVALID"), "b")
    await world.told(told.at(6_000))
    found, _ = await world.reads.audit("dev", AuditFilter(accepted=False), 9, None)
    assert [(one.command, one.client, one.outcome) for one in found] == [("WriteBack", "b", "LINE_LOST")]
    whole, _ = await world.reads.audit("dev", AuditFilter(), 99, None)
    for at, one in enumerate(whole):
        after = (one.at_ms, one.partition, one.offset, one.index)
        assert (await world.reads.audit("dev", AuditFilter(), 1, after))[0] == whole[at + 1 : at + 3]
    assert not (await world.reads.audit("other", AuditFilter(), 9, None))[0]


@pytest.mark.parametrize("seed", range(4))
async def test_of_any_history_both_say_the_same(world: World, seed: int) -> None:
    rng = Random(seed)
    moves = [
        Move(
            rng.choice((*KEYS, *KEYS[:1] * 8)), rng.choice([verb for verb in VERBS if verb != "poison"]),
            rng.randint(0, 200), 1, rng.random() < 0.5, rng.choice([None, 0, 7, 3_000, 12_000]),
        )
        for _ in range(120)
    ]  # fmt: skip
    commits = history(moves).commits
    plain = MemoryProjectionStore()
    for store in (plain, world.database.store):
        await project(store, WHERE, commits)
    told, asked = MemoryCacheReads(plain), world.reads
    moments = [each for one in rng.sample(commits, 12) for each in (one.time_ms, position(one.offset))]
    for entry in ENTRIES:
        assert await asked.entry("acme", "c", entry) == await told.entry("acme", "c", entry)
        assert await asked.values("acme", "c", entry, 50, None) == await told.values(
            "acme", "c", entry, 50, None
        )
        assert await asked.lines("acme", "c", entry, 50, None) == await told.lines(
            "acme", "c", entry, 50, None
        )
        for at in moments:
            assert await asked.entry_at("acme", "c", entry, at) == await told.entry_at("acme", "c", entry, at)
    for at in moments:
        assert await asked.cache_at("acme", "c", at) == await told.cache_at("acme", "c", at)
    wanted = EntryFilter()
    assert await asked.entries("acme", "c", wanted, 9, None) == await told.entries(
        "acme", "c", wanted, 9, None
    )
    assert await asked.listeners("acme", "c", 9, None) == await told.listeners("acme", "c", 9, None)
    assert await asked.windows("acme", ["c"], 0, 1 << 40) == await told.windows("acme", ["c"], 0, 1 << 40)
    assert await asked.projected() == await told.projected()
