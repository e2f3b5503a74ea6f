"""The sinks in memory, and on real servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
from psycopg import AsyncConnection, sql

from storage.memory.projections import MemoryLogMarks, MemoryProjectionStore, MemoryPublications
from storage.postgres.marks import PostgresLogMarks
from storage.postgres.migrations import migrate
from storage.postgres.pool import DEFAULT, Pool, PoolSettings, pool
from storage.postgres.publications import PostgresPublications
from storage.postgres.rows import as_row
from storage.postgres.statements import named
from storage.postgres.store import FEW, PostgresProjectionStore
from storage.redis.hot import RedisHotStore, client
from streams.projections.ports import LogMarks, ProjectionStore, Publications
from streams.projections.table import Row, Table
from tests.contract.sinks.toys import SQL
from tidelock.local.addresses import InfluxAddress
from tidelock.local.parts.influx import find_binary
from tidelock.local.stack import LocalStack
from tidelock.local.testing import stack_for_tests


class Database(Protocol):
    """A store without rows, what goes with it, and a way to what the ports alone do not show."""

    @property
    def store(self) -> ProjectionStore: ...

    @property
    def marks(self) -> LogMarks: ...

    @property
    def publications(self) -> Publications: ...

    async def rows(self, table: Table) -> list[Row]:
        """Return all rows, sorted by key."""


class MemoryDatabase:
    def __init__(self) -> None:
        self.store = MemoryProjectionStore()
        self.marks = MemoryLogMarks(self.store)
        self.publications = MemoryPublications(self.store)

    async def rows(self, table: Table) -> list[Row]:
        return sorted(self.store.rows.get(table, {}).values(), key=table.key_of)


class PostgresDatabase:
    def __init__(self, connections: Pool, few: int = FEW) -> None:
        self.pool = connections
        self.store = PostgresProjectionStore(connections, few)
        self.marks = PostgresLogMarks(connections)
        self.publications = PostgresPublications(connections)

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
        yield PostgresDatabase(connections, few)


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
