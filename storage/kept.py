"""All read models, wherever each is kept: for who empties one, or asks how far it is. Projectors open their own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from storage.kafka.changelog import KafkaChangelogs
from storage.postgres.pool import PoolSettings, pool
from storage.postgres.store import PostgresProjectionStore
from storage.tables.store import TableProjectionStore
from streams.projections.kept import KeptWhereItSays
from streams.projections.ports import ProjectionStore


@asynccontextmanager
async def store_at(kafka: str, postgres: str, name: str) -> AsyncIterator[ProjectionStore]:
    """Open the read models for `name`, as Kafka and PostgreSQL are told to call it."""
    async with AsyncExitStack() as opened:
        changelogs = KafkaChangelogs(kafka, name)
        opened.push_async_callback(changelogs.close)
        tables = TableProjectionStore(changelogs)
        opened.push_async_callback(tables.close)
        rows = PostgresProjectionStore(
            await opened.enter_async_context(pool(postgres, PoolSettings(name, max_size=2)))
        )
        yield KeptWhereItSays(rows, tables)
