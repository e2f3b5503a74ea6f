"""What the projector's lanes write to, opened for one process: a part of its composition root."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog

from storage.influx.points import InfluxPointStore, InfluxSettings
from storage.kafka.changelog import KafkaChangelogs
from storage.kafka.changelog_topics import ready_changelogs
from storage.kafka.client import producer
from storage.kafka.log import KafkaDeadLetters, KafkaTopicReader
from storage.kafka.topics import TopicProblem
from storage.postgres.migrations import MigrationError, migrate
from storage.postgres.pool import Pool, PoolSettings, pool
from storage.postgres.publications import PostgresPublications
from storage.postgres.store import PostgresProjectionStore
from storage.redis.hot import RedisHotStore, client
from storage.tables.store import TableProjectionStore
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId
from streams.ops.backoff import Backoff
from streams.ops.starting import CannotStart
from streams.projections.ports import HotStore, SinkUnavailable
from streams.projections.projection import Projection
from streams.projector.configuration import ProjectorSettings, influx_parts
from streams.projector.kept import KeptWhereItSays
from streams.projector.lane import LanePorts
from streams.projector.publisher import Publisher
from streams.projector.status import Shown
from streams.projector.telemetry import ProjectorWatch

EXIT_LOGS = 3
EXIT_DATABASE = 4


async def database(settings: ProjectorSettings, shown: Shown, opened: AsyncExitStack) -> Pool:
    """Wait for PostgreSQL, however long it takes, and bring it to this release."""
    log, backoff = structlog.get_logger("tidelock.projector"), Backoff(0.2, 5.0)
    while True:
        try:
            for name in await migrate(settings.postgres):
                log.info("migrated", migration=name)
            break
        except MigrationError as error:
            raise CannotStart(EXIT_DATABASE, "the database is not fit", error.code, str(error)) from error
        except SinkUnavailable as error:
            if not backoff.attempts:
                log.warning("PostgreSQL is waited for", error=str(error))
            shown.waits_for = f"PostgreSQL: {error}"
            await backoff.pause()
    # rows go with their checkpoint, and the log has them: nothing is lost that is not written again
    made = pool(settings.postgres, PoolSettings(f"tidelock {settings.projector_name}", durable=False))
    return await opened.enter_async_context(made)


async def tables(
    settings: ProjectorSettings, projections: Sequence[Projection], opened: AsyncExitStack
) -> TableProjectionStore:
    """See that the changelogs of what is kept in tables are there, and fit."""
    try:
        await ready_changelogs(settings.kafka, [one for one in projections if one.kept == "table"])
    except TopicProblem as error:
        raise CannotStart(EXIT_LOGS, "a changelog is not fit", error.code, str(error)) from error
    except LogUnavailable as error:
        raise CannotStart(EXIT_LOGS, "Kafka cannot be reached", "KAFKA_UNREACHABLE", str(error)) from error
    changelogs = KafkaChangelogs(settings.kafka, settings.projector_name)
    opened.push_async_callback(changelogs.close)
    store = TableProjectionStore(changelogs)
    opened.push_async_callback(store.close)
    return store


def ports(
    settings: ProjectorSettings, connections: Pool, tables: TableProjectionStore, opened: AsyncExitStack
) -> LanePorts:
    """Return what all lanes share."""
    letters = KafkaDeadLetters(lambda: producer(settings.kafka))
    opened.push_async_callback(letters.close)

    def log(where: PartitionId) -> KafkaTopicReader:
        return KafkaTopicReader(settings.kafka, where.log_topic, where.partition)

    store = KeptWhereItSays(PostgresProjectionStore(connections), tables)
    return LanePorts(store, letters, log, ProjectorWatch())


def hot(settings: ProjectorSettings, opened: AsyncExitStack) -> HotStore | None:
    """Return where hot copies are kept, if anywhere."""
    if settings.redis is None:
        structlog.get_logger("tidelock.projector").info("no Redis is named: there are no hot copies")
        return None
    redis = client(settings.redis)
    opened.push_async_callback(redis.aclose)
    return RedisHotStore(redis)


def publishers(
    settings: ProjectorSettings,
    connections: Pool,
    projections: Sequence[Projection],
    opened: AsyncExitStack,
) -> tuple[Publisher, ...]:
    """Start what publishes to InfluxDB, if there is one."""
    if settings.influx is None:
        structlog.get_logger("tidelock.projector").info("no InfluxDB is named: there are no points")
        return ()
    store = InfluxPointStore(InfluxSettings(*influx_parts(settings.influx)))
    opened.push_async_callback(store.close)
    publications = PostgresPublications(connections)
    made = tuple(Publisher(one, publications, store) for one in projections if one.points is not None)
    for publisher in made:
        task = asyncio.create_task(publisher.run(), name=f"publish {publisher.projection.name}")
        opened.push_async_callback(ended, task)
    return made


async def ended(task: asyncio.Task[None]) -> None:
    """End it."""
    task.cancel()
    await asyncio.wait([task])
