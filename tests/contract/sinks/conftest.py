"""The sinks in memory, and on real servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from psycopg import AsyncConnection, sql

from storage.kafka.changelog import KafkaChangelogs
from storage.kafka.changelog_topics import SAFE, SENSIBLE
from storage.kafka.topics import create_missing
from storage.memory.builds import MemoryBuilds
from storage.memory.projections import MemoryLogMarks, MemoryProjectionStore, MemoryPublications
from storage.postgres.builds import PostgresBuilds
from storage.postgres.marks import PostgresLogMarks
from storage.postgres.migrations import migrate
from storage.postgres.pool import DEFAULT, Pool, PoolSettings, pool
from storage.postgres.publications import PostgresPublications
from storage.postgres.rows import as_row
from storage.postgres.statements import named
from storage.postgres.store import FEW, PostgresProjectionStore
from storage.redis.hot import RedisHotStore, client
from storage.tables.contents import read_contents
from storage.tables.store import TableProjectionStore
from streams.log.positions import PartitionId
from streams.projections.builds import Builds
from streams.projections.changelog import ChangelogId, Changelogs, topic_of
from streams.projections.ports import LogMarks, ProjectionStore, SinkUnavailable
from streams.projections.table import Row, Table
from tests.contract.sinks.toys import OTHER, SQL, TABLES, TOY, in_version
from tidelock.local.addresses import InfluxAddress
from tidelock.local.parts.influx import find_binary
from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests

NAMES_FOR_TESTS = 3
"""How many names of a tenant have series of their own."""


class Database(Protocol):
    """A store without rows, what goes with it, and a way to what the ports alone do not show."""

    @property
    def store(self) -> ProjectionStore: ...

    @property
    def marks(self) -> LogMarks: ...

    @property
    def builds(self) -> Builds: ...

    @property
    def publications(self) -> MemoryPublications | PostgresPublications: ...

    async def rows(self, table: Table) -> list[Row]:
        """Return all rows of the live build, sorted by key."""


class MemoryDatabase:
    def __init__(self) -> None:
        self.store = MemoryProjectionStore()
        self.builds = MemoryBuilds(self.store)
        self.marks = MemoryLogMarks(self.store)
        self.publications = MemoryPublications(self.store, NAMES_FOR_TESTS)

    async def rows(self, table: Table) -> list[Row]:
        return sorted(self.store.rows.get(table, {}).values(), key=table.key_of)


class TableDatabase:
    """Read models in tables. They leave no marks in the log, publish nothing, and have one build."""

    def __init__(self, changelogs: Changelogs) -> None:
        self.changelogs = changelogs
        self.builds = MemoryBuilds(MemoryProjectionStore())
        self.store = TableProjectionStore(changelogs)
        self.marks = MemoryLogMarks(MemoryProjectionStore())
        self.publications = MemoryPublications(MemoryProjectionStore())

    async def rows(self, table: Table) -> list[Row]:
        """Return what any reader of the changelogs finds."""
        found: list[Row] = []
        for projection in (TOY, in_version(2), OTHER):
            ids = await self.changelogs.partitions(projection.name, projection.kind)
            for changelog, end in (await self.changelogs.ends(ids)).items():
                contents = await read_contents(
                    self.changelogs, changelog, end, replace(projection, tables=TABLES)
                )
                found += contents.rows[table].values()
        return sorted(found, key=table.key_of)


class PostgresDatabase:
    def __init__(self, connections: Pool, few: int = FEW) -> None:
        self.pool = connections
        self.store = PostgresProjectionStore(connections, few)
        self.builds = PostgresBuilds(connections)
        self.marks = PostgresLogMarks(connections)
        self.publications = PostgresPublications(connections, NAMES_FOR_TESTS)

    async def rows(self, table: Table) -> list[Row]:
        async with self.pool.connection() as connection:
            columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
            statement = sql.SQL("SELECT {} FROM {}").format(columns, named(table.name))
            found = await connection.execute(statement)
            return sorted([as_row(row) for row in await found.fetchall()], key=table.key_of)


@asynccontextmanager
async def postgres_for_tests(home: Path) -> AsyncIterator[LocalStack]:
    """Start PostgreSQL with this release's tables and the toys'."""
    async with stack_for_tests(home, ("postgres",)) as stack:
        await migrate(str(stack.addresses.postgres))
        async with await AsyncConnection.connect(
            str(stack.addresses.postgres), autocommit=True
        ) as connection:
            await connection.execute(SQL.encode())
        yield stack


@asynccontextmanager
async def empty_database(
    stack: LocalStack, settings: PoolSettings = DEFAULT, few: int = FEW
) -> AsyncIterator[PostgresDatabase]:
    """Connect to the stack's PostgreSQL and delete all rows."""
    async with pool(str(stack.addresses.postgres), settings) as connections:
        async with connections.connection() as connection:
            found = await connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'tidelock' AND tablename <> 'migrations'"
            )
            names = sql.SQL(", ").join([named(name) for (name,) in await found.fetchall()])
            await connection.execute(sql.SQL("TRUNCATE {}").format(names))
            found = await connection.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tidelock\\_%'"
            )
            for (beside,) in await found.fetchall():
                await connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(beside)))
        yield PostgresDatabase(connections, few)


@asynccontextmanager
async def kafka_tables(stack: LocalStack) -> AsyncIterator[TableDatabase]:
    """Connect to the stack's Kafka, and make the toys' changelogs anew."""
    address = stack.addresses.kafka
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    topics = [topic_of(each.name, each.kind) for each in (TOY, OTHER)]
    await admin.delete_topics(topics)
    await gone(admin, topics)
    await create_missing(admin, [NewTopic(topic, 5, 1, topic_configs=SAFE | SENSIBLE) for topic in topics])
    await admin.close()
    changelogs = KafkaChangelogs(address, "a test")
    await fences_are_given(changelogs)
    database = TableDatabase(changelogs)
    yield database
    await database.store.close()
    await changelogs.close()


async def fences_are_given(changelogs: Changelogs) -> None:
    """A fresh broker takes a moment until it keeps epochs."""
    async with asyncio.timeout(60):
        while True:
            with suppress(SinkUnavailable):
                await (await changelogs.claim(ChangelogId(TOY.name, PartitionId("toys", 0)))).close()
                return
            await asyncio.sleep(0.2)


async def gone(admin: AIOKafkaAdminClient, topics: list[str]) -> None:
    async with asyncio.timeout(30):
        while set(topics) & set(await admin.list_topics()):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def redis_store(stack: LocalStack, ttl_ms: int = 60_000) -> AsyncIterator[RedisHotStore]:
    """Connect to the stack's Redis and delete everything."""
    redis = client(str(stack.addresses.redis))
    try:
        await redis.flushall()
        yield RedisHotStore(redis, ttl_ms)
    finally:
        await redis.aclose()


@asynccontextmanager
async def influx_for_tests(home: Path) -> AsyncIterator[InfluxAddress]:
    """Start InfluxDB, or skip."""
    if find_binary() is None:
        pytest.skip("InfluxDB: no influxd on PATH, and neither INFLUXD nor TIDELOCK_SHARED names one")
    async with stack_for_tests(home, ("influx",)) as stack:
        assert stack.addresses.influx is not None
        yield stack.addresses.influx
