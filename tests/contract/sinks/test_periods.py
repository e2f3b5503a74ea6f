"""Tables that are partitioned by time: where rows go, what retention takes, and what is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
import pytest_asyncio

from storage.postgres.builds import PostgresBuilds
from storage.postgres.periods import PERIOD_MS, partition_name
from storage.postgres.pool import Pool
from storage.postgres.reads import PostgresLockReads
from storage.postgres.retention import PostgresRetention
from storage.postgres.store import FEW, PostgresProjectionStore
from streams.log.checkpoint import START
from streams.log.positions import PartitionId
from streams.projections.locks.projections import AUDIT
from streams.projections.ports import BuiltByOlder, SinkUnavailable
from streams.projections.reads import AuditFilter, RowsForgotten
from streams.projections.table import Changes, Row
from tests.contract.sinks.conftest import PostgresDatabase, empty_database, postgres_for_tests
from tests.contract.sinks.toys import at
from tidelock.local.stack import LocalStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]

(TABLE,) = AUDIT.tables
HERE = PartitionId("locks", 0)
NOW = 700 * PERIOD_MS
"""Some day in 2027."""
MANY = FEW + 1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def database(stack: LocalStack) -> AsyncIterator[PostgresDatabase]:
    async with empty_database(stack) as found:
        for name in await partitions(found.pool):
            async with found.pool.connection() as connection:
                await connection.execute(f"DROP TABLE tidelock.{name}".encode())
        yield found


async def partitions(pool: Pool) -> list[str]:
    async with pool.connection() as connection:
        found = await connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'tidelock.audit'::regclass ORDER BY 1"
        )
        return [name.removeprefix("tidelock.") for (name,) in await found.fetchall()]


def decision(offset: int, at_ms: int, partition: int) -> Row:
    asked = ("acme", "a", "AcquireLock", "p", "c", "h", 1, "DIRECT", True, "", None, "", None)
    return (partition, offset, 0, *asked, at_ms, 0)


def decisions(times_ms: Sequence[int], partition: int = 0) -> Changes:
    changes = Changes()
    for offset, at_ms in enumerate(times_ms):
        changes.insert(TABLE, decision(offset, at_ms, partition))
    return changes


async def written(store: PostgresProjectionStore, times_ms: Sequence[int]) -> None:
    await store.write(AUDIT, HERE, START, at(len(times_ms)), decisions(times_ms))


async def times(pool: Pool, wanted: AuditFilter | None = None) -> list[int]:
    found, _ = await PostgresLockReads(pool).audit("acme", wanted or AuditFilter(), 100, None)
    return [row.at_ms for row in found]


@pytest.mark.parametrize("extra", [0, MANY], ids=["row by row", "copied"])
async def test_rows_are_where_their_time_is_and_are_read_as_one_table(
    database: PostgresDatabase, extra: int
) -> None:
    ages = [NOW - 2 * PERIOD_MS, NOW - 1, NOW, NOW + PERIOD_MS - 1, *[NOW] * extra]
    await written(database.store, ages)
    assert await times(database.pool) == sorted(ages, reverse=True)
    starts = (NOW - 2 * PERIOD_MS, NOW - PERIOD_MS, NOW)
    assert await partitions(database.pool) == [partition_name(TABLE, start) for start in starts]


async def test_several_that_come_first_make_one_partition(database: PostgresDatabase) -> None:
    await asyncio.gather(
        *[
            PostgresProjectionStore(database.pool).write(
                AUDIT, PartitionId("locks", number), START, at(1), decisions([NOW], number)
            )
            for number in range(4)
        ]
    )
    assert await partitions(database.pool) == [partition_name(TABLE, NOW)]
    assert await times(database.pool) == [NOW] * 4


async def forget(database: PostgresDatabase, before_ms: int) -> int:
    retention, gone = PostgresRetention(database.pool), 0
    while await retention.forget(AUDIT, TABLE, before_ms):
        gone += 1
    return gone


async def test_whole_periods_go_and_the_rest_stays(database: PostgresDatabase) -> None:
    ages = [NOW - 3 * PERIOD_MS, NOW - 2 * PERIOD_MS, NOW - 1, NOW]
    await written(database.store, ages)
    assert await forget(database, NOW - 1) == 2
    assert await times(database.pool) == [NOW, NOW - 1]
    assert await forget(database, NOW - 1) == 0


async def test_who_asks_for_what_is_gone_is_told_where_it_is(database: PostgresDatabase) -> None:
    await written(database.store, [NOW - PERIOD_MS, NOW])
    await forget(database, NOW)
    reads = PostgresLockReads(database.pool)
    with pytest.raises(RowsForgotten, match="tidelock events") as refused:
        await reads.audit("acme", AuditFilter(from_ms=NOW - 1), 10, None)
    assert refused.value.from_ms == NOW
    with pytest.raises(RowsForgotten):
        await reads.audit("acme", AuditFilter(), 10, (NOW - 1, 0, 9, 0))
    assert await times(database.pool, AuditFilter(from_ms=NOW)) == [NOW]


async def test_who_asks_while_a_period_goes_is_told_or_has_it_all(database: PostgresDatabase) -> None:
    await written(database.store, [NOW - PERIOD_MS, NOW])
    async with (
        database.pool.connection() as looks,
        database.pool.connection() as retention,
        retention.transaction(),
    ):
        await retention.execute("INSERT INTO tidelock.retention VALUES ('audit', %s)", (NOW,))
        await retention.execute(f"DROP TABLE tidelock.{partition_name(TABLE, NOW - PERIOD_MS)}".encode())
        asking = asyncio.create_task(times(database.pool, AuditFilter(from_ms=NOW - PERIOD_MS)))
        waits = "SELECT FROM pg_locks WHERE locktype = 'relation' AND NOT granted"
        while (await (await looks.execute(waits)).fetchone()) is None:
            assert not asking.done()
    with pytest.raises(RowsForgotten):
        await asking


async def test_a_rebuild_does_not_bring_back_what_is_gone(database: PostgresDatabase) -> None:
    ages = [NOW - PERIOD_MS, NOW]
    await written(database.store, ages)
    await forget(database, NOW)
    await database.store.reset(AUDIT)
    await written(PostgresProjectionStore(database.pool), ages)
    assert await times(database.pool) == [NOW]
    assert await partitions(database.pool) == [partition_name(TABLE, NOW)]


async def test_periods_of_another_release_are_left_to_it(database: PostgresDatabase) -> None:
    await written(database.store, [NOW - PERIOD_MS])
    later = replace(AUDIT, version=AUDIT.version + 1)
    with pytest.raises(BuiltByOlder):
        await PostgresRetention(database.pool).forget(later, TABLE, NOW)


async def test_a_writer_whose_partition_goes_meanwhile_tries_again(database: PostgresDatabase) -> None:
    old = NOW - PERIOD_MS
    await written(database.store, [old])
    await forget(database, NOW)
    with pytest.raises(SinkUnavailable, match="partition"):
        await database.store.write(AUDIT, HERE, at(1), at(2), decisions([old]))
    await database.store.write(AUDIT, HERE, at(1), at(3), decisions([old, NOW]))
    assert await times(database.pool) == [NOW]


async def test_a_build_has_periods_of_its_own_and_takes_them_along(database: PostgresDatabase) -> None:
    builds, beside = PostgresBuilds(database.pool), replace(AUDIT, build=2)
    await written(database.store, [NOW - PERIOD_MS])
    await builds.begin(AUDIT, 2)
    await database.store.write(beside, HERE, START, at(1), decisions([NOW]))
    assert await times(database.pool) == [NOW - PERIOD_MS]
    await builds.switch(AUDIT, 2, within_s=10, force=True)
    assert await times(database.pool) == [NOW]
    more = Changes()
    more.insert(TABLE, decision(1, NOW + PERIOD_MS, 0))
    await database.store.write(AUDIT, HERE, at(1), at(2), more)
    assert await times(database.pool) == [NOW + PERIOD_MS, NOW]


async def test_what_is_gone_of_the_live_build_goes_of_those_beside_it(database: PostgresDatabase) -> None:
    builds, beside = PostgresBuilds(database.pool), replace(AUDIT, build=2)
    ages = [NOW - PERIOD_MS, NOW]
    await builds.begin(AUDIT, 2)
    await written(database.store, ages)
    await database.store.write(beside, HERE, START, at(2), decisions(ages))
    await forget(database, NOW)
    assert (await builds.compare(AUDIT, 2, 0, 10)).rows == 1
    retention = PostgresRetention(database.pool)
    assert await retention.forget(beside, TABLE, NOW)
    assert not await retention.forget(beside, TABLE, NOW)
    assert (await builds.compare(AUDIT, 2, 0, 10)).rows == 0
    assert await times(database.pool) == [NOW]
